"""Many people who search what has just happened, while lines pour in: neither holds back the other.

Fifty clients ask for the newest lines of the last 15 minutes, and one search in ten is a chart; each asks again as soon
as it has its answer, so that there are always fifty under way, and in another stretch a second later, as people do.
"""

from __future__ import annotations

import itertools
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urlencode

from tests.bench.bench import Bench
from tests.bench.case_latency import percentile
from tests.bench.http_client import Client
from tests.bench.logd_server import logd_server
from tests.bench.pouring import bodies, pouring
from tests.bench.question import logsql
from tests.bench.report import Line
from tests.bench.searchers import Searched, closed
from tests.bench.system import System
from tests.bench.victoria_logs import victoria_logs

_CLIENTS = 50
_LINES_A_SECOND = 50_000
_GOAL_MS = 500.0
_GOAL_SHARE = 0.8
_PAUSE_SECONDS = 1.0
#: For each probe of the run, of each stretch: 20 s.
_SECONDS = 0.1
_SEARCHABLE_SECONDS = 120.0
_SPAN = "15m"


class _Search(NamedTuple):
    """The newest 100. VictoriaLogs is asked by its argument where most lines match (`frequent`), else by its pipe."""

    logd: dict[str, str]
    logsql: str
    frequent: bool = False


def _searches(number: int) -> list[_Search]:
    """Differ from one round to the next."""
    service = ("payment", "order", "cart", "search", "auth", "shipping", "inventory")[number % 7]
    trace = secrets.token_hex(16)
    code = number % 999 + 1
    return [
        _Search({"q": "timeout"}, "timeout"),
        _Search({"q": f"declined AND {code}"}, f"declined {code}"),
        _Search({"level": "ERROR"}, "level:=ERROR"),
        _Search({"level": "ERROR", "service": service}, f'{{service="{service}"}} level:=ERROR'),
        _Search({"q": '"upstream 503 from"'}, '"upstream 503 from"'),
        _Search({"q": "NOT timeout"}, "!timeout", frequent=True),
        _Search({"service": service}, f'{{service="{service}"}}', frequent=True),
        _Search({"q": f"trace_id:{trace}"}, f'"metadata.trace_id":="{trace}"'),
        _Search({"q": "PUT AND 404"}, "PUT 404"),
    ]


def _of_logd() -> Iterator[str]:
    for number in itertools.count():
        for search in _searches(number):
            asked = {**search.logd, "from": f"-{_SPAN}", "limit": "100", "track_total_hits": "false"}
            yield f"/api/v1/logs/search?{urlencode(asked)}"
        yield f"/api/v1/logs/histogram?{urlencode({'from': f'-{_SPAN}', 'interval': '10s', 'by': 'level'})}"


def _of_victoria_logs() -> Iterator[str]:
    for number in itertools.count():
        for search in _searches(number):
            query = f"_time:{_SPAN} {search.logsql}"
            if search.frequent:
                yield logsql(query, limit="100")
            else:
                yield logsql(f"{query} | sort by (_time) desc limit 100")
        yield logsql(f"_time:{_SPAN} | stats by (_time:10s, level) count() n")


@dataclass(frozen=True)
class _Storm:
    """Lines accepted a second without searches, with them, and with those that people wait between."""

    alone: float
    beside: float
    beside_people: float
    storm: Searched
    people: Searched
    cpu_cores: float


def storm(bench: Bench) -> Line:
    """ms of a search in the storm, p95; beside it the share of its pace at which lines are taken meanwhile."""
    folder, seconds = bench.folder / "storm", bench.probes * _SECONDS
    with logd_server(folder / "logd") as server:
        logd = _stormed(server, _of_logd(), seconds)
    peer = None
    if bench.peers.victoria_logs is not None:
        with victoria_logs(bench.peers.victoria_logs, folder / "peer") as other:
            peer = _stormed(other, _of_victoria_logs(), seconds)
    value = _percentile(logd.storm, 0.95)
    peer_value = None if peer is None else _percentile(peer.storm, 0.95)
    return Line(
        "storm",
        value,
        "ms",
        int(seconds * _LINES_A_SECOND),
        goal=_GOAL_MS,
        peer=None if peer is None else "VictoriaLogs",
        peer_value=peer_value,
        ratio=value / peer_value if peer_value else None,
        note=f"{_CLIENTS} clients without pauses; {_LINES_A_SECOND:,} lines a second are sent",
        more={
            **_more(logd),
            "share_goal": _GOAL_SHARE,
            "share_met": logd.beside >= _GOAL_SHARE * logd.alone,
            **({} if peer is None else {f"peer_{name}": value for name, value in _more(peer).items()}),
        },
    )


def _stormed(server: System, targets: Iterator[str], seconds: float) -> _Storm:
    made, sent = bodies(), 0
    rates: list[float] = []
    searched: list[Searched] = []
    for pause_seconds in (None, None, 0.0, _PAUSE_SECONDS):  # the first is to warm up
        with pouring(server.port, server.insert, made, _LINES_A_SECOND) as poured:
            begin, cpu = time.monotonic(), server.process.cpu_seconds()
            if pause_seconds is None:
                time.sleep(seconds)
            else:
                searched.append(closed(server.port, _CLIENTS, seconds, targets, pause_seconds))
            passed = time.monotonic() - begin
            rates.append(poured.lines / passed)
            if pause_seconds == 0.0:
                cores = (server.process.cpu_seconds() - cpu) / passed
        sent += poured.lines
    with Client(server.port) as client:
        server.process.wait_until(lambda: server.count(client) >= sent, f"all {sent} lines found", _SEARCHABLE_SECONDS)
    _, alone, beside, beside_people = rates
    return _Storm(alone, beside, beside_people, searched[0], searched[1], cores)


def _more(one: _Storm) -> dict[str, float]:
    return {
        "p50": _percentile(one.storm, 0.5),
        "searches_a_second": one.storm.a_second,
        "failed": one.storm.failed,
        "cores": one.cpu_cores,
        "lines_a_second_alone": one.alone,
        "lines_a_second": one.beside,
        "share": one.beside / one.alone,
        "people_p50": _percentile(one.people, 0.5),
        "people_p95": _percentile(one.people, 0.95),
        "people_searches_a_second": one.people.a_second,
        "people_share": one.beside_people / one.alone,
    }


def _percentile(searched: Searched, share: float) -> float:
    return percentile(sorted(searched.ms), share)
