"""`logd patterns` on terminals: what is cut, spelled out, and said below the table."""

from __future__ import annotations

from typing import Any

import pytest

from logd.cli.patterns import as_table, summary

_ANSWER = {"total_hits": 12_345, "other": 0, "other_patterns": 0, "unmatched": 0, "coarse": False, "took_ms": 7}


def _pattern(template: str, count: int = 1_234, level: str | None = "INFO") -> dict[str, Any]:
    return {
        "template": template,
        "count": count,
        "share": 0.12345,
        "levels": [{"value": level, "count": count}],
        "last_seen": "2026-11-22T10:00:00.123Z",
        "first_seen": "2026-11-22T09:00:00.123456Z",
    }


@pytest.mark.parametrize(
    ("columns", "template", "shown"),
    [
        ("200", "user <*> left", "user <*> left"),
        ("200", "a\x1b[2J\u202eb", "a\\u001b[2J\\u202eb"),
        ("200", "", ""),
        ("100", "x" * 200, "x" * 55 + "…"),
        ("100", "x" * 56, "x" * 56),
        ("100", "日" * 40, "日" * 27 + "…"),
        ("20", "x" * 200, "x" * 39 + "…"),
    ],
)
def test_templates(monkeypatch: pytest.MonkeyPatch, columns: str, template: str, shown: str) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    head, line = as_table([_pattern(template)], "last_seen").splitlines()
    assert head == "count   share  level  last seen             template"
    assert line == f"1,234  12.3 %  INFO   2026-11-22T10:00:00Z  {shown}".rstrip()
    assert len(line) <= max(int(columns), 84)


def test_first_seen_and_no_level() -> None:
    text = as_table([_pattern("a", 5), _pattern("b", 12_345, None)], "first_seen")
    assert text.splitlines() == [
        " count   share  level  first seen            template",
        "     5  12.3 %  INFO   2026-11-22T09:00:00Z  a",
        "12,345  12.3 %  -      2026-11-22T09:00:00Z  b",
    ]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, ""),
        ({"other": 1_500, "other_patterns": 20}, "; 1,500 hits have 20 other patterns"),
        (
            {"other": 1_500, "other_patterns": 20, "unmatched": 500},
            "; 1,000 hits have 20 other patterns; 500 have none, as too many messages differ",
        ),
        ({"coarse": True}, "; only the first two words tell messages apart, as too many differ"),
    ],
)
def test_summaries(changes: dict[str, Any], said: str) -> None:
    answer = {**_ANSWER, "patterns": [_pattern("a")] * 2, **changes}
    assert summary(answer) == f"2 patterns of 12,345 hits in 7 ms{said}"
