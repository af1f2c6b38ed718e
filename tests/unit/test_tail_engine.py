"""What of a batch is parsed for whom: nothing that can't be what anybody asks for, and everything else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from logd.chunk import Chunk, Message, compress
from logd.config.schema import Config
from logd.config.shaping import ShapeTable
from logd.http.records import records
from logd.parse.columns import Parsed
from logd.parse.plan import Parser
from logd.query.parse import parse
from logd.query.tree import Node
from logd.roles.parsing import keeps_services, parser_of, rules_of
from logd.tail.engine import Engine
from logd.tail.places import Place


class Counted:
    """A parser, and the services of the chunks that it was given; `config` has rules for what comes of them."""

    def __init__(self, config: Config | None = None) -> None:
        self._parser = Parser() if config is None else parser_of(config)()
        self.close, self.usable = self._parser.close, self._parser.usable
        self.services: list[str] = []

    def parse(self, chunks: Sequence[Chunk], taken_us: Sequence[int]) -> Parsed:
        self.services += [chunk.service for chunk in chunks]
        return self._parser.parse(chunks, taken_us)


def message(position: int, service: str, own: str, locked: bool) -> Message:
    """A line that says it is of a service of its own."""
    chunk = Chunk(
        service=service,
        host="h",
        source="x",
        source_id="0" * 16,
        offset=0,
        lines=1,
        observed_us=1_700_000_000_000_000,
        value=compress(b'{"service": "%s", "message": "m"}' % own.encode()),
        content_type="application/x-ndjson",
        service_locked=locked,
    ).to_envelope()
    return Message(position % 2, position, 1_700_000_000_000_000, chunk.key, chunk.headers, chunk.value)


MESSAGES = [
    message(0, "a", "b", True),
    message(1, "b", "a", True),
    message(2, "b", "a", False),
    message(3, "c", "c", True),
    message(4, "c", "c", False),
    message(5, "a", "a", True),
]


@pytest.fixture
def parser() -> Counted:
    return Counted()


@pytest.fixture
def engine(parser: Counted) -> Iterator[Engine]:
    made = Engine(lambda: parser, records)
    yield made
    made.close()


def ran(engine: Engine, *queries: str) -> list[list[str]]:
    """For each query the resume ids after the lines that it lets through."""
    nodes: list[Node] = [parse(query) for query in queries]
    found = engine.run(MESSAGES, {0: Place(0), 1: Place(1)}, nodes)
    return [
        [line.decode() for part in found[node].parts for line in part.body.split(b"\n") if line.startswith(b"id: ")]
        for node in nodes
    ]


def test_of_locked_services_only_those_that_are_asked_for(engine: Engine, parser: Counted) -> None:
    (found,) = ran(engine, "service:a")
    assert found == ["id: 0:1.0,1:1.0", "id: 0:3.0,1:1.0", "id: 0:5.0,1:6.0"]
    assert parser.services == ["a", "b", "c", "a"]


def test_each_of_several_queries_is_served(engine: Engine, parser: Counted) -> None:
    a, c = ran(engine, "service:a AND m", "service:c")
    assert (len(a), len(c)) == (3, 2)
    assert parser.services == ["a", "b", "c", "c", "a"]


def test_who_asks_for_any_gets_all(engine: Engine, parser: Counted) -> None:
    a, everything = ran(engine, "service:a", "")
    assert (len(a), len(everything)) == (3, 6)
    assert len(parser.services) == 6


def test_nothing_is_left(engine: Engine, parser: Counted) -> None:
    node = parse("service:x")
    assert engine.run(MESSAGES[:2], {}, [node])[node].parts == []
    assert parser.services == []


def test_rules_that_give_another_service_and_leave_lines_out() -> None:
    rules = [
        ShapeTable(type="drop", query="service:a", services=["b", "a"]),
        ShapeTable(type="set", services=["c"], fields={"service": "a"}, overwrite=True),
    ]
    config = Config(shape=rules)
    keeps = keeps_services(rules_of(config))
    assert not keeps
    assert keeps_services(rules_of(Config(shape=rules[:1])))
    engine = Engine(lambda: Counted(config), records, keeps)
    (a,), (c,), (everything,) = (ran(engine, query) for query in ("service:a", "service:c", ""))
    engine.close()
    assert (len(a), c) == (2, [])  # those of the chunks of service c, one of which is locked
    assert everything[1:] == a
