"""Running one shipper into a sink of its own, and what that costs it."""

from __future__ import annotations

import base64
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.agent_sink import AgentSink, agent_sink
from tests.bench.corpus import Corpus
from tests.bench.process import ServerProcess
from tests.bench.shipper import Shipper

#: Twenty times slower than anything that we would call fast.
_LINES_A_SECOND = 5_000
START_SECONDS = 120.0
_PAUSE_SECONDS = 0.05
#: vlagent waits up to a minute, and a little more, before it tries a target again that was away.
_STALLED_SECONDS = 90.0
_COPY_BYTES = 1 << 20
#: After the last line, for whoever sends lines twice, and until a start is over.
SETTLE_SECONDS = 3.0
#: A writer that is behind writes what is due at once.
_PACE_SECONDS = 0.001
#: Of a line that hardly compresses: zstd brings base64 to three quarters.
_LONG_TEXT = 1_320


@dataclass(frozen=True)
class Run:
    """A shipper that follows `files`, of which each had one line that has arrived."""

    process: ServerProcess
    sink: AgentSink
    files: Sequence[Path]

    def wait_for(self, lines: int) -> None:
        """Until so many have arrived, or none has for so long that no more will. ServerFailed when it ends before."""
        most, since = -1, time.monotonic()

        def over() -> bool:
            nonlocal most, since
            taken = self.sink.taken().lines
            if taken > most:
                most, since = taken, time.monotonic()
            return taken >= lines or time.monotonic() - since > _STALLED_SECONDS

        seconds = _STALLED_SECONDS + START_SECONDS + lines / _LINES_A_SECOND
        self.process.wait_until(over, f"done with {lines} lines", seconds, _PAUSE_SECONDS)


@contextmanager
def shipping(shipper: Shipper, folder: Path, corpus: Corpus, files: int = 1) -> Iterator[Run]:
    """Starts it, and its sink."""
    paths = new_files(folder, files, corpus.line(0) + b"\n")
    with (
        agent_sink(folder) as sink,
        shipper.start(folder / shipper.name, folder / "logs" / "*.log", sink.port) as process,
    ):
        run = Run(process, sink, paths)
        run.wait_for(files)
        time.sleep(SETTLE_SECONDS)
        yield run


def new_files(folder: Path, count: int, text: bytes) -> Sequence[Path]:
    """So many log files with that text."""
    logs = folder / "logs"
    logs.mkdir(parents=True)
    paths = [logs / f"app-{number}.log" for number in range(count)]
    for path in paths:
        path.write_bytes(text)
    return paths


def append(corpus: Corpus, path: Path) -> None:
    """All of it."""
    with corpus.path.open("rb") as lines, path.open("ab") as log:
        shutil.copyfileobj(lines, log, _COPY_BYTES)


def write_paced(files: Sequence[Path], lines: Sequence[bytes], a_second: float, seconds: float) -> int:
    """A write for each line, as services do, at that pace, files taking turns; how many lines that were."""
    fds = [os.open(path, os.O_WRONLY | os.O_APPEND) for path in files]
    try:
        begin, done = time.monotonic(), 0
        while (passed := time.monotonic() - begin) < seconds:
            while done < passed * a_second:
                os.write(fds[done % len(fds)], lines[done % len(lines)])
                done += 1
            time.sleep(_PACE_SECONDS)
        return done
    finally:
        for fd in fds:
            os.close(fd)


def write_backlog(path: Path, lines: int) -> int:
    """Lines that hardly compress; how many bytes they have."""
    with path.open("wb") as file:
        for _ in range(lines):
            text = base64.b64encode(os.urandom(_LONG_TEXT * 3 // 4))
            file.write(b'{"message":"m","metadata":{"trace_id":"%b"}}\n' % text)
    return path.stat().st_size
