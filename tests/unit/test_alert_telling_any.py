"""Whatever fires, ends and is silenced in whatever order: nobody is told too often, too late, or never.

Each look knows nothing but what was kept, so each is one after a restart. Between two things that happen, it is looked
only when the planner asked for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from logd.alerts.notify.notification import Notification
from logd.alerts.rules import Action
from logd.seams import AlertStage
from tests.support.telling import Shard, rule

GROUPS = ("a", "b", "c")
RULES = {
    "r": rule(cooldown_seconds=100, action=None, actions=[Action(type="pagerduty", routing_key="env:ALERT_KEY")]),
    "worse": rule("worse", severity="critical", cooldown_seconds=0, action=Action(type="alertmanager", url="http://a")),
}
#: Mostly the same one, so that much happens to it.
Groups = st.sampled_from(("a", "a", "a", "b", "c"))
Steps = st.lists(
    st.tuples(
        st.one_of(st.integers(1, 15), st.integers(1, 150)),
        st.one_of(
            st.tuples(st.sampled_from(["toggle", "pend", "acknowledge", "forget"]), Groups, st.just(0)),
            st.tuples(st.just("worse"), Groups, st.just(0)),
            st.tuples(st.just("silence"), Groups, st.integers(1, 300)),
            st.tuples(st.just("look"), st.just("a"), st.just(0)),
        ),
    ),
    max_size=40,
)


class Said(NamedTuple):
    at: float
    told: Notification


class World:
    """What happens, and what people heard of it."""

    def __init__(self, **settings: Any) -> None:
        self.shard = Shard(RULES, **settings)
        self.now = 0.0
        self.heard: list[Said] = []
        self.silent: list[tuple[str, float, float]] = []
        #: Since when somebody should have been told of a group that fires.
        self.waits: dict[str, float] = {}

    def step(self, seconds: int, what: str, group: str, length: int) -> None:
        end = self.now + seconds
        self.pass_until(end)
        self.now = end
        it = self.shard
        row = it.rows.get(("r", (group,)))
        match what:
            case "toggle" if row is not None and row.stage is AlertStage.FIRING:
                it.ends(end, group)
            case "toggle":
                it.fires(end, group)
            case "pend" if row is None or row.stage is AlertStage.RESOLVED:
                it.pending(end, group)
            case "pend" if row is not None and row.stage is AlertStage.PENDING:
                it.calms(end, group)
            case "acknowledge" if row is not None and row.stage is AlertStage.FIRING:
                it.acknowledge(end, group)
            case "forget":
                it.acknowledgements.clear()
            case "worse":
                worse = it.rows.get(("worse", (group,)))
                if worse is not None and worse.stage is AlertStage.FIRING:
                    it.ends(end, group, rule_id="worse")
                else:
                    it.fires(end, group, rule_id="worse")
            case "silence":
                it.silence(end, end + length, group, rule="r")
                self.silent.append((group, end, end + length))
        self.hear(end, it.look(end))

    def pass_until(self, end: float) -> None:
        while self.shard.again is not None and self.shard.again <= end:
            at = self.shard.again
            assert at > self.now or not self.heard or at >= self.heard[-1].at
            self.hear(at, self.shard.look(at))

    def hear(self, at: float, told: list[Notification]) -> None:
        for one in told:
            self.heard.append(Said(at, one))
            self.allowed(at, one)
        self.nobody_waits(at)

    def allowed(self, at: float, told: Notification) -> None:
        """Nothing holds it back."""
        if told.rule_id != "r":
            return
        group = str(told.group["service"])
        assert not self.is_silent(group, at)
        if told.firing:
            row = self.shard.rows["r", (group,)]
            assert not self.is_acknowledged(group)
            assert not self.is_inhibited(group)
            assert row.stage is AlertStage.FIRING

    def is_silent(self, group: str, at: float) -> bool:
        return any(of == group and start <= at < end for of, start, end in self.silent)

    def is_acknowledged(self, group: str) -> bool:
        row = self.shard.rows.get(("r", (group,)))
        known = {(one.group, one.fired_us) for one in self.shard.acknowledgements}
        return row is not None and (row.group, row.fired_us) in known

    def is_inhibited(self, group: str) -> bool:
        worse = self.shard.rows.get(("worse", (group,)))
        return worse is not None and worse.stage is AlertStage.FIRING

    def nobody_waits(self, at: float) -> None:
        """For longer than the cooldown, and until the rule's next message."""
        settings = self.shard.settings
        most = 100 + settings.group_wait_seconds + settings.group_interval_seconds
        for group in GROUPS:
            row = self.shard.rows.get(("r", (group,)))
            owed = row is not None and row.stage is AlertStage.FIRING and not row.told
            held = self.is_silent(group, at) or self.is_acknowledged(group) or self.is_inhibited(group)
            if not owed or held:
                self.waits.pop(group, None)
            else:
                assert at - self.waits.setdefault(group, at) <= most


def firings(world: World, rule_id: str) -> Mapping[tuple[str, str], list[Said]]:
    found: dict[tuple[str, str], list[Said]] = {}
    for said in world.heard:
        if said.told.rule_id == rule_id:
            found.setdefault((str(said.told.group["service"]), said.told.firing_key), []).append(said)
    return found


@given(Steps, st.sampled_from([0.0, 20.0]), st.sampled_from([0.0, 60.0]), st.sampled_from([0.0, 90.0]))
def test_any_order(steps: list[tuple[int, tuple[str, str, int]]], wait: float, interval: float, repeat: float) -> None:
    world = World(group_wait_seconds=wait, group_interval_seconds=interval, repeat_interval_seconds=repeat)
    for seconds, (what, group, length) in steps:
        world.step(seconds, what, group, length)
    # In the end nothing holds anything back, and no time passes but what the planner asks for.
    world.shard.acknowledgements.clear()
    for group in GROUPS:
        if world.is_inhibited(group):
            world.shard.ends(world.now, group, rule_id="worse")
    world.hear(world.now, world.shard.look(world.now))
    world.pass_until(world.now + 1_000)

    for rule_id in RULES:
        last: dict[str, float] = {}
        for (group, _), said in firings(world, rule_id).items():
            ends = [one for one in said if not one.told.firing]
            begun = [one for one in said if one.told.firing]
            # An end is told once, after its firing, which is counted from 0.
            assert said == begun + ends
            assert [one.told.number for one in begun] == list(range(len(begun)))
            assert begun
            assert len(ends) <= 1
            row = world.shard.rows.get((rule_id, (group,)))
            if not ends:
                assert row is not None
                assert row.stage is AlertStage.FIRING
            # Repetitions and new firings keep their distance.
            assert all(b.at - a.at >= repeat > 0 for a, b in pairwise(begun))
            if group in last:
                assert begun[0].at >= last[group] + RULES[rule_id].cooldown_seconds
            last[group] = begun[-1].at
        times = sorted({one.at for one in world.heard if one.told.rule_id == rule_id})
        assert all(b - a >= interval for a, b in pairwise(times))
    for (rule_id, _), row in world.shard.rows.items():
        if row.stage is AlertStage.FIRING:
            assert row.told, rule_id
        else:
            assert row.told_end or not row.told
    ids = [delivery.id for _, delivery in world.shard.deliveries]
    assert len(ids) == len(set(ids))
    held = [(event.rule_id, event.group, event.what, event.at_us) for event in world.shard.events]
    assert len(held) == len(set(held))
