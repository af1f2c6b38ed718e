"""Rates by windows of made-up time: when a spike begins, what it samples, when it ends, and what it teaches."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logd.enrich.rates import CALM, OTHERS, QUIET, Limits, Rate

#: Five times what is usual, over 50 lines a window, after 10 windows; about 100 make the mean.
_LIMITS = Limits(factor=5, floor=50, warm=10, remembered=100)


def _warm(lines: int = 100, windows: int = 20, others: int | None = None) -> Rate:
    """One that knows what is usual; its open window has so many lines too."""
    rate = Rate(0)
    for window in range(windows):
        rate.add(_LIMITS, window, 1.0, lines, lines if others is None else others)
    return rate


def test_what_comes_evenly_is_no_spike() -> None:
    rate = _warm(windows=1_000)
    assert rate.step == CALM
    assert rate.mean == pytest.approx(100)


def test_a_spike_begins_within_a_window_and_ends_after_a_calm_one() -> None:
    rate = _warm()
    rate.add(_LIMITS, 20, 0.5, 449, 100)  # with half of the window before: 499
    assert rate.step == CALM
    rate.add(_LIMITS, 20, 0.5, 2, 0)
    assert rate.step == QUIET
    rate.go_to(_LIMITS, 21)
    assert rate.step == QUIET
    rate.add(_LIMITS, 21, 1.0, 100, 100)
    assert rate.step == QUIET
    rate.go_to(_LIMITS, 22)
    assert rate.step == CALM


def test_others_are_too_many_only_when_they_are_so_without_the_quiet_ones() -> None:
    rate = _warm()
    rate.add(_LIMITS, 20, 0.5, 10_000, 449)  # with half of the window before: 499
    assert rate.step == QUIET
    rate.add(_LIMITS, 20, 0.5, 2, 2)
    assert rate.step == OTHERS
    rate.add(_LIMITS, 21, 1.0, 9_000, 200)
    rate.go_to(_LIMITS, 22)
    assert rate.step == QUIET


def test_it_ends_well_below_its_limit() -> None:
    rate = _warm()
    rate.add(_LIMITS, 20, 1.0, 2_000, 0)
    for window, lines in ((21, 450), (22, 450), (23, 380)):
        rate.add(_LIMITS, window, 1.0, lines, 0)
        assert rate.step == QUIET, window
    rate.go_to(_LIMITS, 24)
    assert rate.step == CALM


def test_nothing_is_one_during_the_warm_up() -> None:
    rate = Rate(7)
    for window in range(7, 17):
        rate.add(_LIMITS, window, 1.0, 10 if window < 16 else 1_000_000, 0)
        assert rate.step == CALM
    rate.add(_LIMITS, 17, 1.0, 2_000_000, 0)
    assert rate.step == QUIET


def test_nothing_below_the_floor_is_one() -> None:
    rate = _warm(lines=1)
    rate.add(_LIMITS, 20, 1.0, 50, 50)
    assert rate.step == CALM
    rate.add(_LIMITS, 20, 1.0, 1, 1)
    assert rate.step == OTHERS


def test_a_spike_is_not_usual_at_once_but_in_the_end() -> None:
    rate = _warm(windows=200)
    window = 200
    while rate.step or window == 200:
        rate.add(_LIMITS, window, 1.0, 2_000, 2_000)
        window += 1
        assert window < 1_000
    # The mean grows by four parts in a hundred a window, and a limit of 1.25 times 2,000 is five times 500.
    assert 235 < window < 245
    assert 400 < rate.mean < 600


def test_the_window_before_a_pause_has_no_part() -> None:
    rate = _warm()
    rate.add(_LIMITS, 22, 0.1, 480, 480)
    assert rate.step == CALM


@pytest.mark.parametrize("lines", [0, 3])
def test_a_pause_lowers_what_is_usual_and_ends_a_spike(lines: int) -> None:
    paused, fed = _warm(windows=150), _warm(windows=150)
    for rate in (paused, fed):
        rate.add(_LIMITS, 150, 1.0, 3_000, 0)
    for window in range(151, 181):
        fed.add(_LIMITS, window, 1.0, 0, 0)
    paused.add(_LIMITS, 180, 1.0, lines, lines)
    assert paused.step == fed.step == CALM
    assert paused.mean == pytest.approx(fed.mean)


def test_after_a_long_silence_nothing_is_known() -> None:
    rate = _warm()
    rate.add(_LIMITS, 121, 1.0, 1_000_000, 0)
    assert (rate.step, rate.mean) == (CALM, 0)


def test_a_clock_that_is_set_back_changes_nothing_that_is_usual() -> None:
    rate = _warm()
    rate.add(_LIMITS, 20, 1.0, 3_000, 0)
    assert rate.step == QUIET
    rate.add(_LIMITS, -500, 1.0, 100, 100)
    assert (rate.step, rate.window) == (CALM, -500)
    assert rate.mean == pytest.approx(100)


@given(st.integers(1, 400), st.integers(0, 99), st.integers(1, 60))
def test_windows_without_lines_are_learned_as_if_each_had_come(first: int, lines: int, pause: int) -> None:
    one, other = Rate(0), Rate(0)
    for rate in (one, other):
        for window in range(first):
            rate.add(_LIMITS, window, 1.0, lines, lines)
    for window in range(first, first + pause + 1):
        other.go_to(_LIMITS, window)
    one.go_to(_LIMITS, first + pause)
    assert one.mean == pytest.approx(other.mean, abs=1e-9)
