"""How long 100 records, or counts, take: ms from the request to the last byte of the answer, median of 5 warm, on one
connection. The systems take turns, so that a noisy minute hits both; the peer counts with the faster of its forms.
Beside counts and figures, of which a system may know something from before, stands how long the first answer took. A
wrong answer fails the case."""

import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from tests.bench.bench import Bench, Loaded
from tests.bench.corpus import Corpus
from tests.bench.http_client import Client
from tests.bench.queries import (
    Counts,
    Figures,
    Query,
    Question,
    absent_word,
    count_10s_level,
    deep_page,
    histogram_level,
    levels_by_hour,
    mean_by_service,
    newest_all,
    newest_inner_wildcard,
    newest_level,
    newest_level_service,
    newest_not,
    newest_numeric_range,
    newest_phrase,
    newest_prefix,
    newest_raw_regex,
    newest_word,
    newest_word_service,
    oldest_all,
    oldest_word,
    one_trace_id,
    p99_by_service,
    top_hosts_word,
    top_services,
    top_users,
)
from tests.bench.report import GOAL_LINES, REFERENCE_MS, Line, compared

_WARM_UP = 2
_REPEATS = 5


def newest100_word(bench: Bench) -> Line:
    """The newest 100 with the word `timeout`, `track_total_hits=false`."""
    return _searched(bench, "newest100_word", newest_word, goal_ratio=1.0)


def newest100_word_total(bench: Bench) -> Line:
    """The same with the default total, exact to 10,000: a second figure, without a goal. The peer counts nothing."""
    return _searched(bench, "newest100_word_total", newest_word, form="default_total")


def newest100_word_service(bench: Bench) -> Line:
    """… with a word, of a service."""
    return _searched(bench, "newest100_word_service", newest_word_service, goal_ratio=1.0)


def newest100_phrase(bench: Bench) -> Line:
    """… with a phrase."""
    return _searched(bench, "newest100_phrase", newest_phrase, goal_ratio=1.0)


def newest100_level(bench: Bench) -> Line:
    """… of a level."""
    return _searched(bench, "newest100_level", newest_level, goal_ratio=1.0)


def newest100_level_service(bench: Bench) -> Line:
    """… of a level and a service."""
    return _searched(bench, "newest100_level_service", newest_level_service, goal_ratio=1.0)


def newest100_not(bench: Bench) -> Line:
    """… without a word."""
    return _searched(bench, "newest100_not", newest_not, goal_ratio=1.0)


def newest100_prefix(bench: Bench) -> Line:
    """… with words that begin so."""
    return _searched(bench, "newest100_prefix", newest_prefix, goal_ratio=1.0)


def newest100_inner_wildcard(bench: Bench) -> Line:
    """… with words that have something inside."""
    return _searched(bench, "newest100_inner_wildcard", newest_inner_wildcard, goal_ratio=1.0)


def newest100_raw_regex(bench: Bench) -> Line:
    """… that a regular expression finds in the text."""
    return _searched(bench, "newest100_raw_regex", newest_raw_regex, goal_ratio=1.0)


def newest100_numeric_range(bench: Bench) -> Line:
    """… with a number in the metadata between two values."""
    return _searched(bench, "newest100_numeric_range", newest_numeric_range, goal_ratio=1.0)


def newest100_absent(bench: Bench) -> Line:
    """… with a word that no line has."""
    return _searched(bench, "newest100_absent", absent_word, goal_ratio=1.0)


def newest100_all(bench: Bench) -> Line:
    """… of all."""
    return _searched(bench, "newest100_all", newest_all, goal_ratio=1.0)


def trace_id(bench: Bench) -> Line:
    """One trace id: at most 10 ms at 1 M lines, 20 ms at 10 M."""
    goal = 10.0 if bench.corpus.lines <= GOAL_LINES else 20.0
    return _searched(bench, "one_trace_id", one_trace_id, goal=goal)


def page_5000(bench: Bench) -> Line:
    """100 of all, 5,000 down."""
    return _searched(bench, "page_5000", deep_page, goal_ratio=1.0)


def oldest100_all(bench: Bench) -> Line:
    """The oldest 100 of all."""
    return _searched(bench, "oldest100_all", oldest_all, goal_ratio=1.0)


def oldest100_word(bench: Bench) -> Line:
    """The oldest 100 with a word."""
    return _searched(bench, "oldest100_word", oldest_word, goal_ratio=1.0)


def counts_10s_level(bench: Bench) -> Line:
    """Counts by 10 s and level, over all."""
    return _searched(bench, "count_10s_level", count_10s_level, goal_ratio=1.0)


def counts_1s_level(bench: Bench) -> Line:
    """A chart of all: counts by 1 s and level."""
    return _searched(bench, "histogram_level", histogram_level, goal_ratio=1.0)


def stats_services(bench: Bench) -> Line:
    """The top services."""
    return _searched(bench, "stats_services", top_services, goal_ratio=1.0)


def stats_hosts_word(bench: Bench) -> Line:
    """The top hosts of the lines with a word."""
    return _searched(bench, "stats_hosts_word", top_hosts_word, goal_ratio=1.0)


def stats_levels_hour(bench: Bench) -> Line:
    """Counts by hour and level, as a table."""
    return _searched(bench, "stats_levels_hour", levels_by_hour, goal_ratio=1.0)


def stats_p99_service(bench: Bench) -> Line:
    """The 99th percentile of a number in the metadata, by service."""
    return _searched(bench, "stats_p99_service", p99_by_service, goal_ratio=1.0)


def stats_avg_service(bench: Bench) -> Line:
    """The mean of it."""
    return _searched(bench, "stats_avg_service", mean_by_service, goal_ratio=1.0)


def stats_users(bench: Bench) -> Line:
    """The top values of a field in the metadata that has 50,000."""
    return _searched(bench, "stats_users", top_users, goal_ratio=1.0)


def _searched(
    bench: Bench,
    case: str,
    ask: Callable[[Corpus], Question],
    *,
    form: str = "no_total",
    goal_ratio: float | None = None,
    goal: float | None = None,
) -> Line:
    question = ask(bench.corpus)
    logd, peer = bench.logd(), bench.peer()
    medians, firsts = _took_ms([logd] if peer is None else [logd, peer], question, bench.corpus)
    peer_ms = {} if peer is None else medians[peer.system.name]
    best = min(peer_ms, key=lambda name: peer_ms[name], default=None)
    more = {f"peer_{name}_ms": value for name, value in peer_ms.items()}
    if not isinstance(question, Query):
        more["first_ms"] = firsts[logd.system.name][form]
        if peer is not None and best is not None:
            more["peer_first_ms"] = firsts[peer.system.name][best]
    return compared(
        case,
        medians[logd.system.name][form],
        "ms",
        bench.corpus.lines,
        peer=None if peer is None or best is None else (peer.system.name, peer_ms[best]),
        reference=REFERENCE_MS.get(case) if bench.corpus.lines == GOAL_LINES else None,
        goal_ratio=goal_ratio,
        goal=goal,
        more=more,
    )


ByForm = dict[str, dict[str, float]]


def _took_ms(servers: list[Loaded], question: Question, corpus: Corpus) -> tuple[ByForm, ByForm]:
    """The medians, and the first of all, by system and form."""
    truth = question.truth(corpus)
    took: dict[tuple[str, str], list[float]] = {}
    firsts: ByForm = {}
    with ExitStack() as stack:
        asked = []
        for server in servers:
            server.wait_until_quiet()
            client = stack.enter_context(Client(server.system.port))
            for form, target in server.system.forms(question).items():
                begin = time.perf_counter()
                body = client.get(target)
                firsts.setdefault(server.system.name, {})[form] = (time.perf_counter() - begin) * 1_000
                if not _is_right(server, question, body, truth):
                    raise server.system.process.failure(f"wrong answer to {target}: {body[:500]!r}")
                took[server.system.name, form] = []
                asked.append((client, target, took[server.system.name, form]))
        for _ in range(_WARM_UP + _REPEATS):
            for client, target, times in asked:
                begin = time.perf_counter()
                client.get(target)
                times.append((time.perf_counter() - begin) * 1_000)
    medians: ByForm = {}
    for (name, form), times in took.items():
        medians.setdefault(name, {})[form] = statistics.median(times[_WARM_UP:])
    return medians, firsts


def _is_right(server: Loaded, question: Question, body: bytes, truth: Any) -> bool:
    """Against Question.truth."""
    match question:
        case Counts():
            return bool(server.system.counts(body) == truth)
        case Figures():
            return question.is_right(server.system.figures(question, body), truth)
        case Query():
            return bool(sorted(server.system.times(body), reverse=True) == truth)
