# SPDX-License-Identifier: MIT
"""Health checks of real servers: who is fit gets connections, who is not does
not."""
import signal
import socket
import threading
import time

import pytest

from harness import ports
from harness.ambassador import BINARY, SLOW, Ambassador, any_port, entente
from harness.processes import wait_until
from harness.servers import mariadb, nginx, postgres, redis

pytestmark = pytest.mark.entente
QUICK = {"every": "200ms", "timeout": "500ms"}
MASTER = {"protocol": "redis", "role": "master", **QUICK}


def near(box, servers, health, **more):
    """An ambassador in front of |servers|, without a tunnel."""
    sources = [f"static:{getattr(one, 'address', one)}" for one in servers]
    return Ambassador(box, box.name("near"), {"consume": {"service": {
        "listen": any_port(), "direct": sources, "health": health, **more}}})


def address_of(ambassador):
    """Where applications find the service."""
    return ambassador.document["consume"]["service"]["listen"]


def endpoint(ambassador, server):
    """What `status` says of it."""
    address = getattr(server, "address", server)
    return next(one for one in ambassador.status()["services"][0]["endpoints"]
                if one["address"] == address)


def wait_state(ambassador, server, state, failure="", timeout=10):
    """Until it is that, for this reason."""
    def is_so():
        found = endpoint(ambassador, server)
        return found["state"] == state and failure in found["failure"]
    wait_until(is_so, timeout * SLOW, f"{state} {failure}")


def ask(address, command, timeout=15):
    """One answer of Redis, on a connection of its own; None for a reset."""
    host, port = address.rsplit(":", 1)
    try:
        with socket.create_connection((host, int(port)), 10) as connection:
            connection.settimeout(timeout * SLOW)
            connection.sendall(command.encode() + b"\r\n")
            return connection.recv(1000).decode() or None
    except ConnectionError:
        return None


def write(address, key):
    """Whether a write was accepted."""
    return ask(address, f"SET {key} x") == "+OK\r\n"


def master(box):
    """One that has replicas at once, and would be one that takes writes."""
    return redis.Redis(box, options=["--repl-diskless-sync-delay", "0",
                                     "--replica-read-only", "no"])


def replica_of(box, first):
    """One that would take writes, so that a lost one shows."""
    host, port = first.address.rsplit(":", 1)
    made = redis.Redis(box, options=["--replicaof", f"{host} {port}",
                                     "--replica-read-only", "no"])
    wait_until(lambda: "master_link_status:up" in
               redis.cli(made.address, "info", "replication"), 20, "in step")
    return made


class Writer:
    """Writes a new key on a new connection, again and again."""

    def __init__(self, address):
        self.address, self.keys, self.refused = address, [], 0
        self._running = True
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while self._running:
            key = f"key-{len(self.keys)}"
            if write(self.address, key):
                self.keys.append(key)
            else:
                self.refused += 1

    def stop(self):
        """All keys it wrote."""
        self._running = False
        self._thread.join(30)
        return self.keys


def missing(server, keys):
    """Those it does not have."""
    return [key for key in keys
            if ask(server.address, f"EXISTS {key}") != ":1\r\n"]


# ---- redis ----

@pytest.mark.smoke
def test_writes_go_to_the_master_and_to_the_next_one(box):
    first = master(box)
    second = replica_of(box, first)
    ambassador = near(box, [first, second], MASTER).start()
    writer = Writer(address_of(ambassador))
    wait_until(lambda: len(writer.keys) > 100, 20, "writes")
    wait_state(ambassador, second, "unfit", "it is a replica")
    before = len(writer.keys)
    # Promote the second, demote the first.
    redis.cli(second.address, "replicaof", "no", "one")
    host, port = second.address.rsplit(":", 1)
    redis.cli(first.address, "replicaof", host, port)
    wait_state(ambassador, first, "unfit", "it is a replica")
    verdict = len(writer.keys) + 1  # one may have been under way
    wait_state(ambassador, second, "up")
    wait_until(lambda: len(writer.keys) > verdict + 100, 20, "writes go on")
    keys = writer.stop()
    assert before > 100
    assert missing(second, keys[verdict:]) == []
    # Until it was found out the first still took some; they are lost with it.
    assert endpoint(ambassador, first)["connections"] >= before
    assert "endpoint_unfit" in ambassador.log


def test_not_one_write_reaches_a_replica_before_it_is_checked(box):
    first = master(box)
    second = replica_of(box, first)
    for _ in range(5):
        ambassador = near(box, [second, first], MASTER).start(ready=False)
        wait_until(lambda: write(address_of(ambassador), "first"), 20, "it")
        assert all(write(address_of(ambassador), f"k{i}") for i in range(20))
        assert endpoint(ambassador, second)["connections"] == 0
        ambassador.stop()


@pytest.mark.parametrize("through", ["a tunnel", "nothing"])
def test_a_connection_on_hold_goes_when_the_endpoint_is_fit(
        box, make_pair, through):
    port = ports.free_port()
    if through == "nothing":
        ambassador = near(box, [f"127.0.0.1:{port}"], MASTER, hold="30s")
        ambassador.start()
        address = address_of(ambassador)
    else:
        pair = make_pair(f"127.0.0.1:{port}", start=False,
                         consume={"hold": "30s"}, offer={"health": MASTER})
        pair.start(wait=False)
        ambassador, address = pair.offerer, pair.address
        ambassador.wait_healthy()
        pair.consumer.wait_healthy()
    answers = []
    asking = [threading.Thread(target=lambda i=i: answers.append(
        ask(address, f"SET k{i} x", 40))) for i in range(5)]
    for thread in asking:
        thread.start()
    wait_state(ambassador, f"127.0.0.1:{port}", "unfit", "refused")
    time.sleep(0.5)
    assert answers == []
    server = redis.Redis(box, port=port)
    for thread in asking:
        thread.join(40)
    assert answers == ["+OK\r\n"] * 5
    assert missing(server, [f"k{i}" for i in range(5)]) == []
    # What failed while it was unfit was not counted against it.
    assert endpoint(ambassador, server)["failures"] == 0


def test_an_offerer_refuses_what_has_no_fit_endpoint_for_another_to_take(
        box, authority, make_pair):
    first = master(box)
    second = replica_of(box, first)
    tunnels = [any_port(), any_port()]
    # This one has but a replica; the other ambassador has the master.
    other = Ambassador(box, "other", {
        "identity": authority.issue("db-2", file=box.name("db")).section(),
        "tunnels": {"listen": tunnels[1]},
        "offer": {"service": {"to": [f"static:{second.address}"],
                              "health": MASTER,
                              "allow": ["spiffe://test/*"]}}}).start()
    pair = make_pair(first.address, tunnel=tunnels[0],
                     offer={"health": MASTER}, consume={
                         "from": [f"static:{tunnel}" for tunnel in tunnels],
                         "peer": ["spiffe://test/*"]})
    wait_until(lambda: len(pair.consumer.tunnels()) >= 2, 20, "both tunnels")
    assert all(write(pair.address, f"k{i}") for i in range(40))
    assert endpoint(other, second)["connections"] == 0
    assert endpoint(other, second)["failure"] == "it is a replica"


def test_a_server_that_hangs_is_left_and_taken_again(box):
    first, second = redis.Redis(box), redis.Redis(box)
    ambassador = near(box, [first, second],
                      {"protocol": "redis", **QUICK}).start()
    wait_state(ambassador, first, "up")
    wait_state(ambassador, second, "up")
    first.process.signal(signal.SIGSTOP)
    try:
        began = time.monotonic()
        wait_state(ambassador, first, "unfit", "no answer in time")
        # Three times |every| and one |timeout|, and what a machine needs.
        assert time.monotonic() - began < (3 * 0.22 + 0.5 + 3) * SLOW
        for _ in range(30):
            assert ask(address_of(ambassador), "PING", 3) == "+PONG\r\n"
    finally:
        first.process.signal(signal.SIGCONT)
    wait_state(ambassador, first, "up")
    first.process.kill()
    wait_state(ambassador, first, "unfit")


def test_a_password_hides_the_role_but_not_the_server(box):
    server = redis.Redis(box, options=["--requirepass", "secret"])
    ambassador = near(box, [server], {"protocol": "redis", **QUICK}).start()
    wait_state(ambassador, server, "up")
    ambassador.document["consume"]["service"]["health"] = MASTER
    assert ambassador.reload().returncode == 0
    wait_state(ambassador, server, "unfit",
               "it wants a password to tell its role")


# ---- reload ----

def test_health_comes_changes_and_goes_by_reload(box):
    first = master(box)
    second = replica_of(box, first)
    ambassador = near(box, [first, second], {"protocol": "none"}).start()
    service = ambassador.document["consume"]["service"]

    def reload(health):
        service["health"] = health
        assert ambassador.reload().returncode == 0

    writer = Writer(address_of(ambassador))
    assert endpoint(ambassador, second)["state"] == "up"
    reload(MASTER)
    wait_state(ambassador, second, "unfit", "it is a replica")
    used = endpoint(ambassador, second)["connections"]
    # How often is asked is no other question: nobody is unfit for it.
    reload({**MASTER, "every": "10s"})
    assert endpoint(ambassador, first)["state"] == "up"
    reload({**MASTER, "every": "150ms", "role": "primary"})
    assert endpoint(ambassador, first)["state"] == "up"
    count = len(writer.keys)
    wait_until(lambda: len(writer.keys) > count + 50, 20, "writes go on")
    assert endpoint(ambassador, second)["connections"] == used
    reload({"protocol": "redis", **QUICK})
    wait_state(ambassador, second, "up")
    writer.stop()
    assert writer.refused == 0  # whatever was changed
    reload({"protocol": "http", **QUICK})
    wait_state(ambassador, first, "unfit", "without an answer")
    reload({"protocol": "none"})
    wait_state(ambassador, first, "up")
    assert write(address_of(ambassador), "last")


# ---- http ----

def test_an_http_service_is_fit_by_its_status(box):
    server = nginx.Nginx(box)
    page = server.folder / "www" / "ready"
    ambassador = near(box, [server], {"protocol": "http", "path": "/ready",
                                      **QUICK}).start()
    wait_state(ambassador, server, "unfit", "it answers 404")
    page.write_text("yes", encoding="ascii")
    wait_state(ambassador, server, "up")
    page.unlink()
    wait_state(ambassador, server, "unfit", "it answers 404")
    health = ambassador.document["consume"]["service"]["health"]
    health["path"] = "/unavailable"
    assert ambassador.reload().returncode == 0
    wait_state(ambassador, server, "unfit", "it answers 503")
    health["expect"] = 503
    assert ambassador.reload().returncode == 0
    wait_state(ambassador, server, "up")
    wait_until(lambda: any(request == "GET /unavailable HTTP/1.1"
                           for _, _, request in server.logged()),
               10, "nginx wrote the question down")


def test_a_check_says_that_it_is_its_own_where_that_is_wanted(box):
    server = nginx.Nginx(box, options="proxy_protocol")
    (server.folder / "www" / "ready").write_text("yes", encoding="ascii")
    ambassador = near(box, [server], {"protocol": "http", "path": "/ready",
                                      **QUICK}, proxy_protocol=True).start()
    wait_state(ambassador, server, "up")


# ---- postgres ----

def test_connections_go_to_the_primary_of_postgres(box):
    primary = postgres.Postgres(box)
    replica = postgres.Postgres(box, replica_of=primary)
    health = {"protocol": "postgres", "role": "primary", "user": "postgres",
              "database": "postgres", **QUICK}
    ambassador = near(box, [replica, primary], health, hold="30s").start()
    wait_state(ambassador, primary, "up")
    wait_state(ambassador, replica, "unfit", "it is a replica")
    address = address_of(ambassador)
    for _ in range(5):
        assert postgres.psql(address, "select pg_is_in_recovery()") == "f"
    assert endpoint(ambassador, replica)["connections"] == 0
    primary.process.signal(signal.SIGINT)  # a fast shutdown
    primary.process.wait(30)
    wait_state(ambassador, primary, "unfit")
    assert postgres.psql(replica.address, "select pg_promote()") == "t"
    assert postgres.psql(address, "create table t (n int)",
                         "insert into t values (7)", "select n from t") == "7"
    assert endpoint(ambassador, replica)["state"] == "up"
    # No server takes note of clients that broke off. (The replica may of
    # its primary.)
    for server in (primary, replica):
        assert "client: Connection reset by peer" not in server.process.log


def test_postgres_that_wants_passwords_or_shuts_down(box):
    server = postgres.Postgres(box)
    server.want_passwords()
    # A user it does not know is asked for a password all the same.
    ambassador = near(box, [server], {"protocol": "postgres",
                                      **QUICK}).start()
    wait_state(ambassador, server, "up")
    health = ambassador.document["consume"]["service"]["health"]
    health["role"] = "primary"
    assert ambassador.reload().returncode == 0
    wait_state(ambassador, server, "unfit",
               "it wants a password to tell its role")
    del health["role"]
    assert ambassador.reload().returncode == 0
    wait_state(ambassador, server, "up")
    # A smart shutdown waits for whoever is there and takes nobody new.
    box.start("sleeper", ["psql", "-X", "-h", server.home, "-p", server.port,
                          "-U", "postgres", "-c", "select pg_sleep(600)"])
    wait_until(lambda: "1" == postgres.run(
        ["psql", "-X", "-A", "-t", "-h", server.home, "-p", server.port, "-U",
         "postgres", "-c", "select count(*) from pg_stat_activity where query "
         "like '%pg_sleep(600)' and pid <> pg_backend_pid()"],
        cwd="/").stdout.strip(), 10, "somebody is there")
    server.process.signal(signal.SIGTERM)
    wait_state(ambassador, server, "unfit", "shutting down")
    server.process.signal(signal.SIGINT)
    server.process.wait(30)
    wait_state(ambassador, server, "unfit", "refused")


# ---- mysql ----

def aborted(server):
    """Logins that failed or were broken off, as the server counts them."""
    return int(mariadb.sql(
        server.address, "show global status like 'Aborted_connects'").split()[1])


def test_mysql_is_asked_without_offence(box):
    server = mariadb.MariaDB(box, "--max-connect-errors=3",
                             "--max-connections=10")
    mariadb.sql(server.address, "create user entente@'127.0.0.1'")
    before = aborted(server)
    ambassador = near(box, [server], {"protocol": "mysql", "every": "100ms",
                                      "timeout": "500ms"}).start()
    wait_state(ambassador, server, "up")
    time.sleep(2)
    assert aborted(server) == before
    assert int(mariadb.sql(server.address,
                           "show global status like 'Connections'")
               .split()[1]) > before + 10
    # A user it does not know is refused, by a server that serves.
    mariadb.sql(server.address, "drop user entente@'127.0.0.1'")
    wait_until(lambda: aborted(server) > before + 5, 20, "it is refused")
    assert endpoint(ambassador, server)["state"] == "up"
    assert mariadb.sql(address_of(ambassador), "select 7") == "7"


def test_mysql_that_is_full_is_unfit(box):
    server = mariadb.MariaDB(box, "--max-connections=10")
    ambassador = near(box, [server], {"protocol": "mysql", **QUICK}).start()
    wait_state(ambassador, server, "up")
    sleepers = [box.start("sleeper", [*mariadb.arguments(server.address), "-e",
                                      "select sleep(600)"])
                for _ in range(11)]
    wait_state(ambassador, server, "unfit", "Too many connections")
    for sleeper in sleepers:
        sleeper.kill()
    wait_state(ambassador, server, "up")


# ---- by hand ----

def test_health_by_options_of_the_command_line(box):
    server = redis.Redis(box)
    admin = f"unix:{box.path('hand.sock')}"
    listen = any_port()
    box.start("hand", [BINARY, "consume", "redis", "--listen", listen,
                       "--direct", f"static:{server.address}", "--health",
                       "redis", "--health-role", "master", "--health-every",
                       "200ms", "--admin", admin])
    wait_until(lambda: ports.answers(listen), 10 * SLOW, "it listens")
    assert write(listen, "key")


@pytest.mark.parametrize("health, message", [
    ({"protocol": "tcp", "role": "master"},
     "health.role means nothing with health.protocol tcp"),
    ({"every": "2s"}, "health.every means nothing with health.protocol none"),
    ({"protocol": "redis", "every": "1ms"}, "from 100ms to 1h"),
    ({"protocol": "ldap"},
     "expected none, tcp, http, redis, postgres or mysql")])
def test_checks_that_cannot_be_are_refused(box, health, message):
    ambassador = near(box, ["127.0.0.1:1"], health)
    ambassador.write()
    done = entente("check", "--config", str(ambassador.path))
    assert done.returncode == 1
    assert message in done.stderr
    assert f"{ambassador.path.name}:" in done.stderr
