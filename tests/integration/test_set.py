# SPDX-License-Identifier: MIT
"""entente set: endpoints by hand, at once, whole or not at all."""
import socket
import threading
import time
import urllib.parse

import pytest

from discovery_support import DnsServer
from harness import ports, verify
from harness.ambassador import Ambassador, SLOW, any_port
from harness.named import Named, who_answers
from harness.processes import wait_until
from harness.servers import redis

pytestmark = pytest.mark.entente


def near(box, source, *, name="near", state=None, **service):
    """An ambassador that reaches "service" directly; and where."""
    listen = any_port()
    document = {"consume": {"service": {"listen": listen, "direct": [source],
                                        **service}}}
    if state:
        document["state"] = str(state)
    return Ambassador(box, name, document).start(), listen


def put(ambassador, *words, code=0):
    """`entente set` in front of |words|; the finished command."""
    done = ambassador.command("set", *words)
    assert done.returncode == code, (words, done)
    if code:
        assert done.stdout == "" and len(done.stderr.splitlines()) == 1, done
    return done


def only(ambassador):
    """What status says of the only service."""
    service, = ambassador.status()["services"]
    return service


def assert_served_by(listen, *names):
    """All of |names|, and nobody else, answer."""
    assert {who_answers(listen) for _ in range(20)} == set(names)


@pytest.mark.smoke
@pytest.mark.valgrind
def test_the_next_connection_goes_where_it_was_set(box):
    first, second = Named("first"), Named("second")
    ambassador, listen = near(box, first.source)
    assert who_answers(listen) == "first"
    durations = []
    for _ in range(10):
        began = time.monotonic()
        done = put(ambassador, "service", f"127.0.0.1:{second.port}")
        assert who_answers(listen) == "second"
        durations.append(time.monotonic() - began)
        assert done.stdout == done.stderr == ""
        put(ambassador, "service", "--sources")
        assert who_answers(listen) == "first"
    durations.sort()
    print(f"the command and the next connection: {durations[0] * 1e3:.1f} to "
          f"{durations[-1] * 1e3:.1f} ms, median {durations[5] * 1e3:.1f} ms")
    assert durations[0] < 1 * SLOW


def test_all_forms_of_endpoints_and_their_weights_are_understood(box):
    names = [Named(f"number-{number}") for number in range(3)]
    ambassador, listen = near(box, "static:127.0.0.1:9", balance="round-robin")
    path = box.path("service.sock")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        put(ambassador, "service", f"127.0.0.1:{names[0].port}",
            f"localhost:{names[1].port} weight=3", f"unix:{path} priority=7",
            f"127.0.0.1:{names[2].port} weight=0")
        wait_until(lambda: len(only(ambassador)["endpoints"]) >= 4, 10,
                   "the name is found")
    assert {one["source"] for one in only(ambassador)["endpoints"]} == {"set"}
    answers = [who_answers(listen) for _ in range(40)]
    assert set(answers) == {"number-0", "number-1"}
    assert answers.count("number-1") >= 2 * answers.count("number-0")


def test_status_tells_what_is_set_and_what_does_not_count(box):
    first, second = Named("first"), Named("second")
    ambassador, _ = near(box, first.source)
    assert only(ambassador)["set"] is None
    place = f"127.0.0.1:{second.port}"
    before = int(time.time())
    put(ambassador, "service", place)
    service = only(ambassador)
    found = service["set"]
    assert found["endpoints"] == [place]
    assert before <= found["since"] <= time.time()
    assert 0 <= found["age_s"] < 60
    assert (found["in_force"], found["kept"]) == (True, False)
    endpoint, = service["endpoints"]
    assert (endpoint["address"], endpoint["source"]) == (place, "set")
    assert [(one["source"], one["counts"]) for one in service["sources"]] == \
        [("set", True), (first.source, False)]
    said = ambassador.command("status").stdout
    line, = [line for line in said.splitlines() if "ago" in line]
    assert place in line and first.source in line, said
    put(ambassador, "service", "--sources")
    assert only(ambassador)["set"] is None
    assert [one["counts"] for one in only(ambassador)["sources"]] == [True]
    assert "SET TO" not in ambassador.command("status").stdout
    log, = [line for line in ambassador.log.splitlines()
            if "endpoints_set" in line]
    for word in ("service", place, "uid ", "pid "):
        assert word in log, log
    assert "endpoints_unset" in ambassador.log


def test_sources_are_watched_while_they_do_not_count(box, tmp_path):
    first, second, third = Named("first"), Named("second"), Named("third")
    places = tmp_path / "places"
    places.write_text(f"127.0.0.1:{first.port}\n")
    ambassador, listen = near(box, f"file:{places}")
    put(ambassador, "service", f"127.0.0.1:{second.port}")
    (tmp_path / "new").write_text(
        f"127.0.0.1:{third.port}\n127.0.0.1:{first.port}\n")
    (tmp_path / "new").rename(places)
    wait_until(lambda: only(ambassador)["sources"][1]["endpoints"] == 2, 10,
               "the file is read")
    assert_served_by(listen, "second")
    put(ambassador, "service", "--sources")
    assert_served_by(listen, "first", "third")


def test_what_is_not_understood_changes_nothing(box, authority):
    first = Named("first")
    ambassador, listen = near(box, first.source, name="plain")
    good = f"127.0.0.1:{Named('second').port}"
    for words, code, said in (
            (["service", good, "nonsense"], 1, "nonsense"),
            (["service", good, "10.0.0.1:0"], 1, "10.0.0.1:0"),
            (["service", "unix:relative"], 1, "unix:relative"),
            (["service", "none"], 1, "no endpoint"),
            (["service", ""], 1, "no endpoint"),
            (["service", "dns:db.test:1"], 1, "dns:db.test:1"),
            (["stranger", good], 1, "no such service"),
            (["*", good], 2, "name"),
            (["service", good, "--role", "offer"], 1, "no such service"),
            (["service", good, "--keep"], 1, "state"),
            (["service", *[f"127.0.0.1:{port}" for port in range(2, 900)]], 1,
             "more endpoints"),
            (["service"], 2, "which endpoints"), ([], 2, "which service"),
            (["service", good, "--sources"], 2, "not both"),
            (["service", "--sources", "--keep"], 2, "--keep"),
            (["service", good, "--role", "any"], 2, "--role")):
        done = put(ambassador, *words, code=code)
        assert said in done.stderr, (words, done)
        assert_served_by(listen, "first")
        assert only(ambassador)["set"] is None
    assert "endpoints_set" not in ambassador.log
    # A name that is consumed and offered.
    both = Ambassador(box, "both", {
        "identity": authority.issue("db-1", file=box.name("db")).section(),
        "tunnels": {"listen": any_port()},
        "consume": {"service": {"listen": (listen := any_port()),
                                "direct": [first.source]}},
        "offer": {"service": {"to": [first.source],
                              "allow": ["spiffe://test/*"]}}}).start()
    assert "--role" in put(both, "service", good, code=1).stderr
    put(both, "service", good, "--role", "offer")
    assert {one["role"]: one["set"] is not None
            for one in both.status()["services"]} == \
        {"direct": False, "offer": True}
    assert_served_by(listen, "first")
    put(both, "service", good, "--role", "direct")
    assert_served_by(listen, "second")


def post(ambassador, query):
    """The code and the text that the window answers."""
    with ports.connect(ambassador.admin) as sock:
        sock.sendall(f"POST /set?{query} HTTP/1.1\r\nHost: x\r\n"
                     "Content-Length: 0\r\n\r\n".encode())
        answer = b""
        while b"\n" not in answer.partition(b"\r\n\r\n")[2]:
            piece = sock.recv(4096)
            assert piece, answer
            answer += piece
    return int(answer.split()[1]), answer.split(b"\r\n\r\n")[1].decode()


def test_the_window_checks_for_itself(box):
    first = Named("first")
    ambassador, listen = near(box, first.source)

    many = urllib.parse.quote("\n".join(["127.0.0.1:9"] * 1025))
    for query, code, said in (
            ("", 400, "either"), ("service=service", 400, "either"),
            ("service=service&endpoints=1.2.3.4:5&sources=1", 400, "either"),
            ("endpoints=1.2.3.4:5", 404, "no such service"),
            ("service=*&endpoints=1.2.3.4:5", 404, "no such service"),
            ("service=service&role=x&endpoints=1.2.3.4:5", 404, "no such"),
            ("service=service&endpoints=", 400, "no endpoint"),
            ("service=service&endpoints=1.2.3.4:5%0Ax", 400, "endpoint 2"),
            (f"service=service&endpoints={many}", 400, "")):
        answer = post(ambassador, query)
        assert answer[0] == code and said in answer[1], (query[:80], answer)
    assert only(ambassador)["set"] is None
    second = Named("second")
    query = f"service=service&endpoints=127.0.0.1:{second.port}"
    assert post(ambassador, query) == (200, "set\n")
    assert_served_by(listen, "second")


# ---- nothing is dropped ----

class Flow:
    """New connections without a pause, each asked which redis it has."""

    def __init__(self, address, threads=3):
        self.seen, self.wrong = [], []
        self._address, self._stop = address, threading.Event()
        self._threads = [threading.Thread(target=self._run)
                         for _ in range(threads)]
        for thread in self._threads:
            thread.start()

    def _run(self):
        while not self._stop.is_set():
            try:
                self.seen.append(ask(self._address))
            except Exception as error:  # pylint: disable=broad-except
                self.wrong.append(repr(error))

    def stop(self):
        """No more; how many there were."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        return len(self.seen)


def speak(sock):
    """Which redis is at the other end of |sock|?"""
    sock.sendall(b"GET who\r\n")
    answer = b""
    while answer.count(b"\r\n") < 2:
        piece = sock.recv(100)
        if not piece:
            raise ConnectionError(f"ended after {answer}")
        answer += piece
    return answer.split(b"\r\n")[1].decode()


def ask(address):
    """Which redis does a new connection reach?"""
    with ports.connect(address, 20) as sock:
        sock.settimeout(20)
        return speak(sock)


def make_two(box):
    """Two that know who they are."""
    servers = redis.Redis(box), redis.Redis(box)
    for name, server in zip("ab", servers):
        assert redis.cli(server.address, "set", "who", name) == "OK"
    return servers


def flip_under_load(ambassador, listen, places, times=50):
    """Set one and the other; who asks afterwards gets that one."""
    with ports.connect(listen, 20) as old:
        assert speak(old) == "a"
        flow = Flow(listen)
        for number in range(times):
            name, place = ("b", places[1]) if number % 2 == 0 else \
                ("a", places[0])
            put(ambassador, "service", place)
            assert ask(listen) == name, number
            assert ask(listen) == name, number
        count = flow.stop()
        assert not flow.wrong, flow.wrong[:5]
        assert set(flow.seen) == {"a", "b"} and count > times
        assert speak(old) == "a"  # it stayed where it was, and alive
    print(f"{count} connections while it was set {times} times")


@pytest.mark.smoke
def test_flipping_a_direct_service_drops_nothing(box):
    one, other = make_two(box)
    ambassador, listen = near(box, f"static:{one.address}")
    flip_under_load(ambassador, listen, [one.address, other.address])


def test_flipping_an_offered_service_drops_nothing(box, make_pair):
    one, other = make_two(box)
    pair = make_pair(one.address)
    flip_under_load(pair.offerer, pair.address, [one.address, other.address])


def test_streams_of_peers_do_not_overtake_it(box, make_pair):
    # They come to busy workers without passing the main thread.
    one, other = make_two(box)
    sink = verify.Server(box)
    listen = any_port()
    pair = make_pair(one.address, start=False, offerer={"workers": 2})
    near_end, far_end = pair.documents()
    near_end["consume"]["bulk"] = {**near_end["consume"]["service"],
                                   "listen": listen}
    far_end["offer"]["bulk"] = {**far_end["offer"]["service"],
                                "to": [f"static:{sink.address}"]}
    offerer = Ambassador(box, "offerer", far_end).start()
    Ambassador(box, "consumer", near_end).start().wait_for("service", "bulk")
    client = verify.Client(box, listen, "--count", 10000000, "--concurrency", 64,
                           "--up", 100, "--down", 100)
    for number in range(600):
        name, place = [("a", one), ("b", other)][number % 2]
        query = f"service=service&endpoints={place.address}"
        assert post(offerer, query) == (200, "set\n")
        assert ask(pair.address) == name, number
    assert client.process.is_running()
    client.process.kill()


def offer_second(box, authority, service):
    """Another ambassador that offers "service"; where to dial it."""
    tunnel = any_port()
    Ambassador(box, "other", {
        "identity": authority.issue("db-2", file=box.name("db")).section(),
        "tunnels": {"listen": tunnel},
        "offer": {"service": {"to": [f"static:{service}"],
                              "allow": ["spiffe://test/*"]}}}).start()
    return tunnel


def test_flipping_a_consumed_service_drops_nothing(box, authority, make_pair):
    one, other = make_two(box)
    tunnel = offer_second(box, authority, other.address)
    pair = make_pair(one.address, consume={"peer": ["spiffe://test/*"]})
    flip_under_load(pair.consumer, pair.address, [pair.tunnel, tunnel])


def test_connections_on_hold_go_on_at_once(box, authority, make_pair):
    second = Named("second")
    ambassador, listen = near(box, f"static:127.0.0.1:{ports.free_port()}",
                              hold="60s")
    pair = make_pair("127.0.0.1:9", start=False, consume={
        "hold": "60s", "peer": ["spiffe://test/*"]})
    consumer = Ambassador(box, "consumer", pair.documents()[0]).start()
    tunnel = offer_second(box, authority, f"127.0.0.1:{second.port}")
    for held, address, place in (
            (ambassador, listen, f"127.0.0.1:{second.port}"),
            (consumer, pair.address, tunnel)):
        answers = []
        threads = [threading.Thread(target=lambda address=address:
                                    answers.append(who_answers(address)))
                   for _ in range(5)]
        for thread in threads:
            thread.start()
        wait_until(lambda held=held: only(held)["waiting"] == 5, 10, "they wait")
        began = time.monotonic()
        put(held, "service", place)
        for thread in threads:
            thread.join()
        print(f"on hold until {time.monotonic() - began:.3f} s after")
        assert answers == ["second"] * 5
        assert time.monotonic() - began < 10 * SLOW


def test_a_peer_that_dialled_us_does_not_count_while_others_are_set(
        box, authority):
    first, second = Named("first"), Named("second")
    listen, gate = any_port(), any_port()
    consumer = Ambassador(box, "consumer", {
        "identity": authority.issue("web-1", file=box.name("web")).section(),
        "tunnels": {"listen": gate}, "workers": 2,
        "consume": {"service": {"listen": listen, "from": ["inbound:"],
                                "peer": ["spiffe://test/*"]}}}).start()
    Ambassador(box, "offerer", {
        "identity": authority.issue("db-1", file=box.name("db")).section(),
        "tunnels": {"dial": gate},
        "offer": {"service": {"to": [first.source],
                              "allow": ["spiffe://test/*"]}}}).start()
    tunnel = offer_second(box, authority, f"127.0.0.1:{second.port}")
    assert_served_by(listen, "first")
    for _ in range(3):
        put(consumer, "service", tunnel)
        assert_served_by(listen, "second")
        put(consumer, "service", "--sources")
        assert_served_by(listen, "first")


# ---- names ----

def test_until_a_name_is_found_everything_stays(box):
    first, second = Named("first"), Named("second")
    with DnsServer() as dns:
        ambassador, listen = near(box, first.source)
        document = {**ambassador.document, "dns": {"servers": [dns.address]}}
        assert ambassador.stop() == 0
        ambassador.document = document
        ambassador.start()
        dns.silent = True
        began = time.monotonic()
        done = put(ambassador, "service", f"db.test:{second.port}")
        assert time.monotonic() - began < 3 * SLOW  # waits for nobody
        assert "stays as it was" in done.stdout
        for _ in range(5):
            assert_served_by(listen, "first")
        service = only(ambassador)
        assert service["set"]["in_force"] is False
        assert [one["counts"] for one in service["sources"]] == [False, True]
        dns.set_a("db.test", "127.0.0.1")
        dns.silent = False
        wait_until(lambda: who_answers(listen) == "second", 30 * SLOW,
                   "the name is found")
        assert_served_by(listen, "second")
        assert only(ambassador)["set"]["in_force"] is True
        # Over one that is in force, and given up for another.
        put(ambassador, "service", f"nowhere.test:{second.port}")
        wait_until(lambda: only(ambassador)["sources"][0]["failure"], 20,
                   "the name is not found")
        assert_served_by(listen, "second")
        put(ambassador, "service", f"127.0.0.1:{first.port}")
        assert_served_by(listen, "first")
        # And it is kept fresh.
        third = Named("third", second.port, "127.0.0.2")
        put(ambassador, "service", f"db.test:{second.port}")
        wait_until(lambda: who_answers(listen) == "second", 20, "found again")
        dns.set_a("db.test", "127.0.0.2")
        wait_until(lambda: who_answers(listen) == "third", 20, "it has moved")
        third.stop()


# ---- reload and restart ----

def test_a_reload_keeps_it_unless_the_service_goes(box, tmp_path):
    first, second = Named("first"), Named("second")
    state = tmp_path / "state"
    ambassador, listen = near(box, first.source, state=state)
    put(ambassador, "service", f"127.0.0.1:{second.port}", "--keep")
    assert ambassador.reload().returncode == 0
    assert_served_by(listen, "second")
    third = Named("third")
    consume = ambassador.document["consume"]
    changed = {"service": {**consume["service"], "hold": "3s",
                           "direct": [third.source]}}
    base = {"state": str(state)}
    assert ambassador.reload({**base, "consume": changed}).returncode == 0
    assert_served_by(listen, "second")
    put(ambassador, "service", "--sources")
    wait_until(lambda: who_answers(listen) == "third", 10, "the new source")
    put(ambassador, "service", f"127.0.0.1:{second.port}", "--keep")
    assert len(list(state.iterdir())) == 1
    other = {"other": {"listen": any_port(), "direct": [first.source]}}
    assert ambassador.reload({**base, "consume": other}).returncode == 0
    assert not list(state.iterdir())
    assert ambassador.reload({**base, "consume": changed}).returncode == 0
    wait_until(lambda: who_answers(listen) == "third", 10, "its source counts")
    assert all(one["set"] is None for one in ambassador.status()["services"])


@pytest.mark.smoke
def test_only_what_is_to_be_kept_survives_a_restart(box, tmp_path):
    first, second = Named("first"), Named("second")
    state = tmp_path / "state"
    ambassador, listen = near(box, first.source, state=state)
    place = f"127.0.0.1:{second.port}"

    def again(how="stop"):
        getattr(ambassador, how)()
        ambassador.start()

    put(ambassador, "service", place, "--keep")
    since = only(ambassador)["set"]["since"]
    for how in ("stop", "kill"):
        again(how)
        assert_served_by(listen, "second")
        found = only(ambassador)["set"]
        assert (found["kept"], found["in_force"]) == (True, True)
        assert abs(found["since"] - since) <= 1
    # The next one replaces it in this too.
    put(ambassador, "service", place)
    assert only(ambassador)["set"]["kept"] is False
    again()
    assert_served_by(listen, "first")
    put(ambassador, "service", place, "--keep")
    put(ambassador, "service", "--sources")
    assert not list(state.iterdir())
    again()
    assert_served_by(listen, "first")


def test_a_kept_name_counts_before_it_is_found(box, tmp_path):
    first, second = Named("first"), Named("second")
    state = tmp_path / "state"
    listen = any_port()
    with DnsServer() as dns:
        dns.set_a("db.test", "127.0.0.1", ttl=60)
        ambassador = Ambassador(box, "near", {
            "state": str(state), "dns": {"servers": [dns.address]},
            "consume": {"service": {"listen": listen, "hold": "60s",
                                    "direct": [first.source]}}}).start()
        put(ambassador, "service", f"db.test:{second.port}", "--keep")
        wait_until(lambda: who_answers(listen) == "second", 20, "it is found")
        ambassador.stop()
        dns.silent = True
        ambassador.start()
        # What it was before is remembered, as of any source.
        assert_served_by(listen, "second")
        ambassador.stop()
        for path in state.glob("source-*"):
            path.unlink()
        ambassador.start()
        answers = []
        thread = threading.Thread(
            target=lambda: answers.append(who_answers(listen, 60)))
        thread.start()
        wait_until(lambda: only(ambassador)["waiting"] == 1, 10, "it waits")
        dns.silent = False
        thread.join()
        assert answers == ["second"]


def test_a_damaged_file_is_logged_and_ignored(box, tmp_path):
    first, second = Named("first"), Named("second")
    state = tmp_path / "state"
    ambassador, listen = near(box, first.source, state=state)
    put(ambassador, "service", f"127.0.0.1:{second.port}",
        f"127.0.0.1:{ports.free_port()}", "--keep")
    path, = state.iterdir()
    whole = path.read_bytes()
    for damaged in (b"", whole[:-1], whole[:25], b"x" + whole,
                    whole.replace(b"127", b"\0\0\0"), b"\xff" * 100000,
                    b"none\n# end\n"):
        ambassador.stop()
        path.write_bytes(damaged)
        ambassador.start()
        assert_served_by(listen, "first")
        assert "set_damaged" in ambassador.log, damaged[:40]
        assert f"file={path.name}\n" in ambassador.log


def test_what_cannot_be_kept_changes_nothing(box, tmp_path):
    first, second = Named("first"), Named("second")
    state = tmp_path / "state"
    ambassador, listen = near(box, first.source, state=state)
    state.write_text("a file where the directory should be")
    done = put(ambassador, "service", f"127.0.0.1:{second.port}", "--keep",
               code=1)
    assert str(state) in done.stderr and "nothing has changed" in done.stderr
    assert_served_by(listen, "first")
    state.unlink()
    put(ambassador, "service", f"127.0.0.1:{second.port}", "--keep")
    assert_served_by(listen, "second")
    path, = state.iterdir()
    path.unlink()
    path.mkdir()  # what is kept cannot be removed, nor replaced
    for words in (["--sources"], [f"127.0.0.1:{first.port}"],
                  [f"127.0.0.1:{first.port}", "--keep"]):
        done = put(ambassador, "service", *words, code=1)
        assert "nothing has changed" in done.stderr
        assert_served_by(listen, "second")
        assert only(ambassador)["set"]["kept"] is True
    assert [one.name for one in state.iterdir()] == [path.name]
