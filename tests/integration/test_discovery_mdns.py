# SPDX-License-Identifier: MIT
"""mdns: between network namespaces, with avahi and with ourselves."""
import subprocess
import time

import pytest

from discovery_support import Announce, Watch, addresses
from mdns_support import Link, announcement, send

SERVICE = "_redis._tcp"
TEXT = f"mdns:{SERVICE}"


@pytest.fixture
def link():
    made = Link()
    yield made
    made.close()


@pytest.fixture
def hosts(link):
    """Two hosts, named as a consumer and an offerer."""
    return link.add_host(), link.add_host()


def watch(host, **more):
    return Watch(TEXT, prefix=host.prefix, **more)


def announce(host, name, port, *options):
    return Announce(TEXT, name, port, *options, prefix=host.prefix)


def test_between_two_of_us(hosts):
    here, there = hosts
    with watch(here) as source:
        line = source.wait(lambda line: line["stale"])
        assert not line["known"]
        with announce(there, "db-1", 7411, "--weight", "5") as one:
            assert one.wait_announced()["as"] == "db-1"
            line = source.wait_for(f"{there.address}:7411")
            assert line["endpoints"][0]["name"] == "db-1"
            assert line["endpoints"][0]["weight"] == 5
            assert not line["stale"]
            begun = time.monotonic()
        # Goodbye: at once (a second, as RFC 6762 has it).
        line = source.wait_for()
        assert time.monotonic() - begun < 3
        assert line["known"] and not line["stale"]


def test_what_avahi_publishes_we_find(hosts, tmp_path):
    here, there = hosts
    there.start_avahi(tmp_path / "avahi", "there")
    with watch(here) as source:
        published = there.avahi("avahi-publish", "-s", "Their Redis", SERVICE,
                                "12345", "weight=3", "priority=2")
        line = source.wait_for(f"{there.address}:12345")
        assert line["endpoints"][0] == {
            "address": f"{there.address}:12345", "name": "Their Redis",
            "weight": 3, "priority": 2}
        second = there.avahi("avahi-publish", "-s", "Another", SERVICE, "12346")
        source.wait_for(f"{there.address}:12345", f"{there.address}:12346")
        published.terminate()
        published.wait()
        source.wait_for(f"{there.address}:12346")
        second.terminate()
        second.wait()


def test_what_we_announce_avahi_finds(hosts, tmp_path):
    here, there = hosts
    here.start_avahi(tmp_path / "avahi", "here")
    with announce(there, "db-1", 7411, "--weight", "4") as one:
        one.wait_announced()
        found = here.browse(SERVICE)
        assert len(found) == 1
        name, host, address, port, text = found.pop()
        assert (name, address, port) == ("db-1", there.address, 7411)
        assert host.endswith(".local")
        assert '"weight=4"' in text
        browser = here.avahi("avahi-browse", "-pk", SERVICE)
        for line in browser.stdout:
            if line.startswith("+"):
                break
        one.process.stdin.close()
        assert next(browser.stdout).startswith("-")
        browser.terminate()
        browser.communicate()
        one.process.wait(5)
    assert here.browse(SERVICE) == set()


def test_beside_a_daemon_on_the_same_host(hosts, tmp_path):
    here, there = hosts
    here.start_avahi(tmp_path / "avahi-here", "here")
    there.start_avahi(tmp_path / "avahi-there", "there")
    with announce(there, "db-1", 7411) as one, \
            announce(there, "db-2", 7412) as two:
        assert one.wait_announced()["as"] == "db-1"
        assert two.wait_announced()["as"] == "db-2"
        wanted = [f"{there.address}:7411", f"{there.address}:7412"]
        with watch(here) as source, watch(there) as same_host:
            source.wait_for(*wanted)
            same_host.wait_for(*wanted)
        assert {item[0] for item in here.browse(SERVICE)} == {"db-1", "db-2"}


def test_a_given_address_is_announced(hosts):
    here, there = hosts
    with announce(there, "db-1", 7411, "--host", "192.0.2.7") as one:
        one.wait_announced()
        with watch(here) as source:
            source.wait_for("192.0.2.7:7411")


def test_a_name_that_is_taken_gets_a_number(hosts):
    here, there = hosts
    with announce(there, "db", 7411) as one:
        one.wait_announced()
        with announce(here, "db", 7412) as two:
            line = two.wait(lambda line: line["announced"], timeout=10)
            assert line["as"] == "db #2"
            with watch(here) as source:
                source.wait_for(f"{there.address}:7411",
                                f"{here.address}:7412")


def test_two_that_start_together_come_to_terms(hosts):
    here, there = hosts
    with announce(there, "db", 7411) as one, announce(here, "db", 7412) as two:
        with watch(here) as source:
            source.wait_for(f"{there.address}:7411", f"{here.address}:7412",
                            timeout=15)
        assert {one.now()["as"], two.now()["as"]} == {"db", "db #2"}


def test_a_host_that_dies_expires(hosts):
    here, there = hosts
    send(there, announcement(SERVICE, "alive", "alive", there.address, 1))
    with watch(here) as source:
        # Nobody answers for it later: it was only ever announced.
        packet = announcement(SERVICE, "dead", "dead", "10.78.0.99", 2, ttl=3)
        time.sleep(0.5)
        send(there, packet)
        source.wait(lambda line: "10.78.0.99:2" in addresses(line))
        source.wait(lambda line: "10.78.0.99:2" not in addresses(line) or
                    line["stale"], timeout=12)


def test_a_goodbye_takes_one_away_and_leaves_the_others(hosts):
    here, there = hosts
    with watch(here) as source, announce(there, "db-1", 7411) as one:
        one.wait_announced()
        time.sleep(0.2)
        send(there, announcement(SERVICE, "x", "x", "10.78.0.99", 2))
        source.wait_for("10.78.0.99:2", f"{there.address}:7411")
        begun = time.monotonic()
        send(there, announcement(SERVICE, "x", "x", "10.78.0.99", 2, ttl=0))
        source.wait_for(f"{there.address}:7411")
        assert time.monotonic() - begun < 2


def test_what_was_sent_from_afar_is_not_believed(hosts):
    here, there = hosts
    with watch(here) as source:
        source.wait(lambda line: line["stale"])
        # A router would have taken one from the 255.
        send(there, announcement(SERVICE, "far", "far", "10.78.0.66", 1),
             ttl=254)
        source.stays(lambda line: not line["known"], 1)
        send(there, announcement(SERVICE, "near", "near", "10.78.0.67", 1))
        source.wait_for("10.78.0.67:1")


def test_garbage_does_no_harm(hosts):
    here, there = hosts
    with watch(here) as source, announce(there, "db-1", 7411) as one:
        one.wait_announced()
        source.wait_for(f"{there.address}:7411")
        good = announcement(SERVICE, "x", "x", "10.78.0.99", 2)
        for packet in (b"", b"\0" * 12, b"\xff" * 100, good[:40],
                       good[:-2], b"\0\0\x84\0\0\0\xff\xff\0\0\0\0" + good[12:],
                       good[:12] + b"\xc0\x0c" * 20):
            send(there, packet)
        time.sleep(0.5)
        assert f"{there.address}:7411" in source.addresses()


def test_our_own_link_going_down_takes_nobody_away(hosts):
    here, there = hosts
    with watch(here) as source, announce(there, "db-1", 7411) as one:
        one.wait_announced()
        source.wait_for(f"{there.address}:7411")
        here.down()
        line = source.wait(lambda line: line["stale"])
        assert addresses(line) == [f"{there.address}:7411"]
        source.stays(lambda line: addresses(line), 1)
        here.up()
        source.wait(lambda line: not line["stale"] and
                    addresses(line) == [f"{there.address}:7411"], timeout=10)


BLOCK = """
import socket
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
s.bind(("::", 5353))
print("bound", flush=True)
input()
"""


def test_a_port_that_is_taken_is_said_and_tried_again(hosts):
    here, there = hosts
    blocker = subprocess.Popen([*here.prefix, "/usr/bin/python3", "-c", BLOCK],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert blocker.stdout.readline() == b"bound\n"
    with watch(here) as source, announce(there, "db-1", 7411) as one:
        line = source.wait(lambda line: line["stale"])
        assert "port 5353" in line["failure"]
        assert source.has_logged("source_failed", TEXT, "port 5353")
        one.wait_announced()
        blocker.communicate(b"\n")
        source.wait_for(f"{there.address}:7411", timeout=15)
        # Every warning says of which source it is.
        warnings = source.logged(" warning ")
        assert warnings == source.logged(" warning ", f"source={TEXT}")


def test_interfaces_that_come_and_go_leave_room(hosts):
    # Those seen through an interface that is gone for good are kept as long
    # as nobody needs their place.
    here, there = hosts

    def packets(names):
        return [announcement(SERVICE, name, "db", there.address, 7411, ttl=75)
                for name in names]

    many = packets(f"db-{i}" for i in range(100))
    with watch(here) as source:
        for number in range(6):
            if number > 0:
                here.unplug()
                here.plug()
            one = announcement(SERVICE, f"one-{number}", f"h{number}",
                               f"10.78.0.{100 + number}", 7411)
            end = time.monotonic() + 20
            while f"10.78.0.{100 + number}:7411" not in source.addresses():
                assert time.monotonic() < end, number
                send(there, *many, one)
                time.sleep(0.3)


def test_what_was_known_survives_a_restart(hosts, tmp_path):
    here, there = hosts
    options = ("--state", str(tmp_path / "state"))
    with announce(there, "db-1", 7411) as one:
        one.wait_announced()
        with Watch(TEXT, *options, prefix=here.prefix) as source:
            source.wait_for(f"{there.address}:7411")
        here.down()
        with Watch(TEXT, *options, prefix=here.prefix) as source:
            line = source.wait_for(f"{there.address}:7411")
            assert line["remembered"] and line["stale"]
            here.up()
            source.wait(lambda line: not line["stale"], timeout=10)


def test_a_host_that_gets_another_address_says_so(hosts):
    here, there = hosts
    with watch(here) as source, announce(there, "db-1", 7411) as one:
        one.wait_announced()
        source.wait_for(f"{there.address}:7411")
        there.ip("addr", "add", "10.78.0.77/24", "dev", there.device)
        there.ip("addr", "del", f"{there.address}/24", "dev", there.device)
        there.ip("addr", "replace", "10.78.0.77/24", "dev", there.device)
        there.ip("route", "replace", "224.0.0.0/4", "dev", there.device)
        source.wait_for("10.78.0.77:7411", timeout=12)


def test_hosts_without_ipv4(hosts):
    here, there = hosts
    for number, host in enumerate(hosts):
        host.ip("addr", "flush", "dev", host.device)
        host.ip("addr", "add", f"fd78::{number + 1}/64", "dev", host.device,
                "nodad")
    with watch(here) as source, announce(there, "db-1", 7411) as one:
        one.wait_announced()
        source.wait_for("[fd78::2]:7411")


@pytest.mark.parametrize("text", ["mdns:", "mdns:redis", "mdns:_redis",
                                  "mdns:_redis._sctp", "mdns:_a b._tcp",
                                  "mdns:_redis._tcp.local",
                                  "mdns:_this-name-is-too-long._tcp"])
def test_what_is_no_service_type_is_refused(text):
    assert Watch(text).process.wait(5) == 2
