"""What a panel may say, beside what searches and stats check themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from logd.errors import BadRequest
from logd.http.dashboards import read_dashboard
from logd.http.named import Wanted

_PANEL: Mapping[str, Any] = {"id": "a", "type": "timeseries", "x": 0, "y": 0, "w": 6, "h": 4}


def _read(*panels: Mapping[str, Any]) -> Wanted:
    return read_dashboard(msgspec.json.encode({"name": "shop", "panels": panels}), False, "or")


@pytest.mark.parametrize(
    "said",
    [
        {"share": "level:(ERROR OR FATAL)", "search": {"q": "pay"}, "by": "service"},
        {"draw": "lines"},
        {"draw": "bars", "unit": "bytes", "aggregate": "bytes(message)"},
        *({"unit": unit} for unit in ("count", "bytes", "ms", "percent")),
        {"thresholds": []},
        {"thresholds": [{"value": -0.5, "colour": "good"}, {"value": 5.0, "colour": "danger"}]},
        *({"source": source} for source in ("logs", "patterns", "alerts", "lag", "slow_searches", "usage", "bytes")),
        {"source": "patterns", "saved": "errors", "type": "top"},
    ],
)
def test_what_a_panel_says_is_kept_as_it_is(said: Mapping[str, Any]) -> None:
    kept = _read({**_PANEL, **said}).fields["panels"]
    assert kept == [{**_PANEL, "title": "", "source": "logs", **said}]


@pytest.mark.parametrize(
    ("said", "where"),
    [
        ({"share": "a AND ("}, "share:7"),
        ({"share": " "}, "share"),
        ({"share": ["a"]}, "share"),
        ({"draw": "pie"}, "draw"),
        ({"unit": "euro"}, "unit"),
        ({"thresholds": [{"value": 1.0, "colour": "pink"}]}, "thresholds[0].colour"),
        ({"thresholds": [{"value": "1", "colour": "good"}]}, "thresholds[0].value"),
        ({"thresholds": [{"value": 1, "colour": "good", "text": "x"}]}, "thresholds[0]"),
        ({"thresholds": [{"colour": "good"}]}, "thresholds[0]"),
        ({"thresholds": [{"value": n, "colour": "good"} for n in range(11)]}, "thresholds"),
        ({"source": "weather"}, "source"),
    ],
)
def test_what_is_refused_and_where(said: Mapping[str, Any], where: str) -> None:
    with pytest.raises(BadRequest) as refused:
        _read(_PANEL, {**_PANEL, "id": "b", **said})
    assert (refused.value.status, refused.value.where) == (400, f"panels[1].{where}")
