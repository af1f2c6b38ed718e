"""`logd status`: how a server does, for people; everything that /api/v1/status says with --json."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from typing import Any

from logd.cli import connect

_EXAMPLES = """examples:
  logd status
  logd status --json | jq .index.rows

"""


def add_to(commands: Any) -> None:
    """Adds the command to the parser's subcommands."""
    parser = commands.add_parser(
        "status",
        help="show how a server does",
        description="Prints roles, queue, index and stages, and what needs somebody's attention.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=_EXAMPLES + connect.EXIT_CODES,
        allow_abbrev=False,
    )
    parser.add_argument("--json", action="store_true", help="the whole status as a JSON object")
    connect.add_to(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Asks and prints; the exit code."""
    from logd.cli.hits import printable

    status = connect.server(args).json("GET", "/api/v1/status")
    if args.json:
        print(json.dumps(status))
        return 0
    for line in report(status, time.time()):
        print(printable(line))
    red = ("\x1b[31m", "\x1b[0m") if sys.stdout.isatty() and not os.environ.get("NO_COLOR") else ("", "")
    for line in warnings(status):
        print(f"{red[0]}warning: {printable(line)}{red[1]}")
    return 0


def report(status: dict[str, Any], now: float) -> Iterator[str]:
    """Lines for people; what the status lacks is left out. `now` is Unix seconds."""
    from logd.cli.tables import duration, size, table

    yield f"logd {status.get('version', '?')}, roles {', '.join(status.get('roles', []))}"
    index = status.get("index") or {}
    if "rows" in index:
        stored = index.get("segment_bytes", 0) + index.get("skip_index_bytes", 0)
        rows = index["rows"] - index.get("recent_rows", 0)
        each = f", {stored / rows:.1f} bytes a line" if rows else ""
        yield f"index: {index['rows']:,} rows, {index.get('segments', 0):,} segments, {size(stored)}{each}"
    if (lag := (status.get("processor") or {}).get("lag_messages")) is not None:
        yield f"processor: {lag:,} messages aren't searchable yet"
    topics = [["topic", "lines", "bytes", "oldest", "readers"]]
    for name, topic in sorted((status.get("transport") or {}).items()):
        readers = [f"{group} has {of['lag']:,} to store" for group, of in sorted(topic["groups"].items())]
        age = "" if topic["oldest_us"] is None else duration(now - topic["oldest_us"] / 1e6)
        held = ["" if topic["lines"] is None else f"{topic['lines']:,}", ""]
        if topic["bytes"] is not None:
            held[1] = size(topic["bytes"])
        topics.append([name, *held, age, ", ".join(readers)])
    if len(topics) > 1:
        yield ""
        yield from table(topics, right="lines,bytes").splitlines()
    stages = [["stage", "held", "capacity", "unit", "blocked"]]
    for name, stage in (status.get("stages") or {}).items():
        blocked = duration(stage["blocked_seconds"]) if stage["blocked_seconds"] else ""
        stages.append([name, f"{stage['held']:,}", f"{stage['capacity']:,}", stage["unit"], blocked])
    if len(stages) > 1:
        yield ""
        yield from table(stages, right="held,capacity").splitlines()


def warnings(status: dict[str, Any]) -> Iterator[str]:
    """What needs somebody's attention, a sentence each."""
    for name, stage in (status.get("stages") or {}).items():
        if stage["held"] >= stage["capacity"]:
            yield f"the stage {name} is full: {stage['held']:,} {stage['unit']} of {stage['capacity']:,}"
    index = status.get("index") or {}
    if index.get("flush_error"):
        yield f"the index can't be written: {index['flush_error']}"
    for file in index.get("quarantined") or ():
        yield f"{file['file']} with {file['rows']:,} rows is put aside: {file['reason']}"
    letters = (status.get("transport") or {}).get("dead-letters") or {}
    if letters.get("messages"):
        lines = "" if letters["lines"] is None else f" with {letters['lines']:,} lines"  # Kafka counts none
        yield f"{letters['messages']:,} dead letters{lines}: see `logd deadletter list`"
    archiver = status.get("archiver") or {}
    if archiver.get("error"):
        yield f"the archiver: {archiver['error']}"
    if archiver.get("disk_warning"):
        yield f"the disk is {archiver['disk_used_percent']} % full"
    disk = status.get("disk") or {}
    if disk.get("dropping"):
        yield f"the disk is {disk['used_percent']} % full: {', '.join(disk['dropping'])} are dropped"
    if disk.get("refusing"):
        yield f"the disk is {disk['used_percent']} % full: nothing is taken in"
    for name, held in (archiver.get("held") or {}).items():
        yield f"the legal hold {name} keeps {held['segments']} segments that would have expired"
    yield from _shed((status.get("processor") or {}).get("shedding") or {})
    agent = status.get("agent") or {}
    if agent.get("target_error"):
        yield f"the agent's target takes nothing: {agent['target_error']}"
    if agent.get("spool_error"):
        yield f"the agent can't spool: {agent['spool_error']}"
    for path, reason in (agent.get("unreadable") or {}).items():
        yield f"{path} can't be read: {reason}"
    for name, what in (
        ("lost_bytes", "bytes of files were lost"),
        ("refused_lines", "lines were refused and kept"),
        ("spool_dropped_lines", "lines were dropped from the agent's full spool"),
        ("spool_lost_lines", "lines of the agent's spool were damaged, and lost"),
    ):
        if agent.get(name):
            yield f"{agent[name]:,} {what}"


def _shed(shedding: dict[str, Any]) -> Iterator[str]:
    """What the index does without now."""
    for spike in shedding.get("spikes") or ():
        rates = f"{spike['lines_per_second']:,.0f} lines a second, usually {spike['usual_lines_per_second']:,.1f}"
        yield f"a spike of {spike['service']!r}, {rates}: {', '.join(spike['sampled'])} are sampled"
    if lag := shedding.get("lag"):
        yield f"the processor is {lag['seconds']:,.0f} s behind: {', '.join(lag['sampled'])} are sampled"
    if shedding.get("emergency"):
        yield f"the index's disk is {shedding['disk_used_percent']} % full: TRACE, DEBUG are dropped"
    if shedding.get("disk_error"):
        yield f"shedding doesn't know how full the index's disk is: {shedding['disk_error']}"
