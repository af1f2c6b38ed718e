"""A query in words."""

from __future__ import annotations

import pytest
from hypothesis import given

from logd.query.describe import describe
from logd.query.parse import parse
from logd.query.tree import Node
from tests.support.strategies import TREES


@pytest.mark.parametrize(
    ("query", "lines"),
    [
        ("", ["everything"]),
        ("Timeout", ["message has the word 'timeout'"]),
        ('"a b"~3', ["message has the words 'a' 'b', within 3 moves"]),
        ('"a b"', ["message has the words 'a' 'b', side by side"]),
        ('"--"', ["message has no word of '--': nothing"]),
        (
            "a AND (level:ERROR OR b*) AND NOT x:1",
            [
                "all of",
                "  message has the word 'a'",
                "  any of",
                "    level is 'ERROR'",
                "    message matches the pattern 'b*'",
                "  not",
                "    metadata.x is '1'",
            ],
        ),
        ("ms:[1 TO 5}", ["metadata.ms >= '1' and < '5'"]),
        ("level:>WARN", ["level > 'WARN'"]),
        ("timestamp:2026-11-22", ["timestamp >= 2026-11-22T00:00:00Z and <= 2026-11-22T23:59:59.999999Z"]),
        ("timestamp:>=2026-11-22T10:00:00.5", ["timestamp >= 2026-11-22T10:00:00.500000Z"]),
        ("word~1", ["message has 'word' with up to 1 edit"]),
        ("/a.c/", ["message matches the regular expression 'a.c'"]),
        ("host:*", ["host has a value"]),
    ],
)
def test_in_words(query: str, lines: list[str]) -> None:
    assert describe(parse(query)) == lines


@given(TREES)
def test_every_tree(node: Node) -> None:
    assert all(describe(node))
