"""logd's own share of a search's time on the real Elasticsearch."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from itertools import islice
from urllib.parse import urlencode

from tests.bench.bench import Bench
from tests.bench.case_latency import percentile
from tests.bench.elastic_timer import ElasticTimer, elastic_timer
from tests.bench.http_client import BODY_BYTES, Client
from tests.bench.logd_server import LogdServer, logd_server
from tests.bench.report import Line
from tests.services import Running
from tests.services.elasticsearch import ask

_GOAL_MS = 10.0
#: Elasticsearch takes some thousands a second, and what is measured is what goes on beside it.
_MOST_LINES = 100_000
_LINES_A_SECOND = 500
_START_SECONDS = 120.0
_WARM_UP = 3
#: For each probe of the run: forty of each search.
_ROUNDS = 0.2
_PAGE = {"limit": "100"}
#: Pages of 100 with a total, as they are unless told; a chart; a table.
_SEARCHES: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "word": ("search", {"q": "timeout", **_PAGE}),
    "two_words": ("search", {"q": "PUT AND 404", **_PAGE}),
    "phrase": ("search", {"q": '"upstream 503 from"', **_PAGE}),
    "level_service": ("search", {"level": "ERROR", "service": "payment", **_PAGE}),
    "not": ("search", {"q": "NOT timeout", **_PAGE}),
    "wildcard": ("search", {"q": "*imeou*", **_PAGE}),
    "range": ("search", {"q": "duration_ms:[100 TO 101]", **_PAGE}),
    "absent": ("search", {"q": "zyzzyva", **_PAGE}),
    "all": ("search", _PAGE),
    "chart": ("histogram", {"by": "level"}),
    "services": ("stats", {"by": "service"}),
}


def cluster_search(bench: Bench) -> Line:
    """ms of a request, p95 over all kinds of searches, less the time in which one to Elasticsearch was under way: from
    its first byte out of logd until the last byte of the answer was back there. Reading the answer, making ours and
    carrying that to the client are logd's own."""
    elasticsearch, folder = bench.engines.elasticsearch, bench.engines.new_folder("search")
    lines = min(bench.corpus.lines, _MOST_LINES)
    _clear(elasticsearch)
    with elastic_timer(elasticsearch.port) as timer:
        settings = {
            "index.type": "elasticsearch",
            "index.elasticsearch.urls": json.dumps([f"http://127.0.0.1:{timer.port}"]),
            "index.elasticsearch.replicas": 0,
        }
        with logd_server(folder, settings=settings) as server, Client(server.port) as client:
            _fill(server, client, bench, lines)
            own: list[float] = []
            whole: list[float] = []
            each: dict[str, list[float]] = {}
            cpu = 0.0
            for number in range(_WARM_UP + max(1, int(bench.probes * _ROUNDS))):
                if number == _WARM_UP:
                    cpu = server.process.cpu_clock_seconds()
                for name, (kind, asked) in _SEARCHES.items():
                    mine, all_ = _asked(client, timer, f"/api/v1/logs/{kind}?{urlencode(asked)}")
                    if number >= _WARM_UP:
                        own.append(mine)
                        whole.append(all_)
                        each.setdefault(name, []).append(mine)
            cpu = server.process.cpu_clock_seconds() - cpu
    _clear(elasticsearch)
    return Line(
        "cluster_search",
        percentile(sorted(own), 0.95),
        "ms",
        lines,
        goal=_GOAL_MS,
        note="what a search takes beside Elasticsearch; no peer",
        more={
            "p50": percentile(sorted(own), 0.5),
            "cpu_ms": cpu * 1_000 / len(own),
            "whole_p50": percentile(sorted(whole), 0.5),
            "whole_p95": percentile(sorted(whole), 0.95),
            "searches": len(own),
            **{f"{name}_p95": percentile(sorted(times), 0.95) for name, times in each.items()},
        },
    )


def _clear(elasticsearch: Running) -> None:
    for name in ask(elasticsearch.port, "GET", "/_cat/indices/logs-*?h=index")[1].decode().split():
        ask(elasticsearch.port, "DELETE", f"/{name}")


def _fill(server: LogdServer, client: Client, bench: Bench, lines: int) -> None:
    """With the first lines of the corpus."""
    for body in _bodies(bench, lines):
        client.post(server.insert, body)

    def found() -> bool:
        try:
            return server.count(client) >= lines
        except RuntimeError:  # an index that is being made can't be asked yet
            return False

    server.process.wait_until(found, f"searchable ({lines} lines)", _START_SECONDS + lines / _LINES_A_SECOND, 1.0)


def _bodies(bench: Bench, lines: int) -> Iterator[bytes]:
    each = max(1, BODY_BYTES // 300)
    rest = islice(bench.corpus.lines_oldest_first(), lines)
    while body := b"".join(islice(rest, each)):
        yield body


def _asked(client: Client, timer: ElasticTimer, target: str) -> tuple[float, float]:
    """ms: logd's own, and all."""
    begin = time.monotonic()
    client.get(target)
    end = time.monotonic()
    whole = end - begin
    return (whole - timer.waited_seconds(begin, end)) * 1_000, whole * 1_000
