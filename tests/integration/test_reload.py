# SPDX-License-Identifier: MIT
"""Reload: all or nothing, and never a byte of what stays."""
import copy
import shutil
import signal
import time

import pytest

from harness import ports, verify
from harness.ambassador import Ambassador, any_port
from harness.processes import wait_until

pytestmark = pytest.mark.entente
MIB = 1 << 20


@pytest.mark.smoke
def test_services_come_and_go_and_what_stays_goes_on(box, make_pair):
    server = verify.Server(box)
    pair = make_pair(server.address)
    client = verify.Client(box, pair.address, "--count", 4, "--concurrency",
                           4, "--up", 12 * MIB, "--up-pace", 4 * MIB,
                           "--down", 12 * MIB, "--down-pace", 4 * MIB)
    time.sleep(0.3)
    base = copy.deepcopy(pair.consumer.document)
    far = copy.deepcopy(pair.offerer.document)
    second = any_port()
    for _ in range(3):
        more, more_far = copy.deepcopy(base), copy.deepcopy(far)
        more["consume"]["second"] = {**base["consume"]["service"],
                                     "listen": second}
        more_far["offer"]["second"] = far["offer"]["service"]
        assert pair.offerer.reload(more_far).returncode == 0
        assert pair.consumer.reload(more).returncode == 0
        verify.assert_exact(verify.transfer(box, second, "--up", 1000,
                                            "--down", 1000))
        assert pair.consumer.reload(base).returncode == 0
        assert pair.offerer.reload(far).returncode == 0
        wait_until(lambda: not ports.answers(second), 5, "it is gone")
    verify.assert_exact(client.totals(60))


@pytest.mark.parametrize("how", ["command", "SIGHUP"])
def test_certificates_are_rotated_under_load(box, authority, make_pair, how):
    server = verify.Server(box)
    pair = make_pair(server.address)
    client = verify.Client(box, pair.address, "--count", 300, "--concurrency",
                           6, "--every", 10, "--up", "0-300000", "--down",
                           "0-300000")
    for number in range(3):
        for leaf, name, end in ((pair.web, "web-1", pair.consumer),
                                (pair.db, "db-1", pair.offerer)):
            new = authority.issue(name, file=box.name(f"new{number}"),
                                  ends=100 + number)
            shutil.copy(new.private_key, leaf.private_key)
            shutil.copy(new.certificate, leaf.certificate)
            if how == "command":
                done = end.command("reload")
                assert done.returncode == 0, done
            else:
                end.process.signal(signal.SIGHUP)
        time.sleep(0.5)
    verify.assert_exact(client.totals(60))
    for end in (pair.consumer, pair.offerer):
        wait_until(lambda end=end: end.status()["certificates"][0]
                   ["days_left"] > 100, 5, "the new one is in use")


BROKEN = {
    "an unknown key": lambda document, box: document["consume"]["service"]
    .update(lisen="127.0.0.1:1"),
    "a bad address": lambda document, box: document["consume"]["service"]
    .update(listen="nowhere"),
    "no such certificate": lambda document, box: document["identity"]
    .update(certificate=str(box.path("gone"))),
    "another's key": lambda document, box: document["identity"]
    .update(private_key=document["other_key"]),
    "a port in use": lambda document, box: document["consume"]
    .update(second={**document["consume"]["service"],
                    "listen": document["taken"]}),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_bad_reload_changes_nothing(box, make_pair, kind):
    server = verify.Server(box)
    pair = make_pair(server.address)
    before = pair.consumer.status()
    client = verify.Client(box, pair.address, "--up", 12 * MIB, "--up-pace",
                           6 * MIB)
    bad = copy.deepcopy(pair.consumer.document)
    bad["other_key"] = str(pair.db.private_key)
    bad["taken"] = server.address
    bad["consume"]["added"] = {**bad["consume"]["service"],
                               "listen": any_port()}
    BROKEN[kind](bad, box)
    added = bad["consume"]["added"]["listen"]
    del bad["other_key"], bad["taken"]
    done = pair.consumer.reload(bad)
    assert done.returncode == 1, done
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    if kind in ("an unknown key", "a bad address"):
        assert "consumer.yaml:" in done.stderr, done.stderr
    assert not ports.answers(added)
    after = pair.consumer.status()
    assert [one["name"] for one in after["services"]] == \
        [one["name"] for one in before["services"]]
    def papers(status):
        return [(one["identity"], one["expires"])
                for one in status["certificates"]]
    assert papers(after) == papers(before)
    verify.assert_exact(client.totals(60))
    verify.assert_exact(verify.transfer(box, pair.address, "--up", 10,
                                        "--seed", 2))
    wait_until(lambda: "reload_failed" in pair.consumer.log, 5, "it is logged")


def test_a_broken_certificate_keeps_the_old_one(box, make_pair):
    server = verify.Server(box)
    pair = make_pair(server.address)
    for content in ("", "garbage\n"):
        pair.db.certificate.write_text(content, encoding="ascii")
        assert pair.offerer.command("reload").returncode == 1
        verify.assert_exact(verify.transfer(
            box, pair.address, "--up", 1000, "--seed", len(content) + 1))


def test_who_is_no_longer_allowed_is_cut_and_refused(
        box, authority, make_pair):
    server = verify.Server(box)
    pair = make_pair(server.address, consume={"hold": "300ms"})
    client = verify.Client(box, pair.address, "--up", 400 * MIB, "--up-pace",
                           MIB, "--down", 400 * MIB, "--down-pace", MIB)
    time.sleep(0.5)
    far = copy.deepcopy(pair.offerer.document)
    far["offer"]["service"]["allow"] = [authority.identity("nobody")]
    assert pair.offerer.reload(far).returncode == 0
    began = time.monotonic()
    assert client.totals(20)["reset"] == 1
    assert time.monotonic() - began < 5
    assert not any(seen.is_truncated for seen in server.seen(1).values())
    totals = verify.transfer(box, pair.address, "--up", 10, "--seed", 2,
                             "--timeout", 10)
    assert totals["reset"] == 1, totals


def test_a_revoked_peer_is_cut_at_the_next_reload(box, make_pair):
    from harness.certificates import Authority
    server = verify.Server(box)
    own = Authority(box.folder, "own-ca")
    from harness.pair import Pair
    pair = Pair(box, own, server.address, consume={"hold": "300ms"},
                offerer=None)
    own.write_crl()
    _, far = pair.documents()
    pair._documents = (*pair._documents[:3], {
        "identity": pair.db.section(revocation=str(own.crl))})
    pair.start()
    client = verify.Client(box, pair.address, "--up", 400 * MIB, "--up-pace",
                           MIB)
    time.sleep(0.5)
    own.revoke(pair.web)
    done = pair.offerer.command("reload")
    assert done.returncode == 0, done
    began = time.monotonic()
    assert client.totals(20)["reset"] == 1
    assert time.monotonic() - began < 5
    assert verify.transfer(box, pair.address, "--up", 10, "--seed", 2,
                           "--timeout", 10)["reset"] == 1
    assert "revoked" in pair.offerer.log


def test_many_reloads_leave_nothing_behind(box, make_pair, long):
    server = verify.Server(box)
    pair = make_pair(server.address)
    verify.transfer(box, pair.address, "--count", 10, "--concurrency", 5)
    counts = []
    for round_number in range(3):
        for _ in range(200 if long else 20):
            assert pair.consumer.command("reload").returncode == 0
        verify.assert_exact(verify.transfer(
            box, pair.address, "--count", 5, "--up", 100, "--seed",
            round_number + 2))
        counts.append(pair.consumer.process.descriptors())
    assert counts[2] <= counts[0] + 2, counts


def test_state_is_kept_where_it_was_after_a_reload(box):
    server = verify.Server(box)
    places, state, moved = (box.path(name) for name in
                            ("places", "state", "moved"))
    for folder in (state, moved):
        folder.mkdir(mode=0o700)
    places.write_text(f"{server.address}\n")
    near = Ambassador(box, "near", {"state": str(state), "consume": {
        "service": {"listen": any_port(), "direct": [f"file:{places}"]}}})
    near.start()
    wait_until(lambda: list(state.iterdir()), 20, "the answer is kept")
    for kept in state.iterdir():
        kept.unlink()
    # A new place needs a restart: until then the old one counts.
    assert near.reload({**near.document, "state": str(moved)}).returncode == 0
    fresh = box.path("fresh")
    fresh.write_text("127.0.0.9:1\n")
    fresh.rename(places)
    wait_until(lambda: list(state.iterdir()), 20, "the new one is kept")
    assert not list(moved.iterdir())
    assert near.process.is_running()


def test_what_needs_a_restart_is_told_each_time_and_left(box):
    server = verify.Server(box)
    near = Ambassador(box, "near", {"workers": 1, "consume": {
        "service": {"listen": any_port(),
                    "direct": [f"static:{server.address}"]}}})
    near.start()
    for _ in range(2):
        done = near.reload({**near.document, "node": "far", "workers": 2})
        assert done.returncode == 0 and done.stderr == "", done
        assert done.stdout == \
            "reloaded, but what is new of node, workers needs a restart\n"
        assert near.status()["node"] == "near"
    done = near.reload({**near.document, "node": "near", "workers": 1})
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_draining_ambassador_is_not_reloaded(box, make_pair):
    server = verify.Server(box)
    pair = make_pair(server.address)
    client = verify.Client(box, pair.address, "--up", 8 * MIB, "--up-pace",
                           4 * MIB)
    wait_until(lambda: sum(one["streams"] for one in pair.consumer.tunnels()),
               10, "it is carried")
    assert pair.consumer.command("drain").returncode == 0
    done = pair.consumer.command("reload")
    assert done.returncode != 0 and "draining" in done.stderr, done
    verify.assert_exact(client.totals(60))
    assert pair.consumer.process.wait(20) == 0
