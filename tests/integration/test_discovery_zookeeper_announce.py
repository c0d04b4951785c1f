# SPDX-License-Identifier: MIT
"""Announcing ourselves in a real ZooKeeper."""
import contextlib
import json
import random
import signal
import time

import pytest

from discovery_support import Announce, Watch
from zookeeper_support import (ANYONE, Client, Proxy, Server,
                               ZooKeeperError)

PATH = "/announced/redis"


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("zookeeper")).start()
    yield server
    server.stop()


@pytest.fixture
def client(shared):
    client = Client(shared.address)
    yield client
    client.close()


@pytest.fixture
def server(shared, client):
    for path in (PATH, "/announced"):
        try:
            for name in client.children(path):
                client.delete(f"{path}/{name}")
            client.delete(path)
        except ZooKeeperError:
            pass
    return shared


def announce(server, name, port, *options, **more):
    return Announce(f"zookeeper:{server.address}{PATH}", name, port, *options,
                    **more)


def test_what_is_announced_is_found_and_taken_back(server, client):
    with Watch(f"zookeeper:{server.address}{PATH}") as source:
        with announce(server, "web-1", 7411, "--host", "127.0.0.5",
                      "--weight", "3") as one:
            line = one.wait_announced()
            assert line["as"] == f"{PATH}/web-1"
            assert client.owner(f"{PATH}/web-1") != 0
            assert client.owner(PATH) == 0
            assert json.loads(client.get(f"{PATH}/web-1")) == {
                "host": "127.0.0.5", "port": 7411, "name": "web-1",
                "weight": 3, "priority": 0}
            found = source.wait_for("127.0.0.5:7411")
            assert found["endpoints"][0]["weight"] == 3
            with announce(server, "web-2", 7412, "--host", "127.0.0.6") as two:
                two.wait_announced()
                source.wait_for("127.0.0.5:7411", "127.0.0.6:7412")
            source.wait_for("127.0.0.5:7411", timeout=1)
        assert client.children(PATH) == []


def test_our_address_is_the_one_the_servers_see(server, client):
    with announce(server, "web-1", 7411) as one:
        one.wait_announced()
        assert json.loads(client.get(f"{PATH}/web-1"))["host"] == "127.0.0.1"


def test_a_process_that_dies_is_forgotten_and_may_come_back(server, client):
    one = announce(server, "web-1", 7411, "--host", "127.0.0.5")
    one.wait_announced()
    owner = client.owner(f"{PATH}/web-1")
    one.kill()
    # Before the old session has expired: no gap, the node changes hands.
    with announce(server, "web-1", 7411, "--host", "127.0.0.5") as again:
        again.wait_announced(timeout=1.5)
        assert client.owner(f"{PATH}/web-1") not in (0, owner)
        time.sleep(3)
        assert client.owner(f"{PATH}/web-1") not in (0, owner)
    one = announce(server, "web-1", 7411, "--host", "127.0.0.5")
    one.wait_announced()
    one.kill()
    end = time.monotonic() + 5
    while client.children(PATH) and time.monotonic() < end:
        time.sleep(0.1)
    assert client.children(PATH) == []


def test_a_name_that_is_taken_is_waited_for(server, client):
    client.create_all(PATH)
    client.create(f"{PATH}/web-1", '{"host": "127.0.0.9", "port": 1}')
    with announce(server, "web-1", 7411, "--host", "127.0.0.5") as one:
        one.wait_failed("taken")
        time.sleep(0.5)
        assert b"127.0.0.9" in client.get(f"{PATH}/web-1")
        client.delete(f"{PATH}/web-1")
        one.wait_announced()


def test_what_somebody_deletes_is_made_again(server, client):
    with announce(server, "web-1", 7411) as one:
        one.wait_announced()
        client.delete(f"{PATH}/web-1")
        end = time.monotonic() + 5
        while not client.children(PATH) and time.monotonic() < end:
            time.sleep(0.05)
        assert client.children(PATH) == ["web-1"]


def test_an_expired_session_announces_again_within_five_seconds(server,
                                                                client):
    with announce(server, "web-1", 7411) as one:
        one.wait_announced()
        one.process.send_signal(signal.SIGSTOP)
        end = time.monotonic() + 6
        while client.children(PATH) and time.monotonic() < end:
            time.sleep(0.1)
        assert client.children(PATH) == []
        one.process.send_signal(signal.SIGCONT)
        begun = time.monotonic()
        one.wait_failed("expired")
        one.wait_announced()
        assert client.children(PATH) == ["web-1"]
        assert time.monotonic() - begun < 5


def test_a_registry_that_restarts_is_told_again(tmp_path):
    server = Server(tmp_path).start()
    try:
        with announce(server, "web-1", 7411) as one:
            one.wait_announced()
            server.stop()
            one.wait_failed()
            time.sleep(2.5)
            server.start()
            one.wait_announced(timeout=8)
            client = Client(server.address)
            end = time.monotonic() + 5
            while client.children(PATH) != ["web-1"]:
                assert time.monotonic() < end
                time.sleep(0.1)
            client.close()
    finally:
        server.stop()


def disturb(proxy, how, chance):
    """What befalls a change that was just told."""
    time.sleep(chance.random() * 0.03)
    if how == "cut":
        proxy.cut()
    elif how == "hang":
        proxy.held = True
        time.sleep(1)
    elif how == "expire":
        proxy.held = True
        proxy.cut()
        time.sleep(2.5)  # the session may be silent for two seconds
        proxy.cut()
    proxy.held = False


def test_a_change_reaches_a_registry_that_is_lost_at_any_moment(server,
                                                                client):
    chance = random.Random(4)
    proxy = Proxy(server.port)
    text = f"zookeeper:{proxy.address}{PATH}"
    with contextlib.closing(proxy), Announce(text, "web-1", 7411) as one:
        one.wait_announced()
        for number in range(1, 13):
            how = ("cut", "hang", "expire", "answer", "calm")[number % 5]
            told = number + (20000 if number % 2 else 0)  # the port as well
            if how == "answer":
                proxy.cut_after = chance.randrange(1, 200)
            one.say(str(told))
            disturb(proxy, how, chance)
            end = time.monotonic() + 25
            while True:
                with contextlib.suppress(ZooKeeperError):
                    found = json.loads(client.get(f"{PATH}/web-1"))
                    if found["weight"] == told:
                        break
                assert time.monotonic() < end, (number, how, found)
                time.sleep(0.02)
            assert told < 20000 or found["port"] == told
        proxy.cut_after = None
        one.wait_announced(timeout=15)
    assert client.children(PATH) == []


def test_a_password_protects_what_was_made(server, client, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("ambassador:s3cret")
    text = f"zookeeper:{server.address}/guarded/redis?auth_file={secret}"
    with Announce(text, "web-1", 7411) as one:
        one.wait_announced()
        assert b"7411" in client.get("/guarded/redis/web-1")
        with pytest.raises(ZooKeeperError):
            client.set("/guarded/redis/web-1", "127.0.0.9:1")
        with pytest.raises(ZooKeeperError):
            client.create("/guarded/redis/evil", "127.0.0.9:1", acl=ANYONE)
    assert not one.logged("s3cret")


def test_what_may_not_be_written_is_said(server, client):
    client.create_all(PATH)
    try:
        client.create("/readonly", b"", acl=[(1, "world", "anyone")])
    except ZooKeeperError as error:
        assert error.args[0] == -110
    with Announce(f"zookeeper:{server.address}/readonly", "web-1", 1) as one:
        one.wait_failed("not authenticated")
