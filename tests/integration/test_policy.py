# SPDX-License-Identifier: MIT
"""Who may: default deny, both ways, for every service."""
import itertools

import pytest

from harness import ports, verify
from harness.ambassador import Ambassador, any_port, entente
from harness.processes import wait_until

pytestmark = pytest.mark.entente


def is_served(box, address):
    """Whether a transfer through |address| works; a reset if not."""
    totals = verify.transfer(box, address, "--up", 100, "--down", 100,
                             "--timeout", 15)
    assert totals["truncated"] == totals["timeouts"] == 0, totals
    return totals["exact"] == 1


@pytest.mark.smoke
def test_every_identity_reaches_exactly_what_it_may(box, authority):
    server = verify.Server(box)
    names = ["web-1", "web-2", "batch/nightly", "admin"]
    allow = {"open": ["web-*", "batch/*", "admin"], "web": ["web-*"],
             "one": ["web-2"], "batch": ["batch/nightly"],
             "admin": ["admin"], "wild": ["*"]}
    expected = {
        "open": set(names), "web": {"web-1", "web-2"}, "one": {"web-2"},
        "batch": {"batch/nightly"}, "admin": {"admin"},
        "wild": {"web-1", "web-2", "admin"}}  # * is one segment
    tunnel = any_port()
    db = authority.issue("db-1", file=box.name("db"))
    offerer = Ambassador(box, "offerer", {
        "identity": db.section(), "tunnels": {"listen": tunnel},
        "offer": {name: {"to": [f"static:{server.address}"], "allow": [
            authority.identity(who) for who in allowed]}
            for name, allowed in allow.items()}}).start()
    listeners = {}
    for name in names:
        leaf = authority.issue(name, file=box.name("who"))
        consume = {}
        for service in allow:
            listeners[name, service] = any_port()
            consume[service] = {
                "listen": listeners[name, service], "hold": "300ms",
                "from": [f"static:{tunnel}"], "peer": [db.identity]}
        Ambassador(box, box.name("consumer"), {
            "identity": leaf.section(), "consume": consume}).start(ready=False)
    for name in names:
        wait_until(lambda name=name: is_served(box, listeners[name, "open"]),
                   20, f"{name} is served")
    for name, service in itertools.product(names, allow):
        served = is_served(box, listeners[name, service])
        assert served == (name in expected[service]), (name, service)
    assert offerer.process.is_running()


def test_a_service_nobody_offers_is_refused(box, authority, make_pair):
    server = verify.Server(box)
    pair = make_pair(server.address, start=False, consume={"hold": "300ms"})
    near, far = pair.documents()
    far["offer"] = {"other": far["offer"]["service"]}
    Ambassador(box, "offerer", far).start()
    Ambassador(box, "consumer", near).start(ready=False)
    wait_until(lambda: ports.answers(pair.address), 10, "it listens")
    assert not is_served(box, pair.address)


def test_who_may_not_offer_it_gets_no_byte(box, authority, make_pair):
    # A valid certificate of the right CA, but not of the peer we want.
    server = verify.Server(box)
    pair = make_pair(server.address, start=False, consume={
        "hold": "500ms", "peer": [authority.identity("elsewhere")]})
    near, far = pair.documents()
    Ambassador(box, "offerer", far).start()
    consumer = Ambassador(box, "consumer", near).start(ready=False)
    wait_until(lambda: ports.answers(pair.address), 10, "it listens")
    assert not is_served(box, pair.address)
    assert pair.db.identity in consumer.log, "the log must say who it was"
    assert not server.seen() and not server.empty()


def test_wait_says_so_when_nobody_may(box, authority, make_pair):
    pair = make_pair("127.0.0.1:9", start=False, offer={
        "allow": [authority.identity("somebody-else")]})
    near, far = pair.documents()
    Ambassador(box, "offerer", far).start()
    consumer = Ambassador(box, "consumer", near).start(ready=False)
    wait_until(lambda: ports.answers(pair.address), 10, "it listens")
    done = consumer.command("wait", "--timeout", "1s", "service")
    assert done.returncode == 1 and done.stderr.strip(), done


def test_identities_are_patterns_with_a_scheme(box):
    done = entente("check", "--config", box.write("bad.yaml", """
tunnels: {listen: 127.0.0.1:7411}
offer:
  redis:
    to: [static:127.0.0.1:6379]
    allow: [web-1]
"""))
    assert done.returncode == 1
    assert "bad.yaml:6:" in done.stderr, done.stderr


def test_whom_a_reload_forbids_gets_no_connection_by_a_tunnel_that_is_up(
        box, make_pair):
    pair = make_pair(verify.Server(box).address, consume={"hold": "0"})
    consumer, first = pair.consumer, pair.documents()[0]
    other = {**first, "consume": {pair.name: {
        **first["consume"][pair.name],
        "peer": [pair.db.identity.replace("db-1", "other")]}}}
    for document, is_allowed in ((other, False), (first, True)) * 2:
        assert consumer.reload(document).returncode == 0
        wait_until(lambda: is_served(box, pair.address) == is_allowed, 20,
                   f"a connection is {'' if is_allowed else 'not '}carried")
        assert len(consumer.tunnels()) > 0
        assert [is_served(box, pair.address) for _ in range(4)] == \
            [is_allowed] * 4
