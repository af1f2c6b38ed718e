"""What a document costs the real Elasticsearch: as logd sends it, and as a loader sends what was made before."""

import http.client
import math
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from statistics import median

import duckdb

from logd.backends.index.elasticsearch_body import bodies
from logd.chunk import Chunk, Message
from logd.config.schema import Elasticsearch
from logd.parse.parsing import Parsing
from logd.parse.plan import Parser
from logd.parse.window import Limits
from tests.bench.bench import Bench
from tests.bench.case_chunks import FULL_LINES, chunks
from tests.bench.cluster_roles import of_elasticsearch, of_kafka, role
from tests.bench.logd_server import AHEAD_SECONDS
from tests.bench.process import cpu_seconds
from tests.bench.report import GOAL_LINES, Line
from tests.bench.stream import stream
from tests.services import Running
from tests.services.elasticsearch import ask

#: Elasticsearch takes them some twenty times slower than logd makes them.
_MOST_LINES = 200_000
#: Each, after one whose time is Java's, which compiles.
_RUNS = 3
_SERVICES = 200
#: Two measurements of the same differ by this.
_GOAL_RATIO = 1.05
_INDEX = "logs-loader-2026-11-22"
_TARGET = "/_bulk?filter_path=errors,items.create.status,items.create.error"
_SETTINGS = Elasticsearch()
_START_SECONDS = 120.0
_LINES_A_SECOND = 1_000
_PAUSE_SECONDS = 0.1
_TIMEOUT_SECONDS = 120.0
_QUIET_CPU_SECONDS = 0.1
_QUIET_WINDOW_SECONDS = 1.0
_QUIET_DEADLINE_SECONDS = 120.0


def cluster_elasticsearch(bench: Bench) -> Line:
    """Elasticsearch's own CPU µs a document, until its merges are done; the ratio is to the loader's. Both send bodies
    of as many documents, as many at a time, to indices of the same template."""
    made = list(islice(chunks(bench.corpus, FULL_LINES, _SERVICES), _MOST_LINES // FULL_LINES))
    lines = sum(chunk.lines for chunk in made)
    server = bench.engines.elasticsearch
    prepared = list(_prepared(made))
    logd: list[float] = []
    loader: list[float] = []
    for _ in range(1 + (_RUNS if bench.corpus.lines >= GOAL_LINES else 0)):
        logd.append(_by_logd(bench, server, made) * 1_000_000 / lines)
        loader.append(_by_loader(server, prepared, lines) * 1_000_000 / lines)
    logd, loader = (logd[1:] or logd), (loader[1:] or loader)
    value, other = median(logd), median(loader)
    return Line(
        "cluster_elasticsearch",
        value,
        "CPU µs a document",
        lines,
        goal=_GOAL_RATIO * other,
        ratio=value / other,
        note="ratio to bodies that were made before",
        more={
            "prepared": other,
            "least": min(logd),
            "most": max(logd),
            "prepared_least": min(loader),
            "prepared_most": max(loader),
        },
    )


def _by_logd(bench: Bench, server: Running, made: Sequence[Chunk]) -> float:
    folder = bench.engines.new_folder("elasticsearch-run")
    kafka, prefix = bench.engines.kafka.url, f"{folder.name}."
    with (
        stream(kafka, prefix) as put,
        role("processor", folder, {**of_kafka(kafka, prefix), **of_elasticsearch(server.url)}) as processor,
    ):
        processor.wait_until(lambda: put.members() == 1, "in its group", _START_SECONDS, _PAUSE_SECONDS)
        before = _cpu_seconds(server)
        put.append(made)
        seconds = _START_SECONDS + sum(chunk.lines for chunk in made) / _LINES_A_SECOND
        processor.wait_until(lambda: put.uncommitted() == 0, "done with all", seconds, _PAUSE_SECONDS)
    return _end(server, sum(chunk.lines for chunk in made)) - before


def _by_loader(server: Running, prepared: Sequence[bytes], lines: int) -> float:
    before = _cpu_seconds(server)
    with ThreadPoolExecutor(_SETTINGS.bulks_in_flight) as pool:
        shares = [list(prepared[at :: _SETTINGS.bulks_in_flight]) for at in range(_SETTINGS.bulks_in_flight)]
        for sent in [pool.submit(send, server.port, share) for share in shares]:
            sent.result()
    return _end(server, lines) - before


def send(port: int, prepared: Sequence[bytes], index: str = _INDEX) -> None:
    """Sends bodies, one after the other. Raises RuntimeError where one isn't taken as a whole."""
    target = f"/{index}{_TARGET}"
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_SECONDS)
    try:
        for body in prepared:
            connection.request("POST", target, body, {"Content-Type": "application/x-ndjson"})
            answer = connection.getresponse()
            text = answer.read()
            if answer.status != 200 or b'"errors":false' not in text:
                raise RuntimeError(f"POST {target}: {answer.status} {text[:500]!r}")
    finally:
        connection.close()


def _prepared(made: Sequence[Chunk]) -> Iterator[bytes]:
    """The documents that logd makes of the chunks, in bodies of as many as it sends."""
    parsing = Parsing(lambda: Parser("UTC", Limits(0, AHEAD_SECONDS)))
    connection = duckdb.connect(config={"threads": 1})
    try:
        each = _SETTINGS.bulk_rows // FULL_LINES
        for first in range(0, len(made), each):
            messages = [message_of(place, chunk) for place, chunk in enumerate(made[first : first + each])]
            parsed, _ = parsing.parse(messages)
            for body in bodies(connection, parsed.table):
                yield bytes(body.text)
    finally:
        connection.close()
        parsing.close()


def message_of(place: int, chunk: Chunk) -> Message:
    """As a transport gives it."""
    envelope = chunk.to_envelope()
    return Message(0, place, chunk.observed_us, envelope.key, envelope.headers, envelope.value)


def _end(server: Running, lines: int) -> float:
    """The CPU seconds once all lines are searchable and, where they are many, merged; deletes them then. RuntimeError
    for another number."""
    _done(server, "POST", "/logs-*/_refresh")
    deadline = time.monotonic() + _QUIET_DEADLINE_SECONDS
    before, now = -math.inf, _cpu_seconds(server)
    while lines == _MOST_LINES and now - before > _QUIET_CPU_SECONDS and time.monotonic() < deadline:
        time.sleep(_QUIET_WINDOW_SECONDS)
        before, now = now, _cpu_seconds(server)
    status, answer = ask(server.port, "GET", "/_cat/count/logs-*?h=count")
    if status != 200 or int(answer) != lines:
        raise RuntimeError(f"Elasticsearch has {answer!r} documents of {lines} lines")
    for index in ask(server.port, "GET", "/_cat/indices/logs-*?h=index")[1].decode().split():
        _done(server, "DELETE", f"/{index}")
    return now


def _done(server: Running, method: str, path: str) -> None:
    status, answer = ask(server.port, method, path)
    if status != 200:
        raise RuntimeError(f"{method} {path}: {status} {answer[:500]!r}")


def _cpu_seconds(server: Running) -> float:
    return sum(map(cpu_seconds, server.pids))
