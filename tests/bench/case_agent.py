"""What following files costs logd's agent, and other shippers in the same run, each in turn, into a sink that keeps
nothing. A shipper's figures are in `shippers` by its name; `value` is logd's, and its peer is who needs least.

`lines_missing` and `lines_double` are counted at the sink. CPU is of the whole process, user and system.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping
from itertools import islice
from pathlib import Path
from statistics import median

from tests.bench import fluent_bit, fluent_bit_tail, rsyslog, vlagent
from tests.bench.agent_sink import agent_sink
from tests.bench.bench import Bench
from tests.bench.process import ServerProcess
from tests.bench.report import GOAL_LINES, Line
from tests.bench.shipper import LOGD, Shipper
from tests.bench.shipping import (
    SETTLE_SECONDS,
    Run,
    append,
    new_files,
    shipping,
    write_backlog,
    write_paced,
)
from tests.support.process import free_port

_MEGABYTE = 1_000_000
_US = "CPU µs a line"
_RUNS = 3
#: A minute where the latency has 200 probes.
_SECONDS_A_PROBE = 0.3
_IDLE_PART = 3
_STEADY_LINES, _QUIET_LINES, _QUIET_FILES = 1_000, 100, 20
_GOAL_RSS_MB, _GOAL_IDLE_RSS_MB, _GOAL_PERCENT = 60.0, 40.0, 1.0
#: Which nearly fill logd's spool.
_BACKLOG_LINES = 1_000_000
_QUIET_WINDOWS, _QUIET_CPU_SECONDS, _BACKLOG_SECONDS = 5, 0.05, 180.0
_numbers = itertools.count(1)
_Figures = Mapping[str, float]


def agent_catch_up(bench: Bench) -> Line:
    """From the append of the whole corpus to a followed file until the sink has every line."""
    lines = bench.corpus.lines

    def measure(run: Run) -> _Figures:
        cpu_seconds, begin = run.process.cpu_clock_seconds(), time.monotonic()
        append(bench.corpus, run.files[0])
        run.wait_for(lines + 1)
        wall_seconds, cpu_seconds = time.monotonic() - begin, run.process.cpu_clock_seconds() - cpu_seconds
        return {"cpu_us": cpu_seconds * 1e6 / lines, "wall_seconds": wall_seconds, **_arrived(run, lines + 1)}

    figures = _of_all(bench, measure, 1, _RUNS if lines <= GOAL_LINES else 1)
    return _line("agent_catch_up", figures, "cpu_us", _US, lines, rss=_GOAL_RSS_MB)


def agent_steady(bench: Bench) -> Line:
    """1,000 lines a second to one file, a write each."""
    return _paced(bench, "agent_steady", _STEADY_LINES, 1)


def agent_quiet(bench: Bench) -> Line:
    """Per cent of a core at 100 lines a second, spread over 20 files; and as much with no lines at all."""
    return _paced(bench, "agent_quiet", _QUIET_LINES, _QUIET_FILES)


def agent_backlog(bench: Bench) -> Line:
    """Peak memory while a gigabyte of lines that hardly compress waits for a target that is away, and is then sent."""
    lines = min(bench.corpus.lines, _BACKLOG_LINES)
    figures = {shipper.name: _backlog(bench, shipper, lines) for shipper in _shippers(bench)}
    return _line("agent_backlog", figures, "rss_megabytes", "MB", lines, goal=_GOAL_RSS_MB)


def _paced(bench: Bench, case: str, a_second: int, files: int) -> Line:
    seconds = bench.probes * _SECONDS_A_PROBE
    with bench.corpus.path.open("rb") as file:
        texts = list(islice(file, 10 * a_second))

    def measure(run: Run) -> _Figures:
        begin = run.process.cpu_clock_seconds()
        time.sleep(seconds / _IDLE_PART)
        idle, idle_rss = run.process.cpu_clock_seconds() - begin, run.process.rss_bytes()
        begin = run.process.cpu_clock_seconds()
        lines = write_paced(run.files, texts, a_second, seconds)
        run.wait_for(lines + files)
        busy = run.process.cpu_clock_seconds() - begin
        return {
            "cpu_us": busy * 1e6 / lines,
            "cpu_percent": busy * 100 / seconds,
            "idle_percent": idle * 100 * _IDLE_PART / seconds,
            "idle_rss_megabytes": idle_rss / _MEGABYTE,
            **_arrived(run, lines + files),
        }

    figures = _of_all(bench, measure, files, 1)
    lines = int(a_second * seconds)
    if files == 1:
        return _line(case, figures, "cpu_us", _US, lines, idle_rss=_GOAL_IDLE_RSS_MB)
    return _line(case, figures, "cpu_percent", "% of a core", lines, goal=_GOAL_PERCENT, idle_rss=_GOAL_IDLE_RSS_MB)


def _backlog(bench: Bench, shipper: Shipper, lines: int) -> _Figures:
    folder = _folder(bench)
    size = write_backlog(new_files(folder, 1, b"")[0], lines)
    port = free_port()
    with shipper.start(folder / shipper.name, folder / "logs" / "*.log", port) as process:
        _wait_until_quiet(process)
        waiting = {
            "backlog_rss_megabytes": process.peak_rss_bytes() / _MEGABYTE,
            "backlog_disk_megabytes": process.disk_bytes() / _MEGABYTE,
            "backlog_cpu_us": process.cpu_clock_seconds() * 1e6 / lines,
        }
        cpu_seconds, begin = process.cpu_clock_seconds(), time.monotonic()
        with agent_sink(folder, port) as sink:
            run = Run(process, sink, [])
            run.wait_for(lines)
            wall_seconds, cpu_seconds = time.monotonic() - begin, process.cpu_clock_seconds() - cpu_seconds
            arrived = _arrived(run, lines)
    replay = {"replay_cpu_us": cpu_seconds * 1e6 / lines, "replay_seconds": wall_seconds}
    return {"text_megabytes": size / _MEGABYTE, **waiting, **replay, **arrived}


def _wait_until_quiet(process: ServerProcess) -> None:
    """It has put away what it will; one that is never quiet has had its time."""
    deadline, quiet = time.monotonic() + _BACKLOG_SECONDS, 0
    while quiet < _QUIET_WINDOWS and time.monotonic() < deadline:
        before = process.cpu_clock_seconds()
        time.sleep(1.0)
        quiet = quiet + 1 if process.cpu_clock_seconds() - before <= _QUIET_CPU_SECONDS else 0


def _arrived(run: Run, lines: int) -> _Figures:
    """Looks once more a little later: lines that come twice come behind the others."""
    time.sleep(SETTLE_SECONDS)
    taken = run.sink.taken()
    return {
        "rss_megabytes": run.process.peak_rss_bytes() / _MEGABYTE,
        "wire_bytes_a_line": taken.bytes / lines,
        "lines_missing": max(0, lines - taken.lines),
        "lines_double": max(0, taken.lines - lines),
    }


def _shippers(bench: Bench) -> list[Shipper]:
    peers = bench.peers
    found = [LOGD]
    found += [fluent_bit_tail.shipper(peers.fluent_bit)] if peers.fluent_bit else []
    found += [vlagent.shipper(peers.vlagent)] if peers.vlagent else []
    return found + ([rsyslog.shipper(peers.rsyslog)] if peers.rsyslog else [])


def _of_all(bench: Bench, measure: Callable[[Run], _Figures], files: int, runs: int) -> dict[str, _Figures]:
    """The median of each figure."""
    measured: dict[str, list[_Figures]] = {}
    for _ in range(runs):
        for shipper in _shippers(bench):
            with shipping(shipper, _folder(bench), bench.corpus, files) as run:
                measured.setdefault(shipper.name, []).append(measure(run))
    return {name: {key: median(one[key] for one in all_) for key in all_[0]} for name, all_ in measured.items()}


def _folder(bench: Bench) -> Path:
    return bench.folder / f"agent-{next(_numbers)}"


def _line(
    case: str,
    figures: Mapping[str, _Figures],
    key: str,
    unit: str,
    lines: int,
    *,
    goal: float | None = None,
    rss: float | None = None,
    idle_rss: float | None = None,
) -> Line:
    """Without a goal of its own, it is less than the best peer."""
    value = figures[LOGD.name][key]
    others = {name: of_peer[key] for name, of_peer in figures.items() if name != LOGD.name}
    peer = min(others, key=lambda name: others[name]) if others else None
    best = None if peer is None else others[peer]
    left_out = {fluent_bit.NAME: "$FLUENT_BIT", vlagent.NAME: "$VLAGENT", rsyslog.NAME: "Debian's rsyslog"}
    missing = [f"{name} ({what})" for name, what in left_out.items() if name not in figures]
    bounds = {"rss_goal_megabytes": rss, "idle_rss_goal_megabytes": idle_rss}
    shown = {name: {key: float(f"{figure:.4g}") for key, figure in of.items()} for name, of in figures.items()}
    return Line(
        case,
        value,
        unit,
        lines,
        goal=best if goal is None else goal,
        peer=peer,
        peer_value=best,
        ratio=value / best if best else None,
        note="; ".join(
            (["vlagent is fed by the bench, without following files"] if vlagent.NAME in figures else [])
            + ([f"left out: {', '.join(missing)}"] if missing else [])
        )
        or "the peer is the best one",
        more={**{name: bound for name, bound in bounds.items() if bound is not None}, "shippers": shown},
    )
