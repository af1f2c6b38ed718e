"""A stage: what it holds, and how long it held others up, by a clock of the test's own."""

from __future__ import annotations

import pytest

from logd.flow.stage import Stage, held


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def stage(clock: Clock) -> Stage:
    return Stage("test.queue", 10, "rows", clock)


def test_it_says_what_it_holds(stage: Stage) -> None:
    stage.add(4)
    stage.add(-1)
    assert stage.status() == {"held": 3, "capacity": 10, "unit": "rows", "blocked_seconds": 0.0}
    assert not stage.full
    stage.add(7)
    assert stage.full


def test_time_counts_only_while_somebody_is_held_up(stage: Stage, clock: Clock) -> None:
    stage.add(10)
    clock.seconds += 100  # full, but nobody wants more
    assert (stage.blocking, stage.blocked_seconds) == (False, 0.0)
    stage.block()
    clock.seconds += 2
    assert (stage.blocking, stage.blocked_seconds) == (True, 2.0)  # also before it ends
    stage.add(-1)
    clock.seconds += 100
    assert (stage.blocking, stage.blocked_seconds) == (False, 2.0)


def test_a_second_is_a_second_however_many_wait(stage: Stage, clock: Clock) -> None:
    stage.add(10)
    for _ in range(5):
        stage.block()
    clock.seconds += 3
    stage.room()
    stage.room()
    assert stage.blocked_seconds == 3.0


def test_it_blocks_until_it_is_below_its_capacity(stage: Stage, clock: Clock) -> None:
    stage.add(15)  # what came last may have been large
    stage.block()
    clock.seconds += 1
    stage.add(-5)
    assert stage.blocking
    clock.seconds += 1
    stage.add(-1)
    assert (stage.blocking, stage.blocked_seconds) == (False, 2.0)


def test_several_periods_add_up(stage: Stage, clock: Clock) -> None:
    for _ in range(3):
        stage.add(10)
        stage.block()
        clock.seconds += 1.5
        stage.add(-10)
    assert stage.blocked_seconds == 4.5


@pytest.mark.parametrize("capacity", [0, -1])
def test_a_capacity_is_at_least_one(capacity: int) -> None:
    with pytest.raises(ValueError, match=str(capacity)):
        Stage("test.queue", capacity, "rows")


def test_what_several_hold_is_said_by_name() -> None:
    first, second, third = Stage("a.b", 1, "rows"), Stage("c.d", 1, "bytes"), Stage("e.f", 1, "rows")
    assert held([first, second]) == "nothing"
    first.add(3)
    third.add(1)
    assert held([first, second, third]) == "3 rows in a.b, 1 rows in e.f"
