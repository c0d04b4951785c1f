# SPDX-License-Identifier: MIT
"""A Redis, its client and its benchmark."""
from ..ports import free_port
from ..processes import run, wait_until
from . import need


class Redis:
    """redis-server without persistence, at |host| and the addresses |also|."""

    def __init__(self, box, host="127.0.0.1", port=None, namespace=None,
                 options=(), also=()):
        need("redis-server", "redis-cli", "redis-benchmark")
        self.host, self.port = host, port or free_port()
        self.namespace = namespace
        self.address = f"{host}:{self.port}"
        self._box, self._options, self._also = box, options, also
        self.start()

    def start(self):
        """Start it, or start it again."""
        self.process = self._box.start(
            "redis", ["redis-server", "--port", self.port, "--bind", self.host,
                      *self._also, "--save", "", "--appendonly", "no",
                      "--protected-mode", "no", "--dir", self._box.folder,
                      *self._options],
            namespace=self.namespace)
        self.process.says("Ready to accept connections")


def arguments(address):
    """redis-cli's words for an address."""
    if address.startswith("unix:"):
        return ["-s", address[5:]]
    host, port = address.rsplit(":", 1)
    return ["-h", host.strip("[]"), "-p", port]


def cli(address, *words, namespace=None, timeout=60, **options):
    """What redis-cli says."""
    argv = ["redis-cli", *arguments(address), *words]
    argv = namespace.command(argv) if namespace else argv
    return run(argv, timeout=timeout, **options).stdout.rstrip("\n")


def benchmark(address, *words, timeout=120):
    """Requests a second by name, as redis-benchmark measures them."""
    done = run(["redis-benchmark", *arguments(address), "--csv", *words],
               timeout=timeout)
    rates = {}
    for line in done.stdout.splitlines()[1:]:
        cells = [cell.strip('"') for cell in line.split(",")]
        rates[cells[0]] = float(cells[1])
    assert rates, done.stdout + done.stderr
    return rates


def wait_for(address, namespace=None, timeout=20):
    """Wait until a PING is answered."""
    wait_until(lambda: cli(address, "ping", namespace=namespace,
                           check=False) == "PONG", timeout, "PONG")
