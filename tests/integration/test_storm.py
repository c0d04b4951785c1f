# SPDX-License-Identifier: MIT
"""Everything at once, by seed: services, ambassadors, wires and the registry
fail and come back, operators reload and set, while transfers go on.

Meanwhile a transfer may be reset, but never be truncated, corrupted or left
hanging; afterwards all is as if nothing had been.
"""
import copy
import json
import random
import signal
import threading
import time

import pytest

from harness import verify
from harness.ambassador import SLOW, Ambassador, any_port
from harness.chaos import Chaos
from harness.processes import wait_until
from zookeeper_support import Server as ZooKeeper

pytestmark = pytest.mark.entente
BALANCES = ("round-robin", "least-loaded", "two-choices", "hash")
ON_MOVE = ("keep", "close", "drain 1s")


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


class Far:
    """One who offers, behind a wire that can do harm."""

    def __init__(self, storm, number):
        name = f"far-{number}"
        leaf = storm.authority.issue(f"db-{number}", file=storm.box.name(name))
        listen = any_port()
        self.wire = Chaos(storm.box, listen)
        self.ambassador = Ambassador(storm.box, name, {
            "identity": leaf.section(),
            "tunnels": {"listen": listen, "advertise": self.wire.address},
            "offer": {"service": {
                "to": [f"static:{one.address}" for one in storm.services],
                "allow": [storm.authority.identity("web-1")],
                "health": {"protocol": "tcp", "every": "200ms",
                           "timeout": "200ms"},
                "announce": storm.registry}}})
        self.calm = copy.deepcopy(self.ambassador.document)

    def section(self):
        """What it offers, as it was first."""
        return copy.deepcopy(self.calm)["offer"]["service"]


class Storm:
    """All that takes part, and what can become of it."""

    def __init__(self, box, authority, zookeeper, seed):
        self.box = box
        self.authority = authority
        self.zookeeper = zookeeper
        self.random = random.Random(seed)
        self.registry = f"zookeeper:{zookeeper.address}/storm/{seed}"
        self.services = [verify.Server(box) for _ in range(3)]
        self.fars = [Far(self, number) for number in range(2)]
        for far in self.fars:
            far.ambassador.start()
        leaf = authority.issue("web-1", file=box.name("web"))
        self.listen = any_port()
        self.near = Ambassador(box, "near", {
            "identity": leaf.section(),
            "consume": {"service": {
                "listen": self.listen, "from": [self.registry],
                "peer": [authority.identity("db-*")], "hold": "20s"}}}).start()
        self.calm = copy.deepcopy(self.near.document)
        self.near.wait_for("service")
        # What can be harmed, how many there are of it, and how.  Each is given
        # a number and says how it is mended.
        self.harms = [
            ("service", 3, self.end_service), ("service", 3, self.stop_service),
            ("far", 2, self.end_far), ("far", 2, self.reload_far),
            ("far", 2, self.set_far), ("wire", 2, self.cut_wire),
            ("wire", 2, self.fill_wire), ("near", 1, self.reload_near),
            ("near's places", 1, self.set_near),
            ("registry", 1, self.stop_registry), ("nothing", 1, self.ask)]
        if seed % 2:  # the kernel ends its connections, perhaps by a FIN
            self.harms.append(("far", 2, self.kill_far))
        self.harmed = {}  # what and number: when it is mended, and how

    def _pick(self, *choices):
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

    # ---- ambassadors ----

    def end_far(self, number):
        """It goes in order, and comes back."""
        far = self.fars[number].ambassador
        assert far.command(self._pick("drain", "quit")).returncode == 0

        def mend():
            if far.process.is_running():
                far.command("quit")
            assert far.process.wait(30 * SLOW) == 0
            far.start()
        return mend

    def kill_far(self, number):
        """It goes without a word, and comes back."""
        far = self.fars[number].ambassador
        far.kill()
        return far.start

    def reload_far(self, number):
        """It is told to do everything differently."""
        far = self.fars[number]
        document = copy.deepcopy(far.calm)
        section = document["offer"]["service"]
        section.update({
            "announce_weight": self._pick(0, 1, 5),
            "announce_priority": self._pick(0, 1),
            "balance": self._pick(*BALANCES),
            "on_move": self._pick(*ON_MOVE),
            "to": self.random.sample(section["to"], self._pick(1, 2, 3))})
        section["health"]["fall"] = self._pick(1, 2, 3)
        if self._pick(True, False):
            del section["health"]
        if self._pick(True, False, False):
            for key in "", "_weight", "_priority":
                del section[f"announce{key}"]
        return self._reload(far.ambassador, document, far.calm)

    def reload_near(self, _):
        """The same beside the application."""
        document = copy.deepcopy(self.calm)
        document["consume"]["service"].update({
            "balance": self._pick(*BALANCES),
            "on_move": self._pick(*ON_MOVE),
            "max_per_endpoint": self._pick(4, 100),
            "min_healthy": self._pick(0, 60, 100),
            "slow_start": self._pick("0", "2s")})
        if self._pick(True, False):
            document["consume"]["service"]["fallback"] = [
                f"static:{far.wire.address}" for far in self.fars]
        return self._reload(self.near, document, self.calm)

    @staticmethod
    def _reload(ambassador, document, calm):
        done = ambassador.reload(document)
        assert done.returncode == 0, done

        def mend():
            done = ambassador.reload(calm)
            assert done.returncode == 0, done
        return mend

    def set_far(self, number):
        """An operator says where the service is, also where it is not."""
        return self._set(self.fars[number].ambassador,
                         [one.address for one in self.services])

    def set_near(self, _):
        """The same of the ambassadors."""
        return self._set(self.near, [far.wire.address for far in self.fars])

    def _set(self, ambassador, places):
        places = self.random.sample(places + ["127.0.0.1:9"], 2)
        done = ambassador.command("set", "service", *places)
        assert done.returncode == 0, done

        def mend():
            done = ambassador.command("set", "service", "--sources")
            assert done.returncode == 0, done
        return mend

    def ask(self, _):
        """Operators look.  Whom they ask may just be ending."""
        for ambassador in [self.near] + [far.ambassador for far in self.fars]:
            for words in ("status",), ("explain", "service"):
                done = ambassador.command(*words, "--json")
                assert done.returncode != 0 or json.loads(done.stdout)
        return lambda: None

    # ---- what is between ----

    def cut_wire(self, number):
        """All tunnels through it end, or it can no longer be reached."""
        wire = self.fars[number].wire
        how = self._pick("reset", "finish", "corrupt", "refuse")
        if how == "corrupt":
            wire.corrupt_next = True
        else:
            getattr(wire, how)()
        return lambda: wire.refuse(False)

    def fill_wire(self, number):
        """Nothing gets through, or little at a time."""
        wire = self.fars[number].wire
        if self._pick(True, False):
            wire.blackhole()
        else:
            wire.slice = self._pick(1, 100, 2000)

        def mend():
            wire.blackhole(False)
            wire.slice = None
        return mend

    def stop_registry(self, _):
        """It hangs, perhaps for longer than sessions live."""
        process = self.zookeeper.process
        process.send_signal(signal.SIGSTOP)
        return lambda: process.send_signal(signal.SIGCONT)

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

    def is_calm(self, load):
        """Whether every transfer is exact again."""
        totals = load.batch()
        return totals["exact"] == totals["total"]

    def assert_nothing_left(self):
        """No stream, and only the tunnels' descriptors."""
        for ambassador in [self.near] + [far.ambassador for far in self.fars]:
            wait_until(lambda one=ambassador: not any(
                tunnel["streams"] for tunnel in one.status()["tunnels"]),
                       20 * SLOW, f"{ambassador.name} has no streams")


@pytest.fixture(scope="module")
def zookeeper(tmp_path_factory):
    """Its sessions live for two seconds."""
    server = ZooKeeper(tmp_path_factory.mktemp("zookeeper")).start()
    yield server
    server.process.send_signal(signal.SIGCONT)
    server.stop()


def pytest_generate_tests(metafunc):
    """Two storms in passing; many with --long."""
    metafunc.parametrize("seed", range(1, 21 if metafunc.config.getoption(
        "--long") else 3))


@pytest.mark.smoke
def test_a_storm_harms_nothing_that_stays(box, authority, zookeeper, seed,
                                          long):
    storm = Storm(box, authority, zookeeper, seed)
    loads = [Load(box, storm.listen, lane) for lane in range(3)]
    before = storm.near.process.descriptors()
    storm.rage(45 if long else 12)
    wait_until(lambda: storm.is_calm(loads[0]), 60 * SLOW, "calm")
    totals = [load.stop() for load in loads]
    storm.say(totals)
    assert sum(total["exact"] for total in totals) > 0
    after = Load(box, storm.listen, 3)
    for _ in range(3):
        assert storm.is_calm(after)
    after.stop()
    storm.assert_nothing_left()
    wait_until(lambda: storm.near.process.descriptors() <= before + 8,
               20 * SLOW, "no descriptor is left over")
    if seed % 2 == 0:
        # By whatever fault, and at both ends.
        for server in storm.services:
            lost = [one for one in server.seen().values() if one.is_truncated]
            assert not lost, lost
