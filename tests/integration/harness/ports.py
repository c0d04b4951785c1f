# SPDX-License-Identifier: MIT
"""Ports, chosen by the kernel."""
import socket


def free_port(host="127.0.0.1"):
    """A port that is free now and that the kernel will not soon give again."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]


def connect(address, timeout=10):
    """A socket connected to "host:port", "[v6]:port" or "unix:/path"."""
    if address.startswith("unix:"):
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(timeout)
        sock.connect(address[5:])
        return sock
    host, port = address.rsplit(":", 1)
    return socket.create_connection((host.strip("[]"), int(port)), timeout)


def answers(address):
    """Whether anybody accepts connections at |address|."""
    try:
        connect(address, 1).close()
        return True
    except OSError:
        return False
