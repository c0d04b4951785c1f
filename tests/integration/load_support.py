# SPDX-License-Identifier: MIT
"""What the tests of moving, failing and choosing share: services that say who
they are, and a load that notes where each new connection came to."""
import collections
import contextlib
import itertools
import threading
import time

from harness.ports import connect
from harness.servers import redis

_numbers = itertools.count(1)


class Named(redis.Redis):
    """A Redis that knows its name."""

    def __init__(self, box, name, **options):
        self.name = name
        super().__init__(box, **options)

    def start(self):
        super().start()
        redis.cli(self.address, "set", "who", self.name,
                  namespace=self.namespace)


class Caller:
    """One connection of an application."""

    def __init__(self, address, timeout=20, source=None):
        self.sock = connect(address, timeout, source)
        self.file = self.sock.makefile("rb")

    def ask(self, *words):
        """What the server says to a command."""
        message = f"*{len(words)}\r\n" + "".join(
            f"${len(word)}\r\n{word}\r\n" for word in words)
        self.sock.sendall(message.encode())
        head = self.file.readline()
        if not head.endswith(b"\r\n"):
            raise ConnectionError(f"the connection ended after {head!r}")
        if head.startswith(b"-"):
            raise ConnectionError(head.decode())
        if not head.startswith(b"$"):
            return head[1:-2].decode()
        if head == b"$-1\r\n":
            return None
        body = self.file.read(int(head[1:]) + 2)
        return body[:-2].decode()

    def visit(self):
        """Write, read it again, and learn the name of who kept it."""
        key = f"key-{next(_numbers)}"
        self.ask("SET", key, key)
        got = self.ask("GET", key)
        if got != key:
            raise ConnectionError(f"{got!r} instead of {key!r}")
        # One that has just started is told its name a moment later.
        for _ in range(500):
            who = self.ask("GET", "who")
            if who:
                return who
            time.sleep(0.01)
        raise ConnectionError("a server without a name")

    def close(self):
        self.file.close()
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def visit(address, **options):
    """The name of whom a new connection comes to."""
    with Caller(address, **options) as caller:
        return caller.visit()


def share(address, count, **options):
    """How many of |count| new connections, one by one, come to whom."""
    return collections.Counter(visit(address, **options)
                               for _ in range(count))


Visit = collections.namedtuple("Visit", "began ended who failure")


class Load:
    """New connections to |address|, one after the other in each thread."""

    def __init__(self, address, threads=2, pause=0.005, timeout=20):
        self.address = address
        self.pause = pause
        self.timeout = timeout
        self.visits = []
        self._stop = threading.Event()
        self._turns = threading.Semaphore(threads)
        self._threads = [threading.Thread(target=self._run, daemon=True)
                         for _ in range(threads)]
        for thread in self._threads:
            thread.start()

    def _run(self):
        while not self._stop.wait(self.pause):
            with self._turns:
                self._visit()

    def _visit(self):
        began, who, failure = time.monotonic(), None, None
        try:
            who = visit(self.address, timeout=self.timeout)
        except OSError as error:
            failure = repr(error)
        self.visits.append(Visit(began, time.monotonic(), who, failure))

    @contextlib.contextmanager
    def still(self):
        """Nobody is there: what was begun has ended, and nothing begins."""
        for _ in self._threads:
            self._turns.acquire()
        try:
            yield
        finally:
            self._turns.release(len(self._threads))

    def failures(self):
        """Those that did not get what they wanted."""
        return [one for one in list(self.visits) if one.failure]

    def places(self, since):
        """Who was reached by those that began after |since|."""
        return {one.who for one in list(self.visits)
                if one.began > since and one.who}

    def first(self, since, *names):
        """Seconds from |since| until one that began then had been served, by
        one of |names| if given; None: not yet."""
        ends = [one.ended for one in list(self.visits) if one.began > since
                and one.who and (not names or one.who in names)]
        return min(ends) - since if ends else None

    def last(self, since, *names):
        """Seconds from |since| to the beginning of the last that came to one
        of |names|; 0: none did."""
        return max((one.began - since for one in list(self.visits)
                    if one.began > since and one.who in names), default=0)

    def longest(self, since):
        """How long the slowest took of those that ended after |since|."""
        return max((one.ended - one.began for one in list(self.visits)
                    if one.ended > since), default=0)

    def stop(self):
        """End it; all that was begun has ended."""
        self._stop.set()
        for thread in self._threads:
            thread.join(60)
        assert not any(thread.is_alive() for thread in self._threads)
        assert self.visits, "the load did nothing"
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def report(what, **seconds):
    """A measurement, in the output of the test."""
    print(what + ":", " ".join(f"{name}={1000 * value:.0f}ms"
                               for name, value in seconds.items()))
