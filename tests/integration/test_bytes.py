# SPDX-License-Identifier: MIT
"""Every byte arrives, once, at its place, and then the end."""
import socket

import pytest

from harness import ports, verify
from harness.ambassador import any_port
from harness.processes import wait_until

MIB = 1 << 20


@pytest.mark.smoke
def test_random_transfers_are_exact_at_every_offset(box, make_pair, long):
    server = verify.Server(box)
    pair = make_pair(server.address)
    count = 10000 if long else 2000
    totals = verify.transfer(
        box, pair.address, "--count", count, "--concurrency", 32,
        "--up", "0-2000000", "--down", "0-2000000", timeout=300)
    verify.assert_exact(totals)
    assert all(seen.is_exact for seen in server.seen(count).values())


@pytest.mark.parametrize("size", [
    0, 1, 2, 255, 1023, 1024, 1025, 4095, 4097, 16375, 16376, 16377, 16384,
    16385, 65535, 65537, 262143, 262145, MIB - 1, MIB + 1])
def test_sizes_at_the_edges_of_frames_and_windows_are_exact(
        box, make_pair_once, size):
    pair, server = make_pair_once
    del server
    verify.assert_exact(verify.transfer(
        pair.box, pair.address, "--up", size, "--down", size, "--count", 4,
        "--concurrency", 4, "--seed", size + 7))


@pytest.fixture(scope="module")
def make_pair_once(authority):
    """One pair for many small tests."""
    from harness.box import Box
    from harness.pair import Pair
    box = Box()
    try:
        server = verify.Server(box)
        yield Pair(box, authority, server.address).start(), server
        box.stop()
        assert not box.complaints()
    finally:
        box.stop()
        box.clear()


@pytest.mark.parametrize("direction", ["--up", "--down"])
def test_one_large_stream_is_exact(box, make_pair, long, direction):
    server = verify.Server(box)
    pair = make_pair(server.address)
    size = 4400 * MIB if long else 200 * MIB  # above 2^32
    verify.assert_exact(verify.transfer(
        box, pair.address, direction, size, timeout=600))


def test_many_streams_at_a_time_are_exact(box, make_pair, long):
    server = verify.Server(box)
    pair = make_pair(server.address)
    count = 1000 if long else 300
    verify.assert_exact(verify.transfer(
        box, pair.address, "--count", count, "--concurrency", count,
        "--up", 200000, "--down", 200000, timeout=300))


def test_a_connection_without_a_byte_ends_without_a_byte(box, make_pair):
    server = verify.Server(box)
    pair = make_pair(server.address)
    for _ in range(20):
        with ports.connect(pair.address) as sock:
            sock.shutdown(socket.SHUT_WR)
            assert sock.recv(1) == b""
    wait_until(lambda: server.empty().count("fin") == 20, 5, "20 clean ends")


@pytest.mark.parametrize("where", ["application", "service", "both"])
def test_unix_sockets_at_either_end(box, make_pair, where):
    service = f"unix:{box.path('service.sock')}" \
        if where in ("service", "both") else None
    listen = f"unix:{box.path('app.sock')}" \
        if where in ("application", "both") else None
    server = verify.Server(box, service)
    pair = make_pair(server.address, listen=listen)
    verify.assert_exact(verify.transfer(
        box, pair.address, "--count", 50, "--concurrency", 8, "--up",
        "0-300000", "--down", "0-300000"))


def test_ipv6_at_every_leg(box, make_pair):
    try:
        server = verify.Server(box, any_port("::1"))
    except OSError:
        pytest.skip("no IPv6 here")
    pair = make_pair(server.address, listen=any_port("::1"),
                     tunnel=any_port("::1"))
    verify.assert_exact(verify.transfer(
        box, pair.address, "--count", 20, "--concurrency", 4, "--up",
        "0-300000", "--down", "0-300000"))


def test_a_service_has_several_listeners(box, make_pair):
    server = verify.Server(box)
    listen = [any_port(), any_port("::1"), f"unix:{box.path('app.sock')}"]
    make_pair(server.address, listen=listen)
    for address in listen:
        verify.assert_exact(verify.transfer(
            box, address, "--count", 5, "--up", 1000, "--down", 100000))


def test_a_service_that_speaks_first_is_heard(box, make_pair):
    server = verify.Server(box)
    pair = make_pair(server.address)
    # The plan is the client's greeting; all else comes from the server.
    verify.assert_exact(verify.transfer(
        box, pair.address, "--count", 50, "--concurrency", 8, "--up", 10,
        "--up-answer", "--down", "1-100000"))


@pytest.mark.smoke
def test_a_greeting_comes_before_a_byte_is_sent(box, make_pair):
    listener = socket.create_server(("127.0.0.1", 0))
    box.undo(listener.close)
    listener.settimeout(20)
    pair = make_pair("127.0.0.1:%d" % listener.getsockname()[1])
    with ports.connect(pair.address) as application:
        service, _ = _accept_last(listener)
        service.sendall(b"220 ready\r\n")
        assert application.recv(100) == b"220 ready\r\n"
        application.sendall(b"QUIT\r\n")
        assert service.recv(100) == b"QUIT\r\n"
        service.sendall(b"221 bye\r\n")
        service.close()
        assert application.recv(100) == b"221 bye\r\n"
        assert application.recv(100) == b""


def _accept_last(listener):
    """The newest of the connections that wait (a probe may be first)."""
    accepted = listener.accept()
    listener.settimeout(0.3)
    try:
        while True:
            accepted = listener.accept()
    except TimeoutError:
        return accepted
