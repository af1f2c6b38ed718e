"""Alerters without servers: what several of them count and publish, and one evaluates, by a clock that tests move."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from logd.alerts.counter import Counter
from logd.alerts.evaluator import Changes, Evaluator
from logd.alerts.gauges import Gauge, gauges
from logd.alerts.pages import clock_pages, is_of
from logd.alerts.rules import Rule
from logd.http.records import records
from logd.record import SCHEMA
from logd.seams import Alert, Event, Page
from tests.support.rows import DAY, row

Record = dict[str, Any]
SECOND = 1_000_000


def rule(name: str = "r", group_by: Sequence[str] = (), lasting: int = 0, **others: Any) -> Rule:
    """A rule as a file has it; what a condition has stands beside the rest. `lasting` is its `for`."""
    condition = {
        key: others.pop(key) for key in list(others) if key not in ("cooldown_seconds", "max_groups", "action")
    }
    plain = {"name": name, "group_by": list(group_by), "for": lasting, "condition": condition, **others}
    return msgspec.convert(plain, Rule)


class Shard:
    """All rules are in one shard; pages are kept as a compacted topic does."""

    def __init__(self, rules: Mapping[str, Rule], late_seconds: int = 0) -> None:
        self.rules = rules
        self.gauges: Mapping[str, Sequence[Gauge]] = gauges(rules, 1, late_seconds)
        self.kept: dict[bytes, Page] = {}
        self._made = 0
        self.alerts: dict[tuple[str, tuple[str | None, ...]], Alert] = {}
        self.events: list[Event] = []
        self.evaluator = Evaluator()
        self.evaluator.set_rules(rules, self.gauges, 0)

    def counter(self, parts: Sequence[int] = ()) -> Counter:
        """A new alerter, which goes on from what was published of these parts."""
        self._made += 1
        made = Counter(f"alerter-{self._made}", [gauge for some in self.gauges.values() for gauge in some], records)
        wanted = {b"%d" % part for part in parts}
        assert made.restore([page for page in self.kept.values() if is_of(page.key, wanted)]) == 0
        return made

    def publish(self, pages: Sequence[Page]) -> None:
        """They come to the evaluator at once."""
        for page in pages:
            self.kept[page.key] = page
            if not page.value:
                del self.kept[page.key]
        assert self.evaluator.put(pages) == 0
        self.evaluator.look()
        self._take()

    def clock(self, upto_us: int, name: str = "one", parts: Sequence[int] = (0,)) -> None:
        """These parts are counted up to then."""
        self.publish(clock_pages(1, name, dict.fromkeys(parts, upto_us)))

    def decide(self, upto_us: int) -> None:
        """What is over by then."""
        self.evaluator.decide(upto_us)
        self._take()
        self.evaluator.look()
        self._take()

    def restart(self) -> None:
        """Another evaluator goes on from what was kept."""
        self.evaluator = Evaluator(list(self.alerts.values()), self.evaluator.clock_us)
        self.evaluator.set_rules(self.rules, self.gauges, 0)
        self.publish(list(self.kept.values()))

    def told(self) -> list[str]:
        """What has happened since the last call: `r a,b firing 3`."""
        events, self.events = self.events, []
        return [
            f"{event.rule_id} {','.join(map(str, event.group))} {event.what} {event.value:g}".replace("  ", " ")
            for event in events
        ]

    def _take(self) -> None:
        changes: Changes = self.evaluator.take_changes()
        for alert in changes.alerts:
            self.alerts[alert.rule_id, alert.group] = alert
        for key in changes.gone:
            self.alerts.pop(key, None)
        self.events += changes.events


def count(counter: Counter, messages: Sequence[tuple[int, int, Sequence[Record]]], taken_us: int | None = None) -> None:
    """Messages, each with its part of the stream, its position and its records, as one batch, which the transport took
    then."""
    rows = [(part, position, row) for part, position, some in messages for row in some]
    table = pa.Table.from_pylist([row for *_, row in rows], schema=SCHEMA)
    parts, positions = (np.array([row[column] for row in rows], np.int64) for column in (0, 1))
    counter.count(table, parts, positions, None if taken_us is None else np.full(len(rows), taken_us))


def line_at(second: float, message: str = "x", service: str = "web", **others: Any) -> Record:
    """A record so many seconds after DAY; `ms` and what else isn't a column are in its metadata."""
    number = others.pop("ms", None)
    level = others.pop("level", "INFO")
    fields = {**others, **({} if number is None else {"ms": number})}
    metadata = json.dumps(fields) if fields else None
    return row(DAY + int(second * SECOND), "x", message, service=service, level=level, metadata=metadata)


def run(shard: Shard, rows: list[Record], upto: float) -> list[str]:
    """One alerter counts all of it, second by second."""
    counter = shard.counter()
    try:
        last = max([upto, *((one["timestamp"] - _START).total_seconds() for one in rows)])
        position = 0
        for second in range(int(last) + 1):
            some = [one for one in rows if second <= (one["timestamp"] - _START).total_seconds() < second + 1]
            if some:
                count(counter, [(0, position, some)])
                position += 1
            shard.publish(counter.pages())
            if second + 1 <= upto:
                shard.decide(DAY + (second + 1) * SECOND)
        return shard.told()
    finally:
        counter.close()


_START = line_at(0)["timestamp"]
