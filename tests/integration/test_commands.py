# SPDX-License-Identifier: MIT
"""The commands of an operator on running ambassadors, and their exit codes."""
import signal
import subprocess
import threading
import time

import pytest

from harness import ports, verify
from harness.ambassador import BINARY, Ambassador, SLOW, any_port, entente
from harness.processes import wait_until

pytestmark = pytest.mark.entente
MIB = 1 << 20


def test_version_names_the_libraries(box):
    del box
    done = entente("--version")
    assert done.returncode == 0
    for word in ("entente ", "TLS", "sodium", "event"):
        assert word.lower() in done.stdout.lower(), done.stdout


def test_help_is_no_error():
    for words in (["--help"], ["run", "--help"], ["consume", "--help"],
                  ["offer", "--help"], ["status", "--help"]):
        done = entente(*words)
        assert done.returncode == 0 and "sage" in done.stdout, (words, done)


@pytest.mark.parametrize("words, said", (
    (["statsu"], "did you mean status?"), (["--chekc"], "did you mean check?"),
    (["frobnicate"], "entente --help"), (["pki", "isue"], "but issue"),
    (["pki", "init", "--dri", "x"], "unknown option --dri;"),
    (["pki", "init", "-x"], "unknown option -x;"),
    (["pki", "init", "--dir"], "--dir needs a value")))
def test_a_slip_is_one_line(words, said):
    done = entente(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr and len(done.stderr.splitlines()) == 1, done


def test_what_a_full_disk_swallows_is_a_failure(box):
    path = box.write("whole.yaml", "consume: {r: {listen: 127.0.0.1:1, "
                     "direct: static:127.0.0.1:2}}\n")
    for words in (["--help"], ["--version"], ["run", "--help"],
                  ["check", "--config", path], ["pki", "--help"],
                  ["check", "--config", path, "--print"]):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([BINARY, *words], stdout=full, check=False,
                                  stderr=subprocess.PIPE, timeout=60)
        assert done.returncode == 1, words
        assert done.stderr.startswith(b"entente: standard output: "), done


@pytest.mark.smoke
@pytest.mark.valgrind
def test_status_has_the_promised_fields(box, make_pair):
    server = verify.Server(box)
    pair = make_pair(server.address)
    verify.assert_exact(verify.transfer(box, pair.address, "--up", 100,
                                        "--down", 100))
    with ports.connect(pair.address):
        wait_until(lambda: pair.consumer.status()["services"][0]["streams"],
                   10, "a stream is counted")
        for end, role in (("consumer", "consume"), ("offerer", "offer")):
            status = getattr(pair, end).status()
            assert status["node"] == end
            assert status["version"] and status["uptime_s"] >= 0
            service, = status["services"]
            assert (service["name"], service["role"]) == ("service", role)
            assert service["streams"] == 1
            endpoint, = service["endpoints"]
            assert endpoint["address"] and endpoint["state"]
            assert endpoint["source"].startswith("static:")
            for tunnel in status["tunnels"]:
                for field in ("peer", "address", "direction", "state", "aead",
                              "rtt_us", "streams", "resumed"):
                    assert field in tunnel, (end, field)
            up = [one for one in status["tunnels"] if one["state"] == "up"]
            other = pair.db if end == "consumer" else pair.web
            assert {one["peer"] for one in up} == {other.identity}
            ambassador = getattr(pair, end)
            wait_until(lambda ambassador=ambassador: sum(
                one["streams"] for one in ambassador.tunnels()) == 1, 5,
                "the tunnels carry one stream")
            certificate = status["certificates"][0]
            assert certificate["identity"].startswith("spiffe://test/")
            assert 80 < certificate["days_left"] < 91
    done = pair.consumer.command("status")
    assert done.returncode == 0 and "service" in done.stdout


def test_commands_to_nobody_fail_with_one_line(box):
    admin = f"unix:{box.path('nobody.sock')}"
    for words in (["status"], ["status", "--json"], ["healthcheck"],
                  ["reload"], ["drain"], ["quit"],
                  ["wait", "--timeout", "200ms", "service"]):
        done = entente(*words, "--admin", admin, timeout=10)
        assert done.returncode == 1, (words, done)
        assert len(done.stderr.strip().splitlines()) == 1, (words, done)
        assert "nobody.sock" in done.stderr, (words, done)


def test_wait_waits_until_it_would_work(box, make_pair):
    server = verify.Server(box)
    pair = make_pair(server.address, start=False)
    near, far = pair.documents()
    consumer = Ambassador(box, "consumer", near).start(ready=False)
    wait_until(lambda: ports.answers(pair.address), 10, "it listens")
    began = time.monotonic()
    done = consumer.command("wait", "--timeout", "1s", "service")
    assert done.returncode == 1 and "service" in done.stderr, done
    assert 0.9 < time.monotonic() - began < 3 * SLOW
    Ambassador(box, "offerer", far).start(ready=False)
    done = consumer.command("wait", "--timeout", "20s", "service")
    assert done.returncode == 0, done
    verify.assert_exact(verify.transfer(box, pair.address, "--up", 1))
    done = consumer.command("wait", "--timeout", "1s", "no-such-service")
    assert done.returncode == 1 and "no-such-service" in done.stderr, done


def test_quit_ends_it_at_once_and_by_resets(box, make_pair):
    server = verify.Server(box)
    pair = make_pair(server.address)
    client = verify.Client(box, pair.address, "--up", 400 * MIB, "--up-pace",
                           MIB)
    time.sleep(0.5)
    began = time.monotonic()
    assert pair.consumer.command("quit").returncode == 0
    pair.consumer.process.wait(5 * SLOW)
    assert time.monotonic() - began < 3 * SLOW
    totals = client.totals(20)
    assert totals["reset"] == 1, totals
    assert not any(seen.is_truncated for seen in server.seen(1).values())


@pytest.mark.smoke
@pytest.mark.parametrize("how", ["SIGTERM", "SIGINT", "drain"])
@pytest.mark.parametrize("end", ["consumer", "offerer"])
def test_draining_finishes_what_is_open(box, make_pair, end, how):
    server = verify.Server(box)
    pair = make_pair(server.address)
    client = verify.Client(box, pair.address, "--count", 5, "--concurrency",
                           5, "--up", 8 * MIB, "--up-pace", 4 * MIB, "--down",
                           8 * MIB, "--down-pace", 4 * MIB)
    time.sleep(0.5)
    ambassador = getattr(pair, end)
    if how == "drain":
        assert ambassador.command("drain").returncode == 0
    else:
        ambassador.process.signal(getattr(signal, how))
    verify.assert_exact(client.totals(60))
    assert ambassador.process.wait(10 * SLOW) == 0


def test_who_waits_for_a_tunnel_still_gets_it_while_draining(box, make_pair):
    server = verify.Server(box)
    pair = make_pair(server.address)
    pair.offerer.kill()
    wait_until(lambda: not pair.consumer.tunnels(), 10 * SLOW, "it is noticed")
    client = verify.Client(box, pair.address, "--up", MIB, "--down", MIB)
    wait_until(lambda: pair.consumer.status()["services"][0]["waiting"] == 1,
               10 * SLOW, "it waits")
    assert pair.consumer.command("drain").returncode == 0
    pair.offerer.start()
    verify.assert_exact(client.totals(60))
    assert pair.consumer.process.wait(10 * SLOW) == 0


def test_who_waits_keeps_no_peer_from_going_elsewhere(box, make_pair):
    server = verify.Server(box)
    pair = make_pair(server.address)
    listen = any_port()
    # Nothing is there to wait for; the drain must reach our peers all the same.
    done = pair.offerer.reload({**pair.offerer.document, "consume": {"absent": {
        "listen": listen, "from": [f"static:{any_port()}"],
        "peer": ["spiffe://test/*"], "hold": "30s"}}})
    assert done.returncode == 0, done.stderr
    verify.assert_exact(verify.transfer(box, pair.address, "--up", 1000))
    client = verify.Client(box, listen, "--up", 1000)
    wait_until(lambda: any(one.get("waiting") == 1 for one in
                           pair.offerer.status()["services"]),
               10 * SLOW, "it waits")
    assert pair.offerer.command("drain").returncode == 0
    wait_until(lambda: pair.consumer.status()["services"][0]["state"] != "up",
               5 * SLOW, "the peer is told")
    assert client.process.is_running()
    assert pair.offerer.command("quit").returncode == 0


def test_a_tunnel_that_comes_up_while_draining_keeps_nobody(box, authority):
    server = verify.Server(box)
    tunnels, listen = [any_port(), any_port()], [any_port(), any_port()]
    offerers = []
    for number, tunnel in enumerate(tunnels):
        leaf = authority.issue(f"db-{number}", file=box.name("db"))
        offerers.append(Ambassador(box, f"offerer-{number}", {
            "identity": leaf.section(), "tunnels": {"listen": tunnel},
            "offer": {f"service-{number}": {
                "to": [f"static:{server.address}"],
                "allow": [authority.identity("web-1")]}}}).start())
    web = authority.issue("web-1", file=box.name("web"))
    offerers[1].process.signal(signal.SIGSTOP)
    consumer = Ambassador(box, "consumer", {
        "identity": web.section(), "consume": {f"service-{number}": {
            "listen": listen[number], "from": [f"static:{tunnels[number]}"],
            "peer": [authority.identity("db-*")]} for number in (0, 1)}}) \
        .start()
    consumer.wait_for("service-0")
    client = verify.Client(box, listen[0], "--up", 8 * MIB, "--up-pace",
                           4 * MIB)
    wait_until(lambda: sum(one["streams"] for one in consumer.tunnels()) == 1,
               5 * SLOW, "it is carried")
    assert consumer.command("drain").returncode == 0
    offerers[1].process.signal(signal.SIGCONT)
    verify.assert_exact(client.totals(60))
    assert consumer.process.wait(10 * SLOW) == 0


@pytest.mark.parametrize("end", ["consumer", "offerer"])
def test_what_does_not_finish_is_reset_when_the_time_is_over(
        box, make_pair, end):
    server = verify.Server(box)
    pair = make_pair(server.address, consumer={"drain": "1s"},
                     offerer={"drain": "1s"}, consume={"hold": "1s"})
    client = verify.Client(box, pair.address, "--up", 400 * MIB, "--up-pace",
                           MIB)
    time.sleep(0.5)
    ambassador = getattr(pair, end)
    ambassador.process.signal(signal.SIGTERM)
    assert ambassador.process.wait(8 * SLOW) == 1
    assert client.totals(20)["reset"] == 1
    assert not any(seen.is_truncated for seen in server.seen(1).values())


def test_a_second_signal_ends_it_at_once(box, make_pair):
    server = verify.Server(box)
    pair = make_pair(server.address)
    client = verify.Client(box, pair.address, "--up", 400 * MIB, "--up-pace",
                           MIB)
    time.sleep(0.5)
    pair.consumer.process.signal(signal.SIGTERM)
    time.sleep(0.5)
    assert pair.consumer.process.is_running()
    pair.consumer.process.signal(signal.SIGHUP)  # no reload now, and no harm
    time.sleep(0.2)
    assert pair.consumer.process.is_running()
    pair.consumer.process.signal(signal.SIGTERM)
    pair.consumer.process.wait(3 * SLOW)
    assert client.totals(20)["reset"] == 1


def test_new_connections_go_elsewhere_while_one_drains(box, authority):
    server = verify.Server(box)
    tunnels = [any_port(), any_port()]
    offerers = []
    for number, tunnel in enumerate(tunnels, 1):
        leaf = authority.issue(f"db-{number}", file=box.name("db"))
        offerers.append(Ambassador(box, f"offerer-{number}", {
            "identity": leaf.section(), "tunnels": {"listen": tunnel},
            "offer": {"service": {"to": [f"static:{server.address}"],
                                  "allow": [authority.identity("web-1")]}}})
                        .start())
    web = authority.issue("web-1", file=box.name("web"))
    listen = any_port()
    consumer = Ambassador(box, "consumer", {
        "identity": web.section(), "consume": {"service": {
            "listen": listen, "from": [f"static:{one}" for one in tunnels],
            "peer": [authority.identity("db-*")]}}}).start()
    consumer.wait_for("service")
    results = []

    def load():
        results.append(verify.transfer(
            box, listen, "--count", 400, "--concurrency", 4, "--every", 10,
            "--up", "0-50000", "--down", "0-50000"))

    thread = threading.Thread(target=load)
    thread.start()
    time.sleep(0.5)
    offerers[0].process.signal(signal.SIGTERM)
    thread.join()
    verify.assert_exact(results[0])
    assert offerers[0].process.wait(10 * SLOW) == 0


@pytest.mark.smoke
def test_healthcheck_tells_ready_from_not(box, make_pair):
    pair = make_pair("127.0.0.1:9", start=False)
    _, far = pair.documents()
    offerer = Ambassador(box, "offerer", far)
    offerer.write()
    assert offerer.command("healthcheck").returncode == 1
    offerer.start()
    assert offerer.command("healthcheck").returncode == 0
    offerer.stop()
    assert offerer.command("healthcheck").returncode == 1


def test_the_window_is_for_its_owner_only(box, make_pair):
    pair = make_pair("127.0.0.1:9", start=False)
    _, far = pair.documents()
    offerer = Ambassador(box, "offerer", far).start()
    mode = box.path("offerer.sock").stat().st_mode & 0o777
    assert mode & 0o007 == 0, oct(mode)
    assert offerer.process.is_running()
