# SPDX-License-Identifier: MIT
"""Sources under `fallback` serve while those of the list cannot."""
import pytest

from harness import ports
from harness.ambassador import Ambassador, any_port
from harness.named import Named, who_answers
from harness.processes import wait_until

pytestmark = pytest.mark.entente


def assert_falls_back_and_returns(address, first):
    """As |first| goes and comes, with "second" as its fallback."""
    assert {who_answers(address) for _ in range(20)} == {"first"}
    first.stop()
    # Not one connection fails.
    assert {who_answers(address) for _ in range(20)} == {"second"}
    again = Named("first", first.port)
    wait_until(lambda: who_answers(address) == "first", 10,
               "the first to be used again")
    assert {who_answers(address) for _ in range(20)} == {"first"}
    again.stop()


def test_an_offered_service_falls_back_and_returns(make_pair):
    first, second = Named("first"), Named("second")
    pair = make_pair(f"127.0.0.1:{first.port}",
                     offer={"to": [first.source], "fallback": [second.source]})
    assert_falls_back_and_returns(pair.address, first)


def test_a_service_reached_directly_falls_back_and_returns(box):
    first, second = Named("first"), Named("second")
    listen = any_port()
    Ambassador(box, "near", {"consume": {"service": {
        "listen": listen, "direct": [first.source],
        "fallback": [second.source]}}}).start()
    assert_falls_back_and_returns(listen, first)


def test_a_fallback_ambassador_takes_over_and_gives_back(
        box, authority, make_pair):
    first, second = Named("first"), Named("second")
    tunnel = any_port()
    spare = Ambassador(box, "spare", {
        "identity": authority.issue("db-2", file=box.name("db")).section(),
        "tunnels": {"listen": tunnel},
        "offer": {"service": {"to": [second.source],
                              "allow": ["spiffe://test/*"]}}}).start()
    pair = make_pair(f"127.0.0.1:{first.port}", consume={
        "fallback": [f"static:{tunnel}"], "peer": ["spiffe://test/*"]})
    # Until every worker has its tunnel to the first, the fallback may serve.
    wait_until(lambda: {who_answers(pair.address) for _ in range(20)} ==
               {"first"}, 10, "the first alone to be used")
    pair.offerer.kill()
    wait_until(lambda: who_answers(pair.address) == "second", 10,
               "the fallback to take over")
    pair.offerer.start()
    wait_until(lambda: who_answers(pair.address) == "first", 15,
               "the first to be used again")
    assert spare.process.is_running()


def test_an_empty_list_before_a_fallback_is_served_by_it(box, tmp_path):
    second = Named("second")
    places = tmp_path / "places"
    places.write_text("none\n")
    listen = any_port()
    Ambassador(box, "near", {"consume": {"service": {
        "listen": listen, "direct": [f"file:{places}"],
        "fallback": [second.source]}}}).start()
    assert who_answers(listen) == "second"
    first = Named("first")
    (tmp_path / "new").write_text(f"127.0.0.1:{first.port}\n")
    (tmp_path / "new").rename(places)
    wait_until(lambda: who_answers(listen) == "first", 10, "the new place")
    first.stop()


def test_dead_sources_with_a_dead_fallback_reset(box):
    dead = f"static:127.0.0.1:{ports.free_port()}"
    listen = any_port()
    Ambassador(box, "near", {"consume": {"service": {
        "listen": listen, "direct": [dead], "fallback": [dead],
        "hold": "100ms"}}}).start()
    with pytest.raises(ConnectionResetError):
        who_answers(listen)
