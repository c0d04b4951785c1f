# SPDX-License-Identifier: MIT
"""ssh: a shell on a terminal, and scp."""
import hashlib
import os
import pty
import select
import time

from harness.ambassador import SLOW
from harness.processes import run
from harness.servers import ssh

MIB = 1 << 20


class Terminal:
    """A program on a terminal of its own."""

    def __init__(self, argv):
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            os.execvp(argv[0], argv)
        self.text = ""

    def types(self, text):
        """Press keys."""
        os.write(self.master, text.encode())

    def shows(self, text, timeout=15):
        """Wait until |text| stands on the screen; then forget the screen."""
        deadline = time.monotonic() + timeout * SLOW
        while text not in self.text:
            assert time.monotonic() < deadline, \
                f"no {text!r} on the screen: {self.text!r}"
            if select.select([self.master], [], [], 0.1)[0]:
                try:
                    self.text += os.read(self.master, 65536).decode(
                        errors="replace")
                except OSError:
                    assert text in self.text, self.text
        self.text = self.text.split(text, 1)[1]

    def ends(self):
        """Its exit code."""
        os.close(self.master)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def test_an_interactive_shell(box, make_pair):
    server = ssh.Ssh(box)
    pair = make_pair(server.address, name="ssh")
    options, user = server.options(pair.address)
    terminal = Terminal(["ssh", "-tt", *options, user, "sh", "-i"])
    terminal.types("echo is-$((6 * 7))\r")
    terminal.shows("is-42\r\n")
    terminal.types("stty -echo; PS1=rea''dy:; cat\r")
    time.sleep(0.3)
    for number in range(50):  # each key comes back before the next
        terminal.types(f"line {number}\r")
        terminal.shows(f"line {number}\r\n", timeout=5)
    terminal.types("\x03")
    terminal.shows("ready:")  # what was typed before it is thrown away
    terminal.types("echo again-$((6 * 8)); exit 3\r")
    terminal.shows("again-48")
    time.sleep(0.3)
    assert terminal.ends() == 3


def test_scp_each_way(box, make_pair, long):
    server = ssh.Ssh(box)
    pair = make_pair(server.address, name="ssh")
    data = os.urandom((512 if long else 32) * MIB)
    box.path("here").write_bytes(data)
    options, user = server.options(pair.address, "-P")
    run(["scp", "-q", *options, box.path("here"),
         f"{user}:{box.path('there')}"], timeout=300)
    run(["scp", "-q", *options, f"{user}:{box.path('there')}",
         box.path("back")], timeout=300)
    digest = hashlib.sha256(data).digest()
    for name in ("there", "back"):
        assert hashlib.sha256(box.path(name).read_bytes()).digest() == digest
