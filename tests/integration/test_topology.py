# SPDX-License-Identifier: MIT
"""Who stands where: many services, a mesh, the other way round, alone."""


import pytest

from harness import ports, verify
from harness.ambassador import (BINARY, UNDER, Ambassador, any_port)
from harness.processes import wait_until

pytestmark = pytest.mark.entente


def exact(box, address, **options):
    """A handful of transfers through |address| are exact."""
    verify.assert_exact(verify.transfer(
        box, address, "--count", 10, "--concurrency", 4, "--up", "0-100000",
        "--down", "0-100000", **options))


def test_services_in_one_process_do_not_mix(box, authority, make_pair):
    servers = [verify.Server(box) for _ in range(5)]
    pair = make_pair(servers[0].address, start=False)
    near, far = pair.documents()
    consume, offer = {}, {}
    for number, server in enumerate(servers):
        consume[f"s{number}"] = {**near["consume"]["service"],
                                 "listen": any_port()}
        offer[f"s{number}"] = {**far["offer"]["service"],
                               "to": [f"static:{server.address}"]}
    near["consume"], far["offer"] = consume, offer
    Ambassador(box, "offerer", far).start()
    consumer = Ambassador(box, "consumer", near).start()
    consumer.wait_for(*consume)
    for number, server in enumerate(servers):
        verify.assert_exact(verify.transfer(
            box, consume[f"s{number}"]["listen"], "--count", 7, "--seed",
            number + 1, "--up", 1000, "--down", 1000))
        keys = server.seen(7)
        assert {key >> 32 for key in keys} == {number + 1}, number


def test_three_ambassadors_that_all_offer_and_consume(box, authority):
    names = ["a-1", "b-1", "c-1"]
    tunnels = {name: any_port() for name in names}
    servers = {name: verify.Server(box) for name in names}
    listeners, ambassadors = {}, []
    for name in names:
        leaf = authority.issue(name, file=box.name(name))
        consume = {}
        for other in names:
            if other != name:
                listeners[name, other] = any_port()
                consume[f"at-{other}"] = {
                    "listen": listeners[name, other],
                    "from": [f"static:{tunnels[other]}"],
                    "peer": [authority.identity(other)]}
        ambassadors.append(Ambassador(box, name, {
            "identity": leaf.section(), "tunnels": {"listen": tunnels[name]},
            "consume": consume, "offer": {f"at-{name}": {
                "to": [f"static:{servers[name].address}"],
                "allow": [authority.identity("*")]}}}).start(ready=False))
    for ambassador in ambassadors:
        ambassador.wait_for(*ambassador.document["consume"])
    for number, (who, where) in enumerate(listeners, 1):
        verify.assert_exact(verify.transfer(
            box, listeners[who, where], "--count", 5, "--seed", number,
            "--up", 5000, "--down", 5000))
        assert any(key >> 32 == number for key in servers[where].seen(5))


@pytest.mark.smoke
def test_the_offering_side_dials(box, authority):
    # The service's host accepts nothing: it dials out.
    server = verify.Server(box)
    tunnel, listen = any_port(), any_port()
    web = authority.issue("web-1", file=box.name("web"))
    db = authority.issue("db-1", file=box.name("db"))
    consumer = Ambassador(box, "consumer", {
        "identity": web.section(), "tunnels": {"listen": tunnel},
        "consume": {"service": {"listen": listen, "from": ["inbound:"],
                                "peer": [db.identity]}}}).start(ready=False)
    wait_until(lambda: ports.answers(listen), 10, "it listens")
    early = verify.Client(box, listen, "--up", 1000, "--down", 1000)
    offerer = Ambassador(box, "offerer", {
        "identity": db.section(), "tunnels": {"dial": [tunnel]},
        "offer": {"service": {"to": [f"static:{server.address}"],
                              "allow": [web.identity]}}}).start(ready=False)
    verify.assert_exact(early.totals(30))
    consumer.wait_for("service")
    exact(box, listen)
    offerer.kill()
    offerer.start(ready=False)
    exact(box, listen)
    dialled, = offerer.status()["tunnel_dial"]["endpoints"]
    assert (dialled["address"], dialled["state"]) == (tunnel, "up"), dialled
    assert consumer.status()["tunnel_dial"] is None
    consumer.kill()
    wait_until(lambda: f"tunnels.dial: {tunnel} is down: refused" in
               offerer.command("status").stdout, 20, "it is told")
    consumer.start(ready=False)
    wait_until(lambda: ports.answers(listen), 10, "it listens again")
    exact(box, listen)


def test_who_dials_may_not_offer_what_it_may_not(box, authority):
    tunnel, listen = any_port(), any_port()
    web = authority.issue("web-1", file=box.name("web"))
    evil = authority.issue("evil-1", file=box.name("evil"))
    server = verify.Server(box)
    Ambassador(box, "consumer", {
        "identity": web.section(), "tunnels": {"listen": tunnel},
        "consume": {"service": {
            "listen": listen, "from": ["inbound:"], "hold": "1s",
            "peer": [authority.identity("db-1")]}}}).start(ready=False)
    Ambassador(box, "evil", {
        "identity": evil.section(), "tunnels": {"dial": [tunnel]},
        "offer": {"service": {"to": [f"static:{server.address}"],
                              "allow": [web.identity]}}}).start(ready=False)
    wait_until(lambda: ports.answers(listen), 10, "it listens")
    totals = verify.transfer(box, listen, "--up", 100, "--timeout", 10)
    assert totals["reset"] == 1, totals
    assert not server.seen()


@pytest.mark.smoke
@pytest.mark.valgrind
def test_one_ambassador_alone_goes_direct(box):
    servers = [verify.Server(box), verify.Server(box)]
    listen = any_port()
    made = Ambassador(box, "single", {"consume": {"service": {
        "listen": listen,
        "direct": [f"static:{server.address}" for server in servers]}}})
    made.start().wait_for("service")
    verify.assert_exact(verify.transfer(
        box, listen, "--count", 40, "--concurrency", 4, "--up", "0-100000",
        "--down", "0-100000"))
    verify.assert_exact(verify.transfer(
        box, listen, "--up", 100000, "--down", 100000, "--down-answer",
        "--seed", 2))
    assert all(server.seen(5) for server in servers), "both must be used"
    client = verify.Client(box, listen, "--down", 5000, "--down-end",
                           "flushed", "--up-end", "hold", "--seed", 3)
    client.totals()
    seen, = client.seen().values()
    assert (seen.end, seen.got) == ("reset", 5000), seen
    servers[0].process.kill()
    exact(box, listen, timeout=60)


@pytest.mark.smoke
def test_flags_do_what_a_file_does(box, authority):
    server = verify.Server(box)
    tunnel, listen = any_port(), any_port()
    web = authority.issue("web-1", file=box.name("web"))
    db = authority.issue("db-1", file=box.name("db"))
    box.start("offerer", [
        *UNDER, BINARY, "offer", "service", "--to",
        f"static:{server.address}", "--tunnel-listen", tunnel, "--allow",
        web.identity, "--admin", f"unix:{box.path('o.sock')}", *db.flags()])
    box.start("consumer", [
        *UNDER, BINARY, "consume", "service", "--listen", listen, "--from",
        f"static:{tunnel}", "--peer", db.identity, "--admin",
        f"unix:{box.path('c.sock')}", *web.flags()])
    wait_until(lambda: ports.answers(listen), 10, "it listens")
    exact(box, listen)


@pytest.mark.smoke
def test_certificates_of_our_own_making_work(box):
    from harness.ambassador import entente
    certs = box.path("certs")
    entente("pki", "pair", "redis", "--dir", certs, check=True)
    assert certs.joinpath("ca.key").stat().st_mode & 0o777 == 0o600
    assert certs.joinpath("redis-client.key").stat().st_mode & 0o777 == 0o600
    done = entente("pki", "issue", "redis-client", "--dir", certs)
    assert done.returncode == 1, "overwrote a key"
    server = verify.Server(box)
    tunnel, listen = any_port(), any_port()

    def identity(name):
        return {"certificate": str(certs / f"{name}.crt"),
                "private_key": str(certs / f"{name}.key"),
                "trust": str(certs / "ca.crt"),
                "revocation": str(certs / "ca.crl")}

    Ambassador(box, "offerer", {
        "identity": identity("redis-server"), "tunnels": {"listen": tunnel},
        "offer": {"redis": {"to": [f"static:{server.address}"], "allow":
                            ["spiffe://entente/redis-client"]}}}).start()
    Ambassador(box, "consumer", {
        "identity": identity("redis-client"), "consume": {"redis": {
            "listen": listen, "from": [f"static:{tunnel}"],
            "peer": ["spiffe://entente/redis-server"]}}}).start()
    exact(box, listen)


def test_every_worker_has_its_share(box, make_pair):
    server = verify.Server(box)
    for workers in (1, 2, 4):
        pair = make_pair(server.address, consumer={"workers": workers},
                         offerer={"workers": workers})
        verify.assert_exact(verify.transfer(
            box, pair.address, "--count", 200, "--concurrency", 16, "--up",
            "0-100000", "--down", "0-100000", "--seed", workers))
        pair.consumer.stop()
        pair.offerer.stop()




def test_there_are_as_many_workers_as_were_asked_for(box):
    made = Ambassador(box, "many", {"workers": 70, "consume": {"service": {
        "listen": any_port(), "direct": ["static:127.0.0.1:9"]}}}).start()
    assert len(made.status()["workers"]) == 70
    assert made.command("explain", "service").returncode == 0
