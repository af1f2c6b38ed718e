"""Answers say which tiers were read for them, where that is known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from logd.http import fields, histogram, patterns, schemas, search, stats
from logd.record import SCHEMA
from logd.seams import Buckets, Found, FoundFields, Groups, Histogram, Mined, Search, Stats

_EMPTY = SCHEMA.empty_table()
_SEARCH = search.Asked(Search(), 0, b"", None)


@pytest.mark.parametrize(
    ("schema", "body"),
    [
        (schemas.SearchAnswer, lambda tiers: search.answer(_SEARCH, Found(_EMPTY, 0, True, False, tiers=tiers), 1)),
        (
            schemas.HistogramAnswer,
            lambda tiers: histogram.answer(Histogram(), Buckets(1_000, [0], [1], tiers=tiers), 1),
        ),
        (
            schemas.StatsAnswer,
            lambda tiers: stats.answer(stats.Asked(Stats(), (), ()), Groups(total=0, groups=[], tiers=tiers), 1),
        ),
        (
            schemas.FieldsAnswer,
            lambda tiers: fields._fields(FoundFields(total=0, sampled=0, counts={}, tiers=tiers), 9, 1),
        ),
        (schemas.ValuesAnswer, lambda tiers: fields._values("x", Groups(total=0, groups=[], tiers=tiers), 1)),
        (schemas.PatternsAnswer, lambda tiers: patterns.answer(Mined(tiers=tiers), 1)),
    ],
)
def test_tiers(schema: Any, body: Callable[[tuple[str, ...]], dict[str, Any]]) -> None:
    answer = body(("warm", "cold"))
    assert answer["tiers"] == ["warm", "cold"]
    msgspec.convert(answer, schema)
    assert "tiers" not in body(())
