"""What alert rules cost on one core, beside parsing: CPU of the thread, over the corpus' records, as an alerter counts,
publishes and evaluates them, each half second of 50,000 lines a second together."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from logd.alerts.counter import Counter
from logd.alerts.evaluator import Evaluator
from logd.alerts.gauges import gauges
from logd.alerts.pages import clock_pages
from logd.alerts.rules import Rule
from logd.http.records import records
from tests.bench.bench import Bench
from tests.bench.report import Line
from tests.bench.tables import OBSERVED_US, timed_tables_of

_US = "CPU µs a line"
_MOST_LINES = 480_000
_NO_PEER = "no peer: ElastAlert asks Elasticsearch, and vmalert VictoriaLogs, again and again"
_LATE_SECONDS = 15
_SERVICES = ("payment", "order", "cart", "search", "auth", "shipping", "inventory")
_WORDS = ("timeout", "declined", "upstream", "orders", "profile", "cart", "healthz", "exception")


def alerts_100(bench: Bench) -> Line:
    """A hundred rules as people have them: of a service and a level, four in ten with words; goal 4 µs a line beyond
    parsing."""
    rules = [_simple(number) if number % 5 < 3 else _words(number) for number in range(100)]
    cost = _cost(rules, min(bench.corpus.lines, _MOST_LINES))
    return Line("alerts_100", cost.alerts_us, _US, cost.lines, goal=4.0, note=_NO_PEER, more=cost.more)


def alerts_1000(bench: Bench) -> Line:
    """A thousand rules of all types, parsing included; goal 20 µs a line, which is 50,000 lines a second on one core.
    `rss_growth`: by how much memory grows in the second half."""
    rules = [mixed(number) for number in range(1_000)]
    cost = _cost(rules, min(bench.corpus.lines, _MOST_LINES))
    all_us = cost.parse_us + cost.alerts_us
    return Line("alerts_1000", all_us, _US, cost.lines, goal=20.0, note=_NO_PEER, more=cost.more)


class _Cost(msgspec.Struct):
    lines: int
    parse_us: float
    alerts_us: float
    more: Mapping[str, Any]


def _cost(written: Sequence[Mapping[str, Any]], count: int) -> _Cost:
    rules = {f"{number:012x}": msgspec.convert(rule, Rule) for number, rule in enumerate(written)}
    made = gauges(rules, 1, _LATE_SECONDS)
    counter = Counter("bench", [gauge for some in made.values() for gauge in some], records)
    evaluator = Evaluator()
    evaluator.set_rules(rules, made, 0)
    spent = {"parse": 0.0, "count": 0.0, "publish": 0.0, "evaluate": 0.0}
    lines = warm = pages = position = 0
    halfway = 0
    try:
        for parsed, parse_seconds in timed_tables_of(count):
            table = _at_rate(parsed, position)
            began = time.thread_time()
            counter.count(table, np.zeros(len(table), np.int64), np.full(len(table), position))
            counted = time.thread_time()
            published = counter.pages()
            at = time.thread_time()
            now_us = int(table["timestamp"].cast("int64")[-1].as_py())
            evaluator.put([*published, *clock_pages(1, "bench", {0: now_us})])
            evaluator.look()
            evaluator.decide(now_us - _LATE_SECONDS * 1_000_000)
            evaluator.take_changes()
            position += 1
            if warm:  # the first batch compiles what looks for words
                took = (parse_seconds, counted - began, at - counted, time.thread_time() - at)
                for name, seconds in zip(spent, took, strict=True):
                    spent[name] += seconds
                lines += len(table)
                pages += len(published)
            warm += 1
            if lines * 2 < count:
                halfway = _resident_bytes()
    finally:
        counter.close()
    lines = lines or count
    each = {f"{name}_us": seconds * 1e6 / lines for name, seconds in spent.items()}
    alerts_us = each["count_us"] + each["publish_us"] + each["evaluate_us"]
    more = {**each, "pages": pages // max(1, warm - 1), "rss_growth": _resident_bytes() / halfway - 1 if halfway else 0}
    return _Cost(lines, each["parse_us"], max(alerts_us, 1e-6), more)


def _at_rate(table: pa.Table, batch: int) -> pa.Table:
    """The same records as if they had come at 50,000 a second."""
    us = OBSERVED_US + batch * 480_000 + np.arange(len(table)) * 20
    place = table.schema.get_field_index("timestamp")
    return table.set_column(place, table.schema.field(place), pa.array(us).cast(table.schema.field(place).type))


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _simple(number: int) -> Mapping[str, Any]:
    condition = {"service": _SERVICES[number % 7], "level": ("ERROR", "WARN")[number % 2], "threshold": 1e12}
    return {"name": f"rule {number}", "condition": {**condition, "window_seconds": 60 * (1 + number % 5)}}


def _words(number: int) -> Mapping[str, Any]:
    text = f"{_WORDS[number % 8]} AND NOT rule{number}"
    condition = {"service": _SERVICES[number % 7], "query": text, "threshold": 1e12}
    return {"name": f"rule {number}", "condition": {**condition, "window_seconds": 300}}


def mixed(number: int) -> Mapping[str, Any]:
    """Half are counts; the others are of all other types."""
    of: Mapping[str, Any] = {
        "service": _SERVICES[number % 7],
        "threshold": 1e12,
        "window_seconds": 60 * (1 + number % 5),
    }
    kinds: Sequence[Mapping[str, Any]] = (
        {"aggregation": "ratio", "level": "ERROR"},
        {"aggregation": "p99", "field": "duration_ms"},
        {"aggregation": "avg", "field": "duration_ms"},
        {"aggregation": "distinct", "field": "user_id", "level": "ERROR"},
        {"aggregation": "spike", "level": "WARN"},
        {"aggregation": "rate", "level": "INFO"},
        {"aggregation": "absence"},
        {"aggregation": "new_value", "field": "status"},
        {"aggregation": "count", "level": "ERROR,WARN"},
        {"aggregation": "composite"},
    )
    name = f"rule {number}"
    if number % 2:
        return _simple(number) if number % 4 == 1 else _words(number)
    kind = kinds[number // 2 % 10]
    if kind["aggregation"] == "ratio":
        of = {**of, "threshold": 1.0}
    if kind["aggregation"] == "composite":
        inner = [{**of, **kinds[place], "threshold": 1.0 if place == 0 else 1e12} for place in (0, 1)]
        outer = {"aggregation": "composite", "conditions": inner, "window_seconds": of["window_seconds"]}
        for one in inner:
            one["window_seconds"] = of["window_seconds"]
        return {"name": name, "condition": outer}
    condition = {**of, **kind}
    if kind["aggregation"] in ("absence", "new_value"):
        del condition["threshold"]
    group_by = ["host"] if kind["aggregation"] in ("absence", "count") and number % 100 == 12 else []
    return {"name": name, "condition": condition, "group_by": group_by}
