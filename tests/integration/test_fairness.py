# SPDX-License-Identifier: MIT
"""One stream does not suffer for another: slow readers, bulk, crowds."""
import statistics
import time

import pytest

from harness import ports, verify
from harness.ambassador import SLOW
from harness.processes import wait_until

MIB = 1 << 20


def seconds_for(box, address, size, seed):
    """How long a transfer of |size| takes each way."""
    began = time.monotonic()
    verify.assert_exact(verify.transfer(
        box, address, "--up", size, "--down", size, "--seed", seed))
    return time.monotonic() - began


@pytest.mark.entente
@pytest.mark.parametrize("stalled", [1, 4, 100])
def test_stalled_readers_stall_only_themselves(box, make_pair, stalled):
    server = verify.Server(box)
    pair = make_pair(server.address)
    solo = seconds_for(box, pair.address, 40 * MIB, 7)
    # They read 100 bytes a second of what the service has for them.
    slow = verify.Client(box, pair.address, "--count", stalled,
                         "--concurrency", stalled, "--down", 500 * MIB,
                         "--down-pace", 100, "--seed", 8)
    wait_until(lambda: pair.consumer.status()["services"][0]["streams"] >=
               stalled, 20, "all of them are open")
    time.sleep(1)
    among = seconds_for(box, pair.address, 40 * MIB, 9)
    print(f"alone {solo:.2f} s, among {stalled} stalled {among:.2f} s")
    assert among < 3 * solo + 1, (solo, among)
    assert slow.process.is_running()
    # What they have not read is bounded by what they were promised.
    for end in (pair.consumer, pair.offerer):
        assert end.process.resident_bytes() < 200 * MIB * SLOW
    slow.process.kill()


@pytest.mark.entente
def test_a_service_that_does_not_read_bounds_what_we_hold(box, make_pair):
    server = verify.Server(box, timeout=60)
    pair = make_pair(server.address)
    slow = verify.Client(box, pair.address, "--count", 50, "--concurrency",
                         50, "--up", 500 * MIB, "--up-pace", 100)
    time.sleep(3)
    for end in (pair.consumer, pair.offerer):
        assert end.process.resident_bytes() < 200 * MIB * SLOW
    verify.assert_exact(verify.transfer(
        box, pair.address, "--up", 5 * MIB, "--down", 5 * MIB, "--seed", 5))
    slow.process.kill()


@pytest.mark.entente
def test_a_keystroke_does_not_wait_behind_megabytes(box, make_pair):
    server = verify.Server(box)
    pair = make_pair(server.address)
    bulk = verify.Client(box, pair.address, "--count", 8, "--concurrency", 4,
                         "--up", 2000 * MIB, "--down", 2000 * MIB)
    time.sleep(1)
    times = []
    for number in range(60):
        began = time.monotonic()
        verify.assert_exact(verify.transfer(
            box, pair.address, "--up", 64, "--down", 64, "--seed",
            number + 2))
        seen, = [value for key, value in verify.parse(
            box.processes[-1].log).items() if key >> 32 == number + 2]
        times.append(seen.ms)
        time.sleep(max(0, 0.02 - (time.monotonic() - began)))
    bulk.process.kill()
    middle = statistics.median(times)
    print(f"64 bytes there and back beside bulk: median {middle} ms, "
          f"most {max(times)} ms")
    assert middle < 60 * SLOW, times


@pytest.mark.entente
def test_too_many_connections_are_reset_and_the_rest_is_served(
        box, make_pair):
    server = verify.Server(box)
    pair = make_pair(server.address, consume={"max_connections": 10})
    client = verify.Client(box, pair.address, "--count", 10, "--concurrency",
                           10, "--up-delay", 3000, "--up", 1000)
    wait_until(lambda: pair.consumer.status()["services"][0]["streams"] == 10,
               10, "all places are taken")
    totals = verify.transfer(box, pair.address, "--count", 5, "--up", 10,
                             "--seed", 3, "--timeout", 10)
    assert totals["exact"] == 0 and totals["truncated"] == 0, totals
    assert totals["timeouts"] == 0, totals
    verify.assert_exact(client.totals())
    verify.assert_exact(verify.transfer(box, pair.address, "--count", 5,
                                        "--up", 10, "--seed", 4))


@pytest.mark.entente
@pytest.mark.parametrize("end", ["consumer", "offerer"])
def test_without_descriptors_it_lives_and_recovers(box, make_pair, end):
    from harness.processes import run
    server = verify.Server(box)
    pair = make_pair(server.address, consume={"hold": "1s"})
    process = getattr(pair, end).process
    limit = process.descriptors() + 20
    run(["prlimit", f"--pid={process.pid}", f"--nofile={limit}:{limit}"])
    crowd = []
    for _ in range(100):
        try:
            crowd.append(ports.connect(pair.address, 2))
        except OSError:
            break
    before, began = process.cpu_seconds(), time.monotonic()
    time.sleep(2)
    used = (process.cpu_seconds() - before) / (time.monotonic() - began)
    assert used < 0.5 * SLOW, f"it spins: {used:.0%} of a core"
    assert process.is_running()
    for sock in crowd:
        sock.close()
    wait_until(lambda: verify.transfer(
        box, pair.address, "--up", 10, "--timeout", 5)["exact"] == 1,
        10 * SLOW, "it serves again")


@pytest.mark.entente
def test_churn_leaves_no_memory_and_no_descriptor(box, make_pair, long):
    server = verify.Server(box)
    pair = make_pair(server.address)
    sizes = []
    rounds, count = (10, 20000) if long else (4, 2000)
    for number in range(rounds):
        verify.assert_exact(verify.transfer(
            box, pair.address, "--count", count, "--concurrency", 20, "--up",
            "0-20000", "--down", "0-20000", "--seed", number + 1,
            timeout=300))
        sizes.append([end.process.resident_bytes()
                      for end in (pair.consumer, pair.offerer)])
    for end in (0, 1):
        assert sizes[-1][end] < sizes[1][end] + 4 * MIB * SLOW, sizes
