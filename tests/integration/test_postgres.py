# SPDX-License-Identifier: MIT
"""PostgreSQL: \\copy each way, pgbench, and a connection per transaction."""
import hashlib
import re

import pytest

from harness.box import Box
from harness.servers import postgres

MIB = 1 << 20


@pytest.fixture(scope="module")
def cluster():
    """One cluster for all tests here: making it takes seconds."""
    box = Box()
    try:
        yield postgres.Postgres(box)
    finally:
        box.stop()
        box.clear()


def sha256(path):
    """The checksum of a file."""
    digest = hashlib.sha256()
    with open(path, "rb") as data:
        for block in iter(lambda: data.read(MIB), b""):
            digest.update(block)
    return digest.hexdigest()


def test_copy_each_way_is_the_same_file(box, cluster, make_pair, long):
    pair = make_pair(cluster.address, name="postgres")
    size = (1024 if long else 96) * MIB
    source, back = box.path("source"), box.path("back")
    line = "x" * 1000
    with open(source, "w", encoding="ascii") as data:
        for number in range(size // 1024):
            data.write(f"{number:022d}\t{line}\n")
    psql = postgres.psql
    psql(pair.address, "drop table if exists t",
         "create unlogged table t (n text, x text)",
         f"\\copy t from {source}")
    assert psql(cluster.address, "select count(*) from t") == \
        str(size // 1024)
    psql(pair.address, f"\\copy t to {back}")
    assert sha256(source) == sha256(back)
    psql(pair.address, "drop table t")


@pytest.mark.parametrize("words", [
    [], ["-C"], ["-S", "-M", "prepared"]], ids=["plain", "connect", "select"])
def test_pgbench_has_no_failed_transaction(cluster, make_pair, words, long):
    pair = make_pair(cluster.address, name="postgres")
    postgres.pgbench(cluster.address, "-i", "-q", "-s", "2")
    clients, transactions = 8, 2000 if long else 100
    report = postgres.pgbench(pair.address, "-n", "-c", str(clients), "-j",
                              "2", "-t", str(transactions), *words)
    assert f"{clients * transactions}/{clients * transactions}" in report
    failed = re.search(r"failed transactions: (\d+)", report)
    assert not failed or failed[1] == "0", report
    if "-S" not in words:
        assert postgres.psql(
            cluster.address, "select count(*) from pgbench_history") == \
            str(clients * transactions)


def test_what_a_client_asks_to_cancel_is_cancelled(box, cluster, make_pair):
    # A cancel request is a connection of its own with 16 bytes.
    pair = make_pair(cluster.address, name="postgres")
    client = box.start(
        "psql", ["psql", "-X", "-c", "select pg_sleep(60)"],
        environment=postgres.environment(pair.address))
    from harness.processes import wait_until
    wait_until(lambda: postgres.psql(
        cluster.address, "select count(*) from pg_stat_activity "
        "where query like '%pg_sleep(60)%' and state = 'active' "
        "and pid <> pg_backend_pid()") == "1", 20, "the query runs")
    client.signal(2)
    client.says("canceling statement due to user request")
