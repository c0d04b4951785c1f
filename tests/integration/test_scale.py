# SPDX-License-Identifier: MIT
"""Much of everything: thousands of endpoints, hundreds of peers.  What must
happen, not how fast."""
import os
import socket
import threading
import time

import pytest

from harness.ambassador import SLOW, Ambassador, any_port
from harness.processes import wait_until

pytestmark = pytest.mark.entente


def addresses(count, port):
    """So many of this host, all at one port."""
    return [f"127.{1 + i // 62500}.{i // 250 % 250}.{i % 250 + 1}:{port}"
            for i in range(count)]


class Server:
    """Listens everywhere; says its name and waits, or says nothing."""

    def __init__(self, box, greeting=b""):
        self.times, self.connections = [], []
        self._greeting = greeting
        self._socket = socket.create_server(("0.0.0.0", 0), backlog=4096)
        self.port = self._socket.getsockname()[1]
        box.undo(self.close)
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.times.append(time.monotonic())
            self.connections.append(connection)
            if self._greeting:
                connection.sendall(self._greeting)

    def close(self):
        """End all."""
        for one in [self._socket, *self.connections]:
            one.close()


def place(path, lines):
    """Replace a file of endpoints."""
    fresh = path.with_suffix(".new")
    fresh.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    os.rename(fresh, path)


def connect(address):
    """A connection to an ambassador."""
    host, port = address.rsplit(":", 1)
    made = socket.create_connection((host, int(port)), 10)
    made.settimeout(20 * SLOW)
    return made


def consumer_of(box, authority, lines, peer, **more):
    """An ambassador that dials all of |lines|, and the file they are in."""
    path = box.path("peers")
    place(path, lines)
    leaf = authority.issue("web-1", file=box.name("web"))
    return Ambassador(box, "consumer", {
        "identity": leaf.section(), "workers": 1,
        "consume": {"service": {"listen": any_port(), "from": [f"file:{path}"],
                                "peer": [peer], **more}}})


def offerer_of(box, authority, service, tunnel):
    """One that offers |service|, and its identity."""
    leaf = authority.issue("db-1", file=box.name("db"))
    return Ambassador(box, "offerer", {
        "identity": leaf.section(), "tunnels": {"listen": tunnel},
        "offer": {"service": {
            "to": [f"static:127.0.0.1:{service.port}"],
            "allow": [authority.identity("web-1")]}}}), leaf.identity


def test_hundreds_of_peers_are_dialled_some_at_a_time(box, authority):
    silent = Server(box)
    service = Server(box, b"here")
    tunnel = any_port()
    offerer, identity = offerer_of(box, authority, service, tunnel)
    offerer.start()
    # Names sort: the one that answers is dialled last.
    consumer = consumer_of(box, authority, addresses(200, silent.port) +
                           [tunnel.replace("127.0.0.1", "localhost")],
                           identity)
    consumer.start(ready=False)
    # Those that let us wait do not keep the one out that is there.
    consumer.wait_for("service", timeout=60)
    soon = [one for one in silent.times if one < silent.times[0] + 0.5]
    assert len(soon) <= 128, "all at once: each would be done too late"
    wait_until(lambda: len(silent.times) >= 200, 60 * SLOW, "all are dialled")
    with connect(consumer.document["consume"]["service"]["listen"]) as one:
        assert one.recv(4) == b"here"
