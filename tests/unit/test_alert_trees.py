"""What a rule's conditions look for, as trees, by the records that match; and which silence holds."""

from __future__ import annotations

from typing import Any

import pytest

from logd.alerts.pins import pinned
from logd.alerts.reading import read_rule
from logd.alerts.silencing import Silencing
from logd.alerts.trees import Compiled, compile_rule, group_field, nodes_of
from logd.query.parse import parse
from logd.query.tree import Everything, Node
from logd.seams import Silence
from tests.support.naive_query import matches
from tests.support.rows import DAY, row


def _compiled(condition: dict[str, Any], **limits: Any) -> Compiled:
    return compile_rule(read_rule({"name": "n", "condition": condition, "group_by": ["host.name", "a"]}), **limits)


def _found(node: Node) -> set[str]:
    """Of records of each service, level and host, with a word of their own."""
    return {
        f"{service}{level[0]}{host}"
        for service in "xyz"
        for level in ("INFO", "ERROR")
        for host in "12"
        if matches(node, row(DAY, "i", f"word{service}", service=service, level=level, host=host))
    }


def test_filters_and_query_are_all_meant() -> None:
    (part,) = _compiled(
        {"threshold": 1, "service": "x, y", "level": "err", "host": "1", "query": "wordx OR wordz"}
    ).parts
    assert _found(part.node) == {"xE1"}
    assert part.matches is None
    found = pinned(part.node)
    assert found.pins == {"service": {"x", "y"}, "level": {"ERROR"}, "host": {"1"}}
    assert found.rest == parse("wordx OR wordz")


def test_nothing_said_is_everything() -> None:
    (part,) = _compiled({"threshold": 1}).parts
    assert part.node == Everything()


def test_a_ratio_is_of_the_services_and_hosts() -> None:
    (part,) = _compiled(
        {"aggregation": "ratio", "threshold": 0.1, "service": "x", "level": "error", "of": "host:1"}
    ).parts
    assert _found(part.node) == {"xI1", "xE1"}
    assert part.matches is not None
    assert _found(part.matches) == {f"{service}E{host}" for service in "xyz" for host in "12"}


def test_what_a_composite_says_holds_for_each() -> None:
    compiled = _compiled(
        {
            "aggregation": "composite",
            "window_seconds": 60,
            "match": "any",
            "host": "1",
            "conditions": [
                {"threshold": 1, "service": "x"},
                {"aggregation": "ratio", "threshold": 0.1, "service": "y", "level": "error"},
            ],
        }
    )
    first, second = compiled.parts
    assert compiled.any_part
    assert (_found(first.node), _found(second.node)) == ({"xI1", "xE1"}, {"yI1", "yE1"})
    assert (first.window_seconds, second.window_seconds) == (60, 60)
    assert len(nodes_of(compiled)) == 3


def test_the_default_operator() -> None:
    for operator, count in (("or", 8), ("and", 0)):
        (part,) = _compiled({"threshold": 1, "query": "wordx wordy"}, operator=operator).parts
        assert len(_found(part.node)) == count


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("host", "host"),
        ("host.name", "host"),
        ("a.b", "metadata.a.b"),
        ("metadata.a.b", "metadata.a.b"),
        ("trace.id", "trace_id"),
    ],
)
def test_fields(name: str, field: str) -> None:
    assert group_field(name) == field


_RULE = read_rule(
    {
        "name": "pay errors",
        "condition": {"threshold": 1},
        "group_by": ["service.name", "zone"],
        "severity": "critical",
        "labels": {"team": "pay"},
    }
)


@pytest.mark.parametrize(
    ("said", "holds"),
    [
        ({}, True),
        ({"rule": "0" * 12}, True),
        ({"rule": "1" * 12}, False),
        ({"rule": "pay*"}, True),
        ({"rule": "Pay*"}, False),
        ({"labels": {"team": "p?y"}}, True),
        ({"labels": {"team": "pay", "severity": "critical"}}, True),
        ({"labels": {"team": "pay", "severity": "warning"}}, False),
        ({"labels": {"other": "*"}}, False),
        ({"group": {"service": "shop"}}, True),
        ({"group": {"service": "sh"}}, False),
        ({"group": {"metadata.zone": "*"}}, False),  # it has none
        ({"group": {"tags": "*"}}, False),
        ({"from_us": 101}, False),
        ({"from_us": 100}, True),
        ({"to_us": 100}, False),
    ],
)
def test_which_silence_holds(said: dict[str, Any], holds: bool) -> None:
    silence = Silence(**{"id": "a", "from_us": 1, "to_us": 200, "created_us": 1, **said})
    found = Silencing([silence]).of("0" * 12, _RULE, ("shop", None), 100)
    assert found == (silence if holds else None)


def test_of_several_the_last_to_end_holds() -> None:
    silences = [Silence(id=str(to_us), from_us=1, to_us=to_us, created_us=1) for to_us in (150, 300, 200)]
    found = Silencing(silences).of("0" * 12, _RULE, ("shop", None), 100)
    assert found == silences[1]
