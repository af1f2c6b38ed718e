"""How long it takes to find the templates of all messages with their counts: ms, median of 5 warm, on one connection,
and how long the first answer took.

VictoriaLogs counts messages with their numbers masked, which it calls collapse_nums; it merges nothing. The systems
take turns. A wrong count fails the case.
"""

import statistics
import time
from collections import Counter
from contextlib import ExitStack
from urllib.parse import urlencode

import orjson

from logd.patterns.templates import templates
from tests.bench.bench import Bench, Loaded
from tests.bench.corpus import Corpus
from tests.bench.http_client import Client
from tests.bench.report import Line, compared
from tests.support.naive_patterns import mask

_WARM_UP, _REPEATS = 2, 5
_LOGD = "/api/v1/logs/patterns?limit=500"
_PEER = f"/select/logsql/query?{urlencode({'query': '* | collapse_nums | stats by (_msg) count() n'})}"


def patterns(bench: Bench) -> Line:
    """Of all lines."""
    servers = [server for server in (bench.logd(), bench.peer()) if server is not None]
    took: dict[str, list[float]] = {server.system.name: [] for server in servers}
    firsts: dict[str, float] = {}
    with ExitStack() as stack:
        asked = []
        for server in servers:
            server.wait_until_quiet()
            client = stack.enter_context(Client(server.system.port))
            target = _LOGD if server.system.name == "logd" else _PEER
            begin = time.perf_counter()
            body = client.get(target)
            firsts[server.system.name] = (time.perf_counter() - begin) * 1_000
            _check(server, bench.corpus, target, body)
            asked.append((client, target, took[server.system.name]))
        for _ in range(_WARM_UP + _REPEATS):
            for client, target, times in asked:
                begin = time.perf_counter()
                client.get(target)
                times.append((time.perf_counter() - begin) * 1_000)
    medians = {name: statistics.median(times[_WARM_UP:]) for name, times in took.items()}
    value = medians.pop("logd")
    peer = next(iter(medians.items()), None)
    more = {"first_ms": firsts["logd"]}
    if peer is not None:
        more["peer_first_ms"] = firsts[peer[0]]
    return compared("patterns", value, "ms", bench.corpus.lines, peer=peer, reference=None, goal_ratio=1.0, more=more)


def _check(server: Loaded, corpus: Corpus, target: str, body: bytes) -> None:
    if target == _PEER:
        right = sum(int(orjson.loads(line)["n"]) for line in body.splitlines()) == corpus.lines
    else:
        masks = Counter(mask(orjson.loads(line)["message"]) for line in corpus.lines_oldest_first())
        of_mask = templates(masks, lambda: None)
        truth: Counter[str] = Counter()
        for one, count in masks.items():
            truth[of_mask[one]] += count
        right = {one["template"]: one["count"] for one in orjson.loads(body)["patterns"]} == truth
    if not right:
        raise server.system.process.failure(f"wrong answer to {target}: {body[:500]!r}")
