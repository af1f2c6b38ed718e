"""Rate limits by arithmetic, with a clock of our own."""

from __future__ import annotations

import pytest

from logd.http.rates import Rate, Rates


class _Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_no_limit_costs_nothing() -> None:
    rates = Rates(1.0)
    assert {rates.take("a", Rate(0, 0)) for _ in range(1_000)} == {0.0}


def test_a_burst_and_then_the_rate() -> None:
    clock = _Clock()
    rates, rate = Rates(5.0, clock), Rate(2, 0)
    assert [rates.take("a", rate) for _ in range(11)] == [0.0] * 10 + [0.5]
    assert rates.take("b", rate) == 0.0
    clock.now += 0.25
    assert rates.take("a", rate) == pytest.approx(0.25)
    clock.now += 0.25
    assert [rates.take("a", rate) for _ in range(2)] == [0.0, 0.5]
    clock.now += 1_000
    assert [rates.take("a", rate) for _ in range(11)] == [0.0] * 10 + [0.5]


def test_a_rate_below_one_lets_one_in() -> None:
    rates = Rates(1.0, _Clock())
    assert rates.take("a", Rate(0.1, 0)) == 0.0
    assert rates.take("a", Rate(0.1, 0)) == pytest.approx(10.0)


def test_bytes_may_be_owed() -> None:
    clock = _Clock()
    rates, rate = Rates(10.0, clock), Rate(0, 100)
    assert rates.take("a", rate) == 0.0
    rates.charge("a", rate, 1_500)  # 1,000 were there
    assert rates.take("a", rate) == pytest.approx(5.0)
    rates.charge("a", rate, -500)  # they weren't sent after all
    assert rates.take("a", rate) > 0
    clock.now += 0.01
    assert rates.take("a", rate) == 0.0


def test_clients_are_bounded() -> None:
    clock = _Clock()
    rates, rate = Rates(1.0, clock, most=10), Rate(1, 0)
    for name in range(100):
        assert rates.take(str(name), rate) == 0.0
    assert len(rates._clients) == 10
    assert rates.take("99", rate) == 1.0
    assert rates.take("0", rate) == 0.0
