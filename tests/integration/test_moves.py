# SPDX-License-Identifier: MIT
"""A service moves while it is used: the registry says so, and nobody who
connects notices more than the new place."""
import collections
import math
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from discovery_support import NOERROR, NXDOMAIN, SERVFAIL, SRV, DnsServer
from harness.ambassador import SLOW, Ambassador, any_port
from harness.ports import free_port
from harness.processes import wait_until
from load_support import Caller, Load, Named, report, visit

pytestmark = pytest.mark.entente

NAME = "_redis._tcp.svc.test"
SOURCE = f"dns+srv:{NAME}"
TTL = 1
# The TTL and a second, and as much again for a busy machine.
IN_TIME = (TTL + 3) * SLOW
# A Redis binds to 16 addresses, so a hundred targets are seven of them.
ADDRESSES = [f"127.0.0.{number}" for number in range(1, 16)]
HOSTS = {f"db-{address.rsplit('.')[-1]}.svc.test": address
         for address in ADDRESSES}


def add_hosts(dns):
    """The addresses that the names of targets stand for."""
    for host, address in HOSTS.items():
        dns.set_a(host, address, ttl=60)


@pytest.fixture
def dns():
    with DnsServer() as server:
        add_hosts(server)
        yield server


def target(number, port):
    """An SRV record for the host |number| and |port|."""
    return 0, 1, port, f"db-{number}.svc.test"


class Direct:
    """The ambassador reaches the service itself."""

    def __init__(self, box, authority, dns, label=""):
        self.box, self.authority, self.label = box, authority, label
        self.address = any_port()
        self.near = self.asks = Ambassador(box, f"near{label}", {
            "dns": {"servers": [dns.address]},
            "consume": {"redis": {"listen": self.address,
                                  "direct": [SOURCE]}}})

    def add(self, name):
        """One more place: its port, at all ADDRESSES."""
        return Named(self.box, name, also=ADDRESSES[1:]).port

    def identity(self, name):
        """A certificate."""
        leaf = self.authority.issue(name, file=self.box.name(name))
        return leaf.section()

    def start(self):
        """Until a connection would succeed."""
        self.near.start()
        self.near.wait_for("redis")


class Offered(Direct):
    """A pair; the offering ambassador looks for the service."""

    def __init__(self, box, authority, dns, label=""):
        super().__init__(box, authority, dns, label)
        tunnel = any_port()
        self.asks = Ambassador(box, f"far{label}", {
            "identity": self.identity("db-1"),
            "dns": {"servers": [dns.address]}, "tunnels": {"listen": tunnel},
            "offer": {"redis": {"to": [SOURCE],
                                "allow": [authority.identity("web-*")]}}})
        self.near = Ambassador(box, f"near{label}", {
            "identity": self.identity("web-1"),
            "consume": {"redis": {"listen": self.address,
                                  "from": [f"static:{tunnel}"],
                                  "peer": [authority.identity("db-*")]}}})

    def start(self):
        self.asks.start()
        super().start()


class Consumed(Direct):
    """Pairs; the consuming ambassador looks for those that offer."""

    def __init__(self, box, authority, dns, label=""):
        super().__init__(box, authority, dns, label)
        self.near = self.asks = Ambassador(box, f"near{label}", {
            "identity": self.identity("web-1"), "workers": 1,
            "dns": {"servers": [dns.address]},
            "consume": {"redis": {"listen": self.address, "from": [SOURCE],
                                  "peer": [authority.identity("db-*")]}}})

    def add(self, name):
        server, port = Named(self.box, name), free_port()
        Ambassador(self.box, f"far{self.label}-{name}", {
            "identity": self.identity("db-1"), "workers": 1,
            "tunnels": {"listen": [f"{address}:{port}"
                                   for address in ADDRESSES]},
            "offer": {"redis": {
                "to": [f"static:{server.address}"],
                "allow": [self.authority.identity("web-*")]}}}).start()
        return port


@pytest.mark.parametrize("kind", [Direct, Offered, Consumed])
def test_a_record_is_asked_for_again_where_nobody_is(box, authority, dns, kind):
    """However long it was to be believed: those that connect would wait in
    vain for the rest of that time."""
    scene = kind(box, authority, dns)
    old = scene.add("old")
    service = box.processes[-1]
    dns.set_srv(NAME, target(1, old), ttl=300)
    scene.start()
    assert visit(scene.address) == "old"
    new = scene.add("new")
    service.kill()
    dns.set_srv(NAME, target(1, new), ttl=300)
    assert visit(scene.address) == "new"


def move(dns, load, what, old, new, *targets):
    """The record says |targets|: new connections go from |old| to |new|."""
    began = time.monotonic()
    dns.set_srv(NAME, *targets, ttl=TTL)
    wait_until(lambda: load.places(time.monotonic() - 0.3) &
               {*old, *new} <= {*new} and load.first(began, *new),
               4 * IN_TIME, what)
    first, last = load.first(began, *new), load.last(began, *old)
    report(what, first_there=first, last_here=last)
    assert first < IN_TIME and last < IN_TIME, what
    assert not load.failures(), load.failures()[:3]


@pytest.mark.parametrize("kind", [Direct, Offered, Consumed])
def test_a_record_that_flips_moves_new_connections(box, authority, dns, kind):
    way = kind(box, authority, dns)
    ports = {name: way.add(name) for name in "abcdefg"}
    dns.set_srv(NAME, target(1, ports["a"]), ttl=TTL)
    way.start()
    old = [Caller(way.address)]
    assert old[0].visit() == "a"
    with Load(way.address) as load:
        move(dns, load, "host and port", "a", "b", target(2, ports["b"]))
        old.append(Caller(way.address))
        assert old[1].visit() == "b"
        move(dns, load, "port alone", "b", "c", target(2, ports["c"]))
        dns.udp_limit = 40
        move(dns, load, "a truncated answer", "c", "d", target(3, ports["d"]))
        hundred = [target(number, ports[name]) for number in range(1, 16)
                   for name in "abcefgd"][:100]
        began = time.monotonic()
        move(dns, load, "a hundred targets", "", "abcefg", *hundred)
        wait_until(lambda: load.places(began) == set("abcdefg"), 20,
                   "all are used")
        # Back to one: those who came to another meanwhile stay there.
        old.append(Caller(way.address))
        kept = old[2].visit()
        move(dns, load, "one of a hundred", "abcdfg", "e",
             target(4, ports["e"]))
    assert not load.failures(), load.failures()[:3]
    # What was open is where it was, for all the moves since.
    assert [caller.visit() for caller in old] == ["a", "b", kept]
    for caller in old:
        caller.close()


FAILURES = {
    "stopped": lambda dns: dns.close(),
    "SERVFAIL": lambda dns: setattr(dns, "rcode", SERVFAIL),
    "NXDOMAIN": lambda dns: setattr(dns, "rcode", NXDOMAIN),
    "nothing": lambda dns: dns.records.__setitem__((NAME, SRV), []),
    "silence": lambda dns: setattr(dns, "silent", True),
}


class Outage:
    """A way with a name server of its own, that is about to fail."""

    def __init__(self, box, authority, kind, failure):
        self.failure = failure
        self.dns = DnsServer()
        box.undo(self.dns.close)
        self.way = kind(box, authority, self.dns,
                        f"-{kind.__name__}-{failure}")
        self.ports = [self.way.add(name) for name in "ab"]
        add_hosts(self.dns)
        self.dns.set_srv(NAME, target(1, self.ports[0]), ttl=TTL)
        self.way.start()

    def check(self):
        """Connections do not notice it, and what is said after it counts."""
        with Load(self.way.address, threads=1, pause=0.02) as load:
            FAILURES[self.failure](self.dns)
            wait_until(lambda: "source_failed" in self.way.asks.log, 20 * SLOW,
                       f"{self.failure} is noticed")
            noticed = time.monotonic()
            time.sleep(1.5)
            assert load.places(noticed) == {"a"}, self.failure
            if self.failure != "stopped":
                self.dns.rcode, self.dns.silent = NOERROR, False
                self.dns.set_srv(NAME, target(2, self.ports[1]), ttl=TTL)
                wait_until(lambda: load.first(noticed, "b"), 20 * SLOW,
                           f"the move after {self.failure}")
        assert not load.failures(), (self.failure, load.failures()[:3])


def test_no_failure_of_dns_fails_a_connection(box, authority):
    outages = [Outage(box, authority, kind, failure) for failure in FAILURES
               for kind in (Direct, Offered, Consumed)]
    with ThreadPoolExecutor(len(outages)) as pool:
        for done in [pool.submit(outage.check) for outage in outages]:
            done.result()


CONSUMERS = 50


class Crowd:
    """Ten ambassadors, each consuming a tenth of the services."""

    def __init__(self, box, dns, balance):
        self.listens = [any_port() for _ in range(CONSUMERS)]
        self.ambassadors = [Ambassador(box, f"near-{number}", {
            "dns": {"servers": [dns.address]}, "workers": 1,
            "consume": {f"redis-{one}": {
                "listen": self.listens[one], "direct": [SOURCE],
                "balance": balance}
                for one in range(number, CONSUMERS, 10)}}).start()
            for number in range(10)]

    def wait_for(self, count):
        """Until all know |count| endpoints."""
        def know():
            return all(one.log.count(f" count={count}\n") == CONSUMERS / 10
                       for one in self.ambassadors)
        wait_until(know, 4 * IN_TIME, f"all know {count} endpoints")

    def visit(self, names):
        """How many of the consumers come to whom, with one connection."""
        found = [visit(address) for address in self.listens]
        assert set(found) <= set(names), found
        return collections.Counter(found)


def assert_spread(what, count, names):
    """All have their share, but for chance: 4 standard deviations."""
    print(what, dict(count))
    total, part = sum(count.values()), 1 / len(names)
    bound = 4 * math.sqrt(total * part * (1 - part))
    assert all(abs(count[name] - total * part) <= bound for name in names), \
        (what, count)


# Not hash: by it all who are asked by one client agree, on purpose.
@pytest.mark.parametrize("balance", ["least-loaded", "two-choices",
                                     "round-robin"])
def test_fifty_consumers_do_not_herd(box, dns, balance):
    servers = {name: Named(box, name) for name in "abcdef"}

    def point_to(names):
        dns.set_srv(NAME, *[target(1, servers[name].port) for name in names],
                    ttl=TTL)

    point_to("f")
    crowd = Crowd(box, dns, balance)
    crowd.visit("f")
    point_to("abcde")
    crowd.wait_for(5)
    assert_spread("moved", crowd.visit("abcde"), "abcde")
    servers["e"].process.kill()
    for _ in range(2):
        crowd.visit("abcd")
    servers["e"].start()
    time.sleep(1.5)  # no rest after a failure is longer than a second
    assert_spread("returned", crowd.visit("abcde"), "abcde")
