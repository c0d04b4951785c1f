# SPDX-License-Identifier: MIT
"""Real Redis clients, beside what they do without us."""
import hashlib

import pytest

from harness.processes import run
from harness.servers import redis

MIB = 1 << 20


@pytest.fixture
def server(box):
    """A Redis."""
    return redis.Redis(box)


@pytest.mark.smoke
@pytest.mark.valgrind
def test_redis_cli_reads_what_it_wrote(server, make_pair):
    pair = make_pair(server.address, name="redis")
    assert redis.cli(pair.address, "set", "greeting", "hello") == "OK"
    assert redis.cli(pair.address, "get", "greeting") == "hello"
    assert redis.cli(server.address, "get", "greeting") == "hello"


def test_redis_benchmark_does_through_us_what_it_does_directly(
        server, make_pair, long):
    pair = make_pair(server.address, name="redis")
    requests = 200000 if long else 20000
    common = ["-t", "set,get,incr,lpush,lrange_100", "-n", requests, "-c", 50]
    for pipeline in (1, 32):
        words = [*common, "-P", pipeline]
        direct = redis.benchmark(server.address, *words)
        redis.cli(server.address, "flushall")
        through = redis.benchmark(pair.address, *words)
        assert through.keys() == direct.keys()
        for test, rate in through.items():
            print(f"pipeline {pipeline} {test}: {rate:.0f}/s, "
                  f"directly {direct[test]:.0f}/s")
            # Far from a benchmark: something is broken if it is this slow.
            assert rate > direct[test] / 50, (test, rate, direct[test])
        # What the server holds is what the requests say.
        assert redis.cli(server.address, "get", "counter:__rand_int__") == \
            str(requests)
        redis.cli(server.address, "flushall")


def test_a_large_value_is_the_same_at_both_ends(box, server, make_pair, long):
    pair = make_pair(server.address, name="redis")
    size = (512 if long else 64) * MIB
    block = hashlib.sha256(b"value").digest() * 32768
    path = box.path("value")
    digest = hashlib.sha256()
    with open(path, "wb") as value:
        for number in range(size // len(block)):
            piece = number.to_bytes(8, "big") + block[8:]
            digest.update(piece)
            value.write(piece)
    with open(path, "rb") as value:
        assert redis.cli(pair.address, "-x", "set", "big", stdin=value,
                         timeout=300) == "OK"
    assert redis.cli(server.address, "strlen", "big") == str(size)
    for address in (pair.address, server.address):
        done = run(["sh", "-c", 'redis-cli "$@" | head -c "$0" | sha256sum',
                    size, *redis.arguments(address), "get", "big"],
                   timeout=300)
        assert done.stdout.split()[0] == digest.hexdigest()


def test_a_subscriber_hears_what_is_published(box, server, make_pair):
    pair = make_pair(server.address, name="redis")
    listener = box.start("subscriber", [
        "redis-cli", *redis.arguments(pair.address), "subscribe", "news"])
    listener.says("subscribe")
    for number in range(50):
        assert redis.cli(pair.address, "publish", "news",
                         f"message-{number}") == "1"
    listener.says("message-49")


def test_an_error_of_the_server_is_the_servers(server, make_pair):
    pair = make_pair(server.address, name="redis")
    assert redis.cli(pair.address, "no-such-command", check=False) == \
        redis.cli(server.address, "no-such-command", check=False)
