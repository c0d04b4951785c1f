# SPDX-License-Identifier: MIT
"""`entente explain`: what it says is what happens."""
import json
import pathlib
import re
import signal
import socket
import threading
import time

import pytest

from discovery_support import SERVFAIL, DnsServer
from harness import ports
from harness.ambassador import Ambassador, any_port
from harness.named import Keeper
from harness.processes import wait_until
from harness.servers import redis

pytestmark = pytest.mark.entente

DOCUMENT = pathlib.Path(__file__).resolve().parents[2] / "docs/EXPLAIN.md"


class Named(Keeper):
    """A service that says where it is to everybody and then waits."""

    def __init__(self):
        super().__init__("")
        self.name = self.address.encode()


def connect(address, source=None):
    """A connection, and who is at its end."""
    host, port = address.rsplit(":", 1)
    connection = socket.create_connection(
        (host, int(port)), 10, (source, 0) if source else None)
    connection.settimeout(15)
    with connection.makefile() as lines:
        return connection, lines.readline().strip()


def explain(ambassador, *words, role=None):
    """The only explanation, or that of |role|."""
    done = ambassador.command("explain", "service", "--json", *words,
                              check=True)
    roles = json.loads(done.stdout)["roles"]
    if role:
        roles = [one for one in roles if one["role"] == role]
    assert len(roles) == 1, roles
    return roles[0]


def words(ambassador, *more):
    return ambassador.command("explain", "service", *more, check=True).stdout


def foretold(role):
    """What becomes of the next connection."""
    worker = role["next_worker"]
    return next(choice for choice in role["next"]
                if worker in choice["workers"])


def view(role, address, worker=None):
    """What a worker thinks of an endpoint; if none is named: all of them."""
    found = [one for one in role["endpoints"] if one["address"] == address]
    assert len(found) == 1, (address, role["endpoints"])
    views = [one for one in found[0]["views"]
             if worker is None or worker in one["workers"]]
    assert len(views) == 1, views
    return views[0]


def streams(role):
    """All that the endpoints have."""
    return sum(one["streams"] for place in role["endpoints"]
               for one in place["views"])


def source(role, text):
    return next(one for one in role["sources"] if one["source"] == text)


def direct(box, places, **more):
    """An ambassador that reaches |places| itself, by three workers."""
    document = {"workers": 3, "drain": "1s"}
    document.update({key: more.pop(key) for key in ("dns", "drain", "workers")
                     if key in more})
    listen = any_port()
    document["consume"] = {"service": {"listen": listen, "direct": [
        place if isinstance(place, str) else place.source
        for place in places], **more}}
    ambassador = Ambassador(box, "near", document).start()
    ambassador.listen = listen
    return ambassador


def assert_goes_where_it_is_said(ambassador, rounds):
    """Connect again and again, and keep or end some of the connections."""
    kept, seen = [], set()
    for number in range(rounds):
        role = explain(ambassador)
        said = foretold(role)
        assert said["outcome"] == "goes", said
        assert view(role, said["address"], role["next_worker"])["verdict"] == \
            "chosen"
        connection, answered = connect(ambassador.listen)
        kept.append(connection)
        assert answered == said["address"], f"round {number}"
        seen.add(answered)
        if number % 4 == 3:
            kept.pop(number % len(kept)).close()
        wait_until(lambda: streams(explain(ambassador)) == len(kept), 10,
                   "what has ended to have gone")
    for connection in kept:
        connection.close()
    return seen


@pytest.mark.parametrize("balance", ["least-loaded", "round-robin",
                                     "two-choices"])
def test_the_next_connection_goes_where_it_is_said(box, balance):
    places = [Named() for _ in range(4)]
    near = direct(box, places, balance=balance)
    seen = assert_goes_where_it_is_said(near, 32)
    assert len(seen) == 4, "it was always the same"


def test_asking_takes_nobodys_turn(box):
    places = [Named(), Named()]
    near = direct(box, places, balance="round-robin", workers=1)
    first = foretold(explain(near))
    for _ in range(5):
        assert foretold(explain(near)) == first
    order = [connect(near.listen)[1] for _ in range(4)]
    assert order[0] == first["address"]
    assert order[0] != order[1] and order[:2] == order[2:]


def test_a_client_decides_where_a_hash_chooses(box):
    places = [Named() for _ in range(4)]
    near = direct(box, places, balance="hash")
    role = explain(near)
    assert foretold(role)["outcome"] == "depends"
    assert {view(role, place.address)["verdict"] for place in places} == \
        {"possible"}
    assert "--client IP says" in words(near)
    seen = set()
    for number in range(1, 20):
        client = f"127.0.0.{number}"
        said = foretold(explain(near, "--client", client))["address"]
        assert connect(near.listen, client)[1] == said
        seen.add(said)
    assert len(seen) > 1


def test_a_source_that_fails_says_what_it_still_uses(box):
    first, second = Named(), Named()
    name = "_service._tcp.svc.test"
    text = f"dns+srv:{name}"
    with DnsServer() as dns:
        port = int(first.address.rsplit(":", 1)[1])
        dns.set_srv(name, (3, 2, port, "one.svc.test"))
        dns.set_a("one.svc.test", "127.0.0.1")
        near = direct(box, [text, second.source],
                      dns={"servers": [dns.address]})
        wait_until(lambda: source(explain(near), text)["state"] == "answered",
                   10, "an answer")
        role = explain(near)
        assert source(role, text)["addresses"] == [first.address]
        assert source(role, text)["age_s"] <= 10
        assert source(role, text)["failure_age_s"] is None
        place, = (one for one in role["endpoints"]
                  if one["address"] == first.address)
        assert place["priority"] == 3 and place["weight"] == 2
        assert place["sources"] == [text]
        # The second has no priority, so it comes first.
        assert foretold(role)["address"] == second.address
        assert view(role, first.address)["verdict"] == "reserve"

        dns.rcode = SERVFAIL
        wait_until(lambda: source(explain(near), text)["state"] == "failing",
                   20, "the failure")
        said = source(explain(near), text)
        assert "SERVFAIL" in said["failure"]
        assert said["failure_age_s"] <= 10 and said["age_s"] is not None
        assert said["addresses"] == [first.address]
        assert re.search(rf"{re.escape(text)} +failed \d+s ago: .*SERVFAIL.*; "
                         r"still uses its answer of \d+s ago: "
                         f"{first.address}", words(near))
        second.stop()
        assert connect(near.listen)[1] == first.address, "it is not used"
        near.stop()


def test_a_source_that_never_answered_says_so(box):
    only = Named()
    text = "dns+srv:_nothing._tcp.svc.test"
    with DnsServer() as dns:
        dns.rcode = SERVFAIL
        near = direct(box, [text, only.source], dns={"servers": [dns.address]})
        wait_until(lambda: source(explain(near), text)["state"] == "failing",
                   20, "the failure")
        assert source(explain(near), text)["age_s"] is None
        assert "; it never answered" in words(near)
        near.stop()


def test_an_endpoint_that_refuses_rests_and_comes_back(box):
    good = Named()
    dead = f"127.0.0.1:{ports.free_port()}"
    near = direct(box, [good, f"static:{dead}"], balance="round-robin",
                  workers=1)

    def failed():
        assert connect(near.listen)[1] == good.address
        return view(explain(near), dead)["failures"] > 3
    wait_until(failed, 20, "failures in a row")
    # It rests for a second after so many: catch it after a failure.

    def rests():
        connect(near.listen)
        said = view(explain(near), dead)
        return said if said["verdict"] == "unusable" else None
    wait_until(lambda: rests() is not None, 20, "a rest")
    said = rests()
    if said:
        assert said["failure"] == "refused"
        assert 0 <= said["rest_ms"] <= 1000
        assert "resting after a failure" in said["reason"]
    assert foretold(explain(near))["outcome"] == "goes"
    # Left alone it is tried again, and that is foretold too.
    wait_until(lambda: view(explain(near), dead)["verdict"] != "unusable", 10,
               "the end of the rest")
    assert view(explain(near), dead)["rest_ms"] == 0


def test_without_a_place_a_connection_waits(box):
    dead = f"127.0.0.1:{ports.free_port()}"
    near = direct(box, [f"static:{dead}"], workers=1, hold="30s")
    host, port = near.listen.rsplit(":", 1)
    with socket.create_connection((host, int(port))):
        wait_until(lambda: foretold(explain(near))["outcome"] == "waits", 10,
                   "nothing to be usable")
        assert foretold(explain(near))["address"] is None
    assert explain(near)["hold_ms"] == 30000


def test_a_fallback_and_tiers_say_what_they_wait_for(box):
    first, spare = Named(), Named()
    near = direct(box, [first], fallback=[spare.source], workers=1)
    role = explain(near)
    assert foretold(role)["address"] == first.address
    assert view(role, spare.address)["verdict"] == "reserve"
    assert source(role, spare.source)["fallback"] is True
    assert "not now: a fallback: only while nothing in the list can be used" \
        in words(near)
    first.stop()

    def falls_back():
        connect(near.listen)
        return foretold(explain(near))["address"] == spare.address
    wait_until(falls_back, 10, "the fallback to be chosen")
    assert connect(near.listen)[1] == spare.address


def test_a_tier_is_used_when_the_one_before_it_cannot_be(box, tmp_path):
    first, later = Named(), Named()
    places = tmp_path / "places.yaml"
    places.write_text(f"- {{address: {first.address}}}\n"
                      f"- {{address: {later.address}, priority: 9}}\n")
    near = direct(box, [f"file:{places}"], workers=1)
    role = explain(near)
    assert foretold(role)["address"] == first.address
    assert view(role, later.address)["verdict"] == "reserve"
    assert "of a later priority" in view(role, later.address)["reason"]
    assert "priority 9 weight 1" in words(near)


def test_a_tunnels_end_is_named_when_it_is_not_who_we_want(
        box, authority, make_pair):
    pair = make_pair(Named().address, start=False, consume={
        "peer": [authority.identity("elsewhere")], "hold": "7s"})
    near, far = pair.documents()
    near["drain"] = "1s"
    Ambassador(box, "offerer", far).start()
    consumer = Ambassador(box, "consumer", near).start(ready=False)
    wait_until(lambda: consumer.command("status").returncode == 0, 10,
               "it can be asked")

    def named():
        return all(one["peer"] == pair.db.identity
                   for one in explain(consumer)["endpoints"][0]["views"])
    wait_until(named, 10, "the tunnels")
    role = explain(consumer)
    said = view(role, pair.tunnel)
    assert said["verdict"] == "unusable" and said["peer_accepted"] is False
    assert role["peers"] == [authority.identity("elsewhere")]
    assert foretold(role)["outcome"] == "waits"
    assert f"(it is {pair.db.identity}, wanted " \
        f"{authority.identity('elsewhere')})" in words(consumer)
    assert "a new connection waits up to 7s: no endpoint can be used" in \
        words(consumer)


def test_who_cannot_be_dialled_is_told_with_the_failure(box, make_pair):
    pair = make_pair(Named().address, start=False)
    near, _ = pair.documents()
    near["drain"] = "1s"
    consumer = Ambassador(box, "consumer", near).start(ready=False)
    wait_until(lambda: consumer.command("status").returncode == 0, 10,
               "it can be asked")

    def refused():
        return all("refused" in one["failure"] and one["failures"] > 0
                   for one in explain(consumer)["endpoints"][0]["views"])
    wait_until(refused, 10, "an attempt")
    assert foretold(explain(consumer))["outcome"] == "waits"
    assert "no tunnel to it" in words(consumer)


def test_through_tunnels_the_worker_whose_turn_it_is_tells(
        box, authority, make_pair):
    services = [Named(), Named()]
    pair = make_pair(services[0].address, consume={
        "peer": ["spiffe://test/*"], "balance": "round-robin"})
    other = any_port()
    Ambassador(box, "other", {
        "identity": authority.issue("db-2", file=box.name("db")).section(),
        "tunnels": {"listen": other},
        "offer": {"service": {"to": [services[1].source],
                              "allow": ["spiffe://test/*"]}}}).start()
    near, _ = pair.documents()
    near["consume"]["service"]["from"].append(f"static:{other}")
    assert pair.consumer.reload(near).returncode == 0
    wait_until(lambda: [len(place["views"]) == 1 and
                        place["views"][0]["tunnel"] == "up" or
                        {one["tunnel"] for one in place["views"]} == {"up"}
                        for place in explain(pair.consumer)["endpoints"]] ==
               [True, True], 10, "all tunnels")
    at = {pair.tunnel: services[0].address, other: services[1].address}
    kept, seen = [], set()
    for _ in range(12):
        said = foretold(explain(pair.consumer))
        connection, answered = connect(pair.address)
        kept.append(connection)
        assert answered == at[said["address"]]
        seen.add(answered)
    assert len(seen) == 2
    # The far end tells of its own choice, and it is nobody's turn there.
    far = explain(pair.offerer)
    assert far["role"] == "offer" and far["next_worker"] is None
    assert far["peers"] == [pair.web.identity]
    assert {choice["address"] for choice in far["next"]} == \
        {services[0].address}
    assert f"a new stream goes to {services[0].address}" in words(pair.offerer)
    assert streams(explain(pair.consumer)) == len(kept)


def test_peers_that_dial_us_are_explained(box, authority):
    service = Named()
    gate, listen = any_port(), any_port()
    web = authority.issue("web-1", file=box.name("web"))
    db = authority.issue("db-1", file=box.name("db"))
    near = Ambassador(box, "near", {
        "identity": web.section(), "tunnels": {"listen": gate},
        "consume": {"service": {"listen": listen, "from": ["inbound:"],
                                "peer": [db.identity]}}}).start(ready=False)
    Ambassador(box, "far", {
        "identity": db.section(), "tunnels": {"dial": [gate]},
        "offer": {"service": {"to": [service.source],
                              "allow": [web.identity]}}}).start(ready=False)
    near.wait_for("service")
    role = explain(near)
    said = foretold(role)
    assert said["outcome"] == "goes"
    assert said["address"] in source(role, "inbound:")["addresses"]
    assert "peers that dialled us: " in words(near)
    assert connect(listen)[1] == service.address


def test_a_name_consumed_and_offered_is_explained_in_both(box, authority):
    inner, outer = Named(), Named()
    leaf = authority.issue("both", file=box.name("both"))
    both = Ambassador(box, "both", {
        "identity": leaf.section(), "tunnels": {"listen": any_port()},
        "consume": {"service": {"listen": any_port(),
                                "direct": [outer.source]}},
        "offer": {"service": {"to": [inner.source],
                              "allow": ["spiffe://test/*"]}}}).start()
    assert foretold(explain(both, role="direct"))["address"] == outer.address
    assert explain(both, role="offer")["next"][0]["address"] == inner.address
    text = words(both)
    assert "service (direct)" in text and "service (offer)" in text
    assert both.command("explain", "x").stderr.strip() == \
        "entente: x: no such service here; there is service"


def test_a_stranger_is_told_who_is_there(box):
    places = {"listen": any_port(), "direct": ["static:127.0.0.1:9"]}
    near = Ambassador(box, "near", {"consume": {
        "redis": places, "web": {**places, "listen": any_port()}}}).start()
    done = near.command("explain", "nothing")
    assert done.returncode == 1 and not done.stdout
    assert done.stderr.strip() == \
        "entente: nothing: no such service here; there is redis, web"
    # The service of our own making is none.
    assert near.command("explain").returncode == 2
    assert near.command("explain", "*").returncode == 2
    assert near.command("explain", "redis", "web").returncode == 2
    near.stop()
    assert near.command("explain", "redis").returncode == 1


def test_explaining_while_it_drains_and_stops(box):
    near = direct(box, [Named()], drain="30s")
    connection, _ = connect(near.listen)
    assert near.command("drain").returncode == 0
    wait_until(lambda: foretold(explain(near))["reason"] ==
               "the ambassador is draining", 10, "workers that drain")
    threads = [threading.Thread(target=near.command,
                                args=("explain", "service"))
               for _ in range(4)]
    for thread in threads:
        thread.start()
    connection.close()
    near.process.wait(20)
    for thread in threads:
        thread.join()


def test_questions_that_are_open_when_it_ends_are_refused(box):
    near = direct(box, [Named()])
    near.process.signal(signal.SIGSTOP)  # so that all come at once
    asking = []
    for method, path in [("GET", "/explain?service=service")] * 20 + \
            [("POST", "/quit")]:
        asking.append(socket.socket(socket.AF_UNIX))
        asking[-1].connect(near.admin.removeprefix("unix:"))
        asking[-1].sendall(f"{method} {path} HTTP/1.1\r\n"
                           "Host: localhost\r\n\r\n".encode())
    near.process.signal(signal.SIGCONT)
    answers = []
    for one in asking:
        one.settimeout(10)
        answers.append(one.recv(12).decode())
        one.close()
    assert set(answers) <= {"HTTP/1.1 200", "HTTP/1.1 202", "HTTP/1.1 503"}
    assert near.process.wait(20) == 0


# ---- what is set by hand ----

def put(ambassador, *more):
    """Set the endpoints of the service."""
    return ambassador.command("set", "service", *more, check=True)


def counting(role):
    """Which sources count."""
    return {one["source"]: one["counts"] for one in role["sources"]}


def test_what_is_set_by_hand_is_told_until_the_sources_count_again(box):
    first, spare, third = Named(), Named(), Named()
    near = direct(box, [first], fallback=[spare.source], workers=1)
    assert explain(near)["set"] is None
    assert "set by" not in words(near)
    before = int(time.time())
    put(near, third.address)
    role = explain(near)
    found = role["set"]
    assert found["endpoints"] == [third.address]
    assert before <= found["since"] <= time.time() and found["age_s"] < 60
    assert found["in_force"] is True and found["kept"] is False
    assert counting(role) == {"set": True, first.source: False,
                              spare.source: False}
    # Watched all the same.
    assert source(role, first.source)["addresses"] == [first.address]
    place, = role["endpoints"]
    assert place["address"] == third.address and place["sources"] == ["set"]
    assert foretold(role)["address"] == third.address
    assert connect(near.listen)[1] == third.address
    text = words(near)
    assert re.search(r"^set by an operator \d+s ago, and in force: "
                     f"{third.address}; the sources are watched but do not "
                     "count$", text, re.M)
    assert re.search(rf"^  {first.source} +does not count now; answered \d+s "
                     f"ago: {first.address}$", text, re.M)
    assert re.search(rf"^  fallback {spare.source} +does not count now; ", text,
                     re.M)
    put(near, "--sources")
    role = explain(near)
    assert role["set"] is None
    assert counting(role) == {first.source: True, spare.source: True}
    assert foretold(role)["address"] == first.address
    assert connect(near.listen)[1] == first.address
    text = words(near)
    assert "set by" not in text and "does not count" not in text


def test_what_is_set_says_that_it_waits_for_a_name(box, tmp_path):
    first, second, third = Named(), Named(), Named()
    port = third.address.rsplit(":", 1)[1]
    with DnsServer() as dns:
        dns.silent = True
        near = direct(box, [first], dns={"servers": [dns.address]}, workers=1)
        put(near, f"db.test:{port}")
        role = explain(near)
        assert role["set"]["endpoints"] == [f"db.test:{port}"]
        assert role["set"]["in_force"] is False
        assert counting(role) == {"set": False, first.source: True}
        assert foretold(role)["address"] == first.address
        assert re.search(r"^set by an operator \d+s ago, but it waits for its "
                         rf"first name: db\.test:{port}; until then all stays "
                         "as it was$", words(near), re.M)
        # Also over one that is in force.
        put(near, second.address)
        put(near, f"db.test:{port}")
        role = explain(near)
        assert [(one["source"], one["counts"]) for one in role["sources"]] == \
            [("set", False), ("set", True), (first.source, False)]
        assert role["set"]["in_force"] is False
        assert foretold(role)["address"] == second.address
        assert connect(near.listen)[1] == second.address
        dns.set_a("db.test", "127.0.0.1")
        dns.silent = False
        wait_until(lambda: explain(near)["set"]["in_force"], 60,
                   "the name is found")
        role = explain(near)
        assert counting(role) == {"set": True, first.source: False}
        assert foretold(role)["address"] == third.address
        assert connect(near.listen)[1] == third.address


def test_peers_that_dial_us_do_not_count_where_something_is_set(
        box, authority):
    gate = any_port()
    web = authority.issue("web-1", file=box.name("web"))
    db = authority.issue("db-1", file=box.name("db"))
    near = Ambassador(box, "near", {
        "identity": web.section(), "tunnels": {"listen": gate}, "drain": "1s",
        "consume": {"service": {"listen": any_port(), "from": ["inbound:"],
                                "peer": [db.identity]}}}).start(ready=False)
    Ambassador(box, "far", {
        "identity": db.section(), "tunnels": {"dial": [gate]},
        "offer": {"service": {"to": [Named().source],
                              "allow": [web.identity]}}}).start(ready=False)
    near.wait_for("service")
    assert counting(explain(near)) == {"inbound:": True}
    put(near, f"127.0.0.1:{ports.free_port()}")
    role = explain(near)
    assert counting(role) == {"inbound:": False, "set": True}
    assert source(role, "inbound:")["addresses"] == []
    assert re.search(r"^  inbound: +does not count now; peers that dialled us$",
                     words(near), re.M)


# ---- what health checks and peers say ----

QUICK = {"protocol": "redis", "every": "200ms", "timeout": "500ms"}
UNFIT = "its health check finds it unfit: "


def wait_reason(ambassador, address, verdict, reason):
    """Until all workers say that of the endpoint."""
    def is_so():
        found, = [one for one in explain(ambassador)["endpoints"]
                  if one["address"] == address]
        return {(one["verdict"], reason in one["reason"])
                for one in found["views"]} == {(verdict, True)}
    wait_until(is_so, 30, f"{verdict}: {reason}")


def test_a_redis_that_is_down_or_a_replica_is_unfit(box):
    first = redis.Redis(box)
    host, port = first.address.rsplit(":", 1)
    replica = redis.Redis(box, options=["--replicaof", f"{host} {port}"])
    near = direct(box, [f"static:{first.address}",
                        f"static:{replica.address}"],
                  health={**QUICK, "role": "master"}, min_healthy=60)
    wait_reason(near, replica.address, "unusable", UNFIT + "it is a replica")
    wait_reason(near, first.address, "chosen", "")
    assert foretold(explain(near))["address"] == first.address
    assert f"  no: {UNFIT}it is a replica" in words(near)
    first.process.kill()
    # Though that is too few: a role was asked for.
    wait_reason(near, first.address, "unusable", UNFIT + "refused")
    wait_reason(near, replica.address, "unusable", UNFIT + "it is a replica")
    assert foretold(explain(near))["outcome"] == "waits"
    assert f"  no: {UNFIT}refused" in words(near)


def test_the_unfit_that_serve_since_too_few_are_fit_are_told(box):
    # Two that know no PING, which is a check's first question.
    first, second = (redis.Redis(box, options=["--rename-command", "PING",
                                               "SOMETHING"])
                     for _ in range(2))
    near = direct(box, [f"static:{first.address}",
                        f"static:{second.address}"], health=QUICK,
                  min_healthy=60, balance="round-robin", workers=1)

    def is_said():
        text = words(near)
        return f"  chosen, although: {UNFIT}" in text and \
            f"its turn comes later; usable, although: {UNFIT}" in text
    wait_until(is_said, 30, "both to be unfit")
    # They are what there is.
    said = foretold(explain(near))
    assert said["outcome"] == "goes"
    assert redis.cli(near.listen, "set", "x", "1") == "OK"


def test_what_peers_say_of_the_service_is_told(box, authority, make_pair,
                                               tmp_path):
    service = Named()
    places = tmp_path / "places"
    places.write_text(f"{service.address}\n")
    pair = make_pair(service.address, offer={"to": [f"file:{places}"]},
                     consume={"hold": "7s"}, consumer={"drain": "1s"})
    near = pair.consumer
    wait_reason(near, pair.tunnel, "chosen", "")
    (tmp_path / "new").write_text("none\n")
    (tmp_path / "new").rename(places)
    wait_reason(near, pair.tunnel, "unusable",
                "the peer says that the service is not up")
    assert foretold(explain(near))["outcome"] == "waits"
    assert "no: the peer says that the service is not up" in words(near)
    (tmp_path / "new").write_text(f"{service.address}\n")
    (tmp_path / "new").rename(places)
    wait_reason(near, pair.tunnel, "chosen", "")

    # Nobody offers it any more: better denied at once than to wait.
    _, far = pair.documents()
    without = {**far, "offer": {"service": {
        **far["offer"]["service"], "allow": [authority.identity("other")]}}}
    assert pair.offerer.reload(without).returncode == 0
    wait_reason(near, pair.tunnel, "chosen", "the peer does not offer it to us")
    assert "chosen, although: the peer does not offer it to us" in words(near)
    assert f"goes to {pair.tunnel}, although: the peer does not offer it to " \
        "us" in words(near)
    # Where another does, it is passed over.
    other = any_port()
    Ambassador(box, "other", {
        "identity": authority.issue("db-2", file=box.name("db")).section(),
        "tunnels": {"listen": other},
        "offer": {"service": {"to": [service.source],
                              "allow": [pair.web.identity]}}}).start()
    document, _ = pair.documents()
    document["consume"]["service"]["from"].append(f"static:{other}")
    document["consume"]["service"]["peer"] = ["spiffe://test/*"]
    assert near.reload(document).returncode == 0
    wait_reason(near, pair.tunnel, "unusable",
                "the peer does not offer it to us")
    wait_reason(near, other, "chosen", "")
    assert "no: the peer does not offer it to us" in words(near)


def test_who_is_refused_by_a_limit_finds_the_key_that_says_so(box):
    service = Named()
    near = direct(box, [service.source], workers=1, max_connections=1)
    listen, = explain(near)["listen"]
    first, _ = connect(listen)
    with first:
        assert foretold(explain(near)) == {
            **foretold(explain(near)), "outcome": "refused",
            "reason": "it has all the connections that max_connections allows"}
        with pytest.raises(ConnectionError):
            connect(listen)[0].recv(1)
    wait_until(lambda: "connection_refused" in near.log, 10, "it is logged")
    assert "max_connections" in near.log


def test_status_says_of_a_stranger_what_explain_says(make_pair, authority):
    pair = make_pair(Named().address)
    near = pair.consumer
    wait_reason(near, pair.tunnel, "chosen", "")
    document, _ = pair.documents()
    document["consume"]["service"]["peer"] = [authority.identity("other")]
    assert near.reload(document).returncode == 0
    said = "who is there may not claim to offer it"
    wait_reason(near, pair.tunnel, "unusable", said)
    endpoint, = near.status()["services"][0]["endpoints"]
    assert (endpoint["state"], endpoint["failure"]) == ("down", said)


# ---- the document ----

def documented():
    """The members in each table of the document, as sets."""
    text = DOCUMENT.read_text(encoding="utf-8")
    return [set(re.findall(r"^\| `(\w+)` \|", table, re.M))
            for table in text.split("| Member | Value |")[1:]]


def test_the_document_has_what_is_written_of_it(box):
    near = direct(box, [Named()])
    put(near, Named().address)
    done = near.command("explain", "service", "--json", check=True)
    whole = json.loads(done.stdout)
    role = whole["roles"][0]
    place = role["endpoints"][0]
    assert set(whole) == {"service", "roles"}
    assert documented() == [set(role), set(role["set"]),
                            set(role["sources"][0]), set(place),
                            set(place["views"][0]), set(role["next"][0])]
    # What status has of it, but for the time that passes between the two.
    known, = near.status()["services"]
    assert {**role["set"], "age_s": 0} == {**known["set"], "age_s": 0}
    assert counting(role) == {one["source"]: one["counts"]
                              for one in known["sources"]}
