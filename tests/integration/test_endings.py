# SPDX-License-Identifier: MIT
"""FIN is FIN, reset is reset, in each direction, behind all bytes."""
import socket
import struct
import threading
import time

import pytest

from harness import ports, verify
from harness.ambassador import SLOW, Ambassador, any_port
from harness.processes import wait_until

MIB = 1 << 20


@pytest.mark.smoke
@pytest.mark.parametrize("answer", ["--down-answer", "--up-answer"])
def test_a_late_answer_to_a_half_close_arrives_whole(box, make_pair, answer):
    server = verify.Server(box)
    pair = make_pair(server.address)
    delay = "--down-delay" if answer == "--down-answer" else "--up-delay"
    verify.assert_exact(verify.transfer(
        box, pair.address, "--up", 300000, "--down", 300000, answer, delay,
        2000, "--count", 8, "--concurrency", 8))
    assert all(seen.is_exact for seen in server.seen(8).values())


@pytest.mark.parametrize("answer, size", [("--up-answer", "--up"),
                                          ("--down-answer", "--down")])
def test_a_half_closed_connection_carries_much_more(
        box, make_pair, answer, size, long):
    server = verify.Server(box)
    pair = make_pair(server.address)
    verify.assert_exact(verify.transfer(
        box, pair.address, answer, size, (1024 if long else 100) * MIB,
        timeout=300))


@pytest.mark.smoke
def test_bytes_before_a_reset_by_the_service_arrive(box, make_pair):
    server = verify.Server(box)
    pair = make_pair(server.address)
    client = verify.Client(box, pair.address, "--down", 500000, "--down-end",
                           "flushed", "--up-end", "hold", "--count", 20,
                           "--concurrency", 4)
    client.totals()
    for seen in client.seen().values():
        assert (seen.end, seen.got, seen.bad) == ("reset", 500000, "no"), seen


def test_bytes_before_a_reset_by_the_application_arrive(box, make_pair):
    server = verify.Server(box)
    pair = make_pair(server.address)
    client = verify.Client(box, pair.address, "--up", 500000, "--up-end",
                           "flushed", "--down-end", "hold", "--count", 20,
                           "--concurrency", 4)
    client.totals()
    for seen in server.seen(20).values():
        assert (seen.end, seen.got, seen.bad) == ("reset", 500000, "no"), seen


@pytest.mark.parametrize("way", ["through tunnels", "directly"])
@pytest.mark.parametrize("who", ["application", "service"])
def test_bytes_before_a_reset_arrive_beside_traffic_the_other_way(
        box, make_pair, way, who):
    # Who ends is still being written to: that write must not lose its bytes.
    server = verify.Server(box)
    if way == "directly":
        address = any_port()
        Ambassador(box, "near", {"consume": {"service": {
            "listen": address, "direct": [f"static:{server.address}"]}}}).start()
    else:
        address = make_pair(server.address).address
    mine, theirs = ("--up", "--down") if who == "application" else \
        ("--down", "--up")
    client = verify.Client(
        box, address, "--count", 24, "--concurrency", 8, mine, 3 << 20,
        f"{mine}-pace", 8 << 20, f"{mine}-end", "flushed", theirs, 8 << 20,
        f"{theirs}-pace", 8 << 20)
    client.totals()
    ends = server.seen(24) if who == "application" else client.seen()
    for seen in ends.values():
        assert (seen.end, seen.got, seen.bad) == ("reset", 3 << 20, "no"), seen


def test_an_answer_beside_an_unread_request_arrives(box, make_pair):
    # As HTTP servers do with a body they do not want: the whole answer first.
    server = verify.Server(box)
    pair = make_pair(server.address)
    client = verify.Client(box, pair.address, "--up", 200000, "--up-end",
                           "hold", "--down", 3000, "--down-delay", 200,
                           "--down-end", "unread", "--count", 10,
                           "--concurrency", 5)
    client.totals()
    for seen in client.seen().values():
        assert (seen.end, seen.got) == ("reset", 3000), seen


@pytest.mark.parametrize("delay", [0, 300])
def test_a_reset_by_the_application_resets_the_service(box, make_pair, delay):
    server = verify.Server(box)
    pair = make_pair(server.address)
    verify.Client(box, pair.address, "--up", 100000, "--up-end", "reset",
                  "--up-delay", delay, "--down", 50 * MIB, "--down-pace",
                  10 * MIB, "--count", 20, "--concurrency", 5).totals()
    for seen in server.seen().values():
        assert seen.end == "reset", seen
        assert not seen.is_truncated, seen


def test_a_service_that_resets_at_once_is_a_reset(box, make_pair):
    listener = socket.create_server(("127.0.0.1", 0))
    box.undo(listener.close)

    def reset_all():
        try:
            while True:
                sock, _ = listener.accept()
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                struct.pack("ii", 1, 0))
                sock.close()
        except OSError:
            pass

    threading.Thread(target=reset_all, daemon=True).start()
    pair = make_pair("127.0.0.1:%d" % listener.getsockname()[1], start=False)
    pair.start()
    for _ in range(200):
        try:
            with ports.connect(pair.address) as sock:
                sock.sendall(b"x")
                assert sock.recv(1) == b"", "a byte from nowhere"
                pytest.fail("an end of file where there was a reset")
        except ConnectionResetError:
            pass


@pytest.mark.smoke
@pytest.mark.entente
def test_a_service_that_is_not_there_is_a_reset_and_soon(box, make_pair):
    pair = make_pair(f"127.0.0.1:{ports.free_port()}", start=False,
                     consume={"hold": "200ms"})
    pair.start(wait=False)
    pair.consumer.wait_healthy()
    began = time.monotonic()
    try:
        with ports.connect(pair.address, 10) as sock:
            sock.sendall(b"x")
            assert sock.recv(1) == b"", "a byte from nowhere"
        pytest.fail("an end of file instead of a reset")
    except ConnectionResetError:
        pass
    assert time.monotonic() - began < 3 * SLOW


def test_simultaneous_closes_are_clean(box, make_pair):
    server = verify.Server(box)
    pair = make_pair(server.address)
    verify.assert_exact(verify.transfer(
        box, pair.address, "--up", 0, "--down", 0, "--count", 500,
        "--concurrency", 10))


@pytest.mark.smoke
@pytest.mark.entente
@pytest.mark.parametrize("end", ["consumer", "offerer"])
def test_nothing_stays_behind_when_streams_are_over(box, make_pair, end):
    server = verify.Server(box)
    pair = make_pair(server.address)
    verify.transfer(box, pair.address, "--count", 20, "--concurrency", 10)
    process = getattr(pair, end).process
    before = process.descriptors()
    for ending in ("fin", "reset", "close", "unread", "half"):
        verify.transfer(box, pair.address, "--count", 50, "--concurrency", 10,
                        "--up", "0-300000", "--down", "0-300000", "--up-end",
                        ending, "--timeout", 20)
    wait_until(lambda: process.descriptors() <= before, 10,
               "all sockets are closed")
    streams = [service["streams"]
               for service in getattr(pair, end).status()["services"]]
    assert streams == [0], streams
