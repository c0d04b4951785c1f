# SPDX-License-Identifier: MIT
"""dns: and dns+srv: against a DNS server that says whatever it is told."""
import os
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from discovery_support import (A, AAAA, CNAME, NXDOMAIN, REFUSED, SERVFAIL,
                               SRV, DnsServer, Watch, a, aaaa, addresses,
                               encode_name)

NAME = "_redis._tcp.svc.test"


@pytest.fixture
def dns():
    with DnsServer() as server:
        yield server


def watch(dns, text, *options, **more):
    return Watch(text, "--server", dns.address, *options, **more)


def test_a_and_aaaa_become_one_pool(dns):
    dns.records[("db.test", A)] = [(60, a("127.0.0.2")), (60, a("127.0.0.3"))]
    dns.records[("db.test", AAAA)] = [(60, aaaa("::1"))]
    with watch(dns, "dns:db.test:6379") as source:
        line = source.wait_for("127.0.0.2:6379", "127.0.0.3:6379", "[::1]:6379")
        assert {item["name"] for item in line["endpoints"]} == {"db.test:6379"}
        assert not line["stale"] and line["failure"] == ""


def test_addresses_without_a_way_to_them_give_way(dns):
    # A link-local address without its link: nowhere to send to.  A name that
    # has nothing else keeps it.
    dns.set_a("db.test", "127.0.0.2")
    dns.records[("db.test", AAAA)] = [(60, aaaa("fe80::1"))]
    dns.records[("six.test", AAAA)] = [(60, aaaa("fe80::1"))]
    with watch(dns, "dns:db.test:6379") as source:
        source.wait_for("127.0.0.2:6379")
    with watch(dns, "dns:six.test:6379") as source:
        source.wait_for("[fe80::1]:6379")


def test_aliases_are_followed(dns):
    dns.records[("www.test", CNAME)] = [(60, "real.test")]
    dns.set_a("real.test", "127.0.0.2")
    with watch(dns, "dns:www.test:80") as source:
        source.wait_for("127.0.0.2:80")


def test_a_change_is_seen_within_ttl_plus_one_second(dns):
    dns.set_a("db.test", "127.0.0.2", ttl=2)
    with watch(dns, "dns:db.test:6379") as source:
        source.wait_for("127.0.0.2:6379")
        dns.set_a("db.test", "127.0.0.3", ttl=2)
        source.wait_for("127.0.0.3:6379", timeout=3)


def test_records_of_no_time_to_live_are_asked_for_once_a_second(dns):
    dns.set_a("db.test", "127.0.0.2", ttl=0)
    with watch(dns, "dns:db.test:6379") as source:
        source.wait_for("127.0.0.2:6379")
        before = dns.count(A)
        time.sleep(3)
        assert 2 <= dns.count(A) - before <= 3


def test_a_long_time_to_live_is_believed_until_there_is_doubt(dns):
    dns.set_a("db.test", "127.0.0.2", ttl=86400)
    with watch(dns, "dns:db.test:6379") as source:
        source.wait_for("127.0.0.2:6379")
        dns.set_a("db.test", "127.0.0.3", ttl=86400)
        source.stays(lambda line: False, 1.5)
        source.say("doubt")
        source.wait_for("127.0.0.3:6379", timeout=1.5)
        before = dns.count(A)
        for _ in range(60):
            source.say("doubt")
            time.sleep(0.05)
        # However often it is doubted, it is asked for once a second.
        assert 2 <= dns.count(A) - before <= 4


FAILURES = {
    "SERVFAIL": lambda dns: setattr(dns, "rcode", SERVFAIL),
    "REFUSED": lambda dns: setattr(dns, "rcode", REFUSED),
    "NXDOMAIN": lambda dns: dns.records.clear(),
    "empty": lambda dns: [dns.records.__setitem__(key, [])
                          for key in dns.records],
    "silence": lambda dns: setattr(dns, "silent", True),
    "garbage": lambda dns: setattr(dns, "raw", lambda question: b"\xff" * 40),
    "malformed": lambda dns: setattr(
        dns, "raw", lambda q: q[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + q[12:] +
        b"\xc0\x0c\0\1\0\1\0\0\0\1\0\4\x7f"),
    "wrong question": lambda dns: setattr(
        dns, "raw", lambda q: q[:2] + b"\x81\x80\0\1\0\0\0\0\0\0" +
        encode_name("other.test") + b"\0\1\0\1"),
}


def check_failure(text, failure):
    with DnsServer() as dns:
        dns.set_a("db.test", "127.0.0.2")
        dns.set_srv(NAME, (0, 1, 6379, "db.test"))
        with watch(dns, text) as source:
            source.wait_for("127.0.0.2:6379")
            healthy = dict(dns.records)
            FAILURES[failure](dns)
            line = source.wait(lambda line: line["stale"], timeout=12)
            assert line["failure"] != ""
            assert addresses(line) == ["127.0.0.2:6379"]
            assert time.time() - line["answered_at"] < 15
            assert source.has_logged("source_failed", "kept=1")
            # And when it is back, so are we.
            dns.rcode, dns.silent, dns.raw = 0, False, None
            dns.records = healthy
            dns.set_a("db.test", "127.0.0.4")
            dns.set_srv(NAME, (0, 1, 6379, "db.test"))
            source.wait(lambda line: addresses(line) == ["127.0.0.4:6379"] and
                        not line["stale"], timeout=20)
            assert source.has_logged("source_recovered")


@pytest.mark.parametrize("text", ["dns:db.test:6379", f"dns+srv:{NAME}"])
def test_no_failure_of_dns_takes_an_endpoint_away(text):
    with ThreadPoolExecutor(len(FAILURES)) as pool:
        checks = {failure: pool.submit(check_failure, text, failure)
                  for failure in FAILURES}
    problems = {failure: str(check.exception())
                for failure, check in checks.items() if check.exception()}
    assert not problems


def test_questions_to_a_dead_server_are_spaced_out(dns):
    dns.rcode = SERVFAIL
    with watch(dns, "dns:db.test:6379") as source:
        source.wait(lambda line: line["stale"])
        time.sleep(6)
        asked = [when for when, _, kind, _ in dns.queries if kind == A]
        # Each attempt asks twice (c-ares tries again); 0.5 1 2 4 s apart.
        assert len(asked) <= 12


def test_one_failing_family_keeps_its_addresses(dns):
    dns.set_a("db.test", "127.0.0.2")
    dns.records[("db.test", AAAA)] = [(1, aaaa("::1"))]
    with watch(dns, "dns:db.test:6379") as source:
        source.wait_for("127.0.0.2:6379", "[::1]:6379")
        dns.rcodes[("db.test", AAAA)] = SERVFAIL
        dns.set_a("db.test", "127.0.0.3")
        source.wait_for("127.0.0.3:6379", "[::1]:6379")


@pytest.mark.parametrize("dropped, kept", [(AAAA, A), (A, AAAA)])
def test_a_family_whose_questions_are_dropped_is_not_waited_for(dns, dropped,
                                                                kept):
    dns.records[("db.test", A)] = [(1, a("127.0.0.2"))]
    dns.records[("db.test", AAAA)] = [(1, aaaa("::1"))]
    dns.dropped = (dropped,)
    wanted = "127.0.0.2:6379" if kept == A else "[::1]:6379"
    with watch(dns, "dns:db.test:6379") as source:
        source.wait_for(wanted, timeout=3)  # a question ends after 4.5 s
        source.stays(lambda line: addresses(line) == [wanted], 1)
        before = dns.count(kept)
        source.stays(lambda line: addresses(line) == [wanted], 5)
        assert dns.count(kept) - before <= 2
        dns.dropped = ()
        source.wait_for("127.0.0.2:6379", "[::1]:6379", timeout=10)
        # And what was known of a family stays when it falls silent.
        dns.dropped = (dropped,)
        source.stays(lambda line: len(addresses(line)) == 2, 3)


def test_the_second_name_server_is_asked_when_the_first_is_dead(dns):
    dns.set_a("db.test", "127.0.0.2")
    with DnsServer() as dead:
        dead.silent = True
        with Watch("dns:db.test:6379", "--server", dead.address, "--server",
                   dns.address) as source:
            source.wait_for("127.0.0.2:6379", timeout=4)
            assert dead.queries


def test_search_domains_are_tried(dns, tmp_path):
    configuration = tmp_path / "resolv.conf"
    configuration.write_text("search wrong.test right.test\noptions ndots:2\n")
    dns.set_a("db.right.test", "127.0.0.2")
    dns.set_a("other.test", "127.0.0.9")
    with watch(dns, "dns:db:6379", "--configuration",
               str(configuration)) as source:
        source.wait_for("127.0.0.2:6379")
        assert any(name == "db.wrong.test" for _, name, _, _ in dns.queries)
    dns.queries.clear()
    # A dot at the end means: the name is whole.
    with watch(dns, "dns:other.test.:6379", "--configuration",
               str(configuration)) as source:
        source.wait_for("127.0.0.9:6379")
        assert {name for _, name, _, _ in dns.queries} == {"other.test"}


def test_a_changed_resolv_conf_is_noticed(dns, tmp_path):
    # The port cannot be said there, so it is the search domain that changes.
    configuration = tmp_path / "resolv.conf"
    configuration.write_text("search one.test\n")
    dns.set_a("db.one.test", "127.0.0.2")
    dns.set_a("db.two.test", "127.0.0.3")
    with watch(dns, "dns:db:6379", "--configuration",
               str(configuration)) as source:
        source.wait_for("127.0.0.2:6379")
        fresh = tmp_path / "fresh"
        fresh.write_text("search two.test\n")
        os.replace(fresh, configuration)
        source.wait_for("127.0.0.3:6379", timeout=4)
        assert source.has_logged("resolver_reconfigured")


# ---- SRV ----

def test_priority_and_weight_are_those_of_the_record(dns):
    dns.set_srv(NAME, (10, 5, 6379, "db-1.test"), (20, 0, 6380, "db-2.test"))
    dns.set_a("db-1.test", "127.0.0.2")
    dns.set_a("db-2.test", "127.0.0.3")
    with watch(dns, f"dns+srv:{NAME}") as source:
        line = source.wait_for("127.0.0.2:6379", "127.0.0.3:6380")
        assert line["endpoints"] == [
            {"address": "127.0.0.2:6379", "name": "db-1.test:6379",
             "priority": 10, "weight": 5},
            {"address": "127.0.0.3:6380", "name": "db-2.test:6380",
             "priority": 20, "weight": 0}]


def test_addresses_that_come_along_are_not_asked_for(dns):
    dns.set_srv(NAME, (0, 1, 6379, "db-1.test"), (0, 1, 6379, "db-2.test"),
                ttl=60, with_addresses=[("db-1.test", "127.0.0.2"),
                                        ("db-2.test", "127.0.0.3")])
    with watch(dns, f"dns+srv:{NAME}") as source:
        source.wait_for("127.0.0.2:6379", "127.0.0.3:6379")
        assert dns.count() == 1


def test_targets_are_whole_names(dns, tmp_path):
    configuration = tmp_path / "resolv.conf"
    configuration.write_text("search wrong.test\noptions ndots:5\n")
    dns.set_srv(NAME, (0, 1, 6379, "db-1.test"))
    dns.set_a("db-1.test", "127.0.0.2")
    dns.set_a("db-1.test.wrong.test", "127.0.0.9")
    with watch(dns, f"dns+srv:{NAME}.", "--configuration",
               str(configuration)) as source:
        source.wait_for("127.0.0.2:6379")


def test_a_change_of_port_alone_is_a_change(dns):
    dns.set_srv(NAME, (0, 1, 6379, "db-1.test"))
    dns.set_a("db-1.test", "127.0.0.2")
    with watch(dns, f"dns+srv:{NAME}") as source:
        source.wait_for("127.0.0.2:6379")
        dns.set_srv(NAME, (0, 1, 12345, "db-1.test"))
        source.wait_for("127.0.0.2:12345", timeout=2)


def test_a_hundred_targets_come_over_tcp(dns):
    names = [f"db-{i}.test" for i in range(100)]
    dns.set_srv(NAME, *((0, 1, 6379, name) for name in names), ttl=60)
    for i, name in enumerate(names):
        dns.set_a(name, f"127.0.1.{i + 1}", ttl=60)
    wanted = [f"127.0.1.{i + 1}:6379" for i in range(100)]
    with watch(dns, f"dns+srv:{NAME}") as source:
        source.wait_for(*wanted, timeout=10)
        assert dns.count(SRV, "udp") == 1 and dns.count(SRV, "tcp") == 1
        # All of them replaced by others, at once.
        fresh = [f"new-{i}.test" for i in range(100)]
        for i, name in enumerate(fresh):
            dns.set_a(name, f"127.0.2.{i + 1}", ttl=60)
        dns.set_srv(NAME, *((0, 1, 6380, name) for name in fresh), ttl=60)
        source.say("doubt")
        source.wait_for(*[f"127.0.2.{i + 1}:6380" for i in range(100)],
                        timeout=10)
        assert len(source.logged("source_changed")) <= 4


def test_a_truncated_answer_without_tcp_is_a_failure_only(dns):
    dns.set_srv(NAME, (0, 1, 6379, "db-1.test"))
    dns.set_a("db-1.test", "127.0.0.2")
    with watch(dns, f"dns+srv:{NAME}") as source:
        source.wait_for("127.0.0.2:6379")
        dns.udp_limit, dns.tcp_enabled = 10, False
        line = source.wait(lambda line: line["stale"], timeout=10)
        assert addresses(line) == ["127.0.0.2:6379"]


def test_a_dot_says_that_there_is_no_such_service(dns):
    dns.set_srv(NAME, (0, 1, 6379, "db-1.test"))
    dns.set_a("db-1.test", "127.0.0.2")
    with watch(dns, f"dns+srv:{NAME}") as source:
        source.wait_for("127.0.0.2:6379")
        dns.set_srv(NAME, (0, 0, 0, "."))
        line = source.wait_for(timeout=3)
        assert line["known"] and not line["stale"]
        dns.set_srv(NAME, (0, 1, 6379, "db-1.test"))
        source.wait_for("127.0.0.2:6379", timeout=5)


def test_records_of_no_use_are_said(dns):
    dns.set_a("db.test", "127.0.0.2")
    dns.set_srv(NAME, (0, 1, 6379, "127.0.0.9"), (0, 1, 0, "db.test"))
    with watch(dns, f"dns+srv:{NAME}") as source:
        line = source.wait(lambda line: line["stale"])
        assert "the target of each SRV record is no name" in line["failure"]
        dns.set_srv(NAME, (0, 1, 6379, "127.0.0.9"), (0, 1, 1, "db.test"))
        line = source.wait_for("127.0.0.2:1")
        assert line["failure"].startswith("the target of some SRV records")
        assert source.has_logged("source_incomplete", "some SRV records")
        dns.set_srv(NAME, (0, 1, 1, "db.test"))
        source.wait(lambda line: line["failure"] == "")


def test_a_target_that_does_not_resolve_leaves_the_others(dns):
    dns.set_srv(NAME, (0, 1, 6379, "db-1.test"), (0, 1, 6379, "gone.test"))
    dns.set_a("db-1.test", "127.0.0.2")
    with watch(dns, f"dns+srv:{NAME}") as source:
        line = source.wait_for("127.0.0.2:6379")
        assert "gone.test" in line["failure"] and not line["stale"]
        dns.set_srv(NAME, (0, 1, 6379, "nowhere.test"))
        line = source.wait(lambda line: line["stale"], timeout=5)
        assert addresses(line) == ["127.0.0.2:6379"]


def test_a_slow_target_does_not_hold_up_the_others(dns):
    dns.set_srv(NAME, (0, 1, 6379, "db-1.test"), (0, 1, 6379, "slow.test"),
                ttl=60)
    dns.set_a("db-1.test", "127.0.0.2")
    dns.raw = lambda question: (None if b"\4slow\4test" in question else
                                answer(question))

    def answer(question):
        dns.raw, kept = None, dns.raw
        try:
            return dns.reply(question, "udp")
        finally:
            dns.raw = kept

    with watch(dns, f"dns+srv:{NAME}") as source:
        begun = time.monotonic()
        source.wait_for("127.0.0.2:6379")
        assert time.monotonic() - begun < 1.5


def test_flapping_is_damped(dns):
    for i in (2, 3):
        dns.set_a(f"db-{i}.test", f"127.0.0.{i}")
    dns.set_srv(NAME, (0, 1, 6379, "db-2.test"), ttl=0)
    with watch(dns, f"dns+srv:{NAME}") as source:
        source.wait_for("127.0.0.2:6379")
        for turn in range(20):
            dns.set_srv(NAME, (0, 1, 6379, f"db-{3 - turn % 2}.test"), ttl=0)
            time.sleep(1)
        changes = len(source.logged("source_changed"))
        assert 2 <= changes <= 6
        assert source.has_logged("source_flaps")


def test_the_last_answer_survives_a_restart_without_dns(dns, tmp_path):
    state = str(tmp_path / "state")
    dns.set_srv(NAME, (3, 7, 6379, "db-1.test"))
    dns.set_a("db-1.test", "127.0.0.2")
    with watch(dns, f"dns+srv:{NAME}", "--state", state) as source:
        source.wait_for("127.0.0.2:6379")
    dns.silent = True
    with watch(dns, f"dns+srv:{NAME}", "--state", state) as source:
        line = source.wait_for("127.0.0.2:6379", timeout=3)
        assert line["remembered"] and line["stale"]
        assert line["endpoints"][0]["priority"] == 3
        assert line["endpoints"][0]["weight"] == 7
        assert 0 <= time.time() - line["answered_at"] < 30
        dns.silent = False
        dns.set_a("db-1.test", "127.0.0.3")
        line = source.wait_for("127.0.0.3:6379", timeout=10)
        assert not line["remembered"]


def test_a_damaged_memory_is_no_memory(dns, tmp_path):
    dns.set_a("db.test", "127.0.0.2")
    state = tmp_path / "state"
    with watch(dns, "dns:db.test:1", "--state", str(state)) as source:
        source.wait_for("127.0.0.2:1")
    files = list(state.iterdir())
    assert len(files) == 1
    files[0].write_text(files[0].read_text()[:-20])
    dns.silent = True
    with watch(dns, "dns:db.test:1", "--state", str(state)) as source:
        line = source.wait(lambda line: line["stale"], timeout=8)
        assert not line["known"]
        assert source.has_logged("source_memory_damaged")


def test_a_fast_answer_comes_before_the_memory(dns, tmp_path):
    dns.set_a("db.test", "127.0.0.2")
    state = str(tmp_path)
    with watch(dns, "dns:db.test:1", "--state", state) as source:
        source.wait_for("127.0.0.2:1")
    dns.set_a("db.test", "127.0.0.3")
    with watch(dns, "dns:db.test:1", "--state", state) as source:
        source.wait_for("127.0.0.3:1")
        assert all(addresses(line) == ["127.0.0.3:1"]
                   for line in source.lines)


def check_turning(dns, text, count, turn):
    """However the server turns its list, all of it is one answer."""
    with watch(dns, text) as source:
        source.wait(lambda line: len(line["endpoints"]) == count)
        for number in range(1, 4):
            turn(number * 37)
            before = dns.count()
            while dns.count() == before:
                time.sleep(0.05)
        time.sleep(1.5)
        source.now()
        assert len(source.logged("source_changed")) == 1


def test_a_name_of_many_addresses_does_not_flap(dns):
    ips = [f"127.0.1.{i}" for i in range(200)]

    def turn(by):
        dns.set_a("db.test", *ips[by:], *ips[:by])

    turn(0)
    check_turning(dns, "dns:db.test:6379", len(ips), turn)


@pytest.mark.parametrize("count", [600, 1200])
def test_a_service_of_many_targets_does_not_flap(dns, count):
    entries = [(0, 1, 1000 + i, "h.test") for i in range(count)]
    dns.set_a("h.test", "127.0.0.2", ttl=60)

    def turn(by):
        dns.set_srv("_a._tcp", *entries[by:], *entries[:by])

    turn(0)
    check_turning(dns, "dns+srv:_a._tcp", count, turn)
