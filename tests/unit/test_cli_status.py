"""`logd status`: what needs somebody's attention."""

from __future__ import annotations

from typing import Any

import pytest

from logd.cli.status import warnings

_CALM: dict[str, Any] = {"spikes": [], "lag": None, "emergency": False, "disk_used_percent": None, "disk_error": None}
_SPIKE = {"service": "web", "lines_per_second": 5_120.4, "usual_lines_per_second": 10.25, "sampled": ["TRACE", "DEBUG"]}


@pytest.mark.parametrize(
    ("shedding", "said"),
    [
        (None, []),
        ({}, []),
        ({"spikes": [_SPIKE]}, ["a spike of 'web', 5,120 lines a second, usually 10.2: TRACE, DEBUG are sampled"]),
        (
            {"lag": {"seconds": 1_234.5, "sampled": ["TRACE", "DEBUG", "INFO"]}},
            ["the processor is 1,234 s behind: TRACE, DEBUG, INFO are sampled"],
        ),
        (
            {"emergency": True, "disk_used_percent": 91.2, "disk_error": "it is away"},
            [
                "the index's disk is 91.2 % full: TRACE, DEBUG are dropped",
                "shedding doesn't know how full the index's disk is: it is away",
            ],
        ),
    ],
)
def test_what_the_index_does_without_is_said(shedding: dict[str, Any] | None, said: list[str]) -> None:
    processor = {"lag_messages": 0} if shedding is None else {"lag_messages": 0, "shedding": {**_CALM, **shedding}}
    assert list(warnings({"processor": processor})) == said
