"""The link to what a rule counted finds just that."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logd.alerts.linking import made_link, search_of, wanted
from logd.alerts.reading import WrongRule, read_rule
from logd.alerts.rules import Rule
from logd.alerts.trees import compile_rule, group_field
from logd.query.parse import Operator, parse
from logd.query.tree import And, Everything, Node, Or, Words
from logd.seams import AlertGroup


def made(**settings: Any) -> Rule:
    condition = {"threshold": 1} | settings.pop("condition", {})
    return read_rule({"name": "r", "condition": condition, **settings})


def flat(node: Node) -> Node:
    """Without an And in an And, an Or in an Or, and what comes twice."""
    if not isinstance(node, And | Or):
        return node
    kind = type(node)
    found: list[Node] = []
    for child in map(flat, node.children):
        found += child.children if isinstance(child, kind) else [child]
    found = list(dict.fromkeys(one for one in found if not (kind is And and isinstance(one, Everything))))
    return Everything() if not found else found[0] if len(found) == 1 else kind(tuple(found))


def counted(rule: Rule, group: AlertGroup, operator: Operator) -> Node:
    """What the rule counts of the group."""
    compiled = compile_rule(rule, operator)
    parts = [And((part.node, part.matches)) if part.matches is not None else part.node for part in compiled.parts]
    whole = parts[0] if len(parts) == 1 else Or(tuple(map(flat, parts)))
    named = zip([group_field(name, text=True) for name in rule.group_names], group, strict=True)
    return flat(And((whole, *(wanted(field, value) for field, value in named))))


@pytest.mark.parametrize("operator", ["or", "and"])
@pytest.mark.parametrize(
    ("rule", "group", "query"),
    [
        ({}, (), ""),
        ({"condition": {"query": "a b"}}, (), "(a b)"),
        ({"condition": {"query": "a OR b", "service": "x"}}, (), 'service:"x" AND (a OR b)'),
        ({"condition": {"query": "-a"}}, (), "(-a)"),
        ({"condition": {"level": "ERROR, warn"}}, (), 'level:("ERROR" OR "warn")'),
        (
            {"condition": {"service": "a,b c", "host": "h1", "level": "ERROR", "query": 'x:"y z" AND t*'}},
            (),
            'service:("a" OR "b c") AND host:"h1" AND level:"ERROR" AND (x:"y z" AND t*)',
        ),
        ({"condition": {"service": "a\\,b, c"}}, (), 'service:("a,b" OR "c")'),
        ({"group_by": ["service"]}, ("pay",), 'service:"pay"'),
        ({"group_by": ["host.name", "user"]}, ("h", None), 'host:"h" AND NOT _exists_:metadata.user'),
        ({"group_by": ["trace_id"]}, ("t",), 'trace_id:"t"'),
        ({"group_by": ["trace_id"]}, (None,), "NOT _exists_:trace_id"),
        ({"group_by": ["metadata.a b"]}, ("x",), 'metadata.a\\ b:"x"'),
        ({"group_by": ["path"]}, ('C:\\x\\"y"\\',), 'metadata.path:"C:\\\\x\\\\\\"y\\"\\\\"'),
        ({"group_by": ["url"]}, ("x" * 198 + "*…",), 'metadata.url:"' + "x" * 198 + '*…"'),
        ({"condition": {"query": "a\\"}}, (), "(a\\\\)"),
        ({"group_by": ["url"]}, ("x" * 199 + "*" + "…",), None),
        ({"group_by": ["url"]}, ("/" + "x" * 199 + "…",), "metadata.url:\\/" + "x" * 199 + "*"),
        (
            {"condition": {"aggregation": "ratio", "service": "a", "level": "ERROR", "of": "http", "query": "q"}},
            (),
            'service:"a" AND (http) AND level:"ERROR" AND (q)',
        ),
    ],
)
def test_it_is_read_back_as_what_is_counted(
    rule: dict[str, Any], group: AlertGroup, query: str | None, operator: Operator
) -> None:
    of = made(**rule)
    text = search_of(of, group)
    if query is not None:
        assert text == query
    assert flat(parse(text, operator)) == counted(of, group, operator)


@pytest.mark.parametrize("operator", ["or", "and"])
@pytest.mark.parametrize(
    ("field", "value", "query"),
    [
        ("user", "ann", 'host:"h" AND metadata.user:"ann"'),
        ("message", 'no "space" left', 'host:"h" AND message:"no \\"space\\" left"'),
        ("message", "x" * 200 + "…", f'host:"h" AND message:{"x" * 200}*'),
    ],
)
def test_what_is_new(field: str, value: str, query: str, operator: Operator) -> None:
    of = read_rule({"name": "r", "group_by": ["host"], "condition": {"aggregation": "new_value", "field": field}})
    assert search_of(of, ("h", value)) == query
    assert flat(parse(query, operator)) == counted(of, ("h", value), operator)


def test_a_new_pattern_is_no_field() -> None:
    of = read_rule({"name": "r", "group_by": ["host"], "condition": {"aggregation": "new_pattern"}})
    assert search_of(of, ("h", "user <*> failed")) == 'host:"h"'


@pytest.mark.parametrize("operator", ["or", "and"])
def test_a_composite_finds_what_any_of_its_conditions_count(operator: Operator) -> None:
    of = read_rule(
        {
            "name": "r",
            "group_by": ["host"],
            "condition": {
                "aggregation": "composite",
                "conditions": [
                    {"service": "a", "threshold": 1},
                    {"service": "b", "query": "timeout OR refused", "threshold": 2},
                ],
            },
        }
    )
    assert search_of(of, ("h",)) == '((service:"a") OR (service:"b" AND (timeout OR refused))) AND host:"h"'
    assert flat(parse(search_of(of, ("h",)), operator)) == counted(of, ("h",), operator)


Value = st.one_of(st.none(), st.text(max_size=30), st.text('"\\*?()[]{}:/~^+-!&|<>= aA1.', max_size=12))


@given(Value, Value, st.sampled_from(["service", "host", "source", "user", "metadata.http.path", "trace_id"]))
def test_any_value(first: str | None, second: str | None, field: str) -> None:
    of = made(condition={"query": "x OR y"}, group_by=[field, "metadata.other"])
    for operator in ("or", "and"):
        assert flat(parse(search_of(of, (first, second)), operator)) == counted(of, (first, second), operator)


@given(st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=10))
def test_any_name(name: str) -> None:
    """A name that can't be said is left out, and nothing else is asked for."""
    field = f"metadata.{name}"
    try:
        of = made(group_by=[field])
    except WrongRule:
        return
    text = search_of(of, ("v",))
    assert not text or flat(parse(text)) == counted(of, ("v",), "or")


@given(st.text('ab "\\*?()[]{}:/~^+-!&|<>=ANDORT', max_size=20))
def test_any_query(query: str) -> None:
    try:
        of = made(condition={"query": query, "service": "s"}, group_by=["host"])
    except WrongRule:
        return
    for operator in ("or", "and"):
        if not says_nothing(parse(query, operator)):
            assert flat(parse(search_of(of, ("h",)), operator)) == counted(of, ("h",), operator)


def says_nothing(node: Node) -> bool:
    """It has no word, finds nothing on its own, and is passed over beside others: a rule that never fires."""
    return isinstance(node, Words) and not node.words


def test_the_link() -> None:
    of = made(condition={"query": "a&b=c #d", "window_seconds": 300})
    at_us = 1_700_000_000_000_000
    link = urlsplit(made_link("https://logs.example.org/logd/", of, (), at_us))
    assert (link.scheme, link.netloc, link.path, link.fragment) == ("https", "logs.example.org", "/logd/explore", "")
    found = {name: value for name, (value,) in parse_qs(link.query, strict_parsing=True).items()}
    assert found["q"] == "(a&b=c #d)"
    start, end = (datetime.fromisoformat(found[name]).astimezone(UTC).timestamp() for name in ("from", "to"))
    assert (start, end) == (at_us / 1e6 - 300, at_us / 1e6 + 1)


def test_the_link_of_what_is_absent_shows_when_it_was_there() -> None:
    of = read_rule({"name": "r", "condition": {"aggregation": "absence", "window_seconds": 60}, "group_by": ["host"]})
    link = parse_qs(urlsplit(made_link("https://a", of, ("h",), 1_700_000_000_000_000)).query)
    assert (link["from"], link["to"]) == (["2023-11-14T22:11:20.000Z"], ["2023-11-14T22:13:21.000Z"])


def test_no_link() -> None:
    assert made_link("", made(), (), 0) == ""
    assert made_link("https://a", made(condition={"query": "ü" * 1_000}), (), 1_700_000_000_000_000) == ""
