# SPDX-License-Identifier: MIT
"""Ports and addresses."""
import itertools
import os
import socket

# Below what the kernel gives to connections that go out: between choosing a
# port and listening at it, one of thousands of those could take it.
_FIRST, _COUNT = 12000, 20000
# Tests that run side by side have ranges of their own.
_RUNNERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
_RUNNER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])
_COUNT //= _RUNNERS
_FIRST += _RUNNER * _COUNT
_numbers = itertools.count(os.getpid() * 101)


def free_port(host="127.0.0.1"):
    """A port that is free now and that nobody will take unasked."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for _ in range(_COUNT):
        port = _FIRST + next(_numbers) % _COUNT
        with socket.socket(family) as probe:
            try:
                probe.bind((host, port))
                return port
            except OSError:
                continue
    raise AssertionError("no port is free")


def connect(address, timeout=10, source=None):
    """A socket connected to "host:port", "[v6]:port" or "unix:/path", from
    the IP address |source| if it matters."""
    if address.startswith("unix:"):
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(timeout)
        sock.connect(address[5:])
        return sock
    host, port = address.rsplit(":", 1)
    return socket.create_connection((host.strip("[]"), int(port)), timeout,
                                    source and (source, 0))


def answers(address):
    """Whether anybody accepts connections at |address|."""
    try:
        connect(address, 1).close()
        return True
    except OSError:
        return False
