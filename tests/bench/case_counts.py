"""Charts over a search: counts by time and level, see `timing`."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import NamedTuple

from tests.bench.ask_counts import Counts
from tests.bench.bench import Bench
from tests.bench.question import last
from tests.bench.report import Line
from tests.bench.timing import timed


class _Chart(NamedTuple):
    """Of the last `span` of the corpus, or of all: by so many seconds, or, where it is of days, so many intervals."""

    seconds: int
    span: timedelta | None = None
    intervals: int = 0


_CHARTS: Mapping[str, _Chart] = {
    # Some twenty intervals for each million lines.
    "count_10s_level": _Chart(10, intervals=100),
    # Two hundred.
    "histogram_level": _Chart(1, intervals=1_000),
    "histogram_15m": _Chart(10, timedelta(minutes=15)),
    "histogram_24h": _Chart(600, timedelta(hours=24)),
    "histogram_7d": _Chart(3_600, timedelta(days=7)),
}


def _counted(case: str, bench: Bench) -> Line:
    chart, days = _CHARTS[case], bench.corpus.days
    if chart.span is not None:
        return timed(bench, case, Counts(chart.seconds, last(bench.corpus, chart.span)))
    seconds = chart.seconds if days is None else days * 86_400 // chart.intervals // 60 * 60
    return timed(bench, case, Counts(max(chart.seconds, seconds)))


CASES: Mapping[str, Callable[[Bench], Line]] = {name: partial(_counted, name) for name in _CHARTS}
