"""What many small chunks cost: the corpus as a thousand quiet hosts send it, against the same lines in full chunks."""

from collections.abc import Iterator
from itertools import islice

from logd import shipment
from logd.chunk import Chunk, compress
from tests.bench.bench import Bench, load
from tests.bench.corpus import START, Corpus
from tests.bench.http_client import Client, Insert, Load
from tests.bench.logd_server import logd_server
from tests.bench.report import Line

SMALL_LINES = 25
FULL_LINES = 1_000
_SOURCES = 1_000
_SERVICES = 7
_GOAL_RATIO = 2.5
#: What an agent sends at a time.
_REQUEST_CHUNKS = 256
_INSERT = Insert(shipment.PATH, shipment.CONTENT_TYPE)
_OBSERVED_US = int(START.timestamp() * 1_000_000)


def small_chunks(bench: Bench) -> Line:
    """CPU µs a line from the first byte sent until every line is searchable, each size into a fresh server."""
    small, full = (_cpu_us_a_line(bench, lines) for lines in (SMALL_LINES, FULL_LINES))
    return Line(
        "small_chunks",
        small,
        "CPU µs a line",
        bench.corpus.lines,
        goal=_GOAL_RATIO * full,
        ratio=small / full,
        note=f"ratio to chunks of {FULL_LINES} lines from as many sources",
        more={"full_chunks": full},
    )


def _cpu_us_a_line(bench: Bench, chunk_lines: int) -> float:
    with logd_server(bench.folder / f"chunks-{chunk_lines}") as server:
        loaded = load(server, bench.corpus, _send(bench.corpus, chunk_lines))
    return loaded.cpu_seconds * 1_000_000 / bench.corpus.lines


def _send(corpus: Corpus, chunk_lines: int) -> Load:
    # Made before the first is sent: a client that compresses beside the server would slow it down.
    made = chunks(corpus, chunk_lines)
    requests = [shipment.encode(part) for part in iter(lambda: list(islice(made, _REQUEST_CHUNKS)), [])]

    def send(port: int) -> None:
        with Client(port) as client:
            for request in requests:
                client.post(_INSERT, request)

    return send


def chunks(corpus: Corpus, chunk_lines: int, services: int = _SERVICES) -> Iterator[Chunk]:
    """The corpus in order, its sources taking turns."""
    reached = [0] * _SOURCES
    with corpus.path.open("rb") as file:
        number = 0
        while lines := list(islice(file, chunk_lines)):
            body = b"".join(lines)
            source = number % _SOURCES
            offset = reached[source]
            reached[source] = end = offset + len(body)
            yield Chunk(
                service=f"app-{source % services}",
                host=f"host-{source}",
                source=f"/var/log/app-{source % services}/app.log",
                source_id=f"{source:016x}",
                offset=offset,
                end=end,
                lines=len(lines),
                observed_us=_OBSERVED_US,
                value=compress(body),
            )
            number += 1
