"""Who took which line, whose lines a parser's are, and what steps with time zones of their own give together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from logd.chunk import SYSLOG, TEXT, Chunk
from logd.config.parsers import ParserTable, Step
from logd.parse.chains import Chain, compile_chains
from logd.parse.columns import Parsed
from logd.parse.plan import Parser
from tests.support.chunks import TAKEN_US, chunk_of
from tests.support.naive_parse import as_records

_PATTERN = r"^(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) %s (?P<message>.*)$"
_SHOP = ParserTable(
    name="shop",
    services=["shop*"],
    sources=["*/shop/*"],
    match="any",
    steps=[
        Step(type="regex", pattern=_PATTERN % "here", timezone="Europe/Berlin"),
        Step(type="regex", pattern=_PATTERN % "there", timezone="Asia/Tokyo", name="far"),
        Step(type="json"),
    ],
)


@pytest.fixture
def parse() -> Iterator[Callable[..., Parsed]]:
    parser = Parser(
        chains=compile_chains([_SHOP, ParserTable(name="whole", services=["old"], steps=[Step(type="text")])])
    )

    def run(*chunks: Chunk) -> Parsed:
        return parser.parse(chunks, [TAKEN_US] * len(chunks))

    yield run
    parser.close()


def _chunk(*lines: str, **headers: Any) -> Chunk:
    return chunk_of(*lines, **{"content_type": TEXT, "service": "shop", **headers})


def _shares(parsed: Parsed) -> dict[tuple[str, str], list[int]]:
    found: dict[tuple[str, str], list[int]] = {}
    for share in parsed.shares:
        if len(share.rows):
            found.setdefault((share.parser, share.step), []).extend(share.rows.tolist())
    return {name: sorted(places) for name, places in found.items()}


def test_steps_of_several_time_zones(parse: Callable[..., Parsed]) -> None:
    parsed = parse(
        _chunk(
            "2024-11-22 09:00:00 here a",
            "2024-11-22 09:00:00 there b",
            '{"timestamp":"2024-11-22T09:00:00Z","msg":"c"}',
            "d",
        )
    )
    assert [(record["message"], record["timestamp"]) for record in as_records(parsed.table)[:3]] == [
        ("a", datetime(2024, 11, 22, 8, tzinfo=UTC)),
        ("b", datetime(2024, 11, 22, 0, tzinfo=UTC)),
        ("c", datetime(2024, 11, 22, 9, tzinfo=UTC)),
    ]
    assert _shares(parsed) == {
        ("shop", "regex 1"): [0],
        ("shop", "far"): [1],
        ("shop", "json"): [2],
        ("shop", "unparsed"): [3],
    }


def test_rows_of_several_parsers_and_none(parse: Callable[..., Parsed]) -> None:
    chunks = [
        _chunk("2024-11-22 09:00:00 here a", "b", service="x", source="/srv/shop/a"),
        _chunk("c", "2024-11-22 09:00:00 ERROR d", "{", service="x", source="/srv/a"),
        _chunk("2024-11-22 09:00:00 ERROR e", service="old"),
        _chunk("<13>Nov 22 09:00:00 web1 app: f", "g", service="x", source="/srv/a", content_type=SYSLOG),
    ]
    parsed = parse(*chunks)
    expected = {
        ("shop", "regex 1"): [0],
        ("shop", "unparsed"): [1],
        ("", "text"): [2, 7],
        ("", "levelled"): [3],
        ("", "unparsed"): [4],
        ("whole", "text"): [5],
        ("", "syslog"): [6],
    }
    assert _shares(parsed) == expected
    joined = parse(chunks[0]).joined(parse(chunks[1]))
    rows = [place for share in joined.shares for place in share.rows.tolist()]
    assert sorted(rows) == list(range(5))
    assert _shares(joined) == {name: places for name, places in _trimmed(expected).items() if places}


def _trimmed(shares: dict[tuple[str, str], list[int]]) -> dict[tuple[str, str], list[int]]:
    return {name: [place for place in places if place < 5] for name, places in shares.items()}


@pytest.mark.parametrize(
    ("match", "service", "source", "is_for"),
    [
        ("all", "shop1", "/srv/shop/a", True),
        ("all", "shop1", "/srv/a", False),
        ("all", "x", "/srv/shop/a", False),
        ("any", "shop1", "/srv/a", True),
        ("any", "x", "/srv/shop/a", True),
        ("any", "x", "/srv/a", False),
    ],
)
def test_whose_lines_a_parser_is_for(match: Any, service: str, source: str, is_for: bool) -> None:
    (chain,) = compile_chains(
        [ParserTable(name="a", services=["shop*"], sources=["*/shop/*"], match=match, steps=[Step(type="text")])]
    )
    assert chain.is_for(service, source, TEXT) == is_for


@pytest.mark.parametrize("match", ["all", "any"])
def test_a_parser_without_globs_is_for_all(match: Any) -> None:
    chain: Chain
    (chain,) = compile_chains([ParserTable(name="a", match=match, steps=[Step(type="text")])])
    assert chain.is_for("x", "", TEXT)
