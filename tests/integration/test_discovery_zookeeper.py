# SPDX-License-Identifier: MIT
"""zookeeper: against real servers."""
import contextlib
import json
import os
import pathlib
import re
import signal
import socket
import struct
import threading
import time
from random import Random

import pytest

from discovery_support import DnsServer, Watch, addresses
from zookeeper_support import (Client, Server, ZooKeeperError,
                               start_ensemble)

PATH = "/services/redis"


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One server for the tests that do it no harm."""
    server = Server(tmp_path_factory.mktemp("zookeeper")).start()
    yield server
    server.stop()


@pytest.fixture
def server(shared):
    client = Client(shared.address)
    client.create_all(PATH)
    for name in client.children(PATH):
        client.delete(f"{PATH}/{name}")
    client.close()
    return shared


@pytest.fixture
def client(server):
    client = Client(server.address)
    yield client
    client.close()


def watch(server, *options, path=PATH, **more):
    return Watch(f"zookeeper:{server.address}{path}", *options, **more)


def nerve(port, **more):
    return json.dumps({"host": "127.0.0.2", "port": port, "name": "x"} | more)


def test_children_of_every_form_are_endpoints(server, client):
    client.create(f"{PATH}/nerve_0000000001", nerve(1, weight=3, priority=2))
    client.create(f"{PATH}/member_0000000002", json.dumps(
        {"serviceEndpoint": {"host": "127.0.0.3", "port": 2},
         "additionalEndpoints": {}, "status": "ALIVE", "shard": 1}))
    client.create(f"{PATH}/member_0000000003", json.dumps(
        {"serviceEndpoint": {"host": "127.0.0.9", "port": 9},
         "additionalEndpoints": {}, "status": "STOPPING"}))
    client.create(f"{PATH}/plain", "127.0.0.4:3\n")
    client.create(f"{PATH}/vector_0000000001", '{"vectors": []}')
    with watch(server) as source:
        line = source.wait_for("127.0.0.2:1", "127.0.0.3:2", "127.0.0.4:3")
        first = {item["address"]: item for item in line["endpoints"]}
        assert first["127.0.0.2:1"]["weight"] == 3
        assert first["127.0.0.2:1"]["priority"] == 2
        assert line["failure"] == ""


def test_create_change_and_delete_are_seen_within_100_ms(server, client):
    client.create(f"{PATH}/a", nerve(1))
    with watch(server) as source:
        source.wait_for("127.0.0.2:1")
        time.sleep(0.3)
        times = []
        for step, wanted in (
                (lambda: client.create(f"{PATH}/b", nerve(2)), (1, 2)),
                (lambda: client.set(f"{PATH}/b", nerve(3)), (1, 3)),
                (lambda: client.delete(f"{PATH}/b"), (1,))) * 3:
            begun = time.monotonic()
            step()
            source.wait_for(*[f"127.0.0.2:{port}" for port in wanted])
            times.append(time.monotonic() - begun)
            time.sleep(0.2)
        assert max(times) < 0.1, times


def test_a_node_that_is_made_again_under_its_name_is_read_again(server, client):
    client.create(f"{PATH}/a", nerve(1))
    client.create(f"{PATH}/b", nerve(2))
    with watch(server) as source:
        source.wait_for("127.0.0.2:1", "127.0.0.2:2")
        client.delete(f"{PATH}/a")
        client.create(f"{PATH}/a", nerve(3))
        source.wait_for("127.0.0.2:3", "127.0.0.2:2")
        client.set(f"{PATH}/a", nerve(4))
        source.wait_for("127.0.0.2:4", "127.0.0.2:2")


def test_bad_data_is_said_and_ignored(server, client):
    client.create(f"{PATH}/a", nerve(1))
    client.create(f"{PATH}/bad", "{not json")
    with watch(server) as source:
        line = source.wait_for("127.0.0.2:1")
        assert not line["stale"]
        assert "bad" in line["failure"]
        assert source.has_logged("source_member_ignored", "member=bad")
        # What was good once and is bad now stays as it was.
        client.set(f"{PATH}/a", '{"host": "127.0.0.2", "port": 99999}')
        assert source.has_logged("source_member_ignored", "member=a")
        source.stays(lambda line: addresses(line) == ["127.0.0.2:1"], 0.5)
        client.set(f"{PATH}/bad", nerve(2))
        client.set(f"{PATH}/a", nerve(3))
        source.wait(lambda line: addresses(line) ==
                    ["127.0.0.2:2", "127.0.0.2:3"] and line["failure"] == "")


def test_nobody_left_is_not_believed(server, client):
    client.create(f"{PATH}/a", nerve(1))
    with watch(server) as source:
        source.wait_for("127.0.0.2:1")
        client.delete(f"{PATH}/a")
        line = source.wait(lambda line: line["stale"])
        assert addresses(line) == ["127.0.0.2:1"]
        assert line["failure"] == "the node has no children"
        client.delete(PATH)
        line = source.wait(lambda line: "no such node" in line["failure"])
        assert addresses(line) == ["127.0.0.2:1"]
        client.create(PATH)
        client.create(f"{PATH}/b", nerve(2))
        source.wait(lambda line: addresses(line) == ["127.0.0.2:2"] and
                    not line["stale"])


def test_a_node_that_comes_later_is_found(server, client):
    with watch(server, path="/later/redis") as source:
        source.wait(lambda line: "no such node" in line["failure"])
        client.create_all("/later/redis")
        client.create("/later/redis/a", nerve(1))
        source.wait_for("127.0.0.2:1", timeout=2)
    client.delete("/later/redis/a")
    client.delete("/later/redis")


def test_ephemeral_nodes_go_with_their_session(server, client):
    client.create(f"{PATH}/a", nerve(1))
    other = Client(server.address, timeout=600)
    other.create(f"{PATH}/b", nerve(2), ephemeral=True)
    with watch(server) as source:
        source.wait_for("127.0.0.2:1", "127.0.0.2:2")
        other.vanish()
        source.wait_for("127.0.0.2:1", timeout=3)


def test_names_of_members_are_resolved(server, client):
    with DnsServer() as dns:
        dns.set_a("db.test", "127.0.0.7")
        client.create(f"{PATH}/a", json.dumps({"host": "db.test", "port": 5}))
        with watch(server, "--server", dns.address) as source:
            source.wait_for("127.0.0.7:5")


def test_names_of_servers_are_resolved_without_blocking(server, client):
    client.create(f"{PATH}/a", nerve(1))
    with DnsServer() as dns:
        dns.silent = True
        with Watch(f"zookeeper:zk.test:{server.port}{PATH}", "--server",
                   dns.address) as source:
            time.sleep(0.3)
            dns.silent = False
            dns.set_a("zk.test", "127.0.0.1")
            source.wait_for("127.0.0.2:1", timeout=8)


class Cutter:
    """A way to the server that breaks once, after so many bytes of answers."""

    def __init__(self, server, after):
        self.left = after
        self.server = ("127.0.0.1", server.port)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            far = socket.create_connection(self.server)
            for one, other, counted in ((near, far, False), (far, near, True)):
                threading.Thread(target=self._carry, daemon=True,
                                 args=(one, other, counted)).start()

    def _carry(self, one, other, counted):
        try:
            while piece := one.recv(16 if counted else 4096):
                if counted and self.left is not None:
                    self.left -= len(piece)
                    if self.left < 0:
                        self.left = None
                        break
                other.sendall(piece)
        except OSError:
            pass
        for end in (one, other):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def test_an_answer_cut_anywhere_is_never_half_an_answer(server, client):
    for i in (1, 2, 3):
        client.create(f"{PATH}/m{i}", nerve(i))
    wanted = [f"127.0.0.2:{i}" for i in (1, 2, 3)]
    with contextlib.ExitStack() as stack:
        for after in range(32, 620, 32):
            cutter = Cutter(server, after)
            stack.callback(cutter.close)
            source = stack.enter_context(
                Watch(f"zookeeper:127.0.0.1:{cutter.port}{PATH}"))
            stack.callback(lambda source=source: all_or_none(source, wanted))
            source.wait_for(*wanted, timeout=20)


def all_or_none(source, wanted):
    source.now()
    assert all(addresses(line) == wanted for line in source.lines
               if line["known"])


def test_our_session_may_expire(server, client):
    client.create(f"{PATH}/a", nerve(1))
    with watch(server) as source:
        source.wait_for("127.0.0.2:1")
        source.process.send_signal(signal.SIGSTOP)
        time.sleep(3)  # the server grants 2 s
        client.set(f"{PATH}/a", nerve(2))
        source.process.send_signal(signal.SIGCONT)
        source.wait_for("127.0.0.2:2", timeout=5)
        assert source.has_logged("source_failed", "expired")
        client.set(f"{PATH}/a", nerve(3))
        source.wait_for("127.0.0.2:3", timeout=1)


def test_a_password_opens_what_is_closed(server, client, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("ambassador:s3cret\n")
    client.add_auth("ambassador:s3cret")
    mine = [(31, "auth", "")]
    try:
        client.create("/closed", b"", acl=mine)
        client.create("/closed/a", nerve(1), acl=mine)
    except ZooKeeperError as error:
        assert error.args[0] == -110
    with watch(server, path="/closed") as source:
        line = source.wait(lambda line: line["stale"])
        assert "not authenticated" in line["failure"]
    with watch(server, path=f"/closed?auth_file={secret}") as source:
        source.wait_for("127.0.0.2:1")
        assert not source.logged("s3cret")
    with watch(server, path="/closed?auth_file=/nonexistent") as source:
        source.wait(lambda line: "/nonexistent" in line["failure"])


def test_a_thousand_members(server, client):
    for i in range(1000):
        client.create(f"{PATH}/m{i:04}", nerve(1000 + i))
    with watch(server) as source:
        source.wait(lambda line: len(line["endpoints"]) == 1000, timeout=10)
        for i in range(500):
            client.delete(f"{PATH}/m{i:04}")
        source.wait(lambda line: len(line["endpoints"]) == 500, timeout=10)
        assert len(source.logged("source_changed")) < 100


def test_of_too_many_members_the_rest_is_left_out(server, client):
    for i in range(8198):
        client.create(f"{PATH}/m{i:04}", nerve(1000 + i))
    with watch(server) as source:
        line = source.wait(lambda line: len(line["endpoints"]) == 8192,
                           timeout=20)
        assert "more than 8192 members" in line["failure"]
        for i in range(6):
            client.delete(f"{PATH}/m{i:04}")
        source.wait(lambda line: len(line["endpoints"]) == 8192 and
                    line["failure"] == "", timeout=20)


def seconds_used(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().split()
    return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")


def test_twenty_thousand_children_do_not_keep_us_from_anything(server, client):
    client.create_all("/many")
    for i in range(20000):
        client.create(f"/many/child-of-a-long-name-{i:06}", nerve(1000 + i))
    with watch(server, path="/many") as source:
        source.wait(lambda line: len(line["endpoints"]) == 8192, timeout=20)
        before = seconds_used(source.process.pid)
        for i in range(20):
            client.create(f"/many/another-{i}", nerve(900 + i))
            time.sleep(0.1)
        source.stays(lambda line: not line["stale"], 2)
        used = seconds_used(source.process.pid) - before
        assert used < 0.7  # of four


def test_members_that_were_all_replaced_meanwhile_are_found(server, client):
    for i in range(800):
        client.create(f"{PATH}/a{i:04}", nerve(1000 + i))
    with watch(server) as source:
        source.wait(lambda line: len(line["endpoints"]) == 800, timeout=10)
        source.process.send_signal(signal.SIGSTOP)
        for i in range(800):
            client.delete(f"{PATH}/a{i:04}")
            client.create(f"{PATH}/b{i:04}", nerve(3000 + i))
        source.process.send_signal(signal.SIGCONT)
        line = source.wait(lambda line: len(line["endpoints"]) == 800 and
                           "127.0.0.2:3000" in addresses(line), timeout=20)
        assert all(int(item["address"].split(":")[1]) >= 3000
                   for item in line["endpoints"])


def test_an_outage_changes_nothing(tmp_path):
    server = Server(tmp_path / "zk").start()
    try:
        client = Client(server.address)
        client.create_all(PATH)
        client.create(f"{PATH}/a", nerve(1))
        client.close()
        state = str(tmp_path / "state")
        with watch(server, "--state", state) as source:
            source.wait_for("127.0.0.2:1")
            server.stop()
            line = source.wait(lambda line: line["stale"])
            assert addresses(line) == ["127.0.0.2:1"]
            source.stays(lambda line: addresses(line) == ["127.0.0.2:1"], 4)
            # Whoever starts now knows where things were.
            with watch(server, "--state", state) as second:
                line = second.wait_for("127.0.0.2:1")
                assert line["remembered"]
            server.start()
            source.wait(lambda line: not line["stale"], timeout=10)
            client = Client(server.address)
            client.set(f"{PATH}/a", nerve(2))
            source.wait_for("127.0.0.2:2", timeout=2)
            client.close()
    finally:
        server.stop()


def test_a_dead_server_is_not_bothered_more_than_once_a_second(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as dead:
        accepted = []

        def accept():
            while True:
                try:
                    connection, _ = dead.accept()
                except OSError:
                    return
                accepted.append(time.monotonic())
                connection.close()

        threading.Thread(target=accept, daemon=True).start()
        port = dead.getsockname()[1]
        with Watch(f"zookeeper:127.0.0.1:{port}{PATH}") as source:
            time.sleep(6)
            assert 3 <= len(accepted) <= 7
            gaps = [b - a for a, b in zip(accepted, accepted[1:])]
            assert min(gaps) > 0.9
        dead.shutdown(socket.SHUT_RDWR)


def test_servers_are_reached_over_ipv6():
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as server:
        server.settimeout(5)
        with Watch(f"zookeeper:[::1]:{server.getsockname()[1]}{PATH}"):
            connection, _ = server.accept()
            asked = connection.recv(44, socket.MSG_WAITALL)
            assert len(asked) == 44  # for a session
            connection.close()


def greeting(random):
    """The answer to a client that connects, and then nothing that makes
    sense: lengths that are true, lengths that are not."""
    hello = struct.pack("!iiq", 0, 2000, 7) + struct.pack("!i", 16) + b"p" * 16
    frames = struct.pack("!i", len(hello)) + hello
    for _ in range(random.randrange(4)):
        frames += struct.pack("!i", 40) + random.randbytes(40)
    return frames + random.randbytes(random.randrange(64))


def test_garbage_from_a_server_does_no_harm():
    random = Random(1)
    with socket.create_server(("127.0.0.1", 0)) as liar:
        served = []

        def lie():
            while True:
                try:
                    connection, _ = liar.accept()
                    connection.recv(1000)
                    served.append(random.random() < 0.2)
                    connection.sendall(random.randbytes(300) if served[-1]
                                       else greeting(random))
                    time.sleep(0.05)
                    connection.close()
                except ConnectionError:
                    pass
                except OSError:
                    return

        threading.Thread(target=lie, daemon=True).start()
        text = f"zookeeper:127.0.0.1:{liar.getsockname()[1]}{PATH}"
        # As without a sanitizer: what is too much to allocate is not there.
        env = os.environ | {"ASAN_OPTIONS": "allocator_may_return_null=1"}
        with contextlib.ExitStack() as stack:
            sources = [stack.enter_context(Watch(text, env=env))
                       for _ in range(8)]
            time.sleep(6)
            assert len(served) > 20
            assert not any(source.now()["known"] for source in sources)
        liar.shutdown(socket.SHUT_RDWR)


def test_an_ensemble_loses_its_servers_one_by_one(tmp_path):
    servers = start_ensemble(tmp_path)
    try:
        client = Client(servers[0].address)
        client.create_all(PATH)
        client.create(f"{PATH}/a", nerve(1))
        client.close()
        text = ",".join(server.address for server in servers)
        with Watch(f"zookeeper:{text}{PATH}") as source:
            source.wait_for("127.0.0.2:1")
            for i, server in enumerate(servers):
                server.stop()
                survivor = servers[(i + 1) % 3]
                client = connect(survivor)
                client.set(f"{PATH}/a", nerve(10 + i))
                source.wait(lambda line, i=i: addresses(line) ==
                            [f"127.0.0.2:{10 + i}"] and not line["stale"],
                            timeout=15)
                client.close()
                server.start(wait=False)
                time.sleep(2)
    finally:
        for server in servers:
            server.stop()


def connect(server):
    """A session, once the ensemble has agreed on a leader again."""
    end = time.monotonic() + 20
    while True:
        try:
            client = Client(server.address)
            client.children("/")
            return client
        except (OSError, ZooKeeperError):
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


@pytest.mark.parametrize("text", [
    "zookeeper:", "zookeeper:127.0.0.1:2181", "zookeeper:127.0.0.1:2181/",
    "zookeeper:/services", "zookeeper:a b/services",
    "zookeeper:127.0.0.1:0/x", "zookeeper:127.0.0.1/x/",
    "zookeeper:127.0.0.1/x//y", "zookeeper:127.0.0.1/x?auth=a:b",
    "zookeeper:127.0.0.1,,127.0.0.2/x", "zookeeper:127.0.0.1/../x"])
def test_what_cannot_be_is_refused(text):
    source = Watch(text)
    assert source.process.wait(5) == 2
    time.sleep(0.1)
    assert re.search("expected", "\n".join(source.log))
