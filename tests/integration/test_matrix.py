# SPDX-License-Identifier: MIT
"""The termination matrix: every way to end, by everyone, at every moment.

In no cell may a reader see an end of file before all bytes, and nobody may be
left waiting.
"""
import time
import zlib

import pytest

from harness import pair as pairs
from harness import verify
from harness.ambassador import SLOW
from harness.box import Box
from harness.pair import Pair
from harness.processes import wait_until

MIB = 1 << 20
ENDINGS = ("fin", "reset", "flushed", "close", "unread", "half", "kill")
MOMENTS = ("before the open is answered", "mid-transfer",
           "after a FIN the other way", "idle")

# What the other side may see; True: only with all bytes.
EXPECTED = {
    "fin": {("fin", True)},
    "reset": {("reset", False), ("reset", True)},
    "flushed": {("reset", True)},
    "close": {("fin", True), ("reset", False), ("reset", True)},
    "unread": {("reset", False), ("reset", True)},
    "half": {("fin", True), ("reset", False), ("reset", True)},
    # The kernel closes the dead process's socket, and not by a reset if
    # nothing was unread: that is TCP, and not ours to change.
    "kill": {("fin", False), ("fin", True), ("reset", False),
             ("reset", True)},
}


def plan(moment, mine, theirs, ending):
    """verify's options for one who ends (|mine|) and the other (|theirs|)."""
    if ending == "kill":
        ending = "hold"
    options = {
        MOMENTS[0]: [mine, 40000, theirs, 40000],
        MOMENTS[1]: [mine, 3 * MIB, theirs, 8 * MIB, f"{theirs}-pace",
                     8 * MIB, f"{mine}-pace", 8 * MIB],
        MOMENTS[2]: [mine, 100000, f"{mine}-answer", theirs, 100000],
        MOMENTS[3]: [mine, 1000, f"{mine}-delay", 400, theirs, 1000],
    }[moment]
    if ending == "unread" and moment == MOMENTS[2]:
        # Who does not read does not see the FIN either.
        options = [mine, 100000, f"{mine}-delay", 200, theirs, 100000]
    if moment == MOMENTS[0] and mine == "--down":
        options += ["--up-end", "hold"] if ending != "fin" else []
    return [str(option) for option in options + [f"{mine}-end", ending]]


@pytest.fixture(scope="module")
def stage(authority):
    """One pair with a bad wire between, for all cells that leave it whole."""
    box = Box()
    try:
        server = verify.Server(box, timeout=15)
        yield Pair(box, authority, server.address, chaos=True).start()
        box.stop()
        assert not box.complaints()
    finally:
        box.stop()
        box.clear()


def check(seen, ending, cell):
    """The other side saw what it may see."""
    assert seen.bad == "no", (cell, seen)
    what = (seen.end, seen.got == seen.of)
    assert what in EXPECTED[ending], (cell, seen)


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("who", ["application", "service"])
def test_endings_of_either_side(box, stage, who, ending, moment, long):
    mine, theirs = ("--up", "--down") if who == "application" else \
        ("--down", "--up")
    count = 100 if long else 8
    pair = stage
    if who == "service" and ending == "kill":
        pytest.skip("in test_a_service_that_is_killed")
    if pairs.KIND == "direct" and moment == MOMENTS[0]:
        pytest.skip("nobody is between")
    if moment == MOMENTS[0]:
        pair.chaos.blackhole()
    seed = zlib.crc32(f"{who} {ending} {moment}".encode()) % 100000
    client = verify.Client(
        box, pair.address, "--count", count, "--concurrency", count, "--seed",
        seed, "--timeout", 15, *plan(moment, mine, theirs, ending))
    time.sleep(0.3)
    if moment == MOMENTS[0]:
        pair.chaos.blackhole(False)
        time.sleep(0.2)
    cell = f"{ending} by the {who}, {moment}"
    keys = range((seed << 32) + 1, (seed << 32) + 1 + count)
    log = pair.box.processes[0]
    if ending == "kill":
        if moment != MOMENTS[0]:
            wait_until(lambda: verify.begun(log.log).issuperset(keys), 20,
                       f"{cell}: all have begun")
        client.process.kill()
    else:
        client.totals(60)
    if who == "application":
        def arrived():
            seen = verify.parse(log.log)
            return [seen[key] for key in keys if key in seen]
        # A reset may overtake the open: then the service knows of nothing.
        always = ("fin", "close", "flushed") if moment == MOMENTS[0] else \
            ("fin", "half", "close", "flushed", "kill")
        least = count if ending in always else 0
        wait_until(lambda: len(arrived()) >= least, 20, f"{cell}: {least} ends")
        for seen in arrived():
            check(seen, ending, cell)
    else:
        ends = client.seen()
        assert len(ends) == count, cell
        for seen in ends.values():
            check(seen, ending, cell)


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_service_that_is_killed(box, make_pair, moment):
    server = verify.Server(box)
    pair = make_pair(server.address, chaos=True, consume={"hold": "500ms"}
                     if pairs.KIND == "entente" else None)
    options = plan(moment, "--down", "--up", "kill")
    if moment == MOMENTS[0] and pair.chaos:
        pair.chaos.blackhole()
    client = verify.Client(box, pair.address, "--count", 8, "--concurrency", 8,
                           "--timeout", 20, *options)
    time.sleep(0.5)
    server.process.kill()
    if pair.chaos:
        pair.chaos.blackhole(False)
    client.totals(60)
    for seen in client.seen().values():
        assert seen.end in ("reset", "fin", "error"), (moment, seen)


DAMAGE = {
    "tunnel reset": lambda pair: pair.chaos.reset(),
    "tunnel closed": lambda pair: pair.chaos.finish(),
    "consumer killed": lambda pair: pair.consumer.kill(),
    "offerer killed": lambda pair: pair.offerer.kill(),
    "consumer aborted": lambda pair: pair.consumer.process.signal(6),
    "offerer aborted": lambda pair: pair.offerer.process.signal(6),
}
UNDER_WAY = {
    MOMENTS[0]: ["--up", "100000", "--down", "100000"],
    MOMENTS[1]: ["--up", str(40 * MIB), "--down", str(40 * MIB), "--up-pace",
                 str(8 * MIB), "--down-pace", str(8 * MIB)],
    MOMENTS[2]: ["--up", "1000", "--down", str(40 * MIB), "--down-pace",
                 str(8 * MIB), "--down-answer"],
    "after a FIN from the service": [
        "--down", "1000", "--up", str(40 * MIB), "--up-pace", str(8 * MIB),
        "--up-answer"],
    MOMENTS[3]: ["--up", "1000", "--down", "1000", "--up-delay", "30000",
                 "--down-delay", "30000"],
}


@pytest.mark.entente
@pytest.mark.parametrize("moment", UNDER_WAY)
@pytest.mark.parametrize("damage", DAMAGE)
def test_a_lost_ambassador_or_tunnel_is_never_an_end_of_file(
        box, make_pair, damage, moment):
    server = verify.Server(box, timeout=30)
    idle = server.process.descriptors()
    pair = make_pair(server.address, chaos=True, consume={"hold": "500ms"})
    if moment == MOMENTS[0]:
        pair.chaos.blackhole()
    client = verify.Client(box, pair.address, "--count", 12, "--concurrency",
                           12, "--timeout", 20, *UNDER_WAY[moment])
    time.sleep(0.5 * SLOW)
    DAMAGE[damage](pair)
    if pair.chaos:
        pair.chaos.blackhole(False)
    client.totals(60)
    ends = client.seen()
    assert len(ends) == 12
    # Nobody is left waiting: the server has seen the end of all that came.
    wait_until(lambda: server.process.descriptors() <= idle, 15 * SLOW,
               "the server's connections to end")
    for seen in [*ends.values(), *server.seen().values()]:
        assert not seen.is_truncated, (damage, moment, seen)
        assert seen.bad == "no", (damage, moment, seen)
        assert seen.is_exact or seen.end in ("reset", "error"), \
            (damage, moment, seen)
