# SPDX-License-Identifier: MIT
"""What the tests of discovery share: a source under watch, and a DNS server
that says whatever a test wants it to say."""
import json
import os
import pathlib
import queue
import socket
import struct
import subprocess
import threading
import time

from harness import ports

ROOT = pathlib.Path(__file__).resolve().parents[2]
A, CNAME, SOA, AAAA, SRV, OPT = 1, 5, 6, 28, 33, 41
NOERROR, SERVFAIL, NXDOMAIN, REFUSED = 0, 2, 3, 5


def program(name):
    """The path of a test program: in $ENTENTE_BUILD, beside the program under
    test ($ENTENTE_BINARY), or in a usual place."""
    binary = os.environ.get("ENTENTE_BINARY")
    places = [os.environ.get("ENTENTE_BUILD"),
              binary and pathlib.Path(binary).parent,
              "build/debug", "build/release"]
    for place in filter(None, places):
        path = ROOT / place / "tests" / "discovery" / name
        if path.exists():
            return str(path)
    raise FileNotFoundError(f"{name} is not built: scripts/build.sh debug")


def bind_both():
    """A UDP and a listening TCP socket with one number."""
    for _ in range(50):
        address = ("127.0.0.1", ports.free_port())
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            udp.bind(address)
            return udp, socket.create_server(address)
        except OSError:
            udp.close()
    raise OSError("no port is free for both UDP and TCP")


def free_port():
    udp, tcp = bind_both()
    with udp, tcp:
        return udp.getsockname()[1]


class Lines:
    """A child process that prints a line of JSON for everything it notices."""

    def __init__(self, *command, prefix=(), env=None):
        self.lines = []
        self.log = []
        self._fresh = queue.Queue()
        self.process = subprocess.Popen(
            [*prefix, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, bufsize=1, env=env)
        self._threads = [
            threading.Thread(target=self._read, daemon=True),
            threading.Thread(target=self._read_log, daemon=True)]
        for thread in self._threads:
            thread.start()

    def _read(self):
        for line in self.process.stdout:
            self._fresh.put(json.loads(line))

    def _read_log(self):
        for line in self.process.stderr:
            self.log.append(line.rstrip("\n"))

    def _take(self, timeout):
        line = self._fresh.get(timeout=timeout)
        self.lines.append(line)
        return line

    def now(self):
        """The newest line there is."""
        while not self._fresh.empty():
            self._take(0)
        return self.lines[-1] if self.lines else None

    def wait(self, wanted, timeout=5):
        """The first line from now on (or the newest) for which |wanted|."""
        end = time.monotonic() + timeout
        latest = self.now()
        if latest is not None and wanted(latest):
            return latest
        while True:
            left = end - time.monotonic()
            try:
                line = self._take(max(left, 0.001))
            except queue.Empty:
                raise AssertionError(
                    f"waited {timeout} s in vain; last: {latest}; log:\n" +
                    "\n".join(self.log[-20:])) from None
            latest = line
            if wanted(line):
                return line

    def stays(self, wanted, duration):
        """Assert that every line within |duration| seconds is |wanted|."""
        end = time.monotonic() + duration
        while (left := end - time.monotonic()) > 0:
            try:
                line = self._take(left)
            except queue.Empty:
                return
            assert wanted(line), line

    def say(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()

    def logged(self, *words):
        return [line for line in self.log if all(w in line for w in words)]

    def has_logged(self, *words, timeout=2):
        """Whether such a line was logged, or comes soon."""
        end = time.monotonic() + timeout
        while not self.logged(*words) and time.monotonic() < end:
            time.sleep(0.02)
        return bool(self.logged(*words))

    def close(self):
        """End it in order; whatever a sanitizer found fails the test."""
        if self.process.poll() is None:
            self.process.stdin.close()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for thread in self._threads:
            thread.join(5)
        assert self.process.returncode == 0, "\n".join(self.log[-60:])

    def kill(self):
        self.process.kill()
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            self.kill()
        else:
            self.close()


class Watch(Lines):
    """A source under watch."""

    def __init__(self, text, *options, **more):
        super().__init__(program("watch_source"), *options, text, **more)

    def addresses(self):
        line = self.now()
        return addresses(line) if line else []

    def wait_for(self, *wanted, timeout=5):
        """Until the source's addresses are exactly these."""
        return self.wait(lambda line: addresses(line) == sorted(wanted),
                         timeout)


def addresses(line):
    return sorted(item["address"] for item in line["endpoints"])


def encode_name(name):
    labels = [part.encode() for part in name.rstrip(".").split(".") if part]
    return b"".join(bytes([len(part)]) + part for part in labels) + b"\0"


def srv(priority, weight, port, target):
    return struct.pack("!HHH", priority, weight, port) + encode_name(target)


def a(ip):
    return socket.inet_aton(ip)


def aaaa(ip):
    return socket.inet_pton(socket.AF_INET6, ip)


class DnsServer:
    """Answers over UDP and TCP from |records|, {(name, type): [(ttl, data)]},
    unless something else is asked of it."""

    def __init__(self):
        self.records = {}
        self.additional = {}   # the same, sent along with every answer
        self.rcode = NOERROR   # other than that: the answer to everything
        self.rcodes = {}       # the same by (name, type)
        self.silent = False    # takes questions and never answers
        self.dropped = ()      # the same for these types only
        self.udp_limit = 1232  # a longer answer is cut and marked so
        self.raw = None        # function(question bytes) -> reply bytes
        self.queries = []      # (time, name, type, "udp" or "tcp")
        self.tcp_enabled = True
        self._udp, self._tcp = bind_both()
        self.port = self._udp.getsockname()[1]
        self._tcp.settimeout(0.2)
        self._udp.settimeout(0.2)
        self._stop = False
        self._threads = [threading.Thread(target=self._serve_udp),
                         threading.Thread(target=self._serve_tcp)]
        for thread in self._threads:
            thread.start()

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def set_srv(self, name, *entries, ttl=1, with_addresses=()):
        self.records[(name, SRV)] = [(ttl, srv(*entry)) for entry in entries]
        for host, ip in with_addresses:
            self.additional.setdefault((host, A), []).append((ttl, a(ip)))

    def set_a(self, name, *ips, ttl=1):
        self.records[(name, A)] = [(ttl, a(ip)) for ip in ips]

    def count(self, kind=None, protocol=None):
        return sum(1 for _, _, what, how in list(self.queries)
                   if kind in (None, what) and protocol in (None, how))

    def reply(self, question, protocol):
        ident, flags = struct.unpack("!HH", question[:4])
        at, labels = 12, []
        while question[at]:
            labels.append(question[at + 1:at + 1 + question[at]].decode())
            at += question[at] + 1
        name = ".".join(labels)
        kind, = struct.unpack("!H", question[at + 1:at + 3])
        asked = question[12:at + 5]
        self.queries.append((time.monotonic(), name, kind, protocol))
        if self.silent or kind in self.dropped:
            return None
        if self.raw:
            return self.raw(question)
        key = name.lower(), kind
        rcode = self.rcodes.get(key, self.rcode)
        answer, count, extra, extra_count = b"", 0, b"", 0
        if rcode == NOERROR:
            answer, count = self._encode(self._chain(*key))
            if count:
                extra, extra_count = self._encode(
                    (owner, what, ttl, data)
                    for (owner, what), values in self.additional.items()
                    for ttl, data in values)
            elif not any(owner == key[0] for owner, _ in self.records):
                rcode = NXDOMAIN
        header = struct.pack("!HHHHHH", ident, 0x8180 | rcode, 1, count, 0,
                             extra_count)
        message = header + asked + answer + extra
        if protocol == "udp" and len(message) > self.udp_limit:
            return struct.pack("!HHHHHH", ident, 0x8380, 1, 0, 0, 0) + asked
        return message

    def _chain(self, name, kind):
        found = []
        for _ in range(8):
            for ttl, data in self.records.get((name, kind), []):
                found.append((name, kind, ttl, data))
            alias = self.records.get((name, CNAME))
            if found and found[-1][1] == kind or not alias:
                return found
            ttl, target = alias[0]
            found.append((name, CNAME, ttl, encode_name(target)))
            name = target
        return found

    @staticmethod
    def _encode(records):
        encoded, count = b"", 0
        for owner, kind, ttl, data in records:
            encoded += encode_name(owner) + struct.pack(
                "!HHIH", kind, 1, ttl, len(data)) + data
            count += 1
        return encoded, count

    def _serve_udp(self):
        while not self._stop:
            try:
                question, client = self._udp.recvfrom(4096)
            except OSError:
                continue
            reply = self.reply(question, "udp")
            if reply is not None:
                self._udp.sendto(reply, client)

    def _serve_tcp(self):
        while not self._stop:
            try:
                connection, _ = self._tcp.accept()
            except OSError:
                continue
            if not self.tcp_enabled:
                connection.close()
                continue
            threading.Thread(target=self._serve_one, args=(connection,),
                             daemon=True).start()

    def _serve_one(self, connection):
        connection.settimeout(5)
        with connection:
            try:
                while True:
                    head = connection.recv(2, socket.MSG_WAITALL)
                    if len(head) < 2:
                        return
                    length, = struct.unpack("!H", head)
                    reply = self.reply(
                        connection.recv(length, socket.MSG_WAITALL), "tcp")
                    if reply is not None:
                        connection.sendall(struct.pack("!H", len(reply)))
                        time.sleep(0.01)  # the length may come alone
                        connection.sendall(reply)
            except OSError:
                return

    def close(self):
        self._stop = True
        for thread in self._threads:
            thread.join()
        self._udp.close()
        self._tcp.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Announce(Lines):
    """A service under announcement."""

    def __init__(self, text, name, port, *options, **more):
        super().__init__(program("announce_service"), *options, text, name,
                         str(port), **more)

    def wait_announced(self, timeout=5):
        return self.wait(lambda line: line["announced"], timeout)

    def wait_failed(self, *words, timeout=5):
        return self.wait(lambda line: not line["announced"] and
                         all(word in line["failure"] for word in words),
                         timeout)
