"""What fires is what a recount says: whoever counted which part of the stream, and whoever went on after whom."""

from __future__ import annotations

import random
from collections import defaultdict
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from logd.alerts.counter import Counter
from logd.alerts.gauges import OTHERS, gauges
from logd.alerts.masking import Masking
from logd.alerts.rules import Rule
from logd.enrich.filters import Failed
from logd.http.records import records
from tests.support.alert_engine import SECOND, Record, Shard, count, line_at, rule, run
from tests.support.rows import DAY

PARTS = 3


def test_more_groups_than_may_be() -> None:
    shard = Shard({"r": rule(group_by=["user"], threshold=1, window_seconds=10, max_groups=3)})
    rows = [line_at(1, user=f"u{number}") for number in range(8) for _ in range(2)]
    told = run(shard, rows, 2)
    assert f"r {OTHERS} firing 12" in told
    assert len(told) == 3


def test_a_part_that_is_behind_misses_nothing() -> None:
    """One is a quarter of an hour ahead of the other, which comes step by step, with its clock."""
    shard = Shard({"r": rule(threshold=2, window_seconds=3), "few": rule(threshold=1, compare="<", window_seconds=3)})
    counter = shard.counter()
    try:
        for part in (0, 1):
            count(counter, [(part, 0, [line_at(0)])])
        shard.publish(counter.pages())
        shard.clock(DAY, parts=(0, 1))
        count(counter, [(0, 1, [line_at(900)])])
        shard.publish(counter.pages())
        shard.clock(DAY + 901 * SECOND, "one", parts=(0,))
        for number, second in enumerate(range(5, 35, 5)):
            some = [line_at(second)] * (3 if second == 10 else 1)
            count(counter, [(1, 1 + number, some)])
            shard.publish(counter.pages())
            shard.clock(DAY + (second + 1) * SECOND, "two", parts=(1,))
            shard.decide(DAY + (second + 1) * SECOND)
        assert [told for told in shard.told() if told.startswith("r ")] == ["r firing 3", "r resolved 0"]
        shard.clock(DAY + 902 * SECOND, "two", parts=(1,))
        assert shard.evaluator.upto_us == DAY + 901 * SECOND
        for second in range(31, 904):
            shard.decide(DAY + second * SECOND)
        told = [told for told in shard.told() if told.startswith("few ")]
        assert told[-1] == "few resolved 1", "what was held back is there at last"
    finally:
        counter.close()


@st.composite
def _streams(draw: st.DrawFn) -> list[list[tuple[int, list[Record]]]]:
    """By part: messages with their position and records, some of which are late."""
    records = st.tuples(st.integers(0, 30), st.sampled_from("ab"), st.sampled_from("uv"), st.integers(1, 300))
    made = []
    for _ in range(PARTS):
        messages = draw(st.lists(st.lists(records, min_size=1, max_size=4), max_size=6))
        made.append(
            [
                (position, [line_at(at, service=service, user=user, ms=ms) for at, service, user, ms in some])
                for position, some in enumerate(messages)
            ]
        )
    return made


_RULES = {
    "counts": rule(group_by=["user"], threshold=2, window_seconds=5),
    "few": rule(threshold=3, compare="<", window_seconds=5),
    "p90": rule(group_by=["service"], aggregation="p90", field="ms", threshold=150, window_seconds=10),
    "most": rule(aggregation="max", field="ms", threshold=290, window_seconds=5),
    "users": rule(aggregation="distinct", field="user", threshold=1, window_seconds=3),
    "sums": rule(aggregation="sum", field="ms", threshold=500, window_seconds=4, lasting=2),
    "gone": rule(group_by=["service"], aggregation="absence", window_seconds=5),
}


@settings(deadline=None, max_examples=30)
@given(_streams(), st.integers(0, 2**32))
def test_any_number_of_alerters_says_the_same(stream: list[list[tuple[int, list[Record]]]], seed: int) -> None:
    rng = random.Random(seed)
    # What comes too late for one may be in time for the other.
    one, many = Shard(_RULES, late_seconds=40), Shard(_RULES, late_seconds=40)
    alone = one.counter()
    count(alone, [(part, position, some) for part in range(PARTS) for position, some in stream[part]])
    one.publish(alone.pages())
    alone.close()
    _shared(many, stream, rng)
    for shard in (one, many):
        for second in range(1, 50):
            shard.decide(DAY + second * SECOND)
            if shard is many and rng.random() < 0.1:
                shard.restart()
    assert _outcome(one) == _outcome(many)


def _shared(shard: Shard, stream: list[list[tuple[int, list[Record]]]], rng: random.Random) -> None:
    """Parts go from one alerter to another, which begins where something was committed; some have died, and some don't
    know yet that they have lost a part: these can't commit any more."""
    committed = dict.fromkeys(range(PARTS), 0)
    made: list[Counter] = []
    at: dict[int, dict[int, int]] = {}
    owners: dict[int, int] = {}
    try:
        while any(committed[part] < len(stream[part]) for part in committed):
            if rng.random() < 0.3:
                parts = rng.sample(range(PARTS), rng.randint(1, PARTS))
                made.append(shard.counter(parts))
                at[len(made) - 1] = {part: committed[part] for part in parts}
                owners |= dict.fromkeys(parts, len(made) - 1)
            alive = [number for number, where in at.items() if where]
            if not alive:
                continue
            number = rng.choice(alive)
            counter, where = made[number], at[number]
            part = rng.choice(list(where))
            some = stream[part][where[part] : where[part] + rng.randint(1, 3)]
            count(counter, [(part, position, rows) for position, rows in some])
            where[part] += len(some)
            pages = list(counter.pages())
            if rng.random() < 0.2:  # it dies while it publishes
                shard.publish(rng.sample(pages, len(pages) // 2))
                where.clear()
                continue
            rng.shuffle(pages)
            shard.publish(pages)
            shard.publish(counter.superseded())
            if owners[part] == number:
                committed[part] = where[part]
    finally:
        for counter in made:
            counter.close()


def _outcome(shard: Shard) -> dict[tuple[str, tuple[str | None, ...]], Any]:
    """What happened to each group, in order. In which of several windows it fires at once goes by what came first."""
    found = defaultdict(list)
    for event in shard.events:
        found[event.rule_id, event.group].append((event.what, event.at_us))
    for events in found.values():
        assert [what for what, _ in events] == [("firing", "resolved")[at % 2] for at in range(len(events))]
    return {key: key[0] in ("counts", "most") or events for key, events in sorted(found.items())}


def test_groups_of_long_ago_make_room_for_others() -> None:
    shard = Shard({"r": rule(group_by=["service"], threshold=1, window_seconds=3, max_groups=10)})
    counter = shard.counter()
    for number in range(30):
        count(counter, [(0, number, [line_at(number * 10, service=f"s{number}")] * 2)])
        shard.publish(counter.pages())
    counter.close()
    assert shard.told() == [f"r s{number} firing 2" for number in range(30)]


def test_a_record_of_the_future_hides_no_others() -> None:
    shard = Shard({"r": rule(threshold=2, window_seconds=3)}, late_seconds=15)
    counter = shard.counter()
    count(counter, [(0, 0, [line_at(1_800)])], DAY + 5 * SECOND)
    count(counter, [(0, 1, [line_at(6), line_at(6)])], DAY + 6 * SECOND)
    shard.publish(counter.pages())
    counter.close()
    assert shard.told() == ["r firing 3"]


def test_long_texts_with_the_same_name_are_one_group() -> None:
    shard = Shard({"r": rule(group_by=["url"], threshold=3, window_seconds=3)})
    counter = shard.counter()
    count(
        counter,
        [(0, 0, [line_at(5, url=f"{'u' * 250}{number}") for number in range(4)] + [line_at(5), line_at(5, url="u")])],
    )
    shard.publish(counter.pages())
    counter.close()
    assert shard.told() == [f"r {'u' * 200}… firing 4"]


def _rules_now(shard: Shard, **rules: Rule) -> None:
    shard.rules, shard.gauges = rules, gauges(rules, 1, 0)
    shard.evaluator.set_rules(shard.rules, shard.gauges, 0)
    shard.decide(DAY)


def test_what_others_have_counted_of_a_rule_that_comes_to_be_known_counts() -> None:
    shard, other = Shard({}), Shard({"r": rule(threshold=2, window_seconds=3)})
    counter = other.counter()
    count(counter, [(0, 0, [line_at(5)] * 3)])
    shard.publish(counter.pages())
    counter.close()
    _rules_now(shard, r=other.rules["r"])
    shard.publish([])
    assert shard.told() == ["r firing 3"]


def test_what_fires_isnt_forgotten() -> None:
    """Who tells people may know of its rule a moment later."""
    shard = Shard({"r": rule(threshold=2, window_seconds=3)})
    counter = shard.counter()
    count(counter, [(0, 0, [line_at(1_000)] * 3)])
    shard.decide(DAY + 1_000 * SECOND)
    shard.publish(counter.pages())
    counter.close()
    assert shard.told() == ["r firing 3"]
    assert not shard.evaluator.forget([("r", ())])
    shard.decide(DAY + 1_010 * SECOND)
    assert shard.told() == ["r resolved 0"]
    assert not shard.evaluator.forget([("r", ())])
    shard.decide(DAY + 1_020 * SECOND)
    assert shard.evaluator.forget([("r", ())]) == [("r", ())]


@pytest.mark.parametrize("group_by", [["host"], ["service", "host"], []])
def test_groups_that_a_rule_no_longer_has_end(group_by: list[str]) -> None:
    shard = Shard({"r": rule(group_by=["service"], aggregation="absence", window_seconds=3)})
    assert run(shard, [line_at(1)], 8) == ["r web firing 0"]
    _rules_now(shard, r=rule(group_by=group_by, aggregation="absence", window_seconds=3))
    assert shard.told() == ["r web ended 0"]
    shard.decide(DAY + 10 * SECOND)
    assert not shard.told()
    assert not shard.alerts


@pytest.mark.parametrize("aggregation", ["avg", "sum", "min", "max", "p50"])
def test_what_is_written_as_a_number_that_there_isnt_is_none(aggregation: str) -> None:
    shard = Shard({"r": rule(aggregation=aggregation, field="n", threshold=1, window_seconds=3)})
    assert run(shard, [line_at(5, n="1e999"), line_at(5, n="-1e999"), line_at(5, n=8)], 7) in (
        ["r firing 8"],
        ["r firing 7.92497"],
    )


def test_pages_of_a_rule_that_is_gone_are_taken_away() -> None:
    old = Shard({"r": rule(threshold=5, window_seconds=3)})
    counter = old.counter()
    count(counter, [(0, 0, [line_at(5)])])
    pages = counter.pages()
    counter.close()
    assert pages
    for there in ({}, old.rules):
        again = Counter("alerter-1", [gauge for some in gauges(there, 1, 0).values() for gauge in some], records)
        assert again.restore(pages) == 0
        assert [page.key for page in again.superseded()] == ([] if there else [page.key for page in pages])
        again.close()


@pytest.mark.parametrize(
    ("condition", "late_seconds", "groups"),
    [({"window_seconds": 60}, 15, 100_000), ({"window_seconds": 300, "against": "last_week"}, 15, 9_905)],
)
def test_groups_are_as_many_as_memory_allows(condition: dict[str, Any], late_seconds: int, groups: int) -> None:
    asked = rule(group_by=["user"], aggregation="spike", threshold=2, max_groups=100_000, **condition)
    (gauge,) = gauges({"r": asked}, 1, late_seconds)["r"]
    assert gauge.max_groups == groups


def test_templates_that_cant_be_made_end_nothing() -> None:
    masking = Masking()
    masking.close()
    with pytest.raises(Failed, match="the templates of messages"):
        masking.masks(pa.array(["a"]))


@pytest.mark.parametrize("condition", [{"aggregation": "absence"}, {"threshold": 1, "compare": "<"}])
def test_who_falls_silent_is_known_when_windows_are_decided_late(condition: dict[str, Any]) -> None:
    shard = Shard({"r": rule(group_by=["service"], window_seconds=3, **condition)})
    shard.decide(DAY)
    counter = shard.counter()
    for second in range(9):
        rows = [line_at(second)] + [line_at(second, service="dies")] * (second < 2)
        count(counter, [(0, second, rows)])
        shard.publish(counter.pages())
    counter.close()
    shard.decide(DAY + 9 * SECOND)
    assert shard.told() == ["r dies firing 0"]


def test_a_damaged_page_counts_nothing() -> None:
    shard = Shard({"r": rule(group_by=["service"], threshold=1, window_seconds=3)})
    counter = shard.counter()
    count(counter, [(0, 0, [line_at(5, service="ä" * 40)])])
    (page,) = counter.pages()
    counter.close()
    cut = page.value.index("ä".encode()) + 1
    damaged = replace(page, value=page.value[:cut] + b"?" + page.value[cut + 1 :])
    assert shard.evaluator.put([damaged, replace(page, value=page.value[:9]), page]) == 2
