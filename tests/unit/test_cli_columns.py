"""Chosen fields as a table on a terminal."""

from __future__ import annotations

from typing import Any

from logd.cli.columns import Columns

_RECORDS: list[dict[str, Any]] = [
    {"level": "ERROR", "message": "a\nb\x1b", "metadata": {"user": {"id": 42}, "list": [1, 2]}},
    {"level": None, "message": "long" * 20, "metadata": {"user.id": "u"}},
]


def test_a_table() -> None:
    columns = Columns("level, metadata.user.id,list,message,nobody")
    assert columns.rows(_RECORDS, False) == [
        f"level  metadata.user.id  list   {'message':60}  nobody",
        f"ERROR  42                [1,2]  {chr(92).join(['a', 'nb', 'u001b']):60}  -",
        f"-      u                 -      {'long' * 20}  -",
    ]
    assert columns.rows(_RECORDS[:1], False)[0].startswith("ERROR  42 "), "one head for all pages"


def test_levels_have_their_colour() -> None:
    assert Columns("level,user.id").rows(_RECORDS[:1], True) == [
        "\x1b[1mlevel  user.id\x1b[0m",
        "\x1b[31mERROR\x1b[0m  42",
    ]


def test_wide_characters_take_two_columns() -> None:
    records: list[dict[str, Any]] = [{"service": "日本", "host": "h"}, {"service": "abcde", "host": "h"}]
    assert Columns("service,host").rows(records, False)[1:] == ["日本     h", "abcde    h"]
