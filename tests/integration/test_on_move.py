# SPDX-License-Identifier: MIT
"""What becomes of connections whose place went away or was demoted."""
import socket
import time

import pytest

from discovery_support import DnsServer
from harness.ambassador import SLOW, Ambassador, any_port
from harness.processes import wait_until
from harness.servers import redis

pytestmark = pytest.mark.entente

KINDS = ["consume", "direct", "offer"]
MIB = 1 << 20


class Client:
    """One connection to a Redis, which tells its name."""

    def __init__(self, address):
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), 10)
        self.socket.settimeout(20 * SLOW)
        self.name = self.ask()

    def ask(self):
        """The name of the Redis behind it; an end of file is a failure."""
        self.socket.sendall(b"GET name\r\n")
        answer = b""
        while answer.count(b"\r\n") < 2:
            piece = self.socket.recv(100)
            assert piece, f"end of file behind {answer}"
            answer += piece
        return answer.split(b"\r\n")[1].decode()

    def assert_reset(self):
        """The next thing to happen is a reset."""
        with pytest.raises(ConnectionResetError):
            got = self.socket.recv(100)
            pytest.fail(f"got {got}")

    def close(self):
        """An end in order."""
        self.socket.close()


class Scene:
    """Two Redis, and an ambassador that has on_move and a file of places."""

    def __init__(self, box, authority, kind, on_move, both=False):
        self.box = box
        self.servers = [redis.Redis(box), redis.Redis(box)]
        for name, server in zip(("first", "second"), self.servers):
            redis.cli(server.address, "set", "name", name)
        self.listen = any_port()
        self.file = box.path("places.yaml")
        self.places = [server.address for server in self.servers]
        make = {"consume": self._consume, "direct": self._direct,
                "offer": self._offer}[kind]
        web = authority.issue("web-1", file=box.name("web"))
        db = authority.issue("db-1", file=box.name("db"))
        self.policy = {"on_move": on_move, "balance": "round-robin"}
        make(web, db, both)

    @property
    def source(self):
        """Where the ambassador hears of the places."""
        return [f"file:{self.file}"]

    def _start(self, both, name, document):
        self.put(*(self.places if both else self.places[:1]))
        self.mover = Ambassador(self.box, name, document).start()

    def _direct(self, _web, _db, both):
        self._start(both, "near", {"consume": {"redis": {
            "listen": self.listen, "direct": self.source, **self.policy}}})

    def _offer(self, web, db, both):
        tunnel = any_port()
        self._start(both, "far", {
            "identity": db.section(), "tunnels": {"listen": tunnel},
            "offer": {"redis": {"to": self.source, "allow": [web.identity],
                                **self.policy}}})
        Ambassador(self.box, "near", {
            "identity": web.section(),
            "consume": {"redis": {
                "listen": self.listen, "from": [f"static:{tunnel}"],
                "peer": [db.identity]}}}).start().wait_for("redis")

    def _consume(self, web, db, both):
        self.places = [any_port(), any_port()]
        for tunnel, server in zip(self.places, self.servers):
            Ambassador(self.box, self.box.name("far"), {
                "identity": db.section(), "tunnels": {"listen": tunnel},
                "offer": {"redis": {"to": [f"static:{server.address}"],
                                    "allow": [web.identity]}}}).start()
        self._start(both, "near", {
            "identity": web.section(),
            "consume": {"redis": {
                "listen": self.listen, "from": self.source,
                "peer": [db.identity], **self.policy}}})
        self.mover.wait_for("redis")

    def put(self, *places):
        """The file says these, each an address or one with its priority."""
        lines = [f"- {{address: '{address}', priority: {priority}}}\n"
                 for address, priority in
                 (place if isinstance(place, tuple) else (place, 0)
                  for place in places)]
        fresh = self.box.path("places.fresh")
        fresh.write_text("".join(lines) or "none\n")
        fresh.rename(self.file)

    def move(self):
        """The service is at the second place now, and nowhere else."""
        self.put(self.places[1])

    def dial(self):
        """A new connection of the application."""
        return Client(self.listen)

    def left_behind(self):
        """How many connections the ambassador says it has left behind."""
        service, = self.mover.status()["services"]
        return service["left_behind"]

    def wait_left_behind(self, count):
        """Until it says so."""
        wait_until(lambda: self.left_behind() == count, 10 * SLOW,
                   f"{count} connections to be left behind")

    def assert_new_ones_go_to(self, name):
        """Soon all do, and none fails."""
        def names():
            clients = [self.dial() for _ in range(10)]
            for client in clients:
                client.close()
            return {client.name for client in clients}
        wait_until(lambda: names() == {name}, 10 * SLOW, f"only {name}")


@pytest.fixture
def make_scene(box, authority):
    """A scene by its kind and policy."""
    return lambda *words, **options: Scene(box, authority, *words, **options)


@pytest.mark.parametrize("kind", KINDS)
def test_kept_connections_go_on_at_the_old_place(make_scene, kind):
    scene = make_scene(kind, "keep")
    client = scene.dial()
    assert client.name == "first"
    scene.move()
    scene.assert_new_ones_go_to("second")
    scene.wait_left_behind(1)
    end = time.monotonic() + 2
    while time.monotonic() < end:
        assert client.ask() == "first"
    client.close()
    scene.wait_left_behind(0)
    assert "connections_left_behind service=redis" in scene.mover.log
    assert "policy=keep" in scene.mover.log
    assert "connections_cut" not in scene.mover.log


def test_a_tunnel_that_is_wanted_no_more_ends_with_its_last_connection(
        make_scene):
    scene = make_scene("consume", "keep")
    client = scene.dial()

    def to_the_first():
        return [tunnel for tunnel in scene.mover.status()["tunnels"]
                if tunnel["address"] == scene.places[0]]
    scene.move()
    scene.assert_new_ones_go_to("second")
    # Workers that have no connection there have let theirs go.
    wait_until(lambda: len(to_the_first()) == 1, 10 * SLOW, "one tunnel")
    assert client.ask() == "first"
    client.close()
    wait_until(lambda: not to_the_first(), 10 * SLOW, "the tunnel to end")


@pytest.mark.parametrize("kind", KINDS)
def test_connections_to_be_closed_are_reset_at_once(make_scene, kind):
    scene = make_scene(kind, "close")
    clients = [scene.dial() for _ in range(4)]
    scene.move()
    for client in clients:
        client.assert_reset()
    scene.assert_new_ones_go_to("second")
    assert "connections_cut service=redis" in scene.mover.log
    # The Redis has heard of it, too: only the one who asks is there.
    wait_until(lambda: "connected_clients:1" in redis.cli(
        scene.servers[0].address, "info", "clients").split(), 10,
        "the old place to be left")


@pytest.mark.parametrize("kind", KINDS)
def test_connections_to_be_drained_go_on_so_long_and_are_reset(
        make_scene, kind):
    scene = make_scene(kind, "drain 2s")
    client = scene.dial()
    begun = time.monotonic()
    scene.move()
    with pytest.raises((ConnectionResetError, BrokenPipeError)):
        while time.monotonic() < begun + 20 * SLOW:
            assert client.ask() == "first"
            time.sleep(0.05)
    assert time.monotonic() - begun >= 2
    scene.assert_new_ones_go_to("second")
    assert "policy=drain after_ms=2000" in scene.mover.log


@pytest.mark.parametrize("kind", KINDS)
def test_connections_of_a_place_that_comes_back_are_let_alone(
        make_scene, kind):
    scene = make_scene(kind, f"drain {3 * SLOW}s")
    client = scene.dial()
    scene.move()
    scene.wait_left_behind(1)
    assert client.ask() == "first"
    scene.put(scene.places[0])
    scene.wait_left_behind(0)
    time.sleep(3.5 * SLOW)
    assert client.ask() == "first"
    scene.assert_new_ones_go_to("first")


@pytest.mark.parametrize("kind", KINDS)
def test_a_demoted_place_is_left_as_one_that_went(make_scene, kind):
    scene = make_scene(kind, "close")
    scene.put((scene.places[0], 10), (scene.places[1], 20))
    scene.assert_new_ones_go_to("first")
    client = scene.dial()
    scene.put((scene.places[0], 20), (scene.places[1], 10))
    client.assert_reset()
    scene.assert_new_ones_go_to("second")


def test_connections_of_a_demoted_place_may_be_kept_or_drained(make_scene):
    scene = make_scene("direct", "drain 2s")
    scene.put((scene.places[0], 10), (scene.places[1], 20))
    scene.assert_new_ones_go_to("first")
    client = scene.dial()
    begun = time.monotonic()
    scene.put((scene.places[0], 20), (scene.places[1], 10))
    scene.assert_new_ones_go_to("second")
    assert client.ask() == "first"
    client.assert_reset()
    assert time.monotonic() - begun >= 2


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_else_is_cut(make_scene, kind):
    scene = make_scene(kind, "close", both=True)
    clients = []
    # One after the other goes to another place; each worker has its turn.
    wait_until(lambda: clients.append(scene.dial()) or
               [client.name for client in clients].count("first") > 3 and
               [client.name for client in clients].count("second") > 3,
               20 * SLOW, "connections at both places")
    scene.move()
    for client in clients:
        if client.name == "first":
            client.assert_reset()
    for client in clients:
        if client.name == "second":
            assert client.ask() == "second"


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_under_way_ends_in_a_reset(make_scene, kind):
    scene = make_scene(kind, "close")
    redis.cli(scene.servers[0].address, "setrange", "big", 256 * MIB, "x")
    client = scene.dial()
    client.socket.sendall(b"GET big\r\n")
    got = len(client.socket.recv(MIB))
    assert got > 0
    scene.move()
    with pytest.raises(ConnectionResetError):
        while piece := client.socket.recv(MIB):
            got += len(piece)
        pytest.fail(f"end of file behind {got} bytes")
    assert got < 256 * MIB


def test_a_reload_says_what_becomes_of_those_left_behind_before(make_scene):
    scene = make_scene("direct", "keep")
    client = scene.dial()
    scene.move()
    scene.wait_left_behind(1)
    assert client.ask() == "first"
    document = {name: value for name, value in scene.mover.document.items()
                if name not in ("node", "admin")}
    document["consume"]["redis"]["on_move"] = "close"
    assert scene.mover.reload(document).returncode == 0
    client.assert_reset()


@pytest.mark.parametrize("on_move", ["keep", "close"])
def test_an_srv_record_whose_priorities_flip_moves_the_service(box, on_move):
    servers = [redis.Redis(box), redis.Redis(box)]
    for name, server in zip(("first", "second"), servers):
        redis.cli(server.address, "set", "name", name)
    with DnsServer() as dns:
        name = "_redis._tcp.svc.test"
        hosts = [("db.test", "127.0.0.1")]

        def say(first, second):
            dns.set_srv(name, (first, 1, servers[0].port, "db.test"),
                        (second, 1, servers[1].port, "db.test"))
        say(10, 20)
        dns.set_a(*hosts[0])
        listen = any_port()
        near = Ambassador(box, "near", {
            "dns": {"servers": [dns.address]}, "consume": {"redis": {
                "listen": listen, "direct": [f"dns+srv:{name}"],
                "on_move": on_move}}}).start()
        client = Client(listen)
        assert client.name == "first"
        say(20, 10)

        def is_moved():
            try:
                new = Client(listen)
            except ConnectionResetError:  # the last to come to the first
                return False
            new.close()
            return new.name == "second"
        wait_until(is_moved, 10 * SLOW, "new connections at the second")
        if on_move == "close":
            client.assert_reset()
        else:
            assert client.ask() == "first"
        client.close()
        assert near.process.is_running()
