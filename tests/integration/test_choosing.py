# SPDX-License-Identifier: MIT
"""What an operator says about choosing: limits, tiers, shares, retries."""
import collections
import contextlib
import socket
import threading

import pytest

from harness import ports
from harness.ambassador import Ambassador, any_port
from harness.processes import wait_until

pytestmark = pytest.mark.entente


class Keeper:
    """Says its name to everybody and keeps the connection until they go."""

    def __init__(self, name):
        self.name = name.encode()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=200)
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.now = 0
        self.lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._keep, args=(connection,),
                             daemon=True).start()

    def _keep(self, connection):
        with self.lock:
            self.now += 1
        with connection, contextlib.suppress(ConnectionError):
            connection.sendall(self.name)
            while connection.recv(100):
                pass
        with self.lock:
            self.now -= 1


class Visit:
    """A connection, and whom it came to."""

    def __init__(self, address):
        self.connection = ports.connect(address, 20)
        self.connection.settimeout(20)

    def host(self):
        """Who answered; waits for it."""
        return self.connection.recv(100).decode()

    def waits(self):
        """Whether nobody has answered yet."""
        self.connection.settimeout(0.3)
        try:
            self.connection.recv(100)
        except TimeoutError:
            return True
        finally:
            self.connection.settimeout(20)
        return False

    def leave(self):
        """Close it."""
        self.connection.close()


def leave_all(*visits):
    """So that no ambassador waits for them when it ends."""
    for visit in visits:
        visit.leave()


def direct(box, places, **options):
    """The address where |places| are reached without a tunnel."""
    listen = any_port()
    Ambassador(box, "near", {"workers": 1, "consume": {"service": {
        "listen": listen, "direct": places, **options}}}).start()
    return listen


def yaml_places(box, *places):
    """A file: source of (address, weight, priority)."""
    return "file:%s" % box.write("places.yaml", "".join(
        f"- {{address: \"{address}\", weight: {weight}, "
        f"priority: {priority}}}\n" for address, weight, priority in places))


def assert_waits_for_another_to_leave(address):
    """Two may be there at a time; a third has to wait."""
    visits = [Visit(address) for _ in range(2)]
    assert [visit.host() for visit in visits] == ["only"] * 2
    third = Visit(address)
    assert third.waits()
    visits[0].leave()
    assert third.host() == "only"
    leave_all(visits[1], third)


def test_a_full_endpoint_makes_connections_wait(box):
    keeper = Keeper("only")
    address = direct(box, [f"static:{keeper.address}"], max_per_endpoint=2)
    assert_waits_for_another_to_leave(address)


def test_a_full_service_makes_connections_wait_at_the_far_side(make_pair):
    keeper = Keeper("only")
    pair = make_pair(keeper.address, offer={"max_per_endpoint": 2},
                     offerer={"workers": 1})
    assert_waits_for_another_to_leave(pair.address)


def test_a_full_tier_spills_into_the_next(box):
    local, remote = Keeper("local"), Keeper("remote")
    address = direct(box, [yaml_places(box, (local.address, 1, 0),
                                       (remote.address, 1, 1))],
                     max_per_endpoint=3)
    visits = [Visit(address) for _ in range(5)]
    assert collections.Counter(visit.host() for visit in visits) == {
        "local": 3, "remote": 2}
    visits[0].leave()
    wait_until(lambda: local.now == 2, 10, "one to have left")
    visits.append(Visit(address))
    assert visits[-1].host() == "local"
    leave_all(*visits)


def test_the_next_tier_helps_where_too_few_are_healthy(box):
    local, remote = Keeper("local"), Keeper("remote")
    gone = [any_port() for _ in range(2)]
    address = direct(
        box, [yaml_places(box, (local.address, 1, 0), (gone[0], 1, 0),
                          (gone[1], 1, 0), (remote.address, 1, 1))],
        min_healthy=50, balance="round-robin")
    hosts = collections.Counter()
    for _ in range(40):
        visit = Visit(address)
        hosts[visit.host()] += 1
        visit.leave()
    assert hosts["local"] >= 10 and hosts["remote"] >= 10


def test_retries_are_bounded_and_then_wait(box):
    keeper = Keeper("only")
    gone = [any_port() for _ in range(6)]
    address = direct(box, [f"static:{place}" for place in gone] +
                     [f"static:{keeper.address}"], balance="round-robin",
                     retry_budget=0)
    # Not one fails, with hardly a budget; some are late, none is refused.
    visits = [Visit(address) for _ in range(200)]
    assert {visit.host() for visit in visits} == {"only"}
    leave_all(*visits)
