"""Why people aren't told: silences, maintenance, and what is worse."""

from __future__ import annotations

from typing import Any

import pytest

from logd.alerts.rules import Action, Condition
from logd.config.alerting import Maintenance
from tests.support.telling import Shard, one_rule, rule, said, timed

_PAGER = Action(type="pagerduty", routing_key="env:ALERT_PAGER")


def test_a_silence() -> None:
    it = one_rule()
    it.silence(0, 100, "a", why="deploy", created_by="ann")
    it.fires(10, "a", "b")
    assert said(it.look(10)) == ["firing b 0"]
    it.look(11)
    assert [(event.what, event.group, event.why, event.by) for event in it.events] == [
        ("silenced", ("a",), "deploy", "ann")
    ]
    assert timed(it.until(200)) == [(100, "firing a 0")]


def test_an_end_within_a_silence_is_told_after_it() -> None:
    it = one_rule()
    it.fires(0, "a")
    it.look(0)
    it.silence(100, 1_000)
    it.ends(200, "a")
    assert said(it.look(200)) == []
    assert timed(it.until(2_000)) == [(1_000, "resolved a 0")]


def test_what_fires_and_ends_within_a_silence_is_not_told() -> None:
    it = one_rule()
    it.silence(0, 1_000)
    it.fires(100, "a")
    it.look(100)
    it.ends(200, "a")
    it.look(200)
    assert it.until(9_000) == []
    assert it.rows == {}


def test_maintenance_comes_again() -> None:
    # START is 2023-11-14 22:13:20 UTC, a Tuesday: 23:13:20 in Berlin.
    window = Maintenance(days=["tue", "wed"], start="23:30", end="00:30", zone="Europe/Berlin", why="backups")
    it = one_rule(maintenance=[window], cooldown_seconds=0, group_interval_seconds=0.0)
    it.fires(0, "a")
    assert said(it.look(0)) == ["firing a 0"]
    it.ends(500, "a")
    assert said(it.look(500)) == ["resolved a 0"]
    to_start = 16 * 60 + 40
    for day, held in ((0, True), (1, True), (2, False)):
        at = day * 86_400 + to_start
        it.fires(at, "b")
        assert said(it.look(at)) == ([] if held else ["firing b 0"])
        assert timed(it.until(at + 5_000)) == ([(at + 3_600, "firing b 0")] if held else [])
        it.ends(at + 6_000, "b")
        it.look(at + 6_000)
    assert [event.why for event in it.events] == ["backups", "backups"]


def ruled(**settings: Any) -> Shard:
    worse = rule("critical errors", severity="critical")
    return Shard({"r": rule(), "worse": worse}, **({"repeat_interval_seconds": 0.0} | settings))


def test_new_texts_are_told_as_other_groups_are() -> None:
    of = rule(condition=Condition(aggregation="new_value", field="message"), group_by=[])
    it = Shard({"r": of, "worse": rule(severity="critical")}, public_url="https://logs.example.org")
    it.silence(0, 100, "b")
    it.fires(0, "a text")
    it.fires(0, "b", "c", rule_id="worse")
    assert sorted(said(it.look(0))) == ["firing a text 0", "firing c 0"]


def test_what_is_worse_keeps_others_quiet() -> None:
    it = ruled()
    it.fires(0, "a", rule_id="worse")
    it.fires(0, "a", "b")
    assert sorted(said(it.look(0))) == ["firing a 0", "firing b 0"]
    assert [(event.what, event.rule, event.group, event.why) for event in it.events] == [
        ("inhibited", "errors", ("a",), "critical errors fires")
    ]
    it.ends(100, "a", rule_id="worse")
    assert sorted(said(it.look(100))) == ["firing a 0", "resolved a 0"]


def test_what_fires_in_other_shards_keeps_others_quiet_too() -> None:
    it = ruled()
    it.fires(0, "a", rule_id="worse")
    (other,) = it.rows.values()
    it.rows.clear()
    it.fires(0, "a", "b")
    assert said(it.look(0, [other])) == ["firing b 0"]
    # Nobody says when it ends there.
    assert it.again == 5
    assert said(it.look(5, [other])) == []
    assert it.again == 10
    assert said(it.look(100)) == ["firing a 0"]


@pytest.mark.parametrize(
    ("settings", "worse", "told"),
    [
        ({}, {"severity": "error"}, True),
        ({"inhibit_by": []}, {}, True),
        ({"inhibit_by": ["host"]}, {}, True),
        ({"inhibit_by": ["service", "host"]}, {}, False),
        ({"inhibit_by": ["service.name"]}, {}, False),
        ({"inhibit_by": ["team"]}, {"labels": {"team": "pay"}}, False),
        ({"inhibit_by": ["team"]}, {"labels": {"team": "shop"}}, True),
        ({"inhibit_by": ["team", "service"]}, {"labels": {"team": "shop"}}, True),
        ({}, {"group_by": ["host"], "condition": Condition(service="a")}, False),
        ({}, {"group_by": ["host"], "condition": Condition(service="a,b")}, True),
        ({}, {"group_by": ["host"], "condition": Condition(service="b")}, True),
        ({}, {"group_by": ["metadata.region"]}, True),
    ],
)
def test_by_what_alerts_are_the_same_matter(settings: dict[str, Any], worse: dict[str, Any], told: bool) -> None:
    rules = {"r": rule(labels={"team": "pay"}), "worse": rule("critical errors", **({"severity": "critical"} | worse))}
    it = Shard(rules, **settings)
    it.fires(0, "a", rule_id="worse")
    it.fires(0, "a")
    told_rules = {one.rule for one in it.look(0)}
    assert ("errors" in told_rules) is told
    assert "critical errors" in told_rules


def test_who_is_silenced_keeps_nobody_quiet() -> None:
    it = ruled()
    it.silence(0, 1_000, rule="worse")
    it.fires(0, "a", rule_id="worse")
    it.fires(0, "a")
    assert said(it.look(0)) == ["firing a 0"]


def test_a_thousand_against_a_thousand_take_no_million_steps() -> None:
    it = ruled()
    groups = [str(n) for n in range(2_000)]
    it.fires(0, *groups, rule_id="worse")
    it.fires(0, *groups)
    (told,) = it.look(0)
    assert (told.rule, told.more) == ("critical errors", 1_979)
    assert len(it.events) == 2_000
