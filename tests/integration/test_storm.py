# SPDX-License-Identifier: MIT
"""Everything at once, by seed: services, ambassadors, wires and registries
fail and come back, operators reload and set, while transfers go on.

Meanwhile a transfer may be reset, but never be truncated, corrupted or left
hanging; afterwards all is as if nothing had been.
"""
import bisect
import random
import signal
import time

import pytest

from harness.ambassador import SLOW
from harness.processes import wait_until
from harness.servers.redis import Redis, cli
from storm_support import RUDE, Direct, Load, Registry, Tunnels, Writer
from zookeeper_support import Server as ZooKeeper

pytestmark = pytest.mark.entente


@pytest.fixture(scope="module")
def zookeeper(tmp_path_factory):
    """Its sessions live for two seconds."""
    server = ZooKeeper(tmp_path_factory.mktemp("zookeeper")).start()
    yield server
    server.process.send_signal(signal.SIGCONT)
    server.stop()


def pytest_generate_tests(metafunc):
    """A storm of each kind in passing; many with --long."""
    if "seed" in metafunc.fixturenames:
        metafunc.parametrize("seed", range(1, 21 if metafunc.config.getoption(
            "--long") else 2))


def assert_harms_nothing(storm, seconds):
    loads = [Load(storm.box, storm.listen, lane) for lane in range(3)]
    before = storm.near.process.descriptors()
    storm.rage(seconds)
    wait_until(lambda: storm.is_calm(loads[0]), 60 * SLOW, "calm")
    totals = [load.stop() for load in loads]
    storm.say(totals)
    assert sum(total["exact"] for total in totals) > 0
    after = Load(storm.box, storm.listen, 3)
    for _ in range(3):
        assert storm.is_calm(after)
    after.stop()
    storm.assert_nothing_left()
    wait_until(lambda: storm.near.process.descriptors() <= before + 8,
               20 * SLOW, "no descriptor is left over")


def assert_services_saw_no_false_end(storm):
    """By whatever fault: neither end takes a part for the whole."""
    for server in storm.services:
        lost = [one for key, one in server.seen().items()
                if one.is_truncated and key >> 32 < RUDE]
        assert not lost, lost


@pytest.mark.smoke
def test_a_storm_over_a_registry(box, authority, zookeeper, seed, long):
    storm = Registry(box, authority, seed, zookeeper)
    assert_harms_nothing(storm, 45 if long else 12)
    if seed % 2 == 0:
        assert_services_saw_no_false_end(storm)


def test_a_storm_over_those_who_dial(box, authority, seed, long):
    storm = Tunnels(box, authority, seed + 1)
    assert_harms_nothing(storm, 45 if long else 12)
    if seed % 2 == 1:
        assert_services_saw_no_false_end(storm)


def test_a_storm_without_tunnels(box, authority, seed, long):
    storm = Direct(box, authority, seed)
    assert_harms_nothing(storm, 45 if long else 12)


def test_roles_that_change_hands_under_load(box, make_pair, seed, long):
    # Replicas that take writes, and lose them: nobody may come to one.
    known = 1.5 * SLOW  # a check, its answer, and a busy machine
    chance = random.Random(seed)
    primary, replica = [Redis(box, options=(
        "--replica-read-only", "no", "--repl-diskless-sync-delay", "0"))
        for _ in range(2)]
    cli(replica.address, "replicaof", primary.host, str(primary.port))
    pair = make_pair(primary.address, offer={
        "to": [f"static:{one.address}" for one in (primary, replica)],
        "on_move": "close",
        "health": {"protocol": "redis", "role": "master", "every": "100ms",
                   "timeout": "500ms"}})
    writers = [Writer(pair.address, seed * 100 + lane) for lane in range(4)]
    flips = [time.monotonic()]
    for _ in range(12 if long else 4):
        time.sleep(known + chance.uniform(0.5, 1.5))
        flips.append(time.monotonic())
        cli(replica.address, "replicaof", "no", "one")
        cli(primary.address, "replicaof", replica.host, str(replica.port))
        primary, replica = replica, primary
    time.sleep(known + 0.5)
    writes = [write for writer in writers for write in writer.stop()]
    late = [(sent - flips[bisect.bisect(flips, sent) - 1], role)
            for sent, role in writes if sent > flips[0]]
    assert not [age for age, role in late if role != "master" and age > known]
    for number, flip in enumerate(flips):
        end = (flips + [float("inf")])[number + 1]
        assert [sent for sent, role in writes if flip + known < sent < end and
                role == "master"], number
