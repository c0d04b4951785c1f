# SPDX-License-Identifier: MIT
"""tests/tools/verify: every byte and every ending."""
import os
import pathlib
import signal

from .ports import free_port
from .processes import wait_until

ROOT = pathlib.Path(__file__).resolve().parents[3]
PROGRAM = os.environ.get(
    "ENTENTE_VERIFY", str(ROOT / "build/release/tests/tools/verify"))


class Seen(dict):
    """What one side of a transfer saw: sent, writing, got, of, end, bad."""

    def __getattr__(self, name):
        return self[name]

    @property
    def is_truncated(self):
        """An end of file before all bytes: what must never be."""
        return self.end == "fin" and self.got < self.of

    @property
    def is_exact(self):
        """All bytes, then the end of file."""
        return self.end == "fin" and self.got == self.of and self.bad == "no"


def parse(log):
    """The lines about transfers in |log|, by key.

    Key 0 is that of connections which ended before they had a plan.
    """
    seen = {}
    for line in log.splitlines():
        words = dict(word.split("=", 1) for word in line.split() if "=" in word)
        if "key" in words and "ms" in words:
            for name in ("sent", "got", "of", "ms"):
                words[name] = int(words[name])
            seen.setdefault(int(words["key"], 16), Seen(words))
    return seen


def begun(log):
    """The keys of the transfers that have begun."""
    return {int(line.split("=")[1], 16) for line in log.splitlines()
            if line.startswith("begun=")}


class Server:
    """A service that does what each client's plan says."""

    def __init__(self, box, address=None, namespace=None, timeout=60):
        self.address = address or f"127.0.0.1:{free_port()}"
        self.process = box.start(
            "verify-server", [PROGRAM, "serve", self.address, "--timeout",
                              str(timeout)], namespace=namespace)
        self.process.says("listening")

    def reset(self):
        """End it, every connection by a reset: none looks complete."""
        self.process.signal(signal.SIGUSR1)
        self.process.wait()

    def seen(self, count=0, timeout=15):
        """What it saw by key, once it has seen |count| transfers end.

        Connections without a plan, as `entente wait` makes, do not count.
        """
        def transfers():
            return {key: seen for key, seen in parse(self.process.log).items()
                    if key}
        wait_until(lambda: len(transfers()) >= count, timeout,
                   f"the server saw {count} transfers end")
        return transfers()

    def empty(self):
        """How each connection without a plan ended."""
        return [line.split("end=")[1].split()[0]
                for line in self.process.log.splitlines()
                if line.startswith("key=0 ")]


class Client:
    """Transfers to |address|, in the background."""

    def __init__(self, box, address, *options, namespace=None):
        self.process = box.start(
            "verify-client", [PROGRAM, "client", address, *options],
            namespace=namespace)

    def seen(self):
        """What it has seen so far, by key."""
        return parse(self.process.log)

    def totals(self, timeout=120):
        """The last line, once all is over, as numbers."""
        self.process.wait(timeout)
        last = [line for line in self.process.log.splitlines()
                if line.startswith("total=")]
        assert last, f"verify client said: {self.process.log[-2000:]}"
        return {name: int(number) for name, number in
                (word.split("=") for word in last[-1].split())}


def transfer(box, address, *options, timeout=120, namespace=None):
    """Transfers to |address| to their end: the totals."""
    return Client(box, address, *options, namespace=namespace).totals(timeout)


def assert_exact(totals):
    """Every transfer was complete in both directions."""
    assert totals["exact"] == totals["total"], totals
