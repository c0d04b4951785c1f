# SPDX-License-Identifier: MIT
"""A place fails while it is used: how long until a new connection is good
again, and what becomes of those that come meanwhile."""
import contextlib
import signal
import time

import pytest

from harness.ambassador import SLOW, Ambassador, any_port
from harness.namespaces import make_pair as make_hosts
from harness.processes import wait_until
from harness.servers import mariadb
from load_support import Caller, Load, Named, report

pytestmark = pytest.mark.entente


def ranked(box, addresses):
    """A source of places of which the first is wanted and the others are for
    when it cannot be had."""
    lines = [f"{address} priority={number}\n"
             for number, address in enumerate(addresses)]
    return f"file:{box.write(box.name('places'), ''.join(lines))}"


class Direct:
    """An ambassador in front of two services, the first and the spare."""

    def __init__(self, box, authority, hosts=(None, None), **options):
        near, far = hosts
        host = far.address if far else "127.0.0.1"
        self.first, self.spare = (
            Named(box, name, host=host, namespace=far)
            for name in ("first", "spare"))
        # A path can be reached from any namespace.
        self.address = f"unix:{box.path('redis.socket')}"
        self.near = Ambassador(box, "near", {"consume": {"redis": {
            "listen": self.address, "direct": [ranked(
                box, [self.first.address, self.spare.address])],
            **options}}}, near).start()
        self.port = self.first.port  # what can be cut off

    def is_ready(self):
        """Whether all is as it should be."""
        return True

    def is_rid_of_first(self):
        """Whether nobody waits any more for the first to answer."""
        return True


class Paired(Direct):
    """The same by two ambassadors that offer it."""
    name = "redis"

    def serve(self, box, namespace):
        """The first and the spare."""
        return [Named(box, name, namespace=namespace)
                for name in ("first", "spare")]

    def __init__(self, box, authority, hosts=(None, None), **options):
        near, far = hosts
        host = far.address if far else "127.0.0.1"
        self.address = f"unix:{box.path(self.name + '.socket')}"
        tunnels = [any_port() if not far else f"{host}:{7411 + number}"
                   for number in range(2)]
        self.first, self.spare = self.serve(box, far)
        self.offerers = [
            Ambassador(box, box.name("far"), {
                "identity": authority.issue(
                    "db-1", file=box.name("db")).section(),
                "tunnels": {"listen": tunnel},
                "offer": {self.name: {
                    "to": [f"static:{server.address}"],
                    "allow": [authority.identity("web-*")]}}}, far).start()
            for server, tunnel in zip((self.first, self.spare), tunnels)]
        self.near = Ambassador(box, "near", {
            "identity": authority.issue("web-1",
                                        file=box.name("web")).section(),
            "consume": {self.name: {
                "listen": self.address, "from": [ranked(box, tunnels)],
                "peer": [authority.identity("db-*")], **options}}},
            near).start()
        self.port = int(tunnels[0].rsplit(":", 1)[1])
        wait_until(self.is_ready, 20 * SLOW, "all tunnels are up")

    def has_tunnels(self, count):
        """Whether each worker has that many."""
        status = self.near.status()
        up = [one for one in status["tunnels"] if one["state"] == "up"]
        return len(up) == count * len(status["workers"])

    def is_ready(self):
        """Each worker has its tunnel to each."""
        return self.has_tunnels(2)

    def is_rid_of_first(self):
        """No worker has its tunnel to the first any more."""
        return self.has_tunnels(1)


class Greeting(Paired):
    """The same in front of a server that speaks first."""
    name = "mariadb"

    def serve(self, box, namespace):
        """It does not say who it is: one for both."""
        server = mariadb.MariaDB(box)
        return server, server


class Silent:
    """Connections of applications that have yet to say something."""

    def __init__(self, way):
        self.way = way
        self.callers = contextlib.ExitStack()
        self.all = []

    def come(self, count=20):
        """Some more."""
        self.all += [self.callers.enter_context(Caller(self.way.address))
                     for _ in range(count)]

    def wait(self):
        """Until it is known that the first does not answer."""
        wait_until(self.way.is_rid_of_first, 20 * SLOW, "the first is given up")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.callers.close()


def fail_over(load, what, fail, within):
    """|fail|: new connections come to the spare |within| seconds.  When that
    began, and those that came since and failed."""
    began = time.monotonic()
    fail()
    # Those that began before this moment may have been there when it failed.
    failed = time.monotonic()
    wait_until(lambda: load.first(began, "spare"), 4 * within * SLOW, what)
    took = load.first(began, "spare")
    time.sleep(0.5)
    lost = [one for one in load.failures() if one.began > failed]
    report(f"{what}, {len(lost)} of {len(load.visits)} lost", first_good=took,
           longest=load.longest(began))
    assert took < within * SLOW
    return began, lost


def come_back(load, what, repair):
    """|repair|: new connections come to the first again, and none fails."""
    began = time.monotonic()
    repair()
    wait_until(lambda: load.first(began, "first"), 20 * SLOW, what)
    report(what, first_again=load.first(began, "first"))
    assert not [one for one in load.failures() if one.began > began]


@pytest.mark.parametrize("kind", [Direct, Paired])
def test_a_service_that_is_killed(box, authority, kind):
    way = kind(box, authority)
    with Load(way.address) as load:
        wait_until(lambda: load.first(0, "first"), 10, "it works")
        _, lost = fail_over(load, f"{kind.__name__}: the service is killed",
                            way.first.process.kill, within=1)
        assert not lost, lost[:3]
        come_back(load, "it is back", way.first.start)


def test_an_offering_ambassador_that_is_killed(box, authority):
    way = Paired(box, authority)
    with Load(way.address) as load:
        wait_until(lambda: load.first(0, "first"), 10, "it works")
        _, lost = fail_over(load, "the ambassador is killed",
                            way.offerers[0].kill, within=1)
        assert not lost, lost[:3]
        come_back(load, "it is back", way.offerers[0].start)


def restart(way, load, what, down, up):
    """Everything there is goes away for a while, and nobody is refused."""
    down()
    began = time.monotonic()
    time.sleep(1.5)
    assert not load.places(began), "nobody can have been served"
    up()
    risen = time.monotonic()
    wait_until(lambda: load.first(began), 10 * SLOW, what)
    time.sleep(0.5)
    lost = [one for one in load.failures() if one.began > began]
    report(f"{what}, {len(lost)} of {len(load.visits)} lost",
           first_good=load.first(began) + began - risen,
           held=load.longest(began))
    assert not lost, lost[:3]


@pytest.mark.parametrize("kind", [Direct, Paired])
def test_while_nothing_is_up_connections_are_held(box, authority, kind):
    way = kind(box, authority)
    way.spare.process.kill()
    with Load(way.address, threads=10) as load:
        wait_until(lambda: load.first(0, "first"), 10, "it works")
        restart(way, load, f"{kind.__name__}: the only service restarts",
                way.first.process.kill, way.first.start)
        if kind is Paired:
            way.offerers[1].kill()
            restart(way, load, "the only ambassador restarts",
                    way.offerers[0].kill, way.offerers[0].start)


@contextlib.contextmanager
def let_go_on(process):
    """A process that may be stopped goes on at the end, so that it can end."""
    try:
        yield lambda: process.signal(signal.SIGSTOP)
    finally:
        process.signal(signal.SIGCONT)


def test_an_offering_ambassador_that_is_stopped(box, authority):
    way = Paired(box, authority)
    offerer = way.offerers[0].process
    with Load(way.address) as load, Caller(way.address) as caller, \
            Silent(way) as silent, let_go_on(offerer) as stop:
        assert caller.visit() == "first"

        def stop_and_come():
            stop()
            silent.come()

        began, lost = fail_over(load, "the ambassador is stopped",
                                stop_and_come, within=4)
        # What was sent to it may have been heard: it cannot be sent elsewhere.
        assert all(one.began - began < 4 * SLOW for one in lost), lost
        # Who had sent nothing yet can be.
        silent.wait()
        assert [one.visit() for one in silent.all] == 20 * ["spare"]
        come_back(load, "it goes on",
                  lambda: offerer.signal(signal.SIGCONT))


def test_who_waits_for_a_greeting_gets_it_from_another(box, authority):
    way = Greeting(box, authority)
    with Silent(way) as silent, let_go_on(way.offerers[0].process) as stop:
        silent.come(1)
        assert b"MariaDB" in silent.all[0].sock.recv(4096)
        stop()
        silent.come()
        for one in silent.all[1:]:
            assert b"MariaDB" in one.sock.recv(4096)
        # Whom it had reached is not taken elsewhere.
        assert silent.all[0].sock.recv(4096) == b""  # Unix knows no reset


@pytest.mark.parametrize("kind", [Direct, Paired])
def test_a_place_behind_a_black_hole(box, authority, kind):
    hosts = make_hosts(box)
    way = kind(box, authority, hosts,
               **({"connect_timeout": "1s"} if kind is Direct else {}))

    def cut():
        # Whoever is there hears nothing more, for as long as TCP is patient.
        with load.still():
            hosts[1].blackhole(way.port)
            silent.come()

    with Load(way.address) as load, Caller(way.address) as caller, \
            Silent(way) as silent:
        assert caller.visit() == "first"
        wait_until(lambda: load.first(0, "first"), 10, "it works")
        began, lost = fail_over(
            load, f"{kind.__name__}: the network swallows it", cut, within=4)
        # As above: only what may have been heard is not sent again.
        assert all(one.began - began < 4 * SLOW for one in lost), lost
        if kind is Direct:
            assert not lost, lost[:3]
        silent.wait()
        assert [one.visit() for one in silent.all] == 20 * ["spare"]
        # From now on hardly anybody waits: one tries it now and then.
        since = time.monotonic()
        time.sleep(2)
        later = [one for one in list(load.visits) if one.began > since]
        slow = [one for one in later if one.ended - one.began > 0.5]
        print(f"{len(slow)} of {len(later)} waited for it")
        assert len(slow) <= 6 and len(later) > 50
        assert not [one for one in later if one.failure]
        come_back(load, "the network is back", lambda: hosts[1].nft(""))
