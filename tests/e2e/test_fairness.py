"""Who asks for little is served beside those who ask for much, and searches beside lines that come in; what nobody
waits for any more ends in the engine."""

from __future__ import annotations

import contextlib
import itertools
import random
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.process import NDJSON, PATIENCE_SECONDS, SEARCH, Answer, Server, ndjson, until
from tests.support.unread import asked

_LOGS = "/api/v1/logs"
_SETTINGS = {
    "parse.join_seconds": 0.02,
    "search.concurrent": 3,
    "search.heavy": 2,
    # For a busy machine: who waits so long is no matter of fairness.
    "search.deadline_seconds": PATIENCE_SECONDS,
    "api.stall_seconds": 3_600,
}
#: Of each service, and no other has it.
_KNOWN = 50
_LINES = 40_000
#: An expression that RE2 runs without its tables: over these lines it takes a minute of one core.
_SLOW = "message.raw:/[ab].{300}[xy]/"
#: A fraction of that; leaving it takes as long as the engine has for 2,048 lines.
_SOON_SECONDS = 30.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """With lines of one day, half of them in segments."""
    with Server(tmp_path_factory.mktemp("fairness"), settings=_SETTINGS) as running:
        _fill(running, 0)
        assert running.terminate() == 0
        running.restart()
        _fill(running, 1)
        yield running


def _fill(server: Server, part: int) -> None:
    chance = random.Random(part)
    texts = ("".join(chance.choices("abcdefgh ", k=250)) for _ in range(_LINES))
    for first in range(0, _LINES, 2_000):
        batch = itertools.islice(texts, 2_000)
        server.ingest(f"old{part}", [_line(first + n, f"{text} known") for n, text in enumerate(batch)])
    server.ingest(f"needle{part}", [_line(n, f"needle {n}") for n in range(_KNOWN)])
    server.settle()


def _line(number: int, text: str) -> dict[str, object]:
    time = f"2026-11-20T{number // 3600:02}:{number // 60 % 60:02}:{number % 60:02}Z"
    return {"timestamp": time, "message": text, "ms": number % 1_000, "user": f"u{number % 5_000}"}


def _asks_for_little(server: Server, number: int) -> None:
    """Three light searches, of which each has to be answered rightly."""
    part = number % 2
    page = server.search(q="needle", service=f"needle{part}", limit=10, offset=number % 5)
    first = _KNOWN - 1 - number % 5
    assert [log["message"] for log in page["logs"]] == [f"needle {n}" for n in range(first, first - 10, -1)]
    assert page["total_hits"] == _KNOWN
    assert server.search(q=f'"needle {number % _KNOWN}"', limit=5)["total_hits"] == 2
    assert server.search(q="user:u4999 AND ms:999", service=f"old{part}", limit=0)["total_hits"] == _LINES // 5_000


@contextlib.contextmanager
def _meanwhile(count: int, job: Callable[[int], None]) -> Iterator[Callable[[], bool]]:
    """The job is done by so many, again and again, until the end of the block; it has to succeed each time. Gives what
    raises if it didn't."""
    over = threading.Event()

    def again(number: int) -> None:
        while not over.is_set():
            job(number)

    with ThreadPoolExecutor(count) as pool:
        jobs = [pool.submit(again, number) for number in range(count)]

        def fine() -> bool:
            for job in jobs:
                if job.done():
                    job.result()
            return True

        try:
            yield fine
        finally:
            over.set()
        for ended in jobs:
            ended.result()


def _says_later(answer: Answer) -> bool:
    """It is a 429, which says when to come again."""
    if answer.status != 429:
        return False
    assert int(answer.headers["retry-after"]) > 0, answer
    return True


def test_searches_go_on_in_a_spike_of_lines(server: Server) -> None:
    accepted: Counter[int] = Counter()
    bodies = [ndjson([{"message": f"spike {n} of many", "n": n} for n in range(500)]) for _ in range(4)]

    def write(number: int) -> None:
        answer = server.post(bodies[number], NDJSON, f"spike{number}")
        assert answer.status == 202 or _says_later(answer), answer
        accepted[number] += answer.json()["accepted"] if answer.status == 202 else 0

    with _meanwhile(4, write) as fine:
        until(lambda: fine() and sum(accepted.values()) >= 20_000, "lines are coming in")
        for number in range(10):
            before = sum(accepted.values())
            _asks_for_little(server, number)
            until(lambda: fine() and sum(accepted.values()) > before, "lines still come in")  # noqa: B023
    server.settle()
    found = [server.search(service=f"spike{n}", limit=0, track_total_hits="true")["total_hits"] for n in range(4)]
    assert found == [accepted[number] for number in range(4)]


_STORM: tuple[tuple[str, dict[str, object]], ...] = (
    ("stats", {"by": "service,user", "aggregate": "p95(ms),distinct(user)", "order": "p95(ms)", "q": "known"}),
    ("export", {"q": "known", "limit": 10_000}),
    ("patterns", {"q": "needle OR spike"}),
    ("histogram", {"interval": "1m", "by": "metadata.user", "q": "ms:>10"}),
    ("search", {"q": "(ab* OR /b[cd]+a/)", "track_total_hits": "true"}),
    ("fields", {"q": "*"}),
)


def test_lines_come_in_during_a_storm_of_searches(server: Server) -> None:
    """What a client has accepted is found while the storm goes on."""
    answered: Counter[str] = Counter()
    numbers = itertools.count()

    def ask(number: int) -> None:
        name, parameters = _STORM[number % len(_STORM)]
        # No two are the same, so that none is answered from the cache.
        query = f"{parameters['q']} NOT absent{next(numbers)}"
        answer = server.get(f"{_LOGS}/{name}", **{**parameters, "q": query})
        assert answer.status == 200 or _says_later(answer), (name, answer)
        answered[name] += answer.status == 200

    with _meanwhile(2 * len(_STORM), ask) as fine:
        until(lambda: fine() and len(+answered) == len(_STORM), "each was answered once")
        for batch in range(10):
            before = sum(answered.values())
            assert server.ingest("calm", [{"message": f"calm {batch} {n}"} for n in range(100)]) == 100
            until(lambda: _count(server, "calm") == 100 * (batch + 1), "what was accepted is found")  # noqa: B023
            until(lambda: fine() and sum(answered.values()) > before, "the storm goes on")  # noqa: B023
    server.check_ledger()


def _count(server: Server, service: str) -> int:
    return int(server.search(service=service, limit=0)["total_hits"])


def test_exports_that_nobody_reads_hold_nobody_up(server: Server) -> None:
    """More of them than there are places at all, each with more on its way than the system takes."""
    with contextlib.ExitStack() as stack:
        for _ in range(8):
            client = stack.enter_context(asked(server, f"{_LOGS}/export", 4_096, q="known"))
            assert client.recv(12) == b"HTTP/1.1 200"
        for number in range(10):
            _asks_for_little(server, number)
        assert server.get(f"{_LOGS}/stats", by="service", q="needle").status == 200
        assert server.ingest("beside", [{"message": "one"}]) == 1
    server.settle()


def test_long_searches_let_short_ones_by(server: Server) -> None:
    """Places and heavy places are all taken, by what takes a minute or more; who asks for little waits a second."""
    with contextlib.ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(asked(server, f"{_LOGS}/histogram", q=_SLOW, interval="1h"))
        stack.enter_context(asked(server, SEARCH, q=_SLOW))
        until(lambda: _running(server) >= 3, "all places are taken")
        for number in range(3):
            _asks_for_little(server, number)
        assert _running(server) >= 3
    until(lambda: _running(server) == 0, "they have ended", _SOON_SECONDS)


@pytest.mark.parametrize("path", ["search", "export", "histogram", "stats", "fields", "patterns"])
def test_leaving_a_page_ends_its_query_in_the_engine(server: Server, path: str) -> None:
    with asked(server, f"{_LOGS}/{path}", q=_SLOW):
        until(lambda: _running(server) == 1, "it runs")
    until(lambda: _running(server) == 0, "it has ended", _SOON_SECONDS)
    _asks_for_little(server, 0)


@pytest.mark.parametrize("path", ["search", "histogram", "stats", "fields", "patterns"])
def test_a_deadline_ends_a_query_in_the_engine(server: Server, path: str) -> None:
    answer = server.get(f"{_LOGS}/{path}", q=_SLOW, timeout="200ms")
    assert (answer.status, answer.json()["error"]["code"]) == (504, "deadline")
    until(lambda: _running(server) == 0, "it has ended", _SOON_SECONDS)


def _running(server: Server) -> int:
    """Searches that the engine works on."""
    found = re.search(rb"^logd_search_running (\S+)$", server.get("/metrics").body, re.MULTILINE)
    assert found is not None
    return int(float(found[1]))
