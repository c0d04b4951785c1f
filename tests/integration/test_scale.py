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
        "identity": leaf.section(), "workers": 1, "drain": "0",
        "consume": {"service": {"listen": any_port(), "from": [f"file:{path}"],
                                "peer": [peer], **more}}})


def offerer_of(box, authority, service, tunnel):
    """One that offers |service|, and its identity."""
    leaf = authority.issue("db-1", file=box.name("db"))
    return Ambassador(box, "offerer", {
        "identity": leaf.section(), "tunnels": {"listen": tunnel},
        "drain": "0",
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


def test_thousands_of_endpoints_in_a_file(box):
    server, other = Server(box, b"here"), Server(box, b"there")
    path = box.path("places")
    listen = any_port()
    lines = addresses(5000, server.port)
    place(path, lines)
    ambassador = Ambassador(box, "near", {"drain": "0", "consume": {"service": {
        "listen": listen, "direct": [f"file:{path}"], "on_move": "close"}}})
    ambassador.start()
    ambassador.wait_for("service")
    made = [connect(listen) for _ in range(200)]
    assert all(one.recv(4) == b"here" for one in made)
    # Who has a connection, and goes; the others stay, and so do theirs.
    before = ambassador.status()["services"][0]
    assert len(before["endpoints"]) == 5000
    used = [one["address"] for one in before["endpoints"] if one["streams"]]
    place(path, [line for line in lines if line != used[0]] +
          [f"127.0.0.1:{other.port}"])
    wait_until(lambda: "removed=1" in ambassador.log, 20 * SLOW, "one is gone")

    def ended():
        gone = 0
        for one in made:
            one.setblocking(False)
            try:
                gone += one.recv(1) == b""
            except BlockingIOError:
                continue
            except ConnectionResetError:
                gone += 1
        return gone
    total = sum(one["streams"] for one in before["endpoints"]
                if one["address"] == used[0])
    wait_until(lambda: ended() >= total, 20 * SLOW, "its connections are reset")
    assert ended() == total
    after = ambassador.status()["services"][0]
    assert after["streams"] == 200 - total
    assert ambassador.command("explain", "service").returncode == 0
    # The new one is the only one to get what is sent to it.
    place(path, [f"127.0.0.1:{other.port}"])
    wait_until(lambda: "count=1\n" in ambassador.log, 20 * SLOW, "one is left")
    with connect(listen) as one:
        assert one.recv(5) == b"there"
    # Nothing is logged for each of them.
    assert ambassador.log.count("\n") < 100


def test_hundreds_on_hold_are_all_served(box):
    server = Server(box, b"here")
    path = box.path("places")
    path.write_text("none\n", encoding="utf-8")
    listen = any_port()
    Ambassador(box, "near", {"drain": "0", "consume": {"service": {
        "listen": listen, "direct": [f"file:{path}"], "hold": "5m"}}}).start()
    made = [connect(listen) for _ in range(800)]
    place(path, addresses(100, server.port))
    assert all(one.recv(4) == b"here" for one in made)
    assert len(server.connections) == 800


def test_the_loss_of_hundreds_of_tunnels_is_told_in_few_lines(box, authority):
    service = Server(box, b"here")
    tunnel = any_port("127.0.0.1").rsplit(":", 1)[1]
    offerer, identity = offerer_of(box, authority, service,
                                   f"0.0.0.0:{tunnel}")
    offerer.start()
    consumer = consumer_of(box, authority, addresses(200, tunnel), identity)
    consumer.start()
    wait_until(lambda: len(consumer.tunnels()) == 200, 60 * SLOW, "all are up")
    with connect(consumer.document["consume"]["service"]["listen"]) as one:
        assert one.recv(4) == b"here"
    lines = consumer.log.count("\n")
    offerer.process.kill()
    wait_until(lambda: consumer.command("wait", "--timeout", "1ms", "service")
               .returncode != 0, 20 * SLOW, "they are lost")
    time.sleep(2)
    assert "left_out=" in consumer.log
    # 20 a second of each kind of event, and they are four.
    assert consumer.log.count("\n") - lines < 400
