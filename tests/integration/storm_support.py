# SPDX-License-Identifier: MIT
"""Storms: scenes in which everything fails and comes back at once, by seed."""
import copy
import json
import os
import random
import signal
import socket
import threading
import time

from discovery_support import DnsServer
from harness import verify
from harness.ambassador import SLOW, Ambassador, any_port
from harness.chaos import Chaos
from harness.processes import wait_until

BALANCES = ("round-robin", "least-loaded", "two-choices", "hash")
ON_MOVE = ("keep", "close", "drain 1s")
RUDE = 1 << 24  # the seeds of those who are, and beyond
HEALTH = {"protocol": "tcp", "every": "200ms", "timeout": "200ms"}


class Load(threading.Thread):
    """One client after another until told to stop."""

    def __init__(self, box, address, lane):
        super().__init__(daemon=True)
        self.box = box
        self.address = address
        self.seeds = iter(range(lane * 1000000 + 1, (lane + 1) * 1000000))
        self.totals = {}
        self.error = None
        self.over = threading.Event()
        self.start()

    def batch(self):
        """Twenty transfers, five at a time; what became of them."""
        return verify.transfer(
            self.box, self.address, "--count", 20, "--concurrency", 5, "--seed",
            next(self.seeds), "--up", "0-300000", "--down", "0-300000",
            "--timeout", 30 * SLOW, timeout=120 * SLOW)

    def run(self):
        try:
            while not self.over.is_set():
                for name, number in self.batch().items():
                    self.totals[name] = self.totals.get(name, 0) + number
        except Exception as error:  # told by stop()
            self.error = error

    def stop(self):
        """Nothing happened that must not."""
        self.over.set()
        self.join(150 * SLOW)
        assert not self.is_alive() and self.error is None, self.error
        for name in ("truncated", "corrupted", "timeouts", "refused"):
            assert self.totals[name] == 0, self.totals
        return self.totals


class Storm:
    """A service at three places, one who wants it, and what can happen."""

    fars = ()

    def __init__(self, box, authority, seed):
        self.box = box
        self.authority = authority
        self.random = random.Random(seed)
        self.services = [verify.Server(box) for _ in range(3)]
        self.listen = any_port()
        # What can be harmed, how many there are of it, and how.  Each is given
        # a number and says how it is mended.
        self.harms = [
            ("service", 3, self.end_service), ("service", 3, self.stop_service),
            ("application", 3, self.be_rude), ("near", 1, self.reload_near),
            ("nothing", 1, self.ask)]
        self.harmed = {}  # what and number: when it is mended, and how
        self.prepare(seed)
        self.near = Ambassador(box, "near", self.near_document()).start()
        self.calm = copy.deepcopy(self.near.document)
        self.near.wait_for("service")

    def prepare(self, seed):
        """What else there is in this scene."""

    def near_document(self):
        """Of the ambassador beside the application."""
        raise NotImplementedError

    def pick(self, *choices):
        """One of them, by the seed."""
        return self.random.choice(choices)

    # ---- services ----

    def end_service(self, number):
        """It is gone, with all its connections, and comes back."""
        self.services[number].reset()

        def mend():
            self.services[number] = verify.Server(
                self.box, self.services[number].address)
        return mend

    def stop_service(self, number):
        """It hangs."""
        process = self.services[number].process
        process.signal(signal.SIGSTOP)
        return lambda: process.signal(signal.SIGCONT)

    # ---- applications ----

    def be_rude(self, _):
        """Some reset, stop reading or end in the middle, and then all do."""
        client = verify.Client(
            self.box, self.listen, "--count", 10, "--concurrency", 10,
            "--seed", self.random.randrange(RUDE, 2 * RUDE),
            "--up", "0-1000000", "--down", "0-1000000",
            "--up-pace", self.pick(0, 100000), "--up-end",
            self.pick("fin", "reset", "hold"))
        return client.process.kill

    # ---- ambassadors ----

    def choosing(self):
        """To do everything differently, wherever connections are made."""
        return {"balance": self.pick(*BALANCES), "on_move": self.pick(*ON_MOVE),
                "max_per_endpoint": self.pick(4, 100),
                "max_connections": self.pick(8, 100),
                "min_healthy": self.pick(0, 60, 100),
                "retry_budget": self.pick(0, 100),
                "slow_start": self.pick("0", "2s")}

    def changes_of_near(self):
        """Of what it consumes."""
        return self.choosing()

    def reload_near(self, _):
        """The one beside the application does everything differently."""
        document = copy.deepcopy(self.calm)
        document["consume"]["service"].update(self.changes_of_near())
        return self.reload(self.near, document, self.calm)

    @staticmethod
    def reload(ambassador, document, calm):
        """To |document|, and back to what it was."""
        done = ambassador.reload(document)
        assert done.returncode == 0, done

        def mend():
            done = ambassador.reload(calm)
            assert done.returncode == 0, done
        return mend

    def set_places(self, ambassador, places):
        """An operator says where it is, also where it is not."""
        places = self.random.sample(places + ["127.0.0.1:9"], 2)
        done = ambassador.command("set", "service", *places)
        assert done.returncode == 0, done

        def mend():
            done = ambassador.command("set", "service", "--sources")
            assert done.returncode == 0, done
        return mend

    def ask(self, _):
        """Operators look.  Whom they ask may just be ending."""
        for ambassador in self.ambassadors():
            for words in ("status",), ("explain", "service"):
                done = ambassador.command(*words, "--json")
                assert done.returncode != 0 or json.loads(done.stdout)
        return lambda: None

    def ambassadors(self):
        """All of them."""
        return [self.near] + [far.ambassador for far in self.fars]

    # ---- the storm ----

    def say(self, *words):
        """To be read where a storm has found something."""
        print(f"{time.strftime('%H:%M:%S')} {time.monotonic():.3f}", *words)

    def _mend(self, until):
        for what, (when, mend) in list(self.harmed.items()):
            if when <= until:
                del self.harmed[what]
                self.say("mend", *what)
                mend()

    def rage(self, seconds):
        """Harm this and that, several at a time, and mend it all."""
        end = time.monotonic() + seconds
        while (now := time.monotonic()) < end:
            self._mend(now)
            kind, count, harm = self.random.choice(self.harms)
            what = kind, self.random.randrange(count)
            if what not in self.harmed:
                self.say(harm.__name__, *what)
                self.harmed[what] = (now + self.random.uniform(0.1, 4),
                                     harm(what[1]))
            time.sleep(self.random.uniform(0, 0.4))
        self._mend(float("inf"))

    @staticmethod
    def is_calm(load):
        """Whether every transfer is exact again."""
        totals = load.batch()
        return totals["exact"] == totals["total"]

    def assert_nothing_left(self):
        """No connection, no stream, nobody who waits."""
        def left():
            for ambassador in self.ambassadors():
                status = ambassador.status()
                yield from (tunnel["streams"] for tunnel in status["tunnels"])
                for service in status["services"]:
                    yield from (service["streams"], service["waiting"],
                                service["left_behind"])
        wait_until(lambda: not any(left()), 20 * SLOW, "nothing is left")


class Far:
    """One who offers, behind a wire that can do harm."""

    def __init__(self, storm, number):
        name = f"far-{number}"
        leaf = storm.authority.issue(f"db-{number}", file=storm.box.name(name))
        self.wire, tunnels = storm.lay_wire()
        self.ambassador = Ambassador(storm.box, name, {
            "identity": leaf.section(), "tunnels": tunnels,
            "offer": {"service": {
                "to": [f"static:{one.address}" for one in storm.services],
                "allow": [storm.authority.identity("web-1")],
                "health": HEALTH, **storm.announcement()}}})
        self.calm = copy.deepcopy(self.ambassador.document)

    @property
    def address(self):
        """Where it is reached, if it is."""
        return self.wire.address


class Tunnels(Storm):
    """The service is behind two ambassadors, which dial."""

    def prepare(self, seed):
        self.tunnel = any_port()
        self.workers = self.pick(1, 4)
        self.fars = [Far(self, number) for number in range(2)]
        for far in self.fars:
            far.ambassador.start(ready=False)
        self.harms += [
            ("far", 2, self.end_far), ("far", 2, self.reload_far),
            ("far", 2, self.set_far), ("wire", 2, self.cut_wire),
            ("wire", 2, self.fill_wire)]
        if seed % 2:  # the kernel ends its connections, perhaps by a FIN
            self.harms.append(("far", 2, self.kill_far))

    def lay_wire(self):
        """Between a far and the near one; the far's part of it."""
        wire = Chaos(self.box, self.tunnel)
        return wire, {"dial": [wire.address]}

    def announcement(self):
        """What a far says of itself elsewhere."""
        return {}

    def near_document(self):
        leaf = self.authority.issue("web-1", file=self.box.name("web"))
        return {"identity": leaf.section(), "workers": self.workers,
                "tunnels": {"listen": self.tunnel},
                "consume": {"service": {
                    "listen": self.listen, "from": ["inbound:"],
                    "max_per_endpoint": 8,
                    "peer": [self.authority.identity("db-*")], "hold": "20s"}}}

    def end_far(self, number):
        """It goes in order, and comes back."""
        far = self.fars[number].ambassador
        assert far.command(self.pick("drain", "quit")).returncode == 0

        def mend():
            if far.process.is_running():
                far.command("quit")
            assert far.process.wait(30 * SLOW) == 0
            far.start(ready=False)
            wait_until(lambda: far.command("status").returncode == 0,
                       20 * SLOW, f"{far.name} is back")
        return mend

    def kill_far(self, number):
        """It goes without a word, and comes back."""
        far = self.fars[number].ambassador
        far.kill()

        def mend():
            far.start(ready=False)
            wait_until(lambda: far.command("status").returncode == 0,
                       20 * SLOW, f"{far.name} is back")
        return mend

    def changes_of_far(self, section):
        """Of what it offers."""
        section.update(self.choosing())
        section["to"] = self.random.sample(section["to"], self.pick(1, 2, 3))
        section["health"]["fall"] = self.pick(1, 2, 3)
        if self.pick(True, False):
            del section["health"]

    def reload_far(self, number):
        """It is told to do everything differently."""
        far = self.fars[number]
        document = copy.deepcopy(far.calm)
        self.changes_of_far(document["offer"]["service"])
        return self.reload(far.ambassador, document, far.calm)

    def set_far(self, number):
        """An operator says where the service is."""
        return self.set_places(self.fars[number].ambassador,
                               [one.address for one in self.services])

    def cut_wire(self, number):
        """All tunnels through it end, or it can no longer be reached."""
        wire = self.fars[number].wire
        how = self.pick("reset", "finish", "corrupt", "refuse")
        if how == "corrupt":
            wire.corrupt_next = True
        else:
            getattr(wire, how)()
        return lambda: wire.refuse(False)

    def fill_wire(self, number):
        """Nothing gets through, or little at a time."""
        wire = self.fars[number].wire
        if self.pick(True, False):
            wire.blackhole()
        else:
            wire.slice = self.pick(1, 100, 2000)

        def mend():
            wire.blackhole(False)
            wire.slice = None
        return mend


class Registry(Tunnels):
    """The near one dials whom a registry names."""

    def __init__(self, box, authority, seed, zookeeper):
        self.zookeeper = zookeeper
        self.registry = f"zookeeper:{zookeeper.address}/storm/{seed}"
        super().__init__(box, authority, seed)

    def prepare(self, seed):
        super().prepare(seed)
        self.harms += [("near's places", 1, self.set_near),
                       ("registry", 1, self.stop_registry)]

    def lay_wire(self):
        listen = any_port()
        wire = Chaos(self.box, listen)
        return wire, {"listen": listen, "advertise": wire.address}

    def announcement(self):
        return {"announce": self.registry}

    def near_document(self):
        document = super().near_document()
        del document["tunnels"]
        document["consume"]["service"]["from"] = [self.registry]
        return document

    def changes_of_near(self):
        changes = super().changes_of_near()
        if self.pick(True, False):
            changes["fallback"] = [f"static:{far.address}"
                                   for far in self.fars]
        return changes

    def changes_of_far(self, section):
        super().changes_of_far(section)
        section["announce_weight"] = self.pick(0, 1, 5)
        section["announce_priority"] = self.pick(0, 1)
        if self.pick(True, False, False):
            for key in "", "_weight", "_priority":
                del section[f"announce{key}"]

    def set_near(self, _):
        """An operator says where the ambassadors are."""
        return self.set_places(self.near, [far.address for far in self.fars])

    def stop_registry(self, _):
        """It hangs, perhaps for longer than sessions live."""
        process = self.zookeeper.process
        process.send_signal(signal.SIGSTOP)
        return lambda: process.send_signal(signal.SIGCONT)


class Direct(Storm):
    """No tunnel: a file or DNS says where the service is."""

    NAME = "_service._tcp.storm.test"

    def prepare(self, seed):
        self.workers = self.pick(1, 4)
        # A Unix socket carries no reset, so that one may hang, but not end.
        self.services.append(verify.Server(
            self.box, f"unix:{self.box.path('service.sock')}"))
        self.dns = DnsServer()
        self.box.undo(self.dns.close)
        self.harms += [("service", 4, self.stop_service),
                       ("places", 1, self.move),
                       ("near's places", 1, self.set_near),
                       ("DNS", 1, self.silence)]
        self.tell(self.services)

    def tell(self, services):
        """Where it is from now on, in both."""
        fresh = self.box.write("places.new", "".join(
            f"{one.address} weight={self.pick(1, 2, 9)} "
            f"priority={self.pick(0, 0, 1)}\n" for one in services))
        os.replace(fresh, self.box.path("places"))
        self.dns.set_srv(self.NAME, *(
            (self.pick(0, 0, 1), self.pick(0, 1, 9),
             int(one.address.rsplit(":", 1)[1]), "host.storm.test")
            for one in services if not one.address.startswith("unix:")))
        self.dns.set_a("host.storm.test", "127.0.0.1")

    def near_document(self):
        return {"workers": self.workers,
                "dns": {"servers": [self.dns.address]},
                "consume": {"service": {
                    "listen": self.listen,
                    "direct": [f"file:{self.box.path('places')}",
                               f"dns+srv:{self.NAME}"],
                    "max_per_endpoint": 8, "health": HEALTH,
                    "connect_timeout": "1s", "hold": "20s"}}}

    def changes_of_near(self):
        changes = super().changes_of_near()
        if self.pick(True, False):
            changes["health"] = {**HEALTH, "fall": self.pick(1, 2)}
        return changes

    def move(self, _):
        """It is at some of its places only."""
        self.tell(self.random.sample(self.services, self.pick(1, 2)))
        return lambda: self.tell(self.services)

    def set_near(self, _):
        """An operator says where it is."""
        return self.set_places(self.near,
                               [one.address for one in self.services])

    def silence(self, _):
        """DNS says nothing, or that nothing is there."""
        if self.pick(True, False):
            self.dns.silent = True
        else:
            self.dns.rcode = self.pick(2, 3, 5)

        def mend():
            self.dns.silent = False
            self.dns.rcode = 0
        return mend


class Writer(threading.Thread):
    """Writes to a Redis, and asks each time to whom it wrote."""

    def __init__(self, address, seed):
        super().__init__(daemon=True)
        self.host, port = address.rsplit(":", 1)
        self.port = int(port)
        self.random = random.Random(seed)
        self.writes = []  # (when it was sent, the role of who took it)
        self.error = None
        self.over = threading.Event()
        self.start()

    def _reply(self, stream):
        line = stream.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("an end in the middle")
        kind, text = line[:1], line[1:-2]
        if kind == b"*":
            return [self._reply(stream) for _ in range(max(int(text), 0))]
        if kind == b"$":
            return stream.read(int(text) + 2)[:-2]
        return text if kind != b"-" else None

    def _write(self, sock, stream):
        sent = time.monotonic()
        sock.sendall(b"MULTI\r\nINCR writes\r\nROLE\r\nEXEC\r\n")
        replies = [self._reply(stream) for _ in range(4)]
        if replies[3]:  # else it was refused
            self.writes.append((sent, replies[3][1][0].decode()))

    def run(self):
        try:
            while not self.over.is_set():
                try:
                    with socket.create_connection((self.host, self.port),
                                                  30 * SLOW) as sock:
                        stream = sock.makefile("rb")
                        for _ in range(self.random.choice((1, 10, 100000))):
                            self._write(sock, stream)
                            time.sleep(0.005)
                            if self.over.is_set():
                                break
                except ConnectionError:
                    time.sleep(0.02)
        except Exception as error:  # told by stop()
            self.error = error

    def stop(self):
        """What it has written."""
        self.over.set()
        self.join(60 * SLOW)
        assert not self.is_alive() and self.error is None, self.error
        return self.writes
