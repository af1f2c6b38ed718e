"""Numbers of records, for /metrics: how many match a query, or what they have in a field.

Records count as they are after the rules of shaping, those that rules left out as they were then: what is dropped can
so still be counted. A batch counts once, when it is stored. One that is read again counts again, though the index may
have its records already: by that a number may be too large.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Iterable, Mapping, Sequence

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric

from logd.config.shaping import MetricTable
from logd.enrich.filters import MANY_ROWS, Failed, Filters
from logd.enrich.named import TEXTS, field_of
from logd.enrich.rules import is_everything, node_of, tried
from logd.enrich.work import Bools, Ints, Work
from logd.errors import ConfigError, QueryError
from logd.query.parse import Operator
from logd.query.tree import Node
from logd.telemetry import metrics

log = logging.getLogger("logd.enrich")
#: Of one metric. Every one is a line in each scrape, and stays as long as the process: what comes later is `other`.
MAX_LABEL_SETS = 1_000
_OTHER = "other"
#: A label is a name, not a text; a thousand long ones would be a long answer.
_LABEL_CHARACTERS = 128
#: What logd and the client library call their own.
_RESERVED = ("logd_", "python_", "process_")
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r"[^a-zA-Z0-9_]")
_Labels = tuple[str, ...]


class Counted(msgspec.Struct, frozen=True):
    """What one batch adds: of each metric, by labels, records in each bucket and the sum of their values."""

    added: Sequence[Mapping[_Labels, tuple[Sequence[int], float]]]


class Meter:
    """`observe` in the thread that parses; `add`, when the batch is stored, and `collect` in that of the event loop."""

    def __init__(self, tables: Sequence[MetricTable], operator: Operator = "or") -> None:
        """Raises ConfigError, naming the metric and the reason."""
        self._metrics: list[_Metric] = []
        for place, table in enumerate(tables):
            try:
                name = table.name.removesuffix("_total")  # which a counter has anyway
                if any(metric.table.name.removesuffix("_total") == name for metric in self._metrics):
                    raise ValueError("there is another metric of that name, expected a name for each")
                self._metrics.append(_Metric(table, operator))
            except (ValueError, QueryError) as error:
                raise ConfigError(f"metric[{place}] {table.name!r}: {error}") from None
        if wrong := tried([metric.node for metric in self._metrics]):
            raise ConfigError(f"metric[{wrong[0]}] {self._metrics[wrong[0]].table.name!r}: {wrong[1]}")
        self._nodes = list(dict.fromkeys(one.node for one in self._metrics if not is_everything(one.node)))
        self._filters: Filters | None = None

    def observe(self, table: pa.Table) -> Counted | None:
        """What a batch of records, of record.SCHEMA, adds. None when there is nothing to count, or it can't be: that is
        no reason to stop the stream."""
        if not self._metrics or not len(table):
            return None
        if self._filters is None:
            self._filters = Filters(MANY_ROWS)
        work = Work(table)
        try:
            matches = self._filters.match(table, self._nodes)
            return Counted([metric.observe(work, matches.get(metric.node)) for metric in self._metrics])
        except (Failed, ValueError, pa.ArrowException) as error:
            log.error("metrics miss %d records, which can't be counted: %s", len(table), error)
            return None

    def add(self, counted: Counted | None) -> None:
        """Counts it."""
        if counted is not None:
            for metric, added in zip(self._metrics, counted.added, strict=True):
                metric.add(added)

    def collect(self) -> Iterable[Metric]:
        """For prometheus_client's registry."""
        for metric in self._metrics:
            yield metric.collect()

    def describe(self) -> Iterable[Metric]:
        """For it too: the names, without the numbers."""
        for metric in self._metrics:
            yield metric.family()

    def close(self) -> None:
        """Gives its memory back, in the thread that observes."""
        if self._filters is not None:
            self._filters.close()
            self._filters = None


class _Metric:
    def __init__(self, table: MetricTable, operator: Operator) -> None:
        self.table = table
        self.node: Node = node_of(table.query, operator)
        if not _NAME.fullmatch(table.name) or table.name.startswith(_RESERVED):
            raise ValueError(f"name isn't one that Prometheus takes, or begins with {', '.join(_RESERVED)}")
        if bool(table.field) != (table.type == "histogram"):
            raise ValueError("field is missing" if not table.field else "field is for a histogram only")
        bounds = table.buckets
        if not bounds or not all(map(math.isfinite, bounds)) or sorted(set(bounds)) != bounds:
            raise ValueError("buckets are not ascending numbers")
        self._field = field_of(table.field, TEXTS, "field") if table.field else None
        self._labels = [field_of(name, TEXTS, "labels") for name in table.labels]
        self._names = [_LABEL.sub("_", field.column or field.member) for field in self._labels]
        if len(set(self._names)) < len(self._names) or {"le", ""} & set(self._names):
            raise ValueError("labels has two of a name, or le, which is a histogram's own")
        if any(name[0].isdigit() or name.startswith("__") for name in self._names):
            raise ValueError("labels has a name that begins with a digit, or with __, which is Prometheus's own")
        self._bounds = np.array(bounds)
        self._counts: dict[_Labels, tuple[Ints, float]] = {}

    def observe(self, work: Work, matched: Bools | None) -> Mapping[_Labels, tuple[Sequence[int], float]]:
        """By labels, the records in each bucket (of a counter one), and the sum of their values."""
        rows = np.arange(len(work.table)) if matched is None else np.flatnonzero(matched)
        values = np.ones(len(rows))
        bucket = np.zeros(len(rows), np.int64)
        buckets = 1
        if self._field is not None:
            values = self._field.numbers(work, rows)
            numbers = ~np.isnan(values)
            rows, values = rows[numbers], values[numbers]
            bucket = np.searchsorted(self._bounds, values)
            buckets = len(self._bounds) + 1
        if not len(rows):
            return {}
        sets, of_row = self._sets(work, rows)
        counts = np.bincount(of_row * buckets + bucket, minlength=len(sets) * buckets).reshape(-1, buckets)
        sums = np.bincount(of_row, values, minlength=len(sets))
        return {labels: (counts[place].tolist(), float(sums[place])) for place, labels in enumerate(sets)}

    def add(self, added: Mapping[_Labels, tuple[Sequence[int], float]]) -> None:
        for labels, (counts, total) in added.items():
            if labels not in self._counts and len(self._counts) >= MAX_LABEL_SETS:
                labels = (_OTHER,) * len(labels)
                metrics.METRIC_OTHER.labels(self.table.name).inc(sum(counts))
            before, sum_before = self._counts.get(labels, (np.zeros(len(counts), np.int64), 0.0))
            self._counts[labels] = before + np.array(counts), total + sum_before

    def family(self) -> CounterMetricFamily | HistogramMetricFamily:
        """Without numbers."""
        help_ = self.table.help or f"Records that match: {self.table.query or '*'}"
        kind = CounterMetricFamily if self.table.type == "counter" else HistogramMetricFamily
        return kind(self.table.name, help_, labels=self._names)

    def collect(self) -> Metric:
        family = self.family()
        for labels, (counts, total) in list(self._counts.items()):
            if isinstance(family, CounterMetricFamily):
                family.add_metric(labels, int(counts.sum()))
            else:
                bounds = [*map(float, self._bounds), math.inf]
                le = ["+Inf" if math.isinf(bound) else str(bound) for bound in bounds]
                family.add_metric(labels, list(zip(le, np.cumsum(counts).tolist(), strict=True)), total)
        return family

    def _sets(self, work: Work, rows: Ints) -> tuple[Sequence[_Labels], Ints]:
        """The different labels of some records, and which each has. One without the field has an empty label."""
        code = np.zeros(len(rows), np.int64)
        sets: list[_Labels] = [()]
        for field in self._labels:
            texts = pc.utf8_slice_codeunits(field.text(work, rows).fill_null(""), 0, _LABEL_CHARACTERS)
            encoded = texts.dictionary_encode()
            values = encoded.dictionary.to_pylist()
            pairs, code = np.unique(code * len(values) + encoded.indices.to_numpy(), return_inverse=True)
            sets = [(*sets[pair // len(values)], values[pair % len(values)]) for pair in pairs.tolist()]
        return sets, code
