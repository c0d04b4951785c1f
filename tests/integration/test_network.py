# SPDX-License-Identifier: MIT
"""What the network does to a pair: silence, resets, ends that come and go."""
import socket
import threading
import time

import pytest

from harness import ports, verify
from harness.ambassador import SLOW, Ambassador, any_port
from harness.capture import Capture
from harness.chaos import canary
from harness.processes import wait_until
from harness.servers import redis

MIB = 1 << 20


def test_nothing_on_the_wire_is_readable(box, hosts, make_pair):
    near, far = hosts
    redis.Redis(box, port=12345, namespace=far)
    tunnel = f"{far.address}:7411"
    pair = make_pair("127.0.0.1:12345", name="redis", hosts=hosts,
                     listen="127.0.0.1:6379", tunnel=tunnel)
    redis.wait_for(pair.address, namespace=near)
    wire = Capture(box, near)
    sent, stored = canary(), canary()
    address = pair.address
    assert redis.cli(address, "set", sent, stored, namespace=near) == "OK"
    assert redis.cli(address, "get", sent, namespace=near) == stored
    assert redis.cli(address, "ping", namespace=near) == "PONG"
    captured = wire.stop()
    assert len(captured) > 1000, "nothing was captured"
    for word in (sent, stored, "PONG", "SET", "spiffe", "redis"):
        assert word.encode() not in captured, f"{word} is on the wire"
        assert word.lower().encode() not in captured


@pytest.mark.entente
def test_the_capture_would_have_seen_it(box, hosts):
    # The same without ambassadors: the test above can fail.
    near, far = hosts
    redis.Redis(box, host=far.address, port=12345, namespace=far)
    wire = Capture(box, near)
    word = canary()
    address = f"{far.address}:12345"
    assert redis.cli(address, "set", word, "x", namespace=near) == "OK"
    assert word.encode() in wire.stop()


@pytest.mark.entente
@pytest.mark.parametrize("direction", ["both", "to the far side",
                                       "from the far side"])
def test_a_dead_peer_is_noticed_within_three_seconds(
        box, hosts, make_pair, direction):
    near, far = hosts
    server = verify.Server(box, "127.0.0.1:12345", namespace=far, timeout=60)
    pair = make_pair(server.address, hosts=hosts, listen="127.0.0.1:6379",
                     tunnel=f"{far.address}:7411", consume={"hold": "500ms"})
    client = verify.Client(box, pair.address, "--count", 4, "--concurrency", 4,
                           "--up", 400 * MIB, "--down", 400 * MIB,
                           "--up-pace", 4 * MIB, "--down-pace", 4 * MIB,
                           "--timeout", 30, namespace=near)
    time.sleep(1)

    def in_use(end):
        """Tunnels with streams; one without is asked less often."""
        return [one for one in end.tunnels() if one["streams"]]

    assert in_use(pair.consumer) and in_use(pair.offerer)
    rules = {"both": "tcp dport 7411 drop; tcp sport 7411 drop;",
             "to the far side": "tcp dport 7411 drop;",
             "from the far side": "tcp sport 7411 drop;"}[direction]
    began = time.monotonic()
    far.nft(f"chain in {{ type filter hook input priority 0; {rules} }}\n"
            f"chain out {{ type filter hook output priority 0; {rules} }}")
    for end in (pair.consumer, pair.offerer):
        wait_until(lambda end=end: not in_use(end), 10 * SLOW,
                   f"{end.name} gives the tunnel up")
        took = time.monotonic() - began
        assert took < 3.0 + 0.7 * SLOW, f"{end.name}: {took:.1f} s"
    far.nft("")
    client.totals(60)
    for seen in client.seen().values():
        assert not seen.is_truncated and seen.bad == "no", seen
    wait_until(pair.consumer.tunnels, 20, "it comes back")
    verify.assert_exact(verify.transfer(box, pair.address, "--up", 1000,
                                        "--down", 1000, namespace=near))


@pytest.mark.entente
def test_a_reset_from_the_network_is_survived_by_new_connections(
        box, hosts, make_pair):
    near, far = hosts
    server = verify.Server(box, "127.0.0.1:12345", namespace=far)
    pair = make_pair(server.address, hosts=hosts, listen="127.0.0.1:6379",
                     tunnel=f"{far.address}:7411")
    for _ in range(5):
        near.kill_connections(7411)
        totals = verify.transfer(box, pair.address, "--count", 10,
                                 "--concurrency", 2, "--up", 5000, "--down",
                                 5000, namespace=near)
        assert totals["truncated"] == totals["corrupted"] == 0, totals
        assert totals["timeouts"] == 0, totals
    verify.assert_exact(verify.transfer(
        box, pair.address, "--count", 10, "--up", 5000, "--down", 5000,
        namespace=near))


@pytest.mark.smoke
@pytest.mark.entente
def test_the_far_side_restarts_and_is_dialled_again(box, make_pair):
    server = verify.Server(box)
    pair = make_pair(server.address)
    for how in ("kill", "stop"):
        getattr(pair.offerer, how)()
        pair.offerer.start(ready=False)
        began = time.monotonic()
        verify.assert_exact(verify.transfer(
            box, pair.address, "--count", 5, "--up", 1000, "--down", 1000))
        assert time.monotonic() - began < 8 * SLOW


@pytest.mark.smoke
@pytest.mark.entente
def test_connections_before_the_far_side_is_up_are_served_then(
        box, authority, make_pair):
    server = verify.Server(box)
    pair = make_pair(server.address, start=False, consume={"hold": "20s"})
    near, far = pair.documents()
    pair.consumer = Ambassador(box, "consumer", near).start(ready=False)
    wait_until(lambda: ports.answers(pair.address), 10, "it listens")
    client = verify.Client(box, pair.address, "--count", 20, "--concurrency",
                           20, "--up", 50000, "--down", 50000)
    time.sleep(1.5)
    assert not client.seen(), "nobody can have been served yet"
    pair.offerer = Ambassador(box, "offerer", far).start(ready=False)
    verify.assert_exact(client.totals(40))


@pytest.mark.smoke
@pytest.mark.entente
def test_when_the_hold_is_over_the_connection_is_reset(box, make_pair):
    pair = make_pair("127.0.0.1:9", start=False, consume={"hold": "1s"})
    near, _ = pair.documents()
    Ambassador(box, "consumer", near).start(ready=False)
    wait_until(lambda: ports.answers(pair.address), 10, "it listens")
    began = time.monotonic()
    with ports.connect(pair.address) as sock:
        sock.sendall(b"hello")
        with pytest.raises(ConnectionResetError):
            data = sock.recv(1)
            pytest.fail(f"{data!r} instead of a reset")
    assert 0.8 < time.monotonic() - began < 1.6 + SLOW


@pytest.mark.entente
def test_of_two_peers_one_may_be_down_and_nobody_notices(box, authority):
    server = verify.Server(box)
    leafs = [authority.issue(name, file=box.name(name))
             for name in ("db-1", "db-2")]
    tunnels = [any_port(), any_port()]
    offerers = [Ambassador(box, f"offerer-{number}", {
        "identity": leaf.section(), "tunnels": {"listen": tunnel},
        "offer": {"service": {"to": [f"static:{server.address}"],
                              "allow": [authority.identity("web-*")]}}})
        .start(ready=False)
        for number, leaf, tunnel in zip((1, 2), leafs, tunnels)]
    web = authority.issue("web-1", file=box.name("web"))
    listen = any_port()
    consumer = Ambassador(box, "consumer", {
        "identity": web.section(), "consume": {"service": {
            "listen": listen, "from": [f"static:{t}" for t in tunnels],
            "peer": [authority.identity("db-*")]}}}).start()
    consumer.wait_for("service")
    for offerer in offerers:
        client = verify.Client(box, listen, "--count", 300, "--concurrency",
                               3, "--every", 10, "--up", 100, "--down", 100,
                               "--seed", offerer.pid)
        time.sleep(0.4)
        offerer.kill()
        totals = client.totals(60)
        # Those under way when it died may be reset; nobody else notices.
        assert totals["exact"] >= totals["total"] - 3, totals
        assert totals["truncated"] == totals["timeouts"] == 0, totals
        assert totals["refused"] == 0, totals
        offerer.start(ready=False)
        wait_until(lambda: len(consumer.tunnels()) == 2, 20, "both are up")


@pytest.mark.entente
def test_of_two_endpoints_one_may_refuse_and_nobody_notices(box, make_pair):
    server = verify.Server(box)
    dead = f"127.0.0.1:{ports.free_port()}"
    pair = make_pair(server.address, offer={
        "to": [f"static:{dead}", f"static:{server.address}"]})
    verify.assert_exact(verify.transfer(
        box, pair.address, "--count", 200, "--concurrency", 4, "--up",
        "0-5000", "--down", "0-5000"))


@pytest.mark.entente
def test_a_tunnel_that_is_tampered_with_is_lost_and_no_byte_is_wrong(
        box, make_pair):
    server = verify.Server(box)
    pair = make_pair(server.address, chaos=True)
    client = verify.Client(box, pair.address, "--count", 8, "--concurrency",
                           8, "--up", 20 * MIB, "--down", 20 * MIB,
                           "--up-pace", 8 * MIB, "--down-pace", 8 * MIB)
    time.sleep(0.5)
    pair.chaos.corrupt_next = True
    totals = client.totals(60)
    assert totals["corrupted"] == totals["truncated"] == 0, totals
    verify.assert_exact(verify.transfer(box, pair.address, "--up", 1000,
                                        "--down", 1000))


@pytest.mark.entente
def test_bytes_in_the_smallest_pieces_are_whole(box, make_pair):
    server = verify.Server(box)
    pair = make_pair(server.address, chaos=True)
    pair.chaos.slice = 7
    verify.assert_exact(verify.transfer(
        box, pair.address, "--count", 10, "--concurrency", 5, "--up",
        "0-20000", "--down", "0-20000", timeout=300))


@pytest.mark.entente
def test_resets_of_the_tunnel_at_random_truncate_nothing(
        box, make_pair, long):
    server = verify.Server(box)
    pair = make_pair(server.address, chaos=True)
    client = verify.Client(box, pair.address, "--count", 20000 if long else
                           1500, "--concurrency", 16, "--up", "0-1000000",
                           "--down", "0-1000000", "--timeout", 30)
    stop = threading.Event()

    def harm():
        wait = 0.05
        while not stop.wait(wait):
            wait = 0.05 + (wait * 7919) % 0.4  # odd, and the same each time
            pair.chaos.reset()

    thread = threading.Thread(target=harm)
    thread.start()
    try:
        totals = client.totals(600)
    finally:
        stop.set()
        thread.join()
    assert totals["truncated"] == totals["corrupted"] == 0, totals
    assert totals["timeouts"] == totals["refused"] == 0, totals
    assert totals["exact"] > 0, totals
    assert not [seen for seen in server.seen().values()
                if seen.is_truncated and seen.of], "truncated at the service"


@pytest.mark.entente
def test_a_peer_that_accepts_and_never_answers_is_given_up(box, make_pair):
    listener = socket.create_server(("127.0.0.1", 0))
    box.undo(listener.close)
    pair = make_pair("127.0.0.1:9", start=False, consume={"hold": "1s"},
                     tunnel="127.0.0.1:%d" % listener.getsockname()[1])
    near, _ = pair.documents()
    consumer = Ambassador(box, "consumer", near).start(ready=False)
    wait_until(lambda: "tunnel_failed" in consumer.log, 10 * SLOW,
               "the handshake is given up")
    time.sleep(3)
    assert consumer.process.descriptors() < 40
