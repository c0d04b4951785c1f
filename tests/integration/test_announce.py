# SPDX-License-Identifier: MIT
"""Ambassadors that announce themselves, and consumers that find them so."""
import copy
import json
import shutil
import subprocess
import threading

import pytest

from harness.ambassador import BINARY, UNDER, Ambassador, any_port, entente
from harness.certificates import Authority
from harness.named import Keeper, Talk
from harness.ports import free_port
from harness.processes import wait_until
from harness.servers import redis
from mdns_support import Link
from zookeeper_support import Client, Server, ZooKeeperError

pytestmark = pytest.mark.entente
PATH = "/services/redis"


# ---- the registry ----

@pytest.fixture(scope="module")
def ensemble(tmp_path_factory):
    """A ZooKeeper whose sessions live on for ten seconds: what goes sooner
    was taken back."""
    server = Server(tmp_path_factory.mktemp("zookeeper"),
                    timeout=10000).start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def forgetful(tmp_path_factory):
    """One whose sessions live for two seconds at most."""
    server = Server(tmp_path_factory.mktemp("zookeeper")).start()
    yield server
    server.stop()


def delete_all(client, path):
    """|path| and what is below it."""
    try:
        for name in client.children(path):
            delete_all(client, f"{path}/{name}")
        client.delete(path)
    except ZooKeeperError:
        pass


class Registry:
    """What stands under a path of ZooKeeper."""

    def __init__(self, server):
        self.server = server
        self.client = Client(server.address)
        delete_all(self.client, "/services")

    def text(self, path=PATH):
        """The path as a source and an announcement."""
        return f"zookeeper:{self.server.address}{path}"

    def names(self, path=PATH):
        """Who is announced there."""
        try:
            return self.client.children(path)
        except ZooKeeperError:
            return []

    def member(self, name, path=PATH):
        """What one of them says."""
        return json.loads(self.client.get(f"{path}/{name}"))

    def wait_for(self, *names, path=PATH, timeout=5):
        """Until these are announced there, and no others; before any session
        has expired."""
        wait_until(lambda: self.names(path) == sorted(names), timeout,
                   f"{names} at {path}, not {self.names(path)}")


@pytest.fixture
def registry(ensemble):
    """An empty one."""
    made = Registry(ensemble)
    yield made
    made.client.close()


# ---- ambassadors ----

def who_answers(address):
    """The name of the service a new connection comes to."""
    talk = Talk(address)
    talk.close()
    return talk.name


def all_who_answer(address, count=20):
    """The names |count| connections at a time come to: all must succeed."""
    talks = [Talk(address) for _ in range(count)]
    found = {talk.name for talk in talks}
    for talk in talks:
        talk.close()
    assert "" not in found, "a connection failed"
    return found


def wait_for_all(address, *names):
    """Until connections come to all of these."""
    wait_until(lambda: all_who_answer(address) == set(names), 20,
               f"{names} are used")


class Load(threading.Thread):
    """Connection after connection, until told to stop; none may fail."""

    def __init__(self, address):
        super().__init__(daemon=True)
        self.address = address
        self.names = []
        self.failures = []
        self.over = threading.Event()
        self.start()

    def run(self):
        while not self.over.wait(0.01):
            try:
                self.names.append(who_answers(self.address))
            except OSError as error:
                self.failures.append(error)

    def stop(self):
        """How many there were; all went well."""
        self.over.set()
        self.join(30)
        assert not self.failures and "" not in self.names, self.failures
        return len(self.names)


def offerer(box, authority, name, service, announce, namespace=None, **more):
    """An ambassador that offers |service| as redis and says so."""
    leaf = authority.issue(f"db-{name}", file=box.name(f"leaf-{name}"))
    document = {
        "identity": leaf.section(),
        "tunnels": {"listen": more.pop("listen", None) or any_port(),
                    **more.pop("tunnels", {})},
        "offer": {"redis": {"to": [service], "announce": announce,
                            "allow": [authority.identity("web-1")], **more}}}
    return Ambassador(box, name, document, namespace)


def consumer(box, authority, source, namespace=None, listen=None, **more):
    """One that knows nothing of them but the registry."""
    leaf = authority.issue("web-1", file=box.name("leaf-web"))
    near = Ambassador(box, "near", {
        "identity": leaf.section(),
        "consume": {"redis": {
            "listen": listen or any_port(), "from": [source],
            "peer": [authority.identity("db-*")],
            "balance": "round-robin", **more}}}, namespace)
    near.address = near.document["consume"]["redis"]["listen"]
    return near.start()


def announcements(ambassador, service="redis"):
    """What its status says of them."""
    return [one["announcements"] for one in ambassador.status()["services"]
            if (one["name"], one["role"]) == (service, "offer")][0]


def weights(near):
    """Of the endpoints that a consumer has heard of, the least first."""
    (explained,) = json.loads(near.command(
        "explain", "redis", "--json", check=True).stdout)["roles"]
    return sorted(one["weight"] for one in explained["endpoints"])


def changed(ambassador, change):
    """Its configuration with a change to what is offered."""
    document = copy.deepcopy(ambassador.document)
    change(document["offer"]["redis"])
    return document


def reload(ambassador, change):
    """The same, read by it."""
    done = ambassador.reload(changed(ambassador, change))
    assert done.returncode == 0, done


# ---- ZooKeeper ----

@pytest.mark.smoke
def test_redis_is_found_where_its_ambassador_announces_itself(
        box, authority, registry):
    server = redis.Redis(box)
    far = offerer(box, authority, "one", f"static:{server.address}",
                  registry.text()).start()
    registry.wait_for("redis@one")
    host, port = far.document["tunnels"]["listen"].split(":")
    assert registry.member("redis@one") == {
        "host": host, "port": int(port), "name": "redis@one", "weight": 1,
        "priority": 0}
    assert announcements(far) == [{
        "text": registry.text(), "state": "announced",
        "as": f"{PATH}/redis@one", "failure": ""}]
    shown = far.command("status", check=True).stdout
    assert f"{PATH}/redis@one" in shown, shown
    near = consumer(box, authority, registry.text())
    near.wait_for("redis")
    value = "".join(f"{number:07}," for number in range(100000))
    assert redis.cli(near.address, "-x", "set", "v", input=value) == "OK"
    assert redis.cli(near.address, "get", "v") == value
    assert redis.cli(server.address, "get", "v") == value


def test_one_that_comes_is_used_and_one_that_drains_is_left(
        box, authority, registry):
    services = {name: Keeper(name) for name in ("one", "two")}
    first = offerer(box, authority, "one", services["one"].source,
                    registry.text()).start()
    near = consumer(box, authority, registry.text())
    near.wait_for("redis")
    assert all_who_answer(near.address) == {"one"}
    second = offerer(box, authority, "two", services["two"].source,
                     registry.text()).start()
    registry.wait_for("redis@one", "redis@two")
    wait_for_all(near.address, "one", "two")

    talks = [Talk(near.address) for _ in range(10)]
    stays = next(talk for talk in talks if talk.name == "one")
    load = Load(near.address)
    assert first.command("drain").returncode == 0
    registry.wait_for("redis@two")
    # Its last connections live on meanwhile.
    assert announcements(first) == []
    assert first.process.is_running() and stays.says("still here")
    wait_until(lambda: load.names[-20:] == ["two"] * 20, 20, "all go to two")
    for talk in talks:
        assert talk.says("and here"), talk.name
        talk.close()
    assert first.process.wait(40) == 0
    assert load.stop() > 20
    assert second.process.is_running()


def test_what_dies_is_forgotten_and_may_come_back(box, authority, forgetful):
    registry = Registry(forgetful)
    services = {name: Keeper(name) for name in ("one", "two")}
    first, second = (
        offerer(box, authority, name, services[name].source,
                registry.text()).start() for name in ("one", "two"))
    near = consumer(box, authority, registry.text())
    near.wait_for("redis")
    registry.wait_for("redis@one", "redis@two")
    first.kill()
    assert registry.names() == ["redis@one", "redis@two"]
    registry.wait_for("redis@two", timeout=10)
    assert all_who_answer(near.address) == {"two"}
    # And once more, but started again before the session expires.
    first.start()
    registry.wait_for("redis@one", "redis@two")
    owner = registry.client.owner(f"{PATH}/redis@one")
    first.kill()
    first.start()
    wait_until(lambda: registry.client.owner(f"{PATH}/redis@one") != owner, 10,
               "it is the new one's")
    wait_for_all(near.address, "one", "two")
    assert second.process.is_running()
    registry.client.close()


@pytest.mark.parametrize("how", ["quit", "SIGTERM"])
def test_what_ends_is_taken_back(box, authority, registry, how):
    far = offerer(box, authority, "one", Keeper("one").source,
                  registry.text()).start()
    registry.wait_for("redis@one")
    if how == "quit":
        assert far.command("quit").returncode == 0
    else:
        far.stop()
    registry.wait_for()
    assert far.process.wait(20) == 0


def test_reload_makes_moves_and_takes_back(box, authority, registry):
    service = Keeper("one")
    far = offerer(box, authority, "one", service.source, registry.text())
    far.start()
    near = consumer(box, authority, registry.text())
    near.wait_for("redis")
    talk = Talk(near.address)
    registry.wait_for("redis@one")
    owner = registry.client.owner(f"{PATH}/redis@one")
    # Nothing of the announcement changed: it is not touched.
    reload(far, lambda offer: offer.update(max_connections=77))
    assert registry.client.owner(f"{PATH}/redis@one") == owner
    # A second place, and the first is not touched.
    other = "/services/other"
    reload(far, lambda offer: offer.update(
        announce=[registry.text(other), registry.text()]))
    registry.wait_for("redis@one", path=other)
    assert registry.client.owner(f"{PATH}/redis@one") == owner
    # Only the second.
    reload(far, lambda offer: offer.update(announce=registry.text(other)))
    registry.wait_for()
    registry.wait_for("redis@one", path=other)
    # What it says of itself.
    reload(far, lambda offer: offer.update(announce_weight=7,
                                           announce_priority=3))
    wait_until(lambda: registry.names(other) and registry.member(
        "redis@one", other)["weight"] == 7, 10, "the weight is told")
    assert registry.member("redis@one", other)["priority"] == 3
    # A reload that is refused changes nothing.
    owner = registry.client.owner(f"{other}/redis@one")
    bad = changed(far, lambda offer: offer.update(announce="nowhere"))
    good = far.document
    done = far.reload(bad)
    assert done.returncode == 1 and "expected zookeeper:" in done.stderr, done
    far.write(good)
    assert registry.client.owner(f"{other}/redis@one") == owner
    # Nowhere.
    def take_back(offer):
        for key in ("announce", "announce_weight", "announce_priority"):
            del offer[key]
    reload(far, take_back)
    registry.wait_for(path=other)
    assert announcements(far) == []
    assert talk.says("all the time")
    # And from nothing.
    reload(far, lambda offer: offer.update(announce=registry.text()))
    registry.wait_for("redis@one")
    assert all_who_answer(near.address, 3) == {"one"}
    talk.close()


def test_a_change_of_what_is_told_fails_nobody(box, authority, registry):
    """Of two, so that the one which changes would be missed if it went: its
    connections would be reset by on_move, as those of the other are not."""
    services = {name: Keeper(name) for name in ("one", "two")}
    far, other = (
        offerer(box, authority, name, services[name].source,
                registry.text()).start() for name in ("one", "two"))
    registry.wait_for("redis@one", "redis@two")
    near = consumer(box, authority, registry.text(), on_move="close")
    near.wait_for("redis")
    wait_for_all(near.address, "one", "two")
    talks, load = [Talk(near.address) for _ in range(8)], Load(near.address)
    assert {talk.name for talk in talks} == {"one", "two"}
    for weight in (2, 3):
        reload(far, lambda offer, weight=weight:
               offer.update(announce_weight=weight))
        wait_until(lambda weight=weight: registry.member(
            "redis@one")["weight"] == weight, 10, "it is told")
        wait_until(lambda weight=weight: weight in weights(near), 5,
                   "it is heard")
        done = len(load.names)
        wait_until(lambda done=done: len(load.names) > done + 20, 20,
                   "connections are made")
    assert load.stop() > 20
    assert weights(near) == [1, 3] and other.process.is_running()
    # Its address: that is another place, and the old one has gone.
    document = copy.deepcopy(far.document)
    document["tunnels"]["listen"] = [document["tunnels"]["listen"], any_port()]
    document["tunnels"]["advertise"] = document["tunnels"]["listen"][1]
    assert far.reload(document).returncode == 0
    port = int(document["tunnels"]["advertise"].split(":")[1])
    wait_until(lambda: registry.member("redis@one")["port"] == port, 10,
               "its address is told")
    for talk in talks:
        if talk.name == "two":
            assert talk.says("all the time")
        else:
            with pytest.raises(ConnectionResetError):
                wait_until(lambda talk=talk: not talk.says("still?"), 5)
    wait_for_all(near.address, "one", "two")
    for talk in talks:
        talk.close()


def test_what_somebody_else_wrote_there_is_mended(box, authority, registry):
    offerer(box, authority, "one", Keeper("one").source,
            registry.text()).start()
    registry.wait_for("redis@one")
    node = f"{PATH}/redis@one"
    told, owner = registry.client.get(node), registry.client.owner(node)
    registry.client.set(node, "10.9.8.7:1")
    wait_until(lambda: registry.client.get(node) == told, 10, "it is mended")
    assert registry.client.owner(node) == owner


def test_weights_and_priorities_are_heeded(box, authority, registry):
    services = {name: Keeper(name) for name in ("one", "two", "three")}
    for name, weight, priority in (("one", 9, 0), ("two", 1, 0),
                                   ("three", 9, 1)):
        offerer(box, authority, name, services[name].source, registry.text(),
                announce_weight=weight, announce_priority=priority).start()
    registry.wait_for("redis@one", "redis@three", "redis@two")
    near = consumer(box, authority, registry.text())
    near.wait_for("redis")
    workers = len(near.status()["workers"])
    wait_until(lambda: len(near.tunnels()) == 3 * workers, 20,
               "each can reach all")
    talks = [Talk(near.address) for _ in range(100)]
    counts = {name: sum(talk.name == name for talk in talks)
              for name in services}
    for talk in talks:
        talk.close()
    assert counts["three"] == 0 and counts["one"] > 3 * counts["two"] > 0, \
        counts


def test_services_of_one_node_can_share_a_place(box, authority, registry):
    one, two = Keeper("one"), Keeper("two")
    far = offerer(box, authority, "far", one.source, registry.text())
    far.document["offer"]["search"] = {**far.document["offer"]["redis"],
                                       "to": [two.source]}
    far.start()
    registry.wait_for("redis@far", "search@far")
    owners = {registry.client.owner(f"{PATH}/{name}")
              for name in registry.names()}
    near = consumer(box, authority, registry.text())
    near.wait_for("redis")
    assert all_who_answer(near.address, 3) == {"one"}
    # They leave each other alone.
    assert owners == {registry.client.owner(f"{PATH}/{name}")
                      for name in registry.names()}


def test_an_announcement_stays_while_the_service_is_down(
        box, authority, registry):
    far = offerer(box, authority, "one", f"static:127.0.0.1:{free_port()}",
                  registry.text()).start()
    registry.wait_for("redis@one")
    near = consumer(box, authority, registry.text())
    wait_until(near.tunnels, 20, "they have met")
    assert near.command("wait", "--timeout", "2s", "redis").returncode != 0
    assert registry.names() == ["redis@one"]
    assert announcements(far)[0]["state"] == "announced"


# ---- what is told ----

def test_of_a_wildcard_the_registry_says_where_we_are(box, authority,
                                                      registry):
    port = free_port()
    far = offerer(box, authority, "one", Keeper("one").source, registry.text(),
                  listen=f"0.0.0.0:{port}").start()
    registry.wait_for("redis@one")
    assert registry.member("redis@one")["host"] == "127.0.0.1"
    assert registry.member("redis@one")["port"] == port
    # Where we listen no longer, it says no longer that we are.
    document = copy.deepcopy(far.document)
    document["tunnels"]["listen"] = f"[::]:{port}"
    assert far.reload(document).returncode == 0
    wait_until(lambda: announcements(far)[0]["state"] == "failed", 10,
               "it is not announced")
    assert "where we do not listen" in announcements(far)[0]["failure"]
    shown = far.command("status", check=True).stdout
    assert "redis: not announced at zookeeper:" in shown, shown
    registry.wait_for()


def test_what_is_advertised_is_told_instead(box, authority, registry):
    tunnel = any_port()
    far = offerer(box, authority, "one", Keeper("one").source, registry.text(),
                  listen=tunnel, tunnels={"advertise": "localhost"}).start()
    registry.wait_for("redis@one")
    assert registry.member("redis@one")["host"] == "localhost"
    assert registry.member("redis@one")["port"] == int(tunnel.split(":")[1])
    document = copy.deepcopy(far.document)
    document["tunnels"]["advertise"] = "[fd00::7]:99"
    assert far.reload(document).returncode == 0
    wait_until(lambda: registry.names() and
               registry.member("redis@one")["port"] == 99, 10, "it is told")
    assert registry.member("redis@one")["host"] == "fd00::7"


def test_the_port_is_the_one_the_kernel_chose(box, authority, registry):
    offerer(box, authority, "one", Keeper("one").source, registry.text(),
            listen="127.0.0.1:0").start()
    near = consumer(box, authority, registry.text())
    near.wait_for("redis")
    assert all_who_answer(near.address, 3) == {"one"}
    assert registry.member("redis@one")["port"] > 0


def test_a_registry_that_is_down_stops_nothing(box, authority, tmp_path):
    server = Server(tmp_path)
    text = f"zookeeper:{server.address}{PATH}"
    service = Keeper("one")
    far = offerer(box, authority, "one", service.source, text).start()
    near = Ambassador(box, "near", {
        "identity": authority.issue("web-1", file=box.name("w")).section(),
        "consume": {"redis": {
            "listen": any_port(),
            "from": [text, f"static:{far.document['tunnels']['listen']}"],
            "peer": [authority.identity("db-*")]}}}).start()
    near.wait_for("redis")
    wait_until(lambda: announcements(far)[0]["state"] == "failed", 10,
               "it says so")
    server.start()
    try:
        wait_until(lambda: announcements(far)[0]["state"] == "announced", 20,
                   "it is announced")
        assert all_who_answer(near.document["consume"]["redis"]["listen"],
                              3) == {"one"}
    finally:
        server.stop()


def test_without_a_file(box, authority, registry):
    leaf = authority.issue("db-1", file=box.name("leaf"))
    tunnel, service = any_port(), Keeper("one")
    section = leaf.section()
    box.start("offer", [
        *UNDER, BINARY, "offer", "redis", "--to", service.source, "--allow",
        authority.identity("web-1"), "--tunnel-listen", tunnel, "--node", "n",
        "--announce", registry.text(), registry.text("/services/b"),
        "--announce-weight", "4", "--tunnel-advertise", "127.0.0.1",
        "--certificate", section["certificate"], "--private-key",
        section["private_key"], "--trust", section["trust"],
        "--admin", f"unix:{box.path('offer.sock')}"])
    registry.wait_for("redis@n")
    registry.wait_for("redis@n", path="/services/b")
    assert registry.member("redis@n")["weight"] == 4
    near = consumer(box, authority, registry.text())
    near.wait_for("redis")
    assert all_who_answer(near.address, 3) == {"one"}


def test_what_could_not_be_announced_is_refused(box, authority):
    leaf = authority.issue("db-1", file=box.name("leaf")).section()
    words = ["offer", "redis", "--to", "static:h:1", "--allow",
             "spiffe://acme/web", "--tunnel-dial", "h:1", "--certificate",
             leaf["certificate"], "--private-key", leaf["private_key"],
             "--trust", leaf["trust"], "--announce", "mdns:_redis._tcp"]
    done = entente(*words)
    assert done.returncode == 2, done
    assert "--announce: redis: to be announced needs --tunnel-listen" in \
        done.stderr, done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


# ---- multicast DNS ----

MDNS = "mdns:_redis._tcp"


class Inside:
    """A host of a Link, as processes of a box are run there."""

    def __init__(self, host):
        self.host = host
        self.address = host.address

    def command(self, argv):
        """|argv| as it is to be run on this host."""
        return [*self.host.prefix, *argv]


@pytest.fixture
def hosts():
    """Three hosts on one link."""
    link = Link()
    yield [Inside(link.add_host()) for _ in range(3)]
    link.close()


def is_served_by(host, address, name):
    """Whether the redis a new connection comes to has this name."""
    return redis.cli(address, "get", "name", namespace=host,
                     check=False) == name


def test_redis_is_found_on_the_local_network(box, authority, hosts, tmp_path):
    if not shutil.which("avahi-browse"):
        pytest.skip("avahi is not installed")
    here, *others = hosts
    here.host.start_avahi(tmp_path / "avahi", "here")
    far = []
    for number, host in enumerate(others):
        server = redis.Redis(box, namespace=host)
        redis.cli(server.address, "set", "name", f"db{number}", namespace=host)
        far.append(offerer(box, authority, f"db{number}",
                           f"static:{server.address}", MDNS, host,
                           listen="0.0.0.0:7411", announce_weight=3))
    far[0].start()
    near = consumer(box, authority, MDNS, here, listen="127.0.0.1:6379")
    wait_until(lambda: is_served_by(here, near.address, "db0"), 20,
               "it is found")
    assert announcements(far[0]) == [{
        "text": MDNS, "state": "announced", "as": "redis@db0", "failure": ""}]
    # As others see it.
    (name, _, address, port, text), = here.host.browse("_redis._tcp")
    assert "redis" in name and "db0" in name
    assert (address, port) == (others[0].address, 7411)
    assert '"weight=3"' in text and '"priority=0"' in text

    far[1].start()
    wait_until(lambda: is_served_by(here, near.address, "db1"), 20,
               "the second is used")

    def sources():
        return near.status()["services"][0]["sources"][0]["endpoints"]

    # Drained: taken back at once, and all that is new goes to the other.
    assert sources() == 2
    stays = subprocess.Popen(
        here.command(["redis-cli", "-p", "6379", "blpop", "nothing", "5"]),
        stdout=subprocess.PIPE, text=True)
    wait_until(lambda: any(tunnel["streams"] for tunnel in near.tunnels()), 10,
               "it is carried")
    assert far[0].command("drain").returncode == 0
    wait_until(lambda: sources() == 1, 5, "it is taken back")
    for _ in range(20):
        assert is_served_by(here, near.address, "db1")
    assert stays.wait(30) == 0
    assert stays.communicate()[0].strip() == ""
    assert far[0].process.wait(40) == 0

    # What it says changes where it is: it is never gone meanwhile.
    document = copy.deepcopy(far[1].document)
    document["offer"]["redis"]["announce_weight"] = 5
    before = len(near.process.log)
    assert far[1].reload(document).returncode == 0
    wait_until(lambda: weights(near) == [5], 5, "its weight is heard")
    assert "removed=1" not in near.process.log[before:]
    # A reload without it: taken back; with it: there again.
    without = copy.deepcopy(document)
    del without["offer"]["redis"]["announce"]
    del without["offer"]["redis"]["announce_weight"]
    assert far[1].reload(without).returncode == 0
    wait_until(lambda: sources() == 0, 5, "it is taken back")
    assert here.host.browse("_redis._tcp") == set()
    assert far[1].reload(document).returncode == 0
    wait_until(lambda: sources() == 1, 10, "it is there again")
    # Moved to another type: no longer there.
    document["offer"]["redis"]["announce"] = "mdns:_other._tcp"
    assert far[1].reload(document).returncode == 0
    wait_until(lambda: sources() == 0, 5, "it has moved")
    wait_until(lambda: here.host.browse("_other._tcp"), 10, "it is there")


def test_what_dies_on_the_local_network_is_not_used(box, authority, hosts):
    here, *others = hosts
    far = []
    for number, host in enumerate(others):
        server = redis.Redis(box, namespace=host)
        redis.cli(server.address, "set", "name", f"db{number}", namespace=host)
        far.append(offerer(box, authority, f"db{number}",
                           f"static:{server.address}", MDNS, host,
                           listen="0.0.0.0:7411").start())
    near = consumer(box, authority, MDNS, here, listen="127.0.0.1:6379")
    for name in ("db0", "db1"):
        wait_until(lambda name=name: is_served_by(here, near.address, name),
                   20, f"{name} is used")
    far[0].kill()
    # Its records live on for two minutes, but nobody is sent there.
    for _ in range(20):
        assert is_served_by(here, near.address, "db1")
    far[0].start()
    wait_until(lambda: is_served_by(here, near.address, "db0"), 30,
               "it is used again")


@pytest.mark.parametrize("whose", ["another name", "another authority",
                                   "the right one"])
def test_a_spoofed_answer_cannot_win(box, authority, hosts, tmp_path, whose):
    """Anybody on the link can announce anything, and better: the tunnel is
    what checks who it is. With an identity that is listed it would win."""
    here, there, elsewhere = hosts
    server = redis.Redis(box, namespace=there)
    bait = redis.Redis(box, namespace=elsewhere)
    redis.cli(server.address, "set", "name", "real", namespace=there)
    redis.cli(bait.address, "set", "name", "bait", namespace=elsewhere)
    offerer(box, authority, "db0", f"static:{server.address}", MDNS, there,
            listen="0.0.0.0:7411", announce_priority=9).start()
    spoofer = offerer(box, authority, "spoof", f"static:{bait.address}", MDNS,
                      elsewhere, listen="0.0.0.0:7411", announce_priority=0,
                      announce_weight=1000)
    if whose == "another name":
        leaf = authority.issue("intruder", file=box.name("leaf-intruder"))
        spoofer.document["identity"] = leaf.section()
    elif whose == "another authority":
        leaf = Authority(tmp_path, "other").issue("db-spoof")
        spoofer.document["identity"] = {
            **leaf.section(), "trust": str(authority.certificate)}
    spoofer.start()
    near = consumer(box, authority, MDNS, here, listen="127.0.0.1:6379")

    def found():
        return {one["address"] for one in
                near.status()["services"][0]["endpoints"]
                if one["source"] == MDNS}

    wait_until(lambda: found() == {f"{there.address}:7411",
                                   f"{elsewhere.address}:7411"}, 20,
               "both are found")
    if whose == "the right one":
        wait_until(lambda: is_served_by(here, near.address, "bait"), 20,
                   "the better one is used")
        return
    redis.wait_for(near.address, namespace=here)
    for _ in range(50):
        assert is_served_by(here, near.address, "real")
    # It was dialled, and not one command came to its service.
    dialled = {"another name": f"peer={authority.identity('intruder')}",
               "another authority": "tunnel_failed to=redis@spoof"}[whose]
    assert dialled in near.log, near.log
    told = redis.cli(bait.address, "info", "commandstats",
                     namespace=elsewhere)
    assert "cmdstat_set:" in told and "cmdstat_get:" not in told, told


def test_only_what_we_listen_at_is_told(box, authority, hosts):
    here, there = hosts[:2]
    for number, host in ((1, here), (2, there)):
        host.host.ip("addr", "add", f"fd78::{number}/64", "dev",
                     host.host.device, "nodad")
    server = redis.Redis(box, namespace=there)
    far = offerer(box, authority, "db", f"static:{server.address}", MDNS,
                  there, listen="0.0.0.0:7411").start()
    near = consumer(box, authority, MDNS, here, listen="127.0.0.1:6379")

    def found():
        return {one["address"] for one in
                near.status()["services"][0]["endpoints"]
                if one["source"] == MDNS}

    v4, v6 = f"{there.address}:7411", "[fd78::2]:7411"
    wait_until(lambda: found() == {v4}, 20, "IPv4 is found")
    document = copy.deepcopy(far.document)
    # Of an instance with both, IPv4 is what a consumer takes.
    for listen, wanted in ((["[::]:7411"], {v6}),
                           (["[::]:7411", "0.0.0.0:7411"], {v4})):
        document["tunnels"]["listen"] = listen
        assert far.reload(document).returncode == 0
        wait_until(lambda wanted=wanted: found() == wanted, 20,
                   f"{wanted} is found")
    redis.wait_for(near.address, namespace=here)
