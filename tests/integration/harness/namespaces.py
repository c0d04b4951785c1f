# SPDX-License-Identifier: MIT
"""Hosts: network namespaces that a test made itself, joined by veth."""
import functools
import itertools
import os

import pytest

from .processes import run

_numbers = itertools.count(1)


@functools.lru_cache(maxsize=None)
def can_make():
    """Whether we have the right to make namespaces."""
    name = f"ent-{os.getpid()}-try"
    if run(["ip", "netns", "add", name], check=False).returncode != 0:
        return False
    run(["ip", "netns", "del", name])
    return True


class Namespace:
    """One host."""

    def __init__(self, box, name):
        self.name = f"ent-{os.getpid()}-{next(_numbers)}-{name}"
        self.address = None
        run(["ip", "netns", "add", self.name])
        box.undo(lambda: run(["ip", "netns", "del", self.name], check=False))
        self.run(["ip", "link", "set", "lo", "up"])

    def command(self, argv):
        """|argv| as it is to be run on this host."""
        return ["ip", "netns", "exec", self.name, *argv]

    def run(self, argv, **options):
        """Run a short command on this host."""
        return run(self.command(argv), **options)

    def nft(self, rules):
        """Set all firewall rules of this host; "" for none."""
        self.run(["nft", "flush", "ruleset"])
        if rules:
            table = "table inet test {\n" + rules + "\n}\n"
            self.run(["nft", "-f", "-"], input=table)

    def blackhole(self, port):
        """Everything from and to the TCP port |port| is lost silently."""
        drop = f"tcp dport {port} drop; tcp sport {port} drop;"
        self.nft(
            f"chain in {{ type filter hook input priority 0; {drop} }}\n"
            f"chain out {{ type filter hook output priority 0; {drop} }}")

    def kill_connections(self, port):
        """Reset every TCP connection to the port |port| of another host."""
        self.run(["ss", "-K", "dport", "=", str(port)], check=False)


def make_pair(box):
    """Two hosts and the wire between them."""
    if not can_make():
        pytest.skip("no right to make network namespaces")
    left, right = Namespace(box, "a"), Namespace(box, "b")
    wire = f"v{os.getpid() % 100000}x{next(_numbers)}"
    run(["ip", "link", "add", wire + "a", "netns", left.name, "type", "veth",
         "peer", "name", wire + "b", "netns", right.name])
    for host, device, number in ((left, wire + "a", 1), (right, wire + "b", 2)):
        host.address, host.device = f"10.77.0.{number}", device
        host.run(["ip", "addr", "add", f"{host.address}/24", "dev", device])
        host.run(["ip", "link", "set", device, "up"])
    return left, right
