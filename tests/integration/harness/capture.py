# SPDX-License-Identifier: MIT
"""Everything that crosses a wire, to look for what should not."""
import os
import time

import pytest

from .processes import wait_until


class Capture:
    """tcpdump on one host's device, from now on."""

    def __init__(self, box, host, snap=0):
        self.path = box.path("wire.pcap")
        argv = ["tcpdump", "-i", host.device, "-U", "--immediate-mode",
                "-s", str(snap), "-w", str(self.path)]
        if os.getuid() == 0:
            argv[1:1] = ["-Z", "root"]
        self.process = box.start("tcpdump", argv, namespace=host)
        wait_until(lambda: "listening on" in self.process.log or
                   not self.process.is_running(), 10, "tcpdump listens")
        if not self.process.is_running():
            pytest.skip("tcpdump may not capture here")

    def stop(self):
        """All bytes captured."""
        time.sleep(0.3)  # the last ones are on their way to the file
        self.process.stop()
        return self.path.read_bytes()
