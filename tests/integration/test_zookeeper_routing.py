# SPDX-License-Identifier: MIT
"""From a node of ZooKeeper to where a new connection goes."""
import json
import signal
import time

import pytest

from harness.ambassador import SLOW, Ambassador, any_port
from harness.processes import run, wait_until
from harness.servers import need
from load_support import Load, Named, report, visit
from zookeeper_support import Client, Server

pytestmark = pytest.mark.entente

PATH = "/services/redis"


@pytest.fixture
def zookeeper(box):
    server = Server(box.path("zookeeper")).start()
    box.undo(server.stop)
    client = Client(server.address)
    client.create_all(PATH)
    client.close()
    return server


def told(load, what, change, name):
    """|change|: new connections come to |name| only; seconds until then."""
    began = time.monotonic()
    change()
    wait_until(lambda: load.places(time.monotonic() - 0.2) == {name}, 5 * SLOW,
               what)
    took = max(load.first(began, name),
               load.last(began, *{"a", "b", "c"} - {name}))
    report(what, took=took)
    return took


def test_a_node_routes_the_next_connection(box, zookeeper):
    servers = {name: Named(box, name) for name in "abc"}
    client = Client(zookeeper.address)
    client.create(f"{PATH}/one", servers["a"].address)
    listen = any_port()
    Ambassador(box, "near", {"consume": {"redis": {
        "listen": listen,
        "direct": [f"zookeeper:{zookeeper.address}{PATH}"]}}}).start()
    with Load(listen, pause=0.002) as load:
        wait_until(lambda: load.first(0, "a"), 10, "it works")
        times = []
        for _ in range(3):
            for name in "bca":
                times.append(told(
                    load, f"the node says {name}", lambda name=name:
                    client.set(f"{PATH}/one", servers[name].address), name))
        # A node goes, another stays; and what nobody can read is ignored.
        client.create(f"{PATH}/two", servers["b"].address)
        times.append(told(load, "a node is deleted",
                          lambda: client.delete(f"{PATH}/one"), "b"))
        client.create(f"{PATH}/three", "{not json")
        client.set(f"{PATH}/two", "nonsense")
        began = time.monotonic()
        time.sleep(0.5)
        assert load.places(began) == {"b"}
        # As promised: 100 ms, and as much as a busy machine may want.
        assert max(times) < 2 * SLOW, times
    assert not load.failures(), load.failures()[:3]
    client.close()


def test_a_registry_that_is_gone_takes_nothing_away(box, zookeeper):
    servers = {name: Named(box, name) for name in "ab"}
    client = Client(zookeeper.address)
    client.create(f"{PATH}/one", servers["a"].address)
    client.close()
    listen, state = any_port(), box.path("state")
    state.mkdir(mode=0o700)
    document = {"state": str(state), "consume": {"redis": {
        "listen": listen,
        "direct": [f"zookeeper:{zookeeper.address}{PATH}"]}}}
    near = Ambassador(box, "near", document).start()
    with Load(listen, threads=1) as load:
        wait_until(lambda: load.first(0, "a"), 10, "it works")
        # A session that ends while the ambassador sleeps: it starts another.
        with load.still():
            near.process.signal(signal.SIGSTOP)
            time.sleep(3)  # the server grants 2 s
            near.process.signal(signal.SIGCONT)
        wait_until(lambda: "expired" in near.log, 10 * SLOW, "it has noticed")
        zookeeper.stop()
        wait_until(lambda: near.log.count("source_failed") >= 2, 10 * SLOW,
                   "the registry is missed")
        began = time.monotonic()
        time.sleep(2)
        assert load.places(began) == {"a"}
    assert not load.failures(), load.failures()[:3]
    # Who starts now knows no other way than what was remembered.
    near.stop()
    near.start()
    assert visit(listen) == "a"
    zookeeper.start()
    client = Client(zookeeper.address)
    client.set(f"{PATH}/one", servers["b"].address)
    wait_until(lambda: visit(listen) == "b", 15 * SLOW, "it is heard again")
    client.close()


def hurry(factor):
    """The environment in which clocks run |factor| times as fast."""
    need("faketime")
    told = run(["faketime", "-m", "-f", f"+0 x{factor}", "env"]).stdout
    return dict(line.split("=", 1) for line in told.splitlines()
                if line.startswith(("LD_PRELOAD=", "FAKETIME=")))


@pytest.mark.skipif(SLOW > 1, reason="sanitizers want to be loaded first")
def test_ten_minutes_without_a_registry(box, zookeeper):
    server = Named(box, "a")
    client = Client(zookeeper.address)
    client.create(f"{PATH}/one", server.address)
    client.close()
    listen = any_port()
    near = Ambassador(box, "near", {"consume": {"redis": {
        "listen": listen, "hold": "1h",
        "direct": [f"zookeeper:{zookeeper.address}{PATH}"]}}},
        environment=hurry(60)).start()

    def source():
        """What is known of it; its patience with commands is short, too."""
        done = near.command("status", "--json")
        return json.loads(done.stdout)["services"][0]["sources"][0] \
            if done.returncode == 0 else None

    def is_stale():
        return wait_until(source, 10)["stale"]

    assert visit(listen) == "a"
    zookeeper.stop()
    with Load(listen, threads=1, pause=0.02) as load:
        wait_until(lambda: wait_until(source, 10)["age_s"] > 600, 60, "ten minutes",
                   every=0.2)
    assert {one.who for one in load.visits} == {"a"}
    assert is_stale()
    # And when it is back, it is heard.
    zookeeper.start()
    wait_until(lambda: not is_stale(), 30, "it is heard again")
    assert visit(listen) == "a"
