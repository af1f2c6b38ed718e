"""Patterns of a list of records, as naively as they are described: masks in Python, counts by adding up."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

_DAYS = "Mon|Tue|Wed|Thu|Fri|Sat|Sun"
_MONTHS = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
_DATE = re.compile(
    rf"\b((?:{_DAYS})[a-z]*,? )?(?:{_MONTHS}) +\d\d? \d\d:\d\d:\d\d(\.\d+)?( [A-Z]{{3,4}})?( \d{{4}})?", re.ASCII
)
_SPACE = "\t\n\f\r "
Row = Mapping[str, Any]


def mask(message: str | None) -> str:
    """The message's mask."""
    lines = [line.lstrip(_SPACE) for line in (message or "").split("\n")]
    line = next((line for line in lines if line), "") if len(lines) > 1 else message or ""
    words = re.split(" +", _DATE.sub("<*>", re.sub(f"[{_SPACE}]", " ", line[:1_000])))
    return " ".join("<*>" if re.search("[0-9]", word) else word for word in words).strip(" ")


def grouping_accuracy(found: Sequence[object], true: Sequence[object]) -> float:
    """The share of lines whose group is that of the truth, line for line (Zhu et al. 2019)."""
    groups, truth = _places(found), _places(true)
    right = sum(len(places) for places in groups.values() if truth[true[min(places)]] == places)
    return right / len(found)


def _places(labels: Sequence[object]) -> Mapping[object, set[int]]:
    groups: dict[object, set[int]] = defaultdict(set)
    for place, label in enumerate(labels):
        groups[label].add(place)
    return groups


def counts(rows: Iterable[Row]) -> dict[str, tuple[int, datetime, datetime, Counter[str | None], Counter[str | None]]]:
    """By mask: how many, the first and the last time, and how many by service and level."""
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[mask(row["message"])].append(row)
    return {
        name: (
            len(group),
            min(row["timestamp"] for row in group),
            max(row["timestamp"] for row in group),
            Counter(row["service"] for row in group),
            Counter(row["level"] for row in group),
        )
        for name, group in groups.items()
    }
