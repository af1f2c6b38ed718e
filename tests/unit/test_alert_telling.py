"""Who is told what, and when."""

from __future__ import annotations

import pytest

from logd.alerts.rules import Action
from logd.seams import Alert, AlertStage
from tests.support.telling import SECOND, START, one_rule, rule, said, timed

_PAGER = Action(type="pagerduty", routing_key="env:ALERT_PAGER")


def test_a_firing_is_told_once_and_its_end_once() -> None:
    it = one_rule()
    it.fires(0, "a")
    assert said(it.look(0)) == ["firing a 0"]
    assert said(it.look(1_000)) == []
    it.ends(2_000, "a")
    assert said(it.look(2_000)) == ["resolved a 0"]
    assert it.until(10_000) == []
    assert it.rows == {}
    assert it.events == []


def test_what_the_message_says() -> None:
    it = one_rule(public_url="https://logs.example.org/")
    it.fires(5, "a", value=12.5)
    (told,) = it.look(6)
    assert (told.rule_id, told.rule, told.severity, told.aggregation) == ("r", "errors", "error", "count")
    assert (told.value, told.threshold, told.compare, told.window_seconds) == (12.5, 10.0, ">", 300)
    assert (told.started_us, told.ended_us, told.made_us) == (START + 5 * SECOND, None, START + 6 * SECOND)
    assert told.link.startswith(
        "https://logs.example.org/explore?q=level%3A%22ERROR%22+AND+service%3A%22a%22&from=2023-11-14T"
    )
    ((_, delivery),) = it.deliveries
    assert (delivery.status, delivery.target) == ("waiting", "webhook https://hooks.example.org/…")
    assert delivery.id.startswith(told.key)


def test_an_end_that_was_over_before_anybody_looked_is_nobodys_business() -> None:
    it = one_rule()
    it.fires(0, "a")
    it.ends(1, "a")
    assert said(it.look(2)) == []
    assert it.until(10_000) == []
    assert it.rows == {}


def test_what_goes_on_is_told_again() -> None:
    it = one_rule(repeat_interval_seconds=100.0)
    it.fires(0, "a")
    it.look(0)
    assert timed(it.until(350)) == [(100, "firing a 1"), (200, "firing a 2"), (300, "firing a 3")]
    it.ends(351, "a")
    assert said(it.look(360)) == ["resolved a 0"]
    assert it.until(5_000) == []


def test_nobody_is_told_of_what_is_acknowledged_but_for_its_end() -> None:
    it = one_rule(repeat_interval_seconds=100.0)
    it.fires(0, "a", "b")
    it.look(0)
    it.acknowledge(10, "a")
    it.look(10)
    assert timed(it.until(250)) == [(100, "firing b 1"), (200, "firing b 2")]
    assert it.events == []  # it was said when it was acknowledged
    assert it.rows["r", ("a",)].held == "acknowledged"
    it.acknowledgements.clear()
    assert said(it.look(270)) == ["firing a 1"]
    it.acknowledge(280, "a")
    it.ends(400, "a", "b")
    assert said(it.look(400)) == ["resolved a 0, resolved b"]


def test_another_firing_is_another_matter() -> None:
    it = one_rule(cooldown_seconds=0, group_interval_seconds=0.0)
    it.fires(0, "a")
    it.look(0)
    it.acknowledge(1, "a")
    it.ends(2, "a")
    it.look(2)
    it.fires(3, "a")
    assert said(it.look(3)) == ["firing a 0"]


@pytest.mark.parametrize(("again", "told_at"), [(300, 600), (599, 600), (601, 601)])
def test_the_cooldown_is_from_when_it_was_last_told_as_firing(again: float, told_at: float) -> None:
    it = one_rule()
    it.fires(0, "a")
    it.look(0)
    it.ends(200, "a")
    it.look(200)
    it.fires(again, "a")
    first = [(again, one) for one in said(it.look(again))]
    assert [*first, *timed(it.until(5_000))] == [(told_at, "firing a 0")]


def test_who_fires_and_ends_within_the_cooldown_is_not_told_of() -> None:
    it = one_rule()
    it.fires(0, "a")
    it.look(0)
    it.ends(100, "a")
    assert said(it.look(100)) == ["resolved a 0"]
    it.fires(200, "a")
    it.look(200)
    it.ends(300, "a")
    assert it.look(300) == []
    assert it.until(5_000) == []


def test_the_cooldown_goes_by_the_wall_clock_though_records_are_late() -> None:
    it = one_rule()
    it.fires(-5_000, "a")
    assert said(it.look(0)) == ["firing a 0"]
    it.ends(-4_900, "a")
    assert said(it.look(100)) == ["resolved a 0"]
    assert it.until(500) == []
    it.fires(-4_800, "a")
    assert said(it.look(500)) == []
    assert timed(it.until(5_000)) == [(600, "firing a 0")]


def test_a_pending_one_that_comes_to_nothing_leaves_the_cooldown() -> None:
    it = one_rule()
    it.fires(0, "a")
    it.look(0)
    it.ends(100, "a")
    it.look(100)
    it.pending(200, "a")
    it.look(200)
    it.calms(210, "a")
    it.look(210)
    it.fires(300, "a")
    assert said(it.look(300)) == []
    assert timed(it.until(700)) == [(600, "firing a 0")]


def test_the_end_of_one_that_is_pending_again_is_told() -> None:
    it = one_rule()
    it.fires(0, "a")
    it.look(0)
    it.ends(10, "a")
    assert it.look(10) == []
    it.pending(20, "a")
    assert it.look(20) == []
    assert it.again == 60
    assert timed(it.until(70)) == [(60, "resolved a 0")]
    it.fires(80, "a")
    it.look(80)
    assert timed(it.until(5_000)) == [(600, "firing a 0")]
    keys = [delivery.id.split("-")[0] for _, delivery in it.deliveries]
    assert keys[0] == keys[1] != keys[2]


def test_who_fires_anew_before_the_end_was_told_went_on() -> None:
    it = one_rule()
    it.fires(0, "a")
    it.look(0)
    it.ends(10, "a")
    it.look(10)
    it.fires(20, "a")
    it.look(20)
    assert it.until(1_000) == []
    it.ends(2_000, "a")
    (end,) = it.look(2_000)
    assert end.started_us == START
    assert end.ended_us == START + 2_000 * SECOND


def test_later_groups_come_together() -> None:
    it = one_rule()
    it.fires(0, "a")
    assert said(it.look(0)) == ["firing a 0"]
    it.fires(10, "b")
    assert said(it.look(10)) == []
    it.fires(20, "c")
    it.ends(25, "a")
    assert said(it.look(25)) == []
    assert timed(it.until(100)) == [(60, "firing b 0, firing c, resolved a")]
    it.fires(500, "d")
    assert said(it.look(500)) == ["firing d 0"]


def test_the_first_message_waits_for_others() -> None:
    it = one_rule(group_wait_seconds=30.0)
    it.fires(0, "a")
    assert said(it.look(0)) == []
    it.fires(20, "b")
    assert said(it.look(20)) == []
    assert timed(it.until(100)) == [(30, "firing a 0, firing b")]


def test_records_that_are_ahead_keep_nobody_waiting() -> None:
    it = one_rule(group_wait_seconds=30.0)
    it.fires(1_000, "a")
    assert said(it.look(0)) == ["firing a 0"]


def test_what_a_message_holds_is_bounded() -> None:
    it = one_rule()
    it.fires(0, *(f"g{n:03}" for n in range(100)))
    (told,) = it.look(0)
    assert (len(told.others), told.more) == (20, 79)
    assert it.until(1_000) == []


def test_those_who_put_groups_together_have_a_message_for_each() -> None:
    it = one_rule(action=None, actions=[_PAGER, Action(type="webhook", url="https://hooks.example.org/a")])
    it.fires(0, "a", "b")
    assert said(it.look(0)) == ["firing a 0", "firing b 0", "firing a 0, firing b"]
    assert len({delivery.id for _, delivery in it.deliveries}) == 3
    assert [delivery.target for _, delivery in it.deliveries[:1]] == ["pagerduty env:ALERT_PAGER"]


def test_two_actions_at_one_target_are_two_messages() -> None:
    hook = Action(type="webhook", url="https://hooks.example.org/a")
    it = one_rule(action=None, actions=[hook, Action(type="webhook", url=hook.url, body='{"a": 1}')])
    it.fires(0, "a")
    it.look(0)
    assert len({delivery.id for _, delivery in it.deliveries}) == 2


def test_an_end_is_for_those_who_were_told_of_the_firing() -> None:
    it = one_rule()
    it.fires(0, "a")
    it.look(0)
    it.rules = {"r": rule(action=None, actions=[_PAGER, Action(type="webhook", url="https://hooks.example.org/a")])}
    it.ends(10, "a")
    it.look(100)
    assert [delivery.action["type"] for _, delivery in it.deliveries] == ["webhook", "webhook"]


def test_a_rule_without_actions_tells_nobody() -> None:
    it = one_rule(action=None)
    it.fires(0, "a")
    assert said(it.look(0)) == []
    it.ends(10, "a")
    assert said(it.look(10)) == []


def test_alerts_of_rules_that_are_gone_or_otherwise_grouped_are_gone() -> None:
    it = one_rule()
    it.fires(0, "a")
    it.look(0)
    it.rules = {"r": rule(group_by=["service", "host"])}
    assert it.look(1) == []
    assert it.rows == {}
    it.rules = {"r": rule()}
    it.fires(2, "a")
    it.rules = {}
    assert it.look(3) == []
    assert it.rows == {}


def test_a_clock_that_went_back_keeps_nobody_waiting_for_long() -> None:
    it = one_rule()
    it.fires(10_000, "a")
    it.look(10_000)
    it.fires(0, "b")
    assert said(it.look(0)) == ["firing b 0"]


def test_an_alert_that_is_pending_is_not_told() -> None:
    it = one_rule()
    it.pending(0, "a")
    assert it.look(0) == []
    assert it.rows["r", ("a",)].stage is AlertStage.PENDING
    it.calms(1, "a")
    assert it.rows == {}


def test_an_alert_of_before_anything_was_kept_of_whom() -> None:
    row = Alert(
        rule_id="r",
        rule="errors",
        group=("a",),
        stage=AlertStage.RESOLVED,
        since_us=START,
        value=1.0,
        at_us=START,
        fired_us=START,
        ended_us=START,
        told=1,
        told_us=START,
    )
    it = one_rule()
    it.rows["r", ("a",)] = row
    assert said(it.look(100)) == ["resolved a 0"]
