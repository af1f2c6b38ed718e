"""Rules as they are written: what is taken, with which defaults, and where what is wrong is wrong."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logd.alerts.notify.secrets import HIDDEN
from logd.alerts.reading import Terms, WrongRule, checked, read_rule, typed
from logd.alerts.rules import ACTION_NEEDS, NEEDS, Rule
from logd.alerts.shown import shown, unhidden, written
from logd.config.alerting import Notify, Smtp
from tests.support.alerts import MINIMAL

_GOOD: list[dict[str, Any]] = [
    {"threshold": 1},
    {"aggregation": "rate", "threshold": 0.5, "compare": "<", "query": "timeout AND NOT retry"},
    {"aggregation": "ratio", "threshold": 0.1, "level": "error,fatal", "of": "path:/api*"},
    {"aggregation": "distinct", "threshold": 5, "field": "user.id"},
    {"aggregation": "distinct", "threshold": 5, "field": "host"},
    {"aggregation": "p99", "threshold": 5, "field": "metadata.latency_ms", "service": "a, b"},
    {"aggregation": "spike", "threshold": 3, "against": "last_week", "at_least": 10},
    {"aggregation": "absence", "window_seconds": 900},
    {"aggregation": "new_value", "field": "message"},
    {"aggregation": "new_pattern", "level": "ERROR"},
    {
        "aggregation": "composite",
        "match": "any",
        "window_seconds": 3_600,
        "conditions": [{"threshold": 1}, {"aggregation": "ratio", "threshold": 0.1, "window_seconds": 3_600}],
    },
]


def _wrong(rule: object) -> dict[str, str]:
    with pytest.raises(WrongRule) as refused:
        read_rule(rule)
    problems = dict(refused.value.problems)
    assert len(problems) == len(refused.value.problems)
    return problems


def test_the_minimal_form() -> None:
    rule = read_rule(MINIMAL)
    assert (rule.severity, rule.for_seconds, rule.cooldown_seconds, rule.enabled) == ("error", 0, 600, True)
    assert (rule.condition.compare, rule.condition.query, rule.group_by) == (">", "", [])
    assert [action.type for action in rule.targets] == ["webhook"]


@pytest.mark.parametrize("condition", _GOOD, ids=[one.get("aggregation", "count") for one in _GOOD])
def test_what_is_taken_and_said_again(condition: Mapping[str, Any]) -> None:
    rule = read_rule({"name": " n ", "condition": condition, "group_by": ["host", "user.id"], "for": "5m"})
    assert (rule.name, rule.for_seconds) == ("n", 300)
    said = json.loads(json.dumps(written(rule)))
    assert read_rule(said) == rule
    assert written(read_rule(said)) == said
    assert condition.items() <= {"aggregation": "count", **said["condition"]}.items() or "conditions" in condition


def test_every_aggregation_is_tried() -> None:
    assert {one.get("aggregation", "count") for one in _GOOD} >= NEEDS.keys() - {
        "avg",
        "min",
        "max",
        "sum",
        "p50",
        "p90",
        "p95",
    }


@pytest.mark.parametrize("name", [name for name, needs in NEEDS.items() if needs])
def test_what_an_aggregation_needs(name: str) -> None:
    wrong = _wrong({"name": "n", "condition": {"aggregation": name}})
    assert wrong == {f"condition.{one}": f"condition.{one} is missing, which {name} needs" for one in NEEDS[name]}


@pytest.mark.parametrize(
    ("condition", "where"),
    [
        ({"threshold": 1, "field": "x"}, "condition.field"),
        ({"threshold": 1, "of": "x"}, "condition.of"),
        ({"threshold": 1, "match": "all"}, "condition.match"),
        ({"threshold": 1, "against": "previous"}, "condition.against"),
        ({"aggregation": "absence", "threshold": 1}, "condition.threshold"),
        ({"aggregation": "absence", "compare": "<"}, "condition.compare"),
        ({"threshold": float("nan")}, "condition.threshold"),
        ({"threshold": float("inf")}, "condition.threshold"),
        ({"threshold": -1}, "condition.threshold"),
        ({"threshold": 16**6_000}, "condition.threshold"),
        ({"threshold": 0, "compare": "<"}, "condition.threshold"),
        ({"threshold": "1"}, "condition.threshold"),
        ({"aggregation": "ratio", "threshold": 10}, "condition.threshold"),
        ({"aggregation": "spike", "threshold": 0}, "condition.threshold"),
        ({"aggregation": "spike", "threshold": 2, "at_least": float("nan")}, "condition.at_least"),
        ({"aggregation": "median", "threshold": 1}, "condition.aggregation"),
        ({"threshold": 1, "window_seconds": 0}, "condition.window_seconds"),
        ({"threshold": 1, "window_seconds": 1.5}, "condition.window_seconds"),
        ({"threshold": 1, "window": 5}, "condition.window"),
        ({"threshold": 1, "query": "a AND ("}, "condition.query:7"),
        ({"threshold": 1, "query": "a)"}, "condition.query:2"),
        ({"threshold": 1, "query": "timestamp:>now-5m"}, "condition.query"),
        ({"aggregation": "ratio", "threshold": 0.1, "of": "a)"}, "condition.of:2"),
        ({"threshold": 1, "level": "ERORR"}, "condition.level"),
        ({"threshold": 1, "service": " , "}, "condition.service"),
        ({"threshold": 1, "service": ",".join(map(str, range(1_001)))}, "condition.service"),
        ({"aggregation": "avg", "threshold": 1, "field": "host"}, "condition.field"),
        ({"aggregation": "avg", "threshold": 1, "field": "message"}, "condition.field"),
        ({"aggregation": "distinct", "threshold": 1, "field": "tags"}, "condition.field"),
        ({"aggregation": "distinct", "threshold": 1, "field": "a..b"}, "condition.field"),
        ({"aggregation": "distinct", "threshold": 1, "field": ".".join("abcdefghi")}, "condition.field"),
        ({"aggregation": "composite", "conditions": [{"threshold": 1}]}, "condition.conditions"),
        (
            {"aggregation": "composite", "conditions": [{"threshold": 1}, {"aggregation": "rate"}]},
            "condition.conditions[1].threshold",
        ),
        (
            {"aggregation": "composite", "conditions": [{"threshold": 1}, {"threshold": 1, "window_seconds": 60}]},
            "condition.conditions[1].window_seconds",
        ),
        (
            {
                "aggregation": "composite",
                "conditions": [{"threshold": 1}, {"aggregation": "composite", "conditions": [{"threshold": 1}] * 2}],
            },
            "condition.conditions[1]",
        ),
    ],
)
def test_what_is_wrong_with_a_condition(condition: Mapping[str, Any], where: str) -> None:
    assert [*_wrong({"name": "n", "condition": condition})] == [where]


@pytest.mark.parametrize(
    ("rule", "where"),
    [
        ({"name": ""}, "name"),
        ({"name": " "}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "0123456789ab"}, "name"),
        ({"name": "file-0123456789ab"}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"group_by": ["host", "tags"]}, "group_by[1]"),
        ({"group_by": ["message"]}, "group_by[0]"),
        ({"group_by": ["host", "host.name"]}, "group_by[1]"),
        ({"group_by": ["a", "b", "c", "d"]}, "group_by"),
        ({"severity": "page"}, "severity"),
        ({"for": "5 minutes"}, "for"),
        ({"for": -1}, "for"),
        ({"labels": {"a-b": "x"}}, "labels.a-b"),
        ({"labels": {"severity": "x"}}, "labels.severity"),
        ({"labels": {"a": ""}}, "labels"),
        ({"colour": "red"}, "colour"),
        (
            {"action": {"type": "webhook", "url": "https://a"}, "actions": [{"type": "slack", "url": "https://a"}]},
            "actions",
        ),
        ({"action": {"type": "pager"}}, "action.type"),
        ({"action": {"url": "https://a"}}, "action.type"),
        ({"action": {"type": "webhook", "url": "env:"}}, "action.url"),
        ({"action": {"type": "webhook", "url": "hook"}}, "action.url"),
        ({"action": {"type": "webhook", "url": "ftp://a/b"}}, "action.url"),
        ({"action": {"type": "webhook", "url": "https://user:p@a/b"}}, "action.url"),
        ({"action": {"type": "webhook", "url": "https://a/\n"}}, "action.url"),
        ({"action": {"type": "webhook", "url": "https://a", "routing_key": "x"}}, "action.routing_key"),
        ({"action": {"type": "webhook", "url": "https://a", "headers": {"a b": "x"}}}, 'action.headers."a b"'),
        ({"action": {"type": "webhook", "url": "https://a", "headers": {"a": "x\r\nb: c"}}}, "action.headers.a"),
        ({"action": {"type": "webhook", "url": "https://a", "secret": "env:"}}, "action.secret"),
        ({"action": {"type": "webhook", "url": "https://a", "secret": "hush"}}, "action.secret"),
        ({"action": {"type": "pagerduty", "routing_key": "hush"}}, "action.routing_key"),
        ({"action": {"type": "slack", "url": "env:HOME"}}, "action.url"),
        ({"action": {"type": "slack", "url": "https://a", "body": "x"}}, "action.body"),
        ({"actions": [{"type": "email", "to": ["a@b.c"]}, {"type": "email", "to": ["nobody"]}]}, "actions[1].to[0]"),
    ],
)
def test_what_is_wrong_with_the_rest(rule: Mapping[str, Any], where: str) -> None:
    assert [*_wrong({"name": "n", "condition": {"threshold": 1}, **rule})] == [where]


@pytest.mark.parametrize("kind", ACTION_NEEDS)
def test_what_an_action_needs(kind: str) -> None:
    wrong = _wrong({"name": "n", "condition": {"threshold": 1}, "action": {"type": kind}})
    (needed,) = [needs for name, needs in ACTION_NEEDS.items() if name == kind]
    assert [*wrong] == [f"action.{name}" for name in needed]


def test_all_is_said_at_once() -> None:
    wrong = _wrong(
        {
            "name": "n",
            "condition": {"query": "a AND (", "level": "odd"},
            "group_by": ["tags"],
            "action": {"type": "slack", "url": "x"},
        }
    )
    assert [*wrong] == ["condition.threshold", "condition.query:7", "condition.level", "group_by[0]", "action.url"]
    assert "at column 7, expected" in wrong["condition.query:7"]


@pytest.mark.parametrize("written", [None, [], "x", 3, {}, {"name": "n"}, {"name": "n", "condition": []}])
def test_what_is_no_rule(written: object) -> None:
    _wrong(written)


def test_a_wrong_secret_is_not_quoted() -> None:
    for action in (
        {"type": "webhook", "url": "hush hush"},
        {"type": "webhook", "url": "https://a", "secret": 123456789},
        {"type": "pagerduty", "routing_key": "hush\nhush"},
        {"type": "webhook", "url": "https://a", "headers": {"a": "hush\nhush"}},
    ):
        said = str(_wrong({"name": "n", "condition": {"threshold": 1}, "action": action}))
        assert "hush" not in said
        assert "123456789" not in said


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["type", "url", "field", "x"]), inner),
    max_leaves=5,
)


@given(
    st.dictionaries(
        st.sampled_from([*(name for name in typed(MINIMAL).__struct_fields__ if name != "for_seconds"), "for", "x"]),
        _JSON,
    )
)
def test_anything_is_read_or_refused(written: dict[str, Any]) -> None:
    for tree in (written, {**MINIMAL, **written}, {**MINIMAL, "condition": written}, {**MINIMAL, "action": written}):
        problems = []
        try:
            read_rule(tree)
        except WrongRule as error:
            problems = error.problems
        assert all("\n" not in problem.message for problem in problems)


_TERMS = Terms(secrets=("env:ALERT_*", "file:/run/secrets/alerts-*"))
_SECRETIVE: dict[str, Any] = {
    "name": "n",
    "condition": {"threshold": 1},
    "actions": [
        {
            "type": "webhook",
            "url": "https://hooks.example.org/T0/hush",
            "headers": {"Authorization": "hush"},
            "secret": "env:ALERT_KEY",
        },
        {"type": "webhook", "url": "https://a?key=hush", "headers": {"Authorization": "file:/run/secrets/alerts-x"}},
        {"type": "pagerduty", "routing_key": "env:ALERT_KEY"},
        {"type": "pagerduty", "routing_key": "env:ALERT_OTHER"},
        {"type": "slack", "url": "https://example.org"},
    ],
}


def test_secrets_are_not_shown_and_come_back() -> None:
    rule = read_rule(_SECRETIVE, _TERMS)
    seen = shown(written(rule))
    assert "hush" not in json.dumps(seen)
    assert seen["actions"] == [
        {
            "type": "webhook",
            "url": f"https://hooks.example.org/{HIDDEN}",
            "headers": {"Authorization": HIDDEN},
            "secret": "env:ALERT_KEY",
        },
        {"type": "webhook", "url": f"https://a/{HIDDEN}", "headers": {"Authorization": "file:/run/secrets/alerts-x"}},
        {"type": "pagerduty", "routing_key": "env:ALERT_KEY"},
        {"type": "pagerduty", "routing_key": "env:ALERT_OTHER"},
        {"type": "slack", "url": "https://example.org"},
    ]
    seen["actions"][0]["body"] = "new"
    back = checked(unhidden(typed(seen), rule), _TERMS)
    assert back.actions == [msgspec.structs.replace(rule.actions[0], body="new"), *rule.actions[1:]]


@pytest.mark.parametrize(
    ("place", "change", "where"),
    [
        (0, {"url": "https://elsewhere.example.org/x"}, "actions[0].headers.Authorization"),
        (0, {"url": f"https://elsewhere.example.org/{HIDDEN}"}, "actions[0].url"),
        (0, {"headers": {"Other": HIDDEN}}, "actions[0].headers.Other"),
        (3, {"routing_key": HIDDEN}, "actions[3].routing_key"),
    ],
)
def test_a_secret_goes_nowhere_else(place: int, change: Mapping[str, Any], where: str) -> None:
    rule = read_rule(_SECRETIVE, _TERMS)
    seen = shown(written(rule))
    seen["actions"][place] |= change
    for before in (rule, None):
        with pytest.raises(WrongRule) as refused:
            unhidden(typed(seen), before)
        if before is not None:
            assert [problem.where for problem in refused.value.problems] == [where]


def test_what_may_be_referred_to() -> None:
    for text, allowed in (
        ("env:ALERT_A", True),
        ("env:HOME", False),
        ("file:/run/secrets/alerts-a", True),
        ("file:/run/secrets/other", False),
        ("file:/run/secrets/alerts-a/../other", False),
        ("file:run/secrets/alerts-a", False),
    ):
        assert _TERMS.allows(text) is allowed, text
    assert not Terms(secrets=()).allows("env:ALERT_A")


@pytest.mark.parametrize(
    ("action", "place", "said"),
    [
        ({"type": "email", "to": ["a@example.org"]}, "type", "is email, and alerts.notify.smtp.address is empty"),
        ({"type": "webhook", "url": "https://a", "body": "{{"}, "body", "can't be used: '{{' is no {{name}}"),
        ({"type": "webhook", "url": "https://a", "headers": {"Host": "b"}}, "headers", "has 'Host', which isn't"),
    ],
)
def test_what_the_notifier_cant_do_is_said_with_its_place(action: Mapping[str, Any], place: str, said: str) -> None:
    good = {"type": "slack", "url": "https://example.org"}
    server = Terms(notify=Notify())
    for actions, where in (({"action": action}, "action"), ({"actions": [good, action]}, "actions[1]")):
        rule = {"name": "n", "condition": {"threshold": 1}, **actions}
        with pytest.raises(WrongRule) as refused:
            read_rule(rule, server)
        (problem,) = refused.value.problems
        assert problem.where == f"{where}.{place}"
        assert problem.message.startswith(f"{where}.{place} {said}"), problem
    if action["type"] == "email":
        read_rule(rule, Terms(notify=Notify(smtp=Smtp(address="mail.example.org:25"))))
        read_rule(rule)  # where nobody knows


def test_written_is_as_json_keeps_it() -> None:
    rule: Rule = read_rule(_SECRETIVE, _TERMS)
    assert read_rule(msgspec.json.decode(msgspec.json.encode(written(rule))), _TERMS) == rule
