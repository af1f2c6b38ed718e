"""The templates of messages, see `timing`."""

from datetime import timedelta

from tests.bench.ask_patterns import Patterns
from tests.bench.bench import Bench
from tests.bench.question import last
from tests.bench.report import Line
from tests.bench.timing import timed

_TOP = 10


def patterns(bench: Bench) -> Line:
    """Of all lines."""
    return timed(bench, "patterns", Patterns())


def patterns_hour(bench: Bench) -> Line:
    """Of the last hour."""
    return timed(bench, "patterns_hour", Patterns(last(bench.corpus, timedelta(hours=1))))


def top_errors(bench: Bench) -> Line:
    """The most frequent error messages, numbers apart: of 3 % of the lines."""
    return timed(bench, "top_errors", Patterns(level="ERROR", top=_TOP))
