"""How long an answer takes: ms from the request to the last byte, warm, on one connection. The systems take turns, so
that a noisy minute hits both; the peer counts with the faster of its forms. Beside it stands how long the first answer
took, as a system may know something from then on. A wrong answer fails the case."""

import time
from contextlib import ExitStack
from typing import NamedTuple

from tests.bench.bench import Bench
from tests.bench.case_latency import percentile
from tests.bench.http_client import Client
from tests.bench.question import Question
from tests.bench.report import GOAL_LINES, REFERENCE_MS, Line, compared

_WARM_UP = 2
#: What is quick is asked for more often: a 95th percentile of few says little.
_LEAST, _MOST = 7, 60
_SECONDS = 5.0


class Took(NamedTuple):
    """Of a form, in ms."""

    p50: float
    p95: float
    first: float


def timed(
    bench: Bench,
    case: str,
    question: Question,
    *,
    goal_ratio: float | None = 1.0,
    goal: float | None = None,
) -> Line:
    """The value is logd's median; its 95th percentile and its ratio to the peer's are beside it. Without `goal`, it is
    `goal_ratio` times the peer's."""
    logd, peers, repeats = _took(bench, question)
    best = min(peers, key=lambda name: peers[name].p50, default=None)
    peer = bench.peer()
    more: dict[str, float] = {"p95": logd.p95, "repeats": repeats, "first_ms": logd.first}
    if best is not None:
        more |= {"peer_p95": peers[best].p95, "p95_ratio": logd.p95 / peers[best].p95}
        more |= {"peer_first_ms": peers[best].first}
        more |= {f"peer_{name}_ms": took.p50 for name, took in peers.items()}
    return compared(
        case,
        logd.p50,
        "ms",
        bench.corpus.lines,
        peer=None if peer is None or best is None else (peer.system.name, peers[best].p50),
        reference=REFERENCE_MS.get(case) if bench.corpus.lines == GOAL_LINES else None,
        goal_ratio=goal_ratio if goal is None else None,
        goal=goal,
        more=more,
    )


def _took(bench: Bench, question: Question) -> tuple[Took, dict[str, Took], int]:
    """logd's, the peer's by form, and how often each was asked."""
    truth = question.truth(bench.corpus)
    logd, peer = bench.logd(), bench.peer()
    asked = [(logd, "", question.logd())]
    if peer is not None:
        asked += [(peer, form, target) for form, target in question.victoria_logs().items()]
    took: dict[str, list[float]] = {form: [] for _, form, _ in asked}
    with ExitStack() as stack:
        for server in {server.system.name: server for server, _, _ in asked}.values():
            server.wait_until_quiet()
        clients = [stack.enter_context(Client(server.system.port)) for server, _, _ in asked]
        firsts: dict[str, float] = {}
        for client, (server, form, target) in zip(clients, asked, strict=True):
            started = time.perf_counter()
            body = client.get(target)
            firsts[form] = (time.perf_counter() - started) * 1_000
            if not question.is_right(server.system.name, body, truth):
                raise server.system.process.failure(f"wrong answer to {target}: {body[:500]!r}")
        begin = time.perf_counter()
        for number in range(_WARM_UP + _MOST):
            if number == _WARM_UP:
                begin = time.perf_counter()
            if number >= _WARM_UP + _LEAST and time.perf_counter() - begin > _SECONDS:
                break
            for client, (_, form, target) in zip(clients, asked, strict=True):
                started = time.perf_counter()
                client.get(target)
                took[form].append((time.perf_counter() - started) * 1_000)
    ordered = {form: sorted(times[_WARM_UP:]) for form, times in took.items()}
    found = {
        form: Took(percentile(times, 0.5), percentile(times, 0.95), firsts[form]) for form, times in ordered.items()
    }
    return found.pop(""), found, len(ordered[""])
