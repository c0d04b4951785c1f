# SPDX-License-Identifier: MIT
"""An sshd that lets its own user in by a key made for the test."""
import getpass
import os

from ..ports import answers, free_port
from ..processes import run, wait_until
from . import need

CONFIGURATION = """
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host
AuthorizedKeysFile {folder}/key.pub
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin yes
Subsystem sftp internal-sftp
"""


class Ssh:
    """sshd, and how to reach it through another address."""

    def __init__(self, box):
        need("ssh", "sshd", "scp", "ssh-keygen")
        self.box = box
        self.folder = box.path("ssh")
        self.folder.mkdir(mode=0o700)
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        for name in ("host", "key"):
            run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f",
                 self.folder / name])
        path = box.write("sshd.conf", CONFIGURATION.format(
            port=self.port, folder=self.folder))
        if os.getuid() == 0:
            os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
        self.process = box.start("sshd", ["/usr/sbin/sshd", "-D", "-e", "-f",
                                          path])
        wait_until(lambda: answers(self.address), 10, "sshd listens")

    def options(self, address, port_flag="-p"):
        """ssh's and scp's words to go through |address|."""
        host, port = address.rsplit(":", 1)
        return [port_flag, port, "-i", str(self.folder / "key"),
                "-o", "StrictHostKeyChecking=no", "-o", "BatchMode=yes",
                "-o", f"UserKnownHostsFile={self.folder}/known", "-F", "none",
                "-o", "LogLevel=ERROR"], f"{getpass.getuser()}@{host}"
