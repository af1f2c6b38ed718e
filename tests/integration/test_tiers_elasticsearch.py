"""Days of a real Elasticsearch with a hot and a warm node: they move when their policy says so, leave only when the
archive provably has them, and whatever happens in the middle, nothing is lost and nothing is found twice."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from logd.backends.index.elasticsearch_tiers import WARM
from logd.seams.retention import DEFAULT_POLICY
from tests.services import running
from tests.support.tiers import TODAY, D, World, late, own, reasons

pytestmark = [pytest.mark.servers("elasticsearch"), pytest.mark.timeout(1_200)]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A hot node and a warm one."""
    with running("elasticsearch", tmp_path_factory.mktemp("cluster"), members=2) as server:
        yield server.url


@pytest.fixture
async def world(cluster: str, tmp_path: Path) -> AsyncIterator[World]:
    world = await World.open(cluster, tmp_path, "pay")
    yield world
    await world.close()


async def test_a_hot_day_becomes_warm(world: World) -> None:
    for first in range(0, 15, 5):  # several segments
        await world.day(D, first=first)
        await world.index.refresh()
    await world.day(D + 1)
    await world.day(TODAY)
    assert await world.nodes(own(D)) == {"node-1"}
    await world.settle()
    stored = await world.stored()
    moved = stored[own(D)]
    assert (moved.blocked, moved.preference, moved.replicas, moved.segments) == (True, WARM, 0, 1)
    assert await world.nodes(own(D)) == {"node-2"}
    assert not stored[own(D + 1)].blocked
    assert await world.nodes(own(D + 1)) == await world.nodes(own(TODAY)) == {"node-1"}
    assert (await world.boundary()).warm_before == D + 1
    assert await world.moves() == [(DEFAULT_POLICY, D, "warm")]
    assert len(await world.found()) == 25
    await world.settle()
    assert await world.moves() == [(DEFAULT_POLICY, D, "warm")], "once"


async def test_late_lines_of_a_warm_day(world: World) -> None:
    await world.day(D)
    await world.settle()
    await world.day(D, first=3)  # two of them known
    await world.settle()
    stored = await world.stored()
    assert (stored[own(D)].rows, stored[late(D)].rows) == (5, 3)
    assert (stored[late(D)].blocked, stored[late(D)].preference) == (False, WARM)
    assert len(await world.found()) == 8


async def test_a_day_leaves_once_the_archive_has_it(world: World) -> None:
    await world.day(D)
    await world.settle()
    await world.day(D, count=2, first=5)
    await world.day(D + 1)
    world.outside.today = D + 4
    world.outside.rows[DEFAULT_POLICY, D] = 7
    await world.mover.step()
    assert (await world.boundary()).cold_before == D + 1
    assert own(D) in await world.stored(), "others may not know yet that the archive answers"
    assert len(await world.found()) == 5
    await world.settle()
    stored = await world.stored()
    assert own(D) not in stored
    assert late(D) not in stored
    assert own(D + 1) in stored
    cold = [move for move in await world.tiering.moves(100) if move.what == "cold"]
    assert [(move.day, move.detail) for move in cold] == [(D, {"indices": [own(D), late(D)], "rows": 7})]


@pytest.mark.parametrize(
    ("what", "why"),
    [
        ("archived", "the archive is 1 messages behind what may be in it"),
        ("processed", "the processors are 3 messages behind what may be in it"),
        ("compacted", "its hours aren't all compacted in the archive"),
        ("fewer", "the index has 5 records of it, the archive 4"),
        ("none", "the index has 5 records of it, the archive 0"),
        ("more", "the archive has 6 records of it, the index 5; 0 are known to be missing"),
    ],
)
async def test_without_a_proof_nothing_leaves(world: World, what: str, why: str) -> None:
    await world.day(D)
    outside = world.outside
    outside.today = D + 4
    outside.rows[DEFAULT_POLICY, D] = {"compacted": None, "fewer": 4, "none": 0, "more": 6}.get(what, 5)
    if what == "archived":
        outside.archived = {0: 10, 1: 19}
    if what == "processed":
        outside.processed = {1: 17, 0: 10}
    await world.settle()
    assert own(D) in await world.stored()
    assert (await world.boundary()).cold_before == 0
    assert reasons(world.mover.status()) == [why]
    kept = [move.detail["why"] for move in await world.tiering.moves(100) if move.what == "kept"]
    assert kept == [why], "once"
    assert len(await world.found()) == 5
    outside.archived = outside.processed = {0: 10, 1: 20}
    outside.rows[DEFAULT_POLICY, D] = 6
    await world.tiering.count_gap({(DEFAULT_POLICY, D): 1})
    await world.settle()
    assert own(D) not in await world.stored()
    assert reasons(world.mover.status()) == []


async def test_the_archive_may_have_what_the_index_is_known_to_lack(world: World) -> None:
    await world.day(D)
    world.outside.today = D + 4
    world.outside.rows[DEFAULT_POLICY, D] = 9
    await world.tiering.count_gap({(DEFAULT_POLICY, D): 3, (DEFAULT_POLICY, D + 1): 5})
    await world.settle()
    assert reasons(world.mover.status()) == ["the archive has 9 records of it, the index 5; 3 are known to be missing"]


async def test_the_oldest_day_of_a_policy_leaves_first(world: World) -> None:
    for day in (D, D + 1):
        await world.day(day)
        await world.day(day, service="pay")
    outside = world.outside
    outside.ages(1, 2, name="pay")
    outside.today = D + 6
    outside.rows.update({(DEFAULT_POLICY, D + 1): 5, ("pay", D): 5, ("pay", D + 1): 5})
    await world.settle()
    assert set(await world.stored()) == {own(D), own(D + 1)}, "the oldest can't, so none of its policy does"
    assert (await world.boundary("pay")).cold_before == D + 2
    outside.rows[DEFAULT_POLICY, D] = 5
    await world.settle()
    assert await world.stored() == {}
    left = [(policy, day) for policy, day, what in await world.moves() if what == "cold"]
    assert left == [("pay", D), ("pay", D + 1), (DEFAULT_POLICY, D), (DEFAULT_POLICY, D + 1)]


async def test_a_late_line_in_the_middle(world: World) -> None:
    await world.day(D)
    await world.settle()
    await world.day(D, count=2, first=5)
    world.outside.today = D + 4
    await world.settle()  # unproven: the archive has nothing
    assert (await world.stored())[late(D)].blocked
    await world.day(D, count=1, first=7)  # nobody waits for the archive
    await world.day(D, count=1, first=7)
    assert set(await world.stored()) == {own(D), late(D), late(D, 2)}
    assert len(await world.found()) == 8
    world.outside.rows[DEFAULT_POLICY, D] = 7
    await world.settle()
    assert reasons(world.mover.status()) == ["the index has 8 records of it, the archive 7"]
    world.outside.rows[DEFAULT_POLICY, D] = 8
    await world.settle()
    assert await world.stored() == {}
    assert await world.found() == []
    await world.day(D, count=2, first=7)  # long after: one is new, one the archive has
    assert set(await world.stored()) == {own(D)}
    assert await world.found() == [], "the archive answers for the day"
    await world.settle()
    assert await world.stored() == {}, "the archive has more than what is here"


async def test_a_policy_is_changed_in_the_middle(world: World) -> None:
    await world.day(D)
    await world.settle()
    await world.day(D, count=2, first=5)
    world.outside.today = D + 4
    await world.settle()
    assert (await world.stored())[late(D)].blocked
    world.outside.ages(1, 30)
    world.outside.rows[DEFAULT_POLICY, D] = 7
    await world.settle()
    assert set(await world.stored()) == {own(D), late(D)}
    assert not (await world.stored())[late(D)].blocked, "it takes late lines again"
    assert reasons(world.mover.status()) == []
    assert (await world.tiering.step(DEFAULT_POLICY, D)) == {}
    world.outside.ages(1, 2)
    await world.mover.step()
    assert (await world.boundary()).cold_before == D + 1
    world.outside.ages(1, 30)
    await world.settle()
    assert await world.stored() == {}, "the boundary never goes back"


async def test_full_disks_let_archived_warm_days_leave_early(world: World) -> None:
    for day in range(D, D + 4):
        await world.day(day)
        await world.day(day, service="pay")
    outside = world.outside
    outside.ages(1, 30)
    outside.today = D + 4
    await world.settle()
    outside.disk_percent = 85.0
    outside.rows.update({(DEFAULT_POLICY, day): 5 for day in range(D, D + 4)})
    outside.rows.update({("pay", day): 5 for day in range(D + 1, D + 4)})
    for left in (D, D + 1):
        await world.mover.step()
        assert (await world.boundary()).cold_before == left + 1
        outside.now_us += 31_000_000
        await world.mover.step()
        assert own(left) not in await world.stored()
    outside.disk_percent = 84.0
    await world.settle()
    names = set(await world.stored())
    assert names == {own(day) for day in range(D + 2, D + 4)} | {own(day, "pay") for day in range(D, D + 4)}
    outside.disk_percent = 99.0
    outside.rows["pay", D] = 5
    await world.settle()
    assert set(await world.stored()) == {own(D + 3), own(D + 3, "pay")}, "what is hot stays"


async def test_expired_days_go_without_an_archive(world: World) -> None:
    await world.day(D)
    outside = world.outside
    outside.ages(1, 3, 5)
    outside.today = D + 6
    outside.held = True
    await world.settle()
    assert own(D) in await world.stored(), "a hold may have something of it"
    outside.held = False
    await world.settle()
    assert await world.stored() == {}


async def test_a_hold_that_comes_before_the_end_saves_what_went_by_age(world: World) -> None:
    await world.day(D)
    outside = world.outside
    outside.ages(1, 3, 5)
    outside.today = D + 6
    await world.mover.step()
    assert (await world.boundary()).cold_before == D + 1
    outside.held = True
    outside.now_us += 31_000_000
    await world.settle()
    assert own(D) in await world.stored(), "the archive hasn't what is held"
    outside.rows[DEFAULT_POLICY, D] = 5
    await world.settle()
    assert await world.stored() == {}


async def test_two_movers(world: World) -> None:
    await world.day(D)
    other = world.another("two")
    await world.mover.step()
    assert not await other.step()
    assert (world.mover.status()["moves"], other.status()["moves"]) == (True, False)
    world.outside.today = D + 4
    world.outside.rows[DEFAULT_POLICY, D] = 5
    await world.settle()
    await world.mover.give_up()
    await world.settle(other)
    assert other.status()["moves"]
    assert [what for *_, what in await world.moves()].count("cold") == 1


async def test_who_loses_the_lease_stops_before_the_next_step(world: World) -> None:
    await world.day(D)
    world.outside.today = D + 4
    world.outside.rows[DEFAULT_POLICY, D] = 5
    reached = world.outside.reached

    async def robbed() -> object:
        await world.leases.give_up("tiers.elasticsearch", "one")
        assert await world.leases.take("tiers.elasticsearch", "two", 60)
        return await reached()

    robbed_ground = world.ground._replace(reached=robbed)  # type: ignore[arg-type]
    world.ground = robbed_ground
    mover = world.another("one")
    assert not await mover.step()
    assert (await world.tiering.step(DEFAULT_POLICY, D)) == {}
    assert not mover.status()["moves"]
