# SPDX-License-Identifier: MIT
"""Which of several places gets a connection: shares that can be counted."""
import asyncio
import collections
import threading
import time

import pytest

from harness.ambassador import SLOW, Ambassador, any_port
from harness.processes import wait_until
from load_support import Caller, Load, Named, share, visit

pytestmark = pytest.mark.entente


def static(servers):
    """The sources for these."""
    return [f"static:{server.address}" for server in servers]


def replace(path, text):
    """A new file in the place of the old, at once."""
    fresh = path.with_suffix(".new")
    fresh.write_text(text)
    fresh.rename(path)


class Choice:
    """One worker that chooses from the lines of a file."""

    def __init__(self, box, balance, lines, suffix=""):
        self.address = any_port()
        self.path = box.path("places" + suffix)
        replace(self.path, lines)
        self.ambassador = Ambassador(box, "near", {
            "workers": 1, "consume": {"redis": {
                "listen": self.address, "direct": [f"file:{self.path}"],
                "balance": balance}}}).start()

    def change(self, lines, count):
        """Other lines, until they are known."""
        known = self.ambassador.log.count(f" count={count}\n")
        replace(self.path, lines)
        wait_until(lambda: self.ambassador.log.count(f" count={count}\n") >
                   known, 10, "the change is known")


def weighted(servers, *weights):
    """Lines of places with weights."""
    return "".join(f"{server.address} weight={weight}\n"
                   for server, weight in zip(servers, weights))


def plain(servers):
    """Lines of places that are alike."""
    return "".join(f"{server.address}\n" for server in servers)


@pytest.fixture
def servers(box):
    """Four, by their names."""
    return [Named(box, name) for name in "abcd"]


def test_round_robin_is_even_and_by_weight(box, servers):
    choice = Choice(box, "round-robin", plain(servers))
    assert share(choice.address, 40) == dict.fromkeys("abcd", 10)
    # In proportion, and never twice in a row for who has little.
    choice.change(weighted(servers[:3], 1, 2, 5), 3)
    visits = [visit(choice.address) for _ in range(80)]
    count = collections.Counter(visits)
    for name, expected in zip("abc", (10, 20, 50)):
        assert abs(count[name] - expected) <= 2, count
    assert "aa" not in "".join(visits) and "bb" not in "".join(visits)
    # Weight 0 is for when there is nothing else.
    choice.change(weighted(servers[:2], 0, 1), 2)
    assert share(choice.address, 10) == {"b": 10}
    servers[1].process.kill()
    assert share(choice.address, 10) == {"a": 10}


def test_an_offering_ambassador_chooses_as_one_that_goes_direct(
        make_pair, servers):
    pair = make_pair(servers[0].address, offerer={"workers": 1}, offer={
        "to": static(servers), "balance": "round-robin"})
    # Its one worker has the tunnels of all the consumer's; the question whether
    # it is up has had a turn of its own.
    assert all(9 <= count <= 11 for count in share(pair.address, 40).values())


def test_the_least_loaded_are_filled_first(box, servers):
    choice = Choice(box, "least-loaded", plain(servers))
    held = [Caller(choice.address) for _ in range(40)]
    places = collections.defaultdict(list)
    for caller in held:
        places[caller.visit()].append(caller)
    assert {name: len(them) for name, them in places.items()} == \
        dict.fromkeys("abcd", 10)
    for caller in places["c"]:
        caller.close()
    wait_until(lambda: active(choice.ambassador) == 30, 10, "ten have gone")
    again = [Caller(choice.address) for _ in range(10)]
    assert {caller.visit() for caller in again} == {"c"}
    for caller in again + [one for name in "abd" for one in places[name]]:
        caller.close()
    wait_until(lambda: active(choice.ambassador) == 0, 10, "all have gone")
    # And by weight: one has three times the room of the other.
    choice.change(weighted(servers[:2], 1, 3), 2)
    held = [Caller(choice.address) for _ in range(40)]
    assert collections.Counter(caller.visit() for caller in held) == \
        {"a": 10, "b": 30}
    for caller in held:
        caller.close()


def active(ambassador):
    """Connections it carries."""
    return sum(service["streams"] for service in ambassador.status()["services"])


def test_of_two_choices_nobody_is_left_out(box, servers):
    choice = Choice(box, "two-choices", plain(servers))
    held = [Caller(choice.address) for _ in range(100)]
    count = collections.Counter(caller.visit() for caller in held)
    print("two-choices:", dict(count))
    # How long each took to answer counts, and so the shares vary.
    assert all(count[name] >= 3 for name in "abcd"), count
    for caller in held:
        caller.close()


CLIENTS = [f"127.0.0.{number}" for number in range(2, 82)]


def homes(address):
    """Where each client comes to."""
    return {client: visit(address, source=client) for client in CLIENTS}


def test_hash_moves_only_those_whose_place_is_gone(box, servers):
    choice = Choice(box, "hash", plain(servers))
    first = homes(choice.address)
    count = collections.Counter(first.values())
    print("hash:", dict(count))
    # 20 each but for chance: 4 standard deviations.
    assert all(4 <= count[name] <= 36 for name in "abcd"), count
    assert homes(choice.address) == first
    choice.change(plain(servers[:3]), 3)
    without = homes(choice.address)
    moved = {client for client in CLIENTS if without[client] != first[client]}
    assert moved == {client for client in CLIENTS if first[client] == "d"}
    # Back again, they come back; and the order of the list means nothing.
    choice.change(plain(reversed(servers)), 4)
    assert homes(choice.address) == first
    servers[0].process.kill()
    dead = homes(choice.address)
    assert all(dead[client] == first[client] for client in CLIENTS
               if first[client] != "a")


def test_hash_is_by_the_client_through_a_pair_too(make_pair, servers):
    pair = make_pair(servers[0].address, offer={
        "to": static(servers), "balance": "hash"})
    first = homes(pair.address)
    assert set(first.values()) == set("abcd")
    assert homes(pair.address) == first


def test_places_that_come_and_go_under_load_lose_nothing(box, servers):
    listens = {balance: any_port() for balance in
               ("round-robin", "least-loaded", "two-choices", "hash")}
    path = box.path("places")
    replace(path, plain(servers))
    near = Ambassador(box, "near", {"consume": {
        balance: {"listen": listen, "direct": [f"file:{path}"],
                  "balance": balance}
        for balance, listen in listens.items()}}).start()
    loads = [Load(listen, threads=1) for listen in listens.values()]
    for number in range(30):
        places = [server for bit, server in enumerate(servers)
                  if (number * 7 + 1) >> bit & 1] or servers
        replace(path, plain(places))
        time.sleep(0.1)
    replace(path, plain(servers[:1]))
    time.sleep(0.5)
    for load in loads:
        load.stop()
        assert not load.failures(), load.failures()[:3]
        assert len(load.visits) > 100
        assert load.visits[-1].who == "a"
    assert near.log.count("source_changed") >= 20


class Serial:
    """A service with one hand: a connection waits until those before it have
    been served, for |seconds| each."""

    def __init__(self, seconds):
        self.seconds = seconds
        self.served = 0

    async def start(self):
        self.hand = asyncio.Lock()
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0,
                                            backlog=1000)
        self.address = "127.0.0.1:%d" % server.sockets[0].getsockname()[1]

    async def _serve(self, reader, writer):
        try:
            await reader.read(1)
            async with self.hand:
                await asyncio.sleep(self.seconds)
            self.served += 1
            writer.write(b"x")
            await writer.drain()
        finally:
            writer.close()


async def first_byte(address):
    """Seconds until a new connection has an answer."""
    began = time.monotonic()
    host, port = address.rsplit(":", 1)
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"x")
    assert await reader.read(1) == b"x"
    took = time.monotonic() - began
    writer.close()
    return took


async def arrivals(address, rate, count):
    """Times to first byte of |count| connections, |rate| a second, whether
    those before have been answered or not."""
    began, tasks = time.monotonic(), []
    for number in range(count):
        await asyncio.sleep(max(0, began + number / rate - time.monotonic()))
        tasks.append(asyncio.create_task(first_byte(address)))
    return await asyncio.gather(*tasks)


def percentile(times, part):
    """The time that |part| of them did not exceed."""
    return sorted(times)[min(len(times) - 1, int(len(times) * part))]


class Background:
    """A loop for servers of the test, in a thread of its own."""

    def __init__(self, box):
        self.loop = asyncio.new_event_loop()
        thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        thread.start()
        box.undo(lambda: self.loop.call_soon_threadsafe(self.loop.stop))

    def run(self, work):
        """The result of a coroutine."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)


def test_two_choices_beat_round_robin_where_one_serves_slower(box):
    background = Background(box)
    serials = [Serial(0.05), *[Serial(0.005) for _ in range(3)]]
    for serial in serials:
        background.run(serial.start())
    listens = {"round-robin": any_port(), "two-choices": any_port()}
    Ambassador(box, "near", {"workers": 1, "consume": {
        balance: {"listen": listen, "direct": static(serials),
                  "balance": balance}
        for balance, listen in listens.items()}}).start()
    p99 = {}
    for balance, listen in listens.items():
        before = [serial.served for serial in serials]
        times = asyncio.run(arrivals(listen, rate=160, count=320))
        p99[balance] = percentile(times, 0.99)
        print(f"{balance}: p50={1000 * percentile(times, 0.5):.1f}ms "
              f"p99={1000 * p99[balance]:.1f}ms served", [
                  serial.served - old for serial, old in zip(serials, before)])
    assert p99["two-choices"] * 3 < p99["round-robin"], p99


class LongWire:
    """A way to |target| on which everything takes |delay| seconds."""

    def __init__(self, target, delay):
        self.target, self.delay = target, delay

    async def start(self):
        server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.address = "127.0.0.1:%d" % server.sockets[0].getsockname()[1]

    async def _carry(self, reader, writer):
        host, port = self.target.rsplit(":", 1)
        far_reader, far_writer = await asyncio.open_connection(host, int(port))
        await asyncio.gather(self._pump(reader, far_writer),
                             self._pump(far_reader, writer))

    async def _pump(self, reader, writer):
        loop = asyncio.get_running_loop()
        try:
            while data := await reader.read(65536):
                loop.call_later(self.delay, writer.write, data)
        except ConnectionError:
            pass
        loop.call_later(self.delay, writer.close)


@pytest.fixture
def far_and_near(box, authority):
    """Ambassadors of four services, one of them at the end of a long wire;
    the wire, and addresses by ways of choosing."""
    background, dialled = Background(box), []
    for name in "abcd":
        server, tunnel = Named(box, name), any_port()
        Ambassador(box, f"far-{name}", {
            "identity": authority.issue("db-1", file=box.name("db")).section(),
            "workers": 1, "tunnels": {"listen": tunnel}, "offer": {
                balance: {"to": [f"static:{server.address}"],
                          "allow": [authority.identity("web-*")]}
                for balance in ("round-robin", "two-choices")}}).start()
        dialled.append(tunnel)
    wire = LongWire(dialled[0], 0.03)
    background.run(wire.start())
    dialled[0] = wire.address
    listens = {"round-robin": any_port(), "two-choices": any_port()}
    near = Ambassador(box, "near", {
        "identity": authority.issue("web-1", file=box.name("web")).section(),
        "workers": 1, "consume": {
            balance: {"listen": listen, "balance": balance,
                      "from": [f"static:{address}" for address in dialled],
                      "peer": [authority.identity("db-*")]}
            for balance, listen in listens.items()}}).start()
    wait_until(lambda: len(near.tunnels()) == 4, 20 * SLOW, "four tunnels")
    return wire, listens


def test_two_choices_beat_round_robin_where_one_is_far(far_and_near):
    wire, listens = far_and_near
    p99 = {}
    for balance, listen in listens.items():
        times, who = [], collections.Counter()
        for _ in range(200):
            began = time.monotonic()
            with Caller(listen) as caller:
                who[caller.ask("GET", "who")] += 1
                times.append(time.monotonic() - began)
        p99[balance] = percentile(times, 0.99)
        print(f"{balance}: p50={1000 * percentile(times, 0.5):.1f}ms "
              f"p99={1000 * p99[balance]:.1f}ms", dict(who))
    assert p99["two-choices"] * 3 < p99["round-robin"], p99


def test_two_choices_notice_that_one_is_no_longer_far(far_and_near):
    wire, listens = far_and_near
    count = share(listens["two-choices"], 40)
    print("far:", dict(count))
    assert count["a"] < 10, count
    wire.delay = 0
    end = time.monotonic() + 40 * SLOW
    count = collections.Counter()
    while count["a"] < 20 and time.monotonic() < end:
        count = share(listens["two-choices"], 100)
    print("near again:", dict(count))
    assert count["a"] >= 10, count
