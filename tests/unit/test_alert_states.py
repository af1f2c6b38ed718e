"""The life of an alert, step by step."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from logd.alerts.states import States

GROUP = ("a",)


@pytest.mark.parametrize(
    ("for_us", "steps", "changes"),
    [
        (0, [(1, True)], ["fires 1"]),
        (0, [(1, True), (2, True), (3, False), (4, False)], ["fires 1", "resolved 3"]),
        (0, [(1, True), (2, False), (3, True)], ["fires 1", "resolved 2", "fires 3"]),
        (10, [(1, True), (10, True), (11, True), (12, True), (13, False)], ["fires 11", "resolved 13"]),
        (10, [(1, True), (5, False), (6, True), (15, True), (16, True)], ["fires 16"]),
        (10, [(1, True), (5, False)], []),
        (0, [(1, False)], []),
    ],
)
def test_a_life(for_us: int, steps: Sequence[tuple[int, bool]], changes: list[str]) -> None:
    states = States(for_us)
    found = []
    for at_us, true in steps:
        change = (states.true if true else states.false)(GROUP, at_us, float(at_us))
        if change is not None:
            assert (change.group, change.state.value) == (GROUP, float(at_us))
            found.append(f"{'fires' if change.fires else 'resolved'} {change.state.at_us}")
        assert bool(states.known) == true
    assert found == changes


def test_it_goes_on_after_a_restart() -> None:
    states = States(10)
    states.true(GROUP, 1, 5.0)
    again = States(10, states.known)
    change = again.true(GROUP, 12, 6.0)
    assert change is not None
    assert (change.state.since_us, change.state.fired_us) == (1, 12)
    assert States(10, again.known).true(GROUP, 20, 7.0) is None
    assert len(states.known) == 1
    assert states.known[GROUP].fired_us is None
