"""`logd agent status`: asks the agent that runs over this data folder, for people or with --json."""

from __future__ import annotations

import argparse
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from logd.cli import settings

_NO_AGENT = 3
_TIMEOUT_SECONDS = 10.0
_NUMBERS = ("size", "offset", "behind", "since")


def run(args: argparse.Namespace) -> int:
    """Asks and prints; the exit code."""
    from logd.cli.ask import Failed
    from logd.cli.hits import printable

    data_dir = Path(settings.load(args).data_dir)
    try:
        answer = ask(data_dir)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise Failed(f"no agent answers in data_dir {str(data_dir)!r}: {reason}", _NO_AGENT) from None
    if args.json:
        print(json.dumps(answer))
        return 0
    for line in report(answer):
        print(printable(line))
    return 0


def ask(data_dir: Path) -> dict[str, Any]:
    """What the agent says. Raises OSError."""
    # Relative to the folder: a socket's path is short.
    handle = os.open(data_dir, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(_TIMEOUT_SECONDS)
            connection.connect(f"/proc/self/fd/{handle}/agent.sock")
            parts = list(iter(lambda: connection.recv(1 << 16), b""))
    finally:
        os.close(handle)
    found: dict[str, Any] = json.loads(b"".join(parts))
    return found


def report(status: dict[str, Any]) -> Iterator[str]:
    """Lines for people."""
    from logd.cli.tables import duration, size, table

    yield f"agent, process {status['pid']}: {status['sent_lines']:,} lines sent, {size(status['behind_bytes'])} behind"
    if status["spool_bytes"]:
        age = (
            "" if status["spool_oldest_seconds"] is None else f", the oldest {duration(status['spool_oldest_seconds'])}"
        )
        doing = "being sent" if status["replaying"] else "waiting for the target"
        yield f"spool: {status['spool_lines']:,} lines in {size(status['spool_bytes'])}{age} old, {doing}"
    for name, what in (
        ("target_error", "the target takes nothing"),
        ("spool_error", "nothing can be spooled"),
        ("state_error", "nothing is sent"),
        ("pods_error", "pods aren't described"),
    ):
        if status[name]:
            yield f"warning: {what}: {status[name]}"
    for name, what in (
        ("lost_bytes", "bytes of files were lost"),
        ("refused_lines", "lines were refused and kept"),
        ("spool_dropped_lines", "lines were dropped from the spool"),
        ("spool_lost_lines", "lines of the spool were damaged, and lost"),
    ):
        if status[name]:
            yield f"warning: {status[name]:,} {what}"
    pods = any(file.get("pod") for file in status["followed"])
    rows = [["path", "source", "device:inode", "watch", *(["pod"] if pods else []), *_NUMBERS, "error"]]
    for file in status["followed"]:
        if "source_id" not in file:
            rows.append([file["path"], *[""] * (len(rows[0]) - 2), file["error"]])
            continue
        rows.append(
            [
                file["path"],
                file["source_id"],
                f"{file['device']}:{file['inode']}",
                file["watch"],
                *([_pod(file["pod"])] if pods else []),
                f"{file['size']:,}",
                f"{file['offset']:,}",
                size(file["behind_bytes"]) if file["behind_bytes"] else "",
                duration(file["behind_seconds"]) if file["behind_bytes"] else "",
                file["error"] or "",
            ]
        )
    if len(rows) > 1:
        yield ""
        yield from table(rows, right=",".join(_NUMBERS)).splitlines()


def _pod(pod: dict[str, Any] | None) -> str:
    if pod is None:
        return ""
    return f"{pod['namespace']}/{pod['name']}/{pod['container']}{'' if pod['known'] else ' (not described)'}"
