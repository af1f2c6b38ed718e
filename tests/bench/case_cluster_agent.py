"""What an agent takes from a file to Kafka, on one core."""

import os
import shutil
import time

from logd.chunk import MAX_CHUNK_LINES
from tests.bench.bench import Bench
from tests.bench.cluster_roles import of_kafka, role
from tests.bench.report import Line
from tests.bench.stream import stream

#: The goal is 300,000 lines a second of one core.
_GOAL_US = 1_000_000 / 300_000
#: Ten times slower than anything that we would call fast.
_LINES_A_SECOND = 5_000
_START_SECONDS = 120.0
_PAUSE_SECONDS = 0.05
_COPY_BYTES = 1 << 20
#: A corpus that is shorter is written several times: CPU is counted in ticks of 10 ms.
_LEAST_LINES = 100_000


def cluster_agent(bench: Bench) -> Line:
    """CPU µs a line of an agent held to one core: from an append to the file it follows until all is in Kafka."""
    engines, corpus = bench.engines, bench.corpus
    folder = engines.new_folder("agent")
    folder.mkdir(parents=True)
    file = folder / "app.log"
    file.write_bytes(corpus.line(0) + b"\n")
    one_core = ["taskset", "-c", str(min(os.sched_getaffinity(0)))]
    prefix = f"{folder.name}."
    settings = of_kafka(engines.kafka.url, prefix)
    with (
        stream(engines.kafka.url, prefix) as put,
        role("agent", folder / "1", settings, files=[file], under=one_core) as agent,
    ):
        agent.wait_until(lambda: put.chunks() == 1, "following the file", _START_SECONDS, _PAUSE_SECONDS)
        cpu_seconds, begin = agent.cpu_seconds(), time.monotonic()
        times = max(1, _LEAST_LINES // corpus.lines)
        for _ in range(times):
            with corpus.path.open("rb") as lines, file.open("ab") as log:
                shutil.copyfileobj(lines, log, _COPY_BYTES)
        count = times * corpus.lines
        full = 1 + count // MAX_CHUNK_LINES
        seconds = _START_SECONDS + count / _LINES_A_SECOND
        agent.wait_until(lambda: put.chunks() >= full, "done with the file", seconds, _PAUSE_SECONDS)
        wall_seconds, cpu_seconds = time.monotonic() - begin, agent.cpu_seconds() - cpu_seconds
        agent.wait_until(lambda: put.lines() == count + 1, "done with all lines", seconds, _PAUSE_SECONDS)
    return Line(
        "cluster_agent",
        cpu_seconds * 1_000_000 / count,
        "CPU µs a line",
        count,
        goal=_GOAL_US,
        note="held to one core that it shares; the goal is 300,000 lines a second of it; no peer",
        more={"lines_a_cpu_second": count / cpu_seconds, "lines_a_second": count / wall_seconds},
    )
