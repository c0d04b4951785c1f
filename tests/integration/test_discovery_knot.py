# SPDX-License-Identifier: MIT
"""dns+srv: against a real DNS server whose records change at run time."""
import shutil
import subprocess
import time

import pytest

from discovery_support import Watch, free_port

NAME = "_redis._tcp.svc.test"
CONFIGURATION = """
server:
    rundir: "{dir}"
    user: {user}
    listen: [ 127.0.0.1@{port} ]
log:
  - target: stderr
    any: warning
database:
    storage: "{dir}/db"
acl:
  - id: update
    address: 127.0.0.1
    action: update
zone:
  - domain: svc.test
    storage: "{dir}"
    file: zone
    acl: update
    zonefile-load: whole
    journal-content: none
    zonefile-sync: -1
"""
ZONE = """
$ORIGIN svc.test.
$TTL 1
@ SOA ns hostmaster 1 3600 600 86400 1
@ NS ns
ns A 127.0.0.1
db-1 A 127.0.0.2
db-2 A 127.0.0.3
_redis._tcp SRV 10 5 6379 db-1
"""


class Knot:
    def __init__(self, directory):
        self.directory = directory
        self.port = free_port()
        (directory / "db").mkdir()
        (directory / "zone").write_text(ZONE)
        (directory / "knot.conf").write_text(CONFIGURATION.format(
            dir=directory, port=self.port, user="root:root"))
        self.process = None

    def start(self):
        self.process = subprocess.Popen(
            ["knotd", "-c", str(self.directory / "knot.conf")],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 10
        while time.monotonic() < end:
            if self.update() == 0:
                return
            time.sleep(0.05)
        raise AssertionError("knotd did not start")

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(10)
            self.process = None

    def update(self, *lines):
        script = "\n".join([f"server 127.0.0.1 {self.port}", "zone svc.test",
                            *lines, "send", ""])
        return subprocess.run(["knsupdate"], input=script, text=True,
                              capture_output=True, timeout=10,
                              check=False).returncode

    def set_srv(self, *records):
        assert self.update(f"del {NAME}. SRV", *[
            f"add {NAME}. 1 SRV {record}" for record in records]) == 0


@pytest.fixture
def knot(tmp_path):
    if not shutil.which("knotd") or not shutil.which("knsupdate"):
        pytest.skip("knot is not installed")
    server = Knot(tmp_path)
    server.start()
    yield server
    server.stop()


def test_records_that_move_are_followed(knot):
    with Watch(f"dns+srv:{NAME}", "--server",
               f"127.0.0.1:{knot.port}") as source:
        line = source.wait_for("127.0.0.2:6379")
        assert line["endpoints"][0]["priority"] == 10
        # To another host and port: within TTL and a second.
        knot.set_srv("10 5 12345 db-2.svc.test.")
        source.wait_for("127.0.0.3:12345", timeout=2.2)
        knot.set_srv(*[f"0 0 {port} db-1.svc.test." for port in range(1, 101)])
        source.wait_for(*[f"127.0.0.2:{port}" for port in range(1, 101)])


def test_a_server_that_stops_and_comes_back(knot):
    with Watch(f"dns+srv:{NAME}", "--server",
               f"127.0.0.1:{knot.port}") as source:
        source.wait_for("127.0.0.2:6379")
        knot.stop()
        line = source.wait(lambda line: line["stale"], timeout=10)
        assert [item["name"] for item in line["endpoints"]] == [
            "db-1.svc.test:6379"]
        knot.start()
        knot.set_srv("1 1 7000 db-2.svc.test.")
        source.wait_for("127.0.0.3:7000", timeout=10)
        assert source.wait(lambda line: not line["stale"])["failure"] == ""


def test_records_that_are_gone_are_kept(knot):
    with Watch(f"dns+srv:{NAME}", "--server",
               f"127.0.0.1:{knot.port}") as source:
        source.wait_for("127.0.0.2:6379")
        knot.set_srv()
        line = source.wait(lambda line: line["stale"], timeout=5)
        assert "NXDOMAIN" in line["failure"] or "no such" in line["failure"]
        assert len(line["endpoints"]) == 1
        knot.set_srv("0 0 0 .")
        source.wait_for(timeout=5)
