"""Tables of figures, see `timing`."""

from collections.abc import Callable, Mapping
from functools import partial

from tests.bench.ask_figures import Figures
from tests.bench.bench import Bench
from tests.bench.report import Line
from tests.bench.timing import timed

_DURATION = "metadata.duration_ms"

_QUESTIONS: Mapping[str, Figures] = {
    # The seven services, by how many lines they have.
    "stats_services": Figures(
        {"by": "service", "top": "10"}, "* | stats by (service) count() n | sort by (n desc) limit 10", ["service"]
    ),
    # Of the lines with a word, which are 2.5 %, the hosts with the most, of 410.
    "stats_hosts_word": Figures(
        {"q": "timeout", "by": "host"},
        "timeout | stats by (host) count() n | sort by (n desc, host) limit 10",
        ["host"],
        top=10,
        word="timeout",
    ),
    # A table of hours and levels.
    "stats_levels_hour": Figures(
        {"by": "level", "interval": "1h"}, "* | stats by (_time:1h, level) count() n", ["level"], hours=True
    ),
    # Of a number in the metadata, with two decimals.
    "stats_p99_service": Figures(
        {"by": "service", "aggregate": "p99(duration_ms)"},
        f'* | stats by (service) quantile(0.99, "{_DURATION}") n',
        ["service"],
        number="duration_ms",
        share=0.99,
    ),
    # Its mean.
    "stats_avg_service": Figures(
        {"by": "service", "aggregate": "avg(duration_ms)"},
        f'* | stats by (service) avg("{_DURATION}") n',
        ["service"],
        number="duration_ms",
    ),
    # Of 50,000 values in the metadata those with the most lines.
    "stats_users": Figures(
        {"by": "user_id"},
        '* | stats by ("metadata.user_id") count() n | sort by (n desc) limit 10',
        ["user_id"],
        top=10,
    ),
}


def _stats(case: str, bench: Bench) -> Line:
    return timed(bench, case, _QUESTIONS[case])


CASES: Mapping[str, Callable[[Bench], Line]] = {name: partial(_stats, name) for name in _QUESTIONS}
