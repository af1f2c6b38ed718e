"""How soon an appended line is found: logd follows two files, one with a light load and one with marked lines."""

import math
import random
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from urllib.parse import urlencode

import orjson

from tests.bench.bench import Bench
from tests.bench.corpus import generate
from tests.bench.http_client import Client
from tests.bench.logd_server import logd_server
from tests.bench.process import ServerProcess
from tests.bench.report import Line

_GOAL_SECONDS = 2.0
#: Between marked lines: uneven, so that they fall on every phase of the agent's and the batches' timers.
_GAP_SECONDS = (0.02, 0.08)
_LOOK_SECONDS = 0.02
#: Other lines, and how often some are written.
_LOAD_LINES_A_SECOND = 200
_LOAD_SECONDS = 0.1
_MISSING_SECONDS = 30.0
MARK = "latencyprobe"


def latency(bench: Bench) -> Line:
    """Seconds from just before `write` to the search answer that holds the line: p99, and p50 beside it.

    Includes up to one pause between two looks (20 ms) and the search itself. Lines overlap: while one is awaited,
    others are written.
    """
    folder = bench.folder / "latency"
    folder.mkdir()
    marked, load = folder / "marked.log", folder / "load.log"
    for file in (marked, load):
        file.touch()
    with logd_server(folder, follow=[marked, load]) as server, Client(server.port) as client:
        asked = urlencode({"q": MARK, "limit": bench.probes + 1, "track_total_hits": "false"})

        def marks() -> Iterator[int]:
            return _marks(client.get(f"/api/v1/logs/search?{asked}"))

        found_after(server.process, marks, marked, [0])
        with load_on(load):
            took = sorted(found_after(server.process, marks, marked, range(1, bench.probes + 1)))
    return Line(
        "latency",
        percentile(took, 0.99),
        "s",
        len(took),
        goal=_GOAL_SECONDS,
        note="p99; no peer: VictoriaLogs follows no files",
        more={"p50": percentile(took, 0.5), "max": took[-1]},
    )


def found_after(
    process: ServerProcess, marks: Callable[[], Iterable[int]], file: Path, numbers: Sequence[int]
) -> list[float]:
    """Append a marked line for each number and look for all of them; seconds until each was found. `marks` gives the
    numbers of the lines that are found now."""
    written: dict[int, float] = {}
    found: dict[int, float] = {}
    writer = threading.Thread(target=_append, args=(file, numbers, written), name="bench.append")
    writer.start()
    try:

        def look() -> bool:
            seen = list(marks())
            now = time.monotonic()
            for number in seen:
                found.setdefault(number, now)
            return all(number in found for number in numbers)

        seconds = len(numbers) * _GAP_SECONDS[1] + _MISSING_SECONDS
        process.wait_until(look, f"finding all of {len(numbers)} lines", seconds, _LOOK_SECONDS)
    finally:
        writer.join()
    return [found[number] - written[number] for number in numbers]


def _append(file: Path, numbers: Sequence[int], written: dict[int, float]) -> None:
    rng = random.Random(1)
    with file.open("ab", buffering=0) as log:
        for number in numbers:
            line = orjson.dumps(
                {
                    "timestamp": datetime.now(UTC).isoformat(),
                    "level": "INFO",
                    "service": "bench",
                    "message": f"{MARK} {number}",
                }
            )
            written[number] = time.monotonic()
            log.write(line + b"\n")
            time.sleep(rng.uniform(*_GAP_SECONDS))


def _marks(body: bytes) -> Iterator[int]:
    """Numbers of the marked lines in an answer."""
    return numbers_of(record["message"] for record in orjson.loads(body)["logs"])


def numbers_of(messages: Iterable[str]) -> Iterator[int]:
    """Those of the marked lines among the messages."""
    for message in messages:
        if match := re.fullmatch(rf"{MARK} (-?\d+)", message):
            yield int(match[1])


@contextmanager
def load_on(file: Path, lines_a_second: int = _LOAD_LINES_A_SECOND) -> Iterator[None]:
    """Lines of the corpus, stamped from now on, appended to `file` until the block ends."""
    each = int(lines_a_second * _LOAD_SECONDS)
    stop = threading.Event()

    def work() -> None:
        lines = generate(1_000_000_000, start=datetime.now(UTC))
        with file.open("ab", buffering=0) as log:
            while not stop.wait(_LOAD_SECONDS):
                log.write(b"".join(islice(lines, each)))

    worker = threading.Thread(target=work, name="bench.load")
    worker.start()
    try:
        yield
    finally:
        stop.set()
        worker.join()


def percentile(ordered: list[float], share: float) -> float:
    """Nearest rank."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
