"""A burst: a backlog of chunks in Kafka, taken by processors that have run before, and what that costs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from logd.chunk import Chunk
from tests.bench.bulk_sink import Taken
from tests.bench.cluster_roles import of_elasticsearch, of_kafka, role
from tests.bench.engines import Engines
from tests.bench.process import ServerProcess
from tests.bench.stream import Stream, stream

#: Ten times slower than anything that we would call fast.
_LINES_A_SECOND = 5_000
_START_SECONDS = 120.0
_PAUSE_SECONDS = 0.1


@dataclass(frozen=True)
class Burst:
    """`cpu_seconds` of all processors together, `peak_rss_bytes` of the largest one since its start."""

    lines: int
    cpu_seconds: float
    wall_seconds: float
    peak_rss_bytes: int
    taken: Taken

    @property
    def cpu_us_a_line(self) -> float:
        """Everything included: all threads, the driver, what the kernel does for them."""
        return self.cpu_seconds * 1_000_000 / self.lines


def burst(engines: Engines, chunks: Sequence[Chunk], warm_up: Sequence[Chunk], processors: int = 1) -> Burst:
    """From the first of the chunks appended until the last is committed; `warm_up` goes before, so that what a process
    loads and plans once isn't measured. The documents go into the sink. ServerFailed when it got another number."""
    folder = engines.new_folder("burst")
    prefix = f"{folder.name}."
    environment = {**of_kafka(engines.kafka.url, prefix), **of_elasticsearch(engines.sink.url)}
    with ExitStack() as stack:
        put = stack.enter_context(stream(engines.kafka.url, prefix))
        started = [
            stack.enter_context(role("processor", folder / str(number), environment)) for number in range(processors)
        ]
        started[0].wait_until(lambda: put.members() == processors, "in a group of all", _START_SECONDS, _PAUSE_SECONDS)
        _take(put, warm_up, started)
        taken, cpu_seconds, begin = engines.sink.taken(), _cpu_seconds(started), time.monotonic()
        _take(put, chunks, started)
        wall_seconds, cpu_seconds = time.monotonic() - begin, _cpu_seconds(started) - cpu_seconds
        lines = sum(chunk.lines for chunk in chunks)
        found = engines.sink.taken().since(taken)
        if found.documents != lines:
            raise started[0].failure(f"sent {found.documents} documents of {lines} lines")
        peak = max(process.peak_rss_bytes() for process in started)
        return Burst(lines, cpu_seconds, wall_seconds, peak, found)


def _take(put: Stream, chunks: Sequence[Chunk], processors: Sequence[ServerProcess]) -> None:
    put.append(chunks)
    seconds = _START_SECONDS + sum(chunk.lines for chunk in chunks) / _LINES_A_SECOND
    processors[0].wait_until(lambda: put.uncommitted() == 0, "done with all", seconds, _PAUSE_SECONDS)


def _cpu_seconds(processes: Sequence[ServerProcess]) -> float:
    return sum(process.cpu_seconds() for process in processes)
