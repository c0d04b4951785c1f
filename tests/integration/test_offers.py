# SPDX-License-Identifier: MIT
"""Ambassadors tell their peers what they offer them: no other registry says
where a service is up, and nobody finds out by failing."""
import copy
import threading
import time

import pytest

from harness.ambassador import Ambassador, any_port
from harness.processes import wait_until
from harness.servers import redis

pytestmark = pytest.mark.entente


class Offerer:
    """An ambassador in front of a Redis of its own, which knows its name; the
    places of the service are in a file."""

    def __init__(self, box, authority, name, **offers):
        self.box, self.name = box, name
        self.redis = redis.Redis(box)
        redis.cli(self.redis.address, "set", "name", name)
        self.tunnel = any_port()
        self.leaf = authority.issue(name, file=box.name("db"))
        self.places = box.path(f"{name}.places")
        self.place(True)
        self.ambassador = Ambassador(box, name, {
            "identity": self.leaf.section(),
            "tunnels": {"listen": self.tunnel},
            "offer": {"redis": {"to": [f"file:{self.places}"],
                                "allow": ["spiffe://test/web-1"]},
                      **offers}})

    def place(self, is_there):
        """Say where the service is, or that it is nowhere."""
        new = self.box.path(self.box.name("places"))
        new.write_text(f"{self.redis.address}\n" if is_there else "none\n",
                       encoding="utf-8")
        new.rename(self.places)

    def counts(self):
        """What its service has seen: connections, and those that failed."""
        service, = [one for one in self.ambassador.status()["services"]
                    if one["name"] == "redis"]
        return service["connections"], service["failed"], service["denied"]


def consume(box, authority, *offerers, **service):
    """An ambassador that consumes "redis" from them; it and its listener."""
    listen = any_port()
    leaf = authority.issue("web-1", file=box.name("web"))
    consumer = Ambassador(box, "consumer", {
        "identity": leaf.section(), "consume": {"redis": {
            "listen": listen, "peer": ["spiffe://test/db-*"],
            "from": [f"static:{one.tunnel}" for one in offerers],
            **service}}})
    return consumer, listen


def told(consumer, offerer):
    """What each of its tunnels to |offerer| has been told, as text."""
    return {str(tunnel["offers"]) if tunnel["offers"] is None else
            " ".join(f"{one['name']}={'up' if one['usable'] else 'down'}"
                     for one in tunnel["offers"])
            for tunnel in consumer.tunnels()
            if tunnel["peer"] == offerer.leaf.identity}


def wait_told(consumer, offerer, expected):
    """Until every tunnel has heard that, on every worker."""
    wait_until(lambda: told(consumer, offerer) == {expected}, 10,
               f"{offerer.name} says {expected!r}")


def who_answers(address, count=20):
    """The names of those that |count| connections came to."""
    return {redis.cli(address, "get", "name") for _ in range(count)}


@pytest.fixture
def two(box, authority):
    """Two that offer it, and their consumer."""
    first = Offerer(box, authority, "db-1")
    second = Offerer(box, authority, "db-2")
    for one in (first, second):
        one.ambassador.start()
    consumer, listen = consume(box, authority, first, second,
                               balance="round-robin")
    return first, second, consumer, listen


@pytest.mark.smoke
def test_where_it_is_not_up_nobody_tries(two):
    first, second, consumer, listen = two
    first.place(False)
    consumer.start()
    wait_told(consumer, first, "redis=down")
    wait_told(consumer, second, "redis=up")
    assert who_answers(listen) == {"db-2"}
    assert first.counts() == (0, 0, 0)
    first.place(True)
    wait_told(consumer, first, "redis=up")
    assert who_answers(listen) == {"db-1", "db-2"}
    first.place(False)
    wait_told(consumer, first, "redis=down")
    before = first.counts()
    assert who_answers(listen) == {"db-2"}
    assert first.counts() == before and before[1:] == (0, 0)
    endpoint, = [one for one in consumer.status()["services"][0]["endpoints"]
                 if one["address"] == first.tunnel]
    assert endpoint["state"] == "down" and endpoint["failures"] == 0
    assert "not up" in endpoint["failure"]
    assert "the peer says that the service is not up" in \
        consumer.command("status").stdout


def test_who_offers_it_no_more_by_a_reload_is_passed_over(two):
    first, second, consumer, listen = two
    consumer.start()
    wait_told(consumer, first, "redis=up")
    wait_told(consumer, second, "redis=up")
    assert who_answers(listen) == {"db-1", "db-2"}
    with_it = copy.deepcopy(first.ambassador.document)
    without = copy.deepcopy(with_it)
    without["offer"]["redis"]["allow"] = ["spiffe://test/web-2"]
    assert first.ambassador.reload(without).returncode == 0
    wait_told(consumer, first, "")
    assert who_answers(listen) == {"db-2"}
    assert first.counts()[2] == 0, "nobody asked for what is not offered"
    assert first.ambassador.reload(with_it).returncode == 0
    wait_told(consumer, first, "redis=up")
    assert who_answers(listen) == {"db-1", "db-2"}


def test_one_is_not_told_of_what_one_may_not_open(box, authority):
    first = Offerer(box, authority, "db-1", secret={
        "to": ["static:127.0.0.1:9"], "allow": ["spiffe://test/admin"]},
        shared={"to": ["static:127.0.0.1:9"], "allow": ["spiffe://test/*"]})
    first.ambassador.start()
    consumer, _ = consume(box, authority, first)
    consumer.start().wait_for("redis")
    names = {tuple(sorted(one["name"] for one in tunnel["offers"]))
             for tunnel in consumer.tunnels()}
    assert names == {("redis", "shared")}
    assert not any(one["offers_partial"] for one in consumer.tunnels())
    # It offers nothing itself, and says so.
    assert {str(one["offers"]) for one in first.ambassador.tunnels()} == \
        {"[]"}


def test_a_connection_waits_until_it_is_up_there(box, authority):
    first = Offerer(box, authority, "db-1")
    first.place(False)
    first.ambassador.start()
    consumer, listen = consume(box, authority, first, hold="30s")
    consumer.start()
    wait_told(consumer, first, "redis=down")
    answers = []
    asking = threading.Thread(
        target=lambda: answers.append(who_answers(listen, 1)))
    asking.start()
    wait_until(lambda: consumer.status()["services"][0]["waiting"] == 1, 10,
               "the connection waits")
    assert first.counts() == (0, 0, 0)
    first.place(True)
    asking.join(20)
    assert answers == [{"db-1"}]
    assert first.counts()[1:] == (0, 0)


def test_the_log_says_that_it_was_not_up_there(box, authority):
    first = Offerer(box, authority, "db-1")
    first.place(False)
    first.ambassador.start()
    consumer, listen = consume(box, authority, first, hold="300ms")
    consumer.start()
    wait_told(consumer, first, "redis=down")
    redis.cli(listen, "get", "name", check=False)
    wait_until(lambda: "connection_failed" in consumer.log, 10, "it gave up")
    assert "the peer says that the service is not up" in consumer.log


def test_who_dials_the_consumer_is_heard_too(box, authority):
    first = Offerer(box, authority, "db-1")
    first.place(False)
    consumer, listen = consume(box, authority, first)
    gate = any_port()
    consumer.document["tunnels"] = {"listen": gate}
    consumer.document["consume"]["redis"]["from"] = ["inbound:"]
    consumer.start()
    first.ambassador.document["tunnels"] = {"dial": [gate]}
    first.ambassador.start(ready=False)
    wait_told(consumer, first, "redis=down")
    first.place(True)
    wait_told(consumer, first, "redis=up")
    assert who_answers(listen, 3) == {"db-1"}


def test_streams_are_told_and_an_idle_pair_says_nothing(box, authority):
    first = Offerer(box, authority, "db-1")
    first.ambassador.start()
    consumer, listen = consume(box, authority, first)
    consumer.start().wait_for("redis")

    def load():
        return sum(one["load"] for tunnel in consumer.tunnels()
                   for one in tunnel["offers"])

    def traffic():
        return sum(one["sent_bytes"] + one["received_bytes"]
                   for one in consumer.tunnels())
    box.start("subscriber", ["redis-cli", *redis.arguments(listen),
                             "subscribe", "news"]).says("subscribe")
    wait_until(lambda: load() >= 1, 10, "the stream is told")
    box.processes[-1].kill()
    wait_until(lambda: load() == 0, 10, "it is told that it is gone")
    time.sleep(1)  # acknowledgements that were on their way
    tunnels = len(consumer.tunnels())
    before = traffic()
    time.sleep(5)
    # A question and its answer on each tunnel, if they were due.
    assert traffic() - before <= 80 * tunnels
