"""Writers that never stop while processes are killed, and the proof that each of their lines is found once."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.support.process import Server

#: Segments are flushed, and files looked at, all the time, so that many a kill falls into it.
SETTINGS: Mapping[str, object] = {
    "index.flush_rows": 2_000,
    "index.flush_seconds": 0.2,
    "parse.join_seconds": 0.05,
    "agent.poll_seconds": 0.02,
    "agent.rescan_seconds": 0.05,
    "agent.batch_seconds": 0.05,
    "agent.partial_line_seconds": 3_600,
}
#: Between two steps of a writer, at most: with it some 10,000 lines a second are on their way.
PAUSE_SECONDS = 0.01
_START = datetime(2026, 11, 20, tzinfo=UTC)
#: Lines have a time of their own, a millisecond apart, so that they can be asked for by pages of so many.
_PAGE = 5_000
_MAX_FILE_LINES = 20
_ROTATE_LINES = 1_500


def time_of(day: int, n: int) -> str:
    """The time of a writer's line `n`; every writer has a day of its own."""
    return (_START + timedelta(days=day, milliseconds=n)).isoformat(timespec="milliseconds")


def one_line(time: str, text: str) -> str:
    """How a line is written to a file, unless said otherwise."""
    return f"{time} INFO {text}\n"


def write_file(
    path: Path,
    name: str,
    day: int,
    chance: random.Random,
    stop: threading.Event,
    written_as: Callable[[str, str], str] = one_line,
) -> int:
    """Appends lines `NAME 0`, `NAME 1` … in pieces that end anywhere, and rotates the file; gives how many."""
    written = rotations = 0
    rest = b""
    file = path.open("ab", buffering=0)
    try:
        while not stop.wait(chance.random() * PAUSE_SECONDS):
            count = chance.randint(1, _MAX_FILE_LINES)
            lines = (written_as(time_of(day, n), f"{name} {n}") for n in range(written, written + count))
            rest += "".join(lines).encode()
            cut = chance.randint(0, len(rest))
            file.write(rest[:cut])
            rest = rest[cut:]
            written += count
            if written > (rotations + 1) * _ROTATE_LINES:
                rotations += 1
                path.rename(path.with_name(f"{path.name}.{rotations}"))
                with file:
                    file.write(rest)
                rest = b""
                file = path.open("ab", buffering=0)
        file.write(rest)
    finally:
        file.close()
    return written


@contextmanager
def writers(jobs: Mapping[str, Callable[[], int]], end: Callable[[], None]) -> Iterator[Mapping[str, Future[int]]]:
    """Runs the jobs in threads until the end of the block, where `end` tells them to end."""
    with ThreadPoolExecutor(len(jobs)) as pool:
        try:
            yield {name: pool.submit(job) for name, job in jobs.items()}
        finally:
            end()


def found_once(server: Server, service: str, day: int, name: str, count: int) -> None:
    """The messages of a service are `NAME 0` to `NAME count-1`, each once."""
    wrong: list[str] = []
    for first in range(0, count, _PAGE):
        answer = server.search(service=service, from_=time_of(day, first), to=time_of(day, first + _PAGE), limit=10_000)
        messages = Counter(record["message"].rpartition(f"{name} ")[2] for record in answer["logs"])
        expected = Counter(str(n) for n in range(first, min(first + _PAGE, count)))
        wrong += [f"{name} {n} is missing" for n in (expected - messages)]
        wrong += [f"{name} {n} is found {messages[n]} times" for n in (messages - expected)]
    assert not wrong, f"{len(wrong)} of {count}: {', '.join(wrong[:20])}"
    answer = server.search(service=service, limit=0, track_total_hits="true")
    assert answer["total_hits"] == count
