"""When each kind of condition is true, from records to firings."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.alert_engine import SECOND, Record, Shard, line_at, rule, run
from tests.support.rows import DAY


@pytest.mark.parametrize(
    ("condition", "rows", "told"),
    [
        pytest.param(
            {"threshold": 2, "window_seconds": 3},
            [line_at(5), line_at(6), line_at(7)],
            ["r firing 3", "r resolved 2"],
            id="count",
        ),
        pytest.param(
            {"threshold": 1, "window_seconds": 3, "service": "web", "level": "error", "query": "timeout"},
            [line_at(5, "a timeout", level="ERROR"), line_at(6, "timeout", level="ERROR"), line_at(6, "timeout")],
            ["r firing 2", "r resolved 1"],
            id="of a service and a level",
        ),
        pytest.param(
            {"aggregation": "rate", "threshold": 0.9, "window_seconds": 2},
            [line_at(5), line_at(5), line_at(9)],
            ["r firing 1", "r resolved 0"],
            id="rate",
        ),
        pytest.param(
            {"aggregation": "ratio", "threshold": 0.5, "window_seconds": 2, "level": "error"},
            [line_at(5), line_at(6, level="ERROR"), line_at(6, level="ERROR"), line_at(7)],
            ["r firing 0.666667", "r resolved 0"],
            id="ratio",
        ),
        pytest.param(
            {"aggregation": "distinct", "field": "user", "threshold": 2, "window_seconds": 2},
            [line_at(5, user="a"), line_at(5, user="b"), line_at(6, user="b"), line_at(6, user="c"), line_at(6)],
            ["r firing 3", "r resolved 2"],
            id="distinct",
        ),
        pytest.param(
            {"aggregation": "p95", "field": "ms", "threshold": 100, "window_seconds": 2},
            [line_at(5, ms=5), line_at(5, ms="200"), line_at(6, ms="slow"), line_at(8, ms=3)],
            ["r firing 198.368", "r resolved nan"],
            id="p95 of few",
        ),
        pytest.param(
            {"aggregation": "avg", "field": "ms", "threshold": 100, "window_seconds": 1},
            [line_at(5, ms=50), line_at(5, ms=250.0), line_at(6, ms=1)],
            ["r firing 150", "r resolved 1"],
            id="avg",
        ),
        pytest.param(
            {"aggregation": "min", "field": "ms", "threshold": 3, "compare": "<", "window_seconds": 1},
            [line_at(5, ms=2), line_at(5, ms=250.0), line_at(6, ms=100)],
            ["r firing 2", "r resolved 100"],
            id="min",
        ),
        pytest.param(
            {"aggregation": "sum", "field": "ms", "threshold": 9, "window_seconds": 2},
            [line_at(5, ms=5), line_at(6, ms=5), line_at(7, ms=-5)],
            ["r firing 10", "r resolved 0"],
            id="sum",
        ),
        pytest.param(
            {"aggregation": "spike", "threshold": 3, "window_seconds": 2, "at_least": 2},
            [line_at(4), line_at(5), *(line_at(6) for _ in range(6)), line_at(7)],
            ["r firing 3.5", "r resolved 0.142857"],
            id="spike",
        ),
        pytest.param(
            {"aggregation": "absence", "window_seconds": 3},
            [line_at(4), line_at(5), line_at(9)],
            ["r firing 0", "r resolved 1"],
            id="absence",
        ),
        pytest.param(
            {"aggregation": "absence", "service": "web", "of": "*", "window_seconds": 3},
            [line_at(4), line_at(5), *(line_at(at, service="other") for at in range(4, 10)), line_at(11)],
            ["r firing 0", "r resolved 1"],
            id="absence from who is alive",
        ),
        pytest.param(
            {"aggregation": "absence", "service": "web", "of": "*", "window_seconds": 3},
            [line_at(4), line_at(5), line_at(5, service="other"), line_at(12, service="other")],
            [],
            id="absence from who is down",
        ),
        pytest.param(
            {"aggregation": "new_value", "field": "user", "window_seconds": 3},
            [line_at(2, user="a"), line_at(4, user="a"), line_at(6, user="b"), line_at(6, user="a")],
            ["r b firing 1", "r b resolved 0"],
            id="new_value",
        ),
        pytest.param(
            {"aggregation": "new_pattern", "window_seconds": 3},
            [line_at(2, "took 5 ms"), line_at(4, "took 7 ms"), line_at(6, "failed after 9 s"), line_at(6, "took 9 ms")],
            ["r failed after <*> s firing 1", "r failed after <*> s resolved 0"],
            id="new_pattern",
        ),
        pytest.param(
            {
                "aggregation": "composite",
                "window_seconds": 2,
                "conditions": [
                    {"aggregation": "p99", "field": "ms", "service": "a", "threshold": 100, "window_seconds": 2},
                    {
                        "aggregation": "ratio",
                        "service": "b",
                        "level": "error",
                        "threshold": 0.4,
                        "window_seconds": 2,
                    },
                ],
            },
            [
                line_at(5, service="a", ms=500),
                line_at(7, service="b", level="ERROR"),
                line_at(9, service="a", ms=500),
                line_at(9, service="b", level="ERROR"),
                line_at(9, service="b"),
            ],
            ["r firing 497.779", "r resolved nan"],
            id="composite",
        ),
        pytest.param(
            {"threshold": 1, "compare": "<", "window_seconds": 2},
            [line_at(1), line_at(6)],
            ["r firing 0", "r resolved 1"] * 2 + ["r firing 0"],
            id="none at all",
        ),
    ],
)
def test_conditions(condition: dict[str, Any], rows: list[Record], told: list[str]) -> None:
    assert run(Shard({"r": rule(**condition)}), rows, 12) == told


@pytest.mark.parametrize("late", [0, 3])
def test_what_was_resolved_is_not_told_again_when_other_lines_come(late: int) -> None:
    shard = Shard({"r": rule(aggregation="max", field="ms", threshold=8, window_seconds=10)}, late_seconds=late)
    rows = [line_at(20, ms=9), *(line_at(at) for at in range(20, 60, 2))]
    assert run(shard, rows, 60) == ["r firing 9", "r resolved nan"]


def test_for_and_groups() -> None:
    shard = Shard({"r": rule(group_by=["service", "user"], threshold=0, window_seconds=2, lasting=2)})
    rows = [line_at(at, user="u") for at in (5, 6, 7)] + [line_at(at, user="v") for at in (5, 9)]
    assert run(shard, rows, 12) == ["r web,u firing 2", "r web,u resolved 0"]
    assert shard.alerts["r", ("web", "u")].fired_us == DAY + 8 * SECOND


def test_an_alert_has_its_lines() -> None:
    shard = Shard({"r": rule(threshold=5, window_seconds=10)})
    run(shard, [line_at(at, f"line {at}", user="u") for at in range(8)], 8)
    (alert,) = shard.alerts.values()
    assert [sample["message"] for sample in alert.samples] == [f"line {at}" for at in range(1, 6)]
    assert alert.samples[0]["metadata"] == {"user": "u"}
