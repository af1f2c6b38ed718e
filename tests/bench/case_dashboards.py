"""Dashboards: searches that are asked again and again, of which logd keeps the answers (`max_age`).

VictoriaLogs keeps none, and is asked the same.
"""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from urllib.parse import urlencode

import orjson

from tests.bench.ask_counts import Counts
from tests.bench.ask_figures import Figures
from tests.bench.ask_patterns import Patterns
from tests.bench.bench import Bench, Loaded
from tests.bench.case_latency import percentile
from tests.bench.corpus import SEED, Corpus
from tests.bench.http_client import Client
from tests.bench.question import Question, Span, last, logsql
from tests.bench.report import Line, compared
from tests.bench.searchers import Searched, paced

_GOAL_MS = 5.0
#: Answers may be so old, in seconds, as a page asks for that is fetched again as often.
_MAX_AGE = 30
_ROUNDS = 40
_PEER_ROUNDS = 3
_A_SECOND = 300
_CLIENTS = 50
_REPEATED = 9
#: For each probe of the run: 20 s.
_SECONDS = 0.1
#: Of as many searches a second as were sent, so many are answered in time when none wait.
_NEAR = 1.02
_HOURS = 24
_SERVICES = ("payment", "order", "cart", "search", "auth", "shipping", "inventory")
_DURATION = "metadata.duration_ms"


def _charts(corpus: Corpus) -> Sequence[Question]:
    """What a page has that people keep open."""
    day = last(corpus, timedelta(hours=_HOURS))
    return [
        Counts(3_600, last(corpus, timedelta(days=7))),
        Counts(600, day),
        Figures({"by": "service", **_times(day)}, f"{day.logsql} | stats by (service) count() n", ["service"]),
        Figures(
            {"by": "service", "aggregate": "p99(duration_ms)", **_times(day)},
            f'{day.logsql} | stats by (service) quantile(0.99, "{_DURATION}") n',
            ["service"],
        ),
        Patterns(day, "ERROR", 10),
    ]


def _times(span: Span) -> dict[str, str]:
    return {name: value for name, value in span.logd.items() if name != "max_age"}


def _kept(target: str) -> str:
    """An answer that is kept will do."""
    if "max_age=" in target:
        return target.replace("max_age=0", f"max_age={_MAX_AGE}")
    return f"{target}&max_age={_MAX_AGE}"


def cached(bench: Bench) -> Line:
    """ms of a repeat, p95, over the charts of a page; made once before."""
    questions = _charts(bench.corpus)
    logd, peer = bench.logd(), bench.peer()
    targets = [_kept(question.logd()) for question in questions]
    took, first = _repeats(logd, targets, _ROUNDS)
    peer_took: list[float] = []
    if peer is not None:
        peer_took, _ = _repeats(peer, [next(iter(one.victoria_logs().values())) for one in questions], _PEER_ROUNDS)
    return compared(
        "cached",
        percentile(took, 0.95),
        "ms",
        bench.corpus.lines,
        peer=(peer.system.name, percentile(peer_took, 0.95)) if peer is not None else None,
        reference=None,
        goal=_GOAL_MS,
        more={"p50": percentile(took, 0.5), "first_ms": first, "repeats": len(took)},
    )


def _repeats(server: Loaded, targets: Sequence[str], rounds: int) -> tuple[list[float], float]:
    """Sorted ms, and those of all the first ones together."""
    server.wait_until_quiet()
    took: list[float] = []
    with Client(server.system.port) as client:
        begin = time.perf_counter()
        for target in targets:
            client.get(target)
        first = (time.perf_counter() - begin) * 1_000
        for target in itertools.chain.from_iterable(itertools.repeat(targets, rounds)):
            begin = time.perf_counter()
            client.get(target)
            took.append((time.perf_counter() - begin) * 1_000)
    return sorted(took), first


def dashboards(bench: Bench) -> Line:
    """Seconds that 300 searches take which are sent evenly within one, nine of ten from pages that are fetched again
    and again, one new: a trace id, or a word of a service in an hour."""
    seconds = bench.probes * _SECONDS
    logd, peer = bench.logd(), bench.peer()
    mine, cores = _paced(logd, _mixed(bench.corpus, "logd"), seconds)
    more = _more(mine, cores)
    peer_value = None
    if peer is not None:
        theirs, peer_cores = _paced(peer, _mixed(bench.corpus, peer.system.name), seconds)
        peer_value = _A_SECOND / theirs.a_second if theirs.within else None
        more |= {f"peer_{name}": value for name, value in _more(theirs, peer_cores).items()}
    return compared(
        "dashboards",
        _A_SECOND / mine.a_second,
        "s for 300 searches",
        bench.corpus.lines,
        peer=None if peer is None or peer_value is None else (peer.system.name, peer_value),
        reference=None,
        goal=_NEAR,
        more=more,
    )


def _paced(server: Loaded, targets: Iterator[str], seconds: float) -> tuple[Searched, float]:
    """Also the server's cores. What a page has is made before."""
    server.wait_until_quiet()
    paced(server.system.port, _CLIENTS, seconds / 4, targets, _A_SECOND / 4)
    begin, cpu = time.monotonic(), server.system.process.cpu_seconds()
    searched = paced(server.system.port, _CLIENTS, seconds, targets, _A_SECOND)
    return searched, (server.system.process.cpu_seconds() - cpu) / (time.monotonic() - begin)


def _more(searched: Searched, cores: float) -> dict[str, float]:
    ordered = sorted(searched.ms)
    return {
        "searches_a_second": searched.a_second,
        "p50_ms": percentile(ordered, 0.5),
        "p95_ms": percentile(ordered, 0.95),
        "failed": searched.failed,
        "unsent": searched.unsent,
        "cores": cores,
        "client_cores": searched.client_cpu_seconds / searched.seconds,
    }


def _mixed(corpus: Corpus, system: str) -> Iterator[str]:
    charts = itertools.cycle(_pages(corpus, system))
    new = _new(corpus, system)
    while True:
        yield from itertools.islice(charts, _REPEATED)
        yield next(new)


def _pages(corpus: Corpus, system: str) -> Sequence[str]:
    """Of the charts, and of a page for each service the newest errors and their number by time."""
    day = last(corpus, timedelta(hours=_HOURS))
    if system == "logd":
        targets = [question.logd() for question in _charts(corpus)]
        for service in _SERVICES:
            asked = {"level": "ERROR", "service": service, **day.logd}
            targets.append(f"/api/v1/logs/search?{urlencode({**asked, 'limit': '100', 'track_total_hits': 'false'})}")
            targets.append(f"/api/v1/logs/histogram?{urlencode({**asked, 'interval': '600s'})}")
        return [_kept(target) for target in targets]
    targets = [next(iter(question.victoria_logs().values())) for question in _charts(corpus)]
    for service in _SERVICES:
        errors = f'{{service="{service}"}} {day.logsql} level:=ERROR'
        targets.append(logsql(f"{errors} | sort by (_time) desc limit 100"))
        targets.append(logsql(f"{errors} | stats by (_time:600s) count() n"))
    return targets


def _new(corpus: Corpus, system: str) -> Iterator[str]:
    """The same for all systems."""
    rng = random.Random(SEED)
    size = corpus.path.stat().st_size
    with corpus.path.open("rb") as file:
        while True:
            file.seek(rng.randrange(size))
            file.readline()
            record = orjson.loads(file.readline() or corpus.line(0))
            trace, time_ = record["metadata"]["trace_id"], datetime.fromisoformat(record["timestamp"])
            hour = Span(time_ - timedelta(hours=1), time_)
            if system == "logd":
                service = record["service"]
                page = {"limit": "100", "track_total_hits": "false"}
                yield f"/api/v1/logs/search?{urlencode({'q': f'trace_id:{trace}', **page})}"
                asked = {"q": "timeout", "service": service, **hour.logd, **page}
                yield f"/api/v1/logs/search?{urlencode(asked)}"
            else:
                yield logsql(f'"metadata.trace_id":="{trace}" | sort by (_time) desc limit 100')
                service_filter = f'{{service="{record["service"]}"}}'
                yield logsql(f"{service_filter} {hour.logsql} timeout | sort by (_time) desc limit 100")
