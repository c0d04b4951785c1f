# SPDX-License-Identifier: MIT
"""What an operator says about choosing: limits, tiers, shares, retries."""
import collections
import time

import pytest

from harness.ambassador import Ambassador, any_port
from harness.named import Keeper, Talk
from harness.processes import wait_until

pytestmark = pytest.mark.entente


def visit(address):
    """A connection that need not come to anybody."""
    return Talk(address, wait=False)


def leave_all(*visits):
    """So that no ambassador waits for them when it ends."""
    for one in visits:
        one.close()


def direct(box, places, workers=1, **options):
    """The address where |places| are reached without a tunnel."""
    listen = any_port()
    Ambassador(box, "near", {"workers": workers, "consume": {"service": {
        "listen": listen, "direct": places, **options}}}).start()
    return listen


def yaml_places(box, *places):
    """A file: source of (address, weight, priority)."""
    return "file:%s" % box.write("places.yaml", "".join(
        f"- {{address: \"{address}\", weight: {weight}, "
        f"priority: {priority}}}\n" for address, weight, priority in places))


def assert_waits_for_another_to_leave(address):
    """Two may be there at a time; a third has to wait."""
    visits = [visit(address) for _ in range(2)]
    assert [one.name for one in visits] == ["only"] * 2
    third = visit(address)
    assert third.waits()
    visits[0].close()
    assert third.name == "only"
    leave_all(visits[1], third)


def test_a_full_endpoint_makes_connections_wait(box):
    keeper = Keeper("only")
    address = direct(box, [f"static:{keeper.address}"], max_per_endpoint=2)
    assert_waits_for_another_to_leave(address)


def test_a_full_service_makes_connections_wait_at_the_far_side(make_pair):
    keeper = Keeper("only")
    pair = make_pair(keeper.address, offer={"max_per_endpoint": 2},
                     offerer={"workers": 1})
    assert_waits_for_another_to_leave(pair.address)


def test_workers_share_the_limit_of_an_endpoint(box):
    keeper = Keeper("only")
    address = direct(box, [f"static:{keeper.address}"], workers=2,
                     max_per_endpoint=4)
    visits = [visit(address) for _ in range(4)]
    assert [one.name for one in visits] == ["only"] * 4
    fifth = visit(address)
    assert fifth.waits()
    leave_all(*visits)
    assert fifth.name == "only"
    leave_all(fifth)


def share(address, name, count):
    """How many of |count| connections, one by one, come to |name|."""
    came = 0
    for _ in range(count):
        one = visit(address)
        came += one.name == name
        leave_all(one)
    return came


def test_a_new_endpoint_gets_its_share_slowly(box):
    old, new = Keeper("old"), Keeper("new")
    address = direct(box, [yaml_places(box, (old.address, 1, 0))],
                     balance="round-robin", slow_start="4s")
    assert share(address, "old", 10) == 10
    time.sleep(4.2)  # until it has its whole share
    yaml_places(box, (old.address, 1, 0), (new.address, 1, 0))
    wait_until(lambda: share(address, "new", 1), 10, "the new one to be used")
    assert share(address, "new", 20) <= 6
    time.sleep(4.2)
    assert share(address, "new", 20) == 10


def test_a_full_tier_spills_into_the_next(box):
    local, remote = Keeper("local"), Keeper("remote")
    address = direct(box, [yaml_places(box, (local.address, 1, 0),
                                       (remote.address, 1, 1))],
                     max_per_endpoint=3)
    visits = [visit(address) for _ in range(5)]
    assert collections.Counter(one.name for one in visits) == {
        "local": 3, "remote": 2}
    visits[0].close()
    wait_until(lambda: local.now == 2, 10, "one to have left")
    visits.append(visit(address))
    assert visits[-1].name == "local"
    leave_all(*visits)


def test_the_next_tier_helps_where_too_few_are_healthy(box):
    local, remote = Keeper("local"), Keeper("remote")
    gone = [any_port() for _ in range(2)]
    address = direct(
        box, [yaml_places(box, (local.address, 1, 0), (gone[0], 1, 0),
                          (gone[1], 1, 0), (remote.address, 1, 1))],
        min_healthy=50, balance="round-robin")
    hosts = collections.Counter()
    for _ in range(40):
        one = visit(address)
        hosts[one.name] += 1
        one.close()
    assert hosts["local"] >= 10 and hosts["remote"] >= 10


def test_retries_are_bounded_and_then_wait(box):
    keeper = Keeper("only")
    gone = [any_port() for _ in range(6)]
    address = direct(box, [f"static:{place}" for place in gone] +
                     [f"static:{keeper.address}"], balance="round-robin",
                     retry_budget=0)
    # Not one fails, with hardly a budget; some are late, none is refused.
    visits = [visit(address) for _ in range(200)]
    assert {one.name for one in visits} == {"only"}
    leave_all(*visits)
