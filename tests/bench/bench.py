"""One run of the bench: the servers that its cases share, each loaded once with the same corpus."""

import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.corpus import Corpus
from tests.bench.engines import Engines
from tests.bench.http_client import Client, Load, send
from tests.bench.logd_server import logd_server
from tests.bench.system import System
from tests.bench.victoria_logs import victoria_logs
from tests.services import Running

#: Both systems make new lines visible in steps of about this, and each look costs them a little.
_LOOK_SECONDS = 0.2
_QUIET_WINDOW_SECONDS = 1.0
_QUIET_WINDOWS = 2
#: 5 % of a core, above the timers of an idle server.
_QUIET_CPU_SECONDS = 0.05
#: Tens of millions of lines are merged for minutes.
_QUIET_DEADLINE_SECONDS = 900.0


@dataclass(frozen=True)
class Loaded:
    """A server that holds the whole corpus, and what taking it cost until every line was searchable.

    `cpu_at_start` is what starting had cost, to subtract; `cpu_seconds` doesn't include it.
    """

    system: System
    cpu_at_start: float
    cpu_seconds: float
    wall_seconds: float
    peak_rss_bytes: int
    loaded_at: float

    def wait_until_quiet(self, *, flushed: bool = False) -> None:
        """Until the server has used next to no CPU for 2 s; `flushed`: and its timed flush has had its time."""
        process = self.system.process
        deadline = time.monotonic() + _QUIET_DEADLINE_SECONDS
        begin = self.loaded_at + self.system.quiet_after_seconds + _QUIET_WINDOW_SECONDS if flushed else 0.0
        quiet = 0
        while quiet < _QUIET_WINDOWS:
            if time.monotonic() > deadline:
                raise process.failure(f"still busy after {_QUIET_DEADLINE_SECONDS:g} s")
            before = process.cpu_seconds()
            time.sleep(_QUIET_WINDOW_SECONDS)
            idle = process.cpu_seconds() - before <= _QUIET_CPU_SECONDS
            quiet = quiet + 1 if idle and time.monotonic() > begin else 0


@dataclass(frozen=True)
class Peers:
    """Executables; None for what isn't measured in this run."""

    victoria_logs: Path | None = None
    fluent_bit: Path | None = None
    vlagent: Path | None = None
    rsyslog: Path | None = None


class Bench:
    """Starts and loads a server when the first case asks for it; `bench` stops them all."""

    def __init__(
        self,
        corpus: Corpus,
        folder: Path,
        peers: Peers,
        probes: int,
        stack: ExitStack,
        servers: Mapping[str, Running],
    ) -> None:
        self.corpus = corpus
        #: Appended lines of the case `latency`.
        self.probes = probes
        self.folder = folder
        self.peers = peers
        self.engines = Engines(folder / "cluster", stack, servers)
        self._stack = stack
        self._logd: Loaded | None = None
        self._peer: Loaded | None = None

    def logd(self) -> Loaded:
        """logd, loaded."""
        if self._logd is None:
            self._logd = self._load(logd_server(self.folder / "loaded"))
        return self._logd

    def peer(self) -> Loaded | None:
        """VictoriaLogs, loaded; None when this run has none."""
        if self._peer is None and self.peers.victoria_logs is not None:
            self._peer = self._load(victoria_logs(self.peers.victoria_logs, self.folder / "loaded-peer"))
        return self._peer

    def _load(self, server: AbstractContextManager[System]) -> Loaded:
        return load(self._stack.enter_context(server), self.corpus)


@contextmanager
def bench(
    corpus: Corpus, folder: Path, peers: Peers, probes: int, servers: Mapping[str, Running] | None = None
) -> Iterator[Bench]:
    """A run whose servers keep their data below `folder` and are stopped at the end; `servers` that run already, by
    name, are used and left running."""
    with ExitStack() as stack:
        yield Bench(corpus, folder, peers, probes, stack, servers or {})


def load(system: System, corpus: Corpus, send_to: Load | None = None) -> Loaded:
    """Send the corpus, by `send_to` or else as NDJSON, and wait until a search sees every line.

    ServerFailed when it sees another number.
    """
    process = system.process
    cpu_at_start, begin = process.cpu_seconds(), time.monotonic()
    if send_to is None:
        send(system.port, system.insert, corpus)
    else:
        send_to(system.port)
    with Client(system.port) as client:
        process.wait_until(
            lambda: system.count(client) >= corpus.lines,
            f"searchable in full ({corpus.lines} lines)",
            # Ten times slower than anything that we would call fast.
            seconds=60.0 + corpus.lines / 5_000,
            pause_seconds=_LOOK_SECONDS,
        )
        end, cpu_seconds = time.monotonic(), process.cpu_seconds() - cpu_at_start
        found = system.count(client)
    if found != corpus.lines:
        raise process.failure(f"finds {found} lines of {corpus.lines}")
    return Loaded(system, cpu_at_start, cpu_seconds, end - begin, process.peak_rss_bytes(), end)
