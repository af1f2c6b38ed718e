"""`logd agents`: the agents that a server knows, and how they do."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from logd.cli import connect, lines

_EXAMPLES = """examples:
  logd agents
  logd agents --state silent,error
  logd agents --host web | jq -r .last_error       in a pipe: a JSON object a line

"""
_RIGHT = "seen,behind,spool,waits"
_MOST = "20000"


def add_to(commands: Any) -> None:
    """Adds the command to the parser's subcommands."""
    parser = commands.add_parser(
        "agents",
        help="list agents and how they do",
        description="Lists the agents that have told the server how they do in the last seven days.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=_EXAMPLES + connect.EXIT_CODES,
        allow_abbrev=False,
    )
    parser.add_argument("--state", metavar="STATE", help="those that are ok, behind, silent or error; commas part them")
    parser.add_argument("--host", metavar="PART", help="those whose host has this in its name")
    parser.add_argument("--json", action="store_true", help="a JSON object a line, also on a terminal")
    connect.add_to(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Asks and prints; the exit code, 1 when agents may be missing."""
    from logd.cli.hits import as_json, printable
    from logd.cli.tables import table

    asked = [("state", args.state), ("host", args.host), ("limit", _MOST)]
    found = connect.server(args).json("GET", "/api/v1/agents", [(name, value) for name, value in asked if value])
    if args.json or not sys.stdout.isatty():
        lines.write(map(as_json, found["agents"]))
    elif not found["agents"]:
        print("no such agent has told how it does" if args.state or args.host else "no agent has told how it does")
    else:
        print(table(list(_rows(found["agents"])), right=_RIGHT))
    for text in found["warnings"]:
        print(f"logd: some may be missing: {printable(text)}", file=sys.stderr)
    return 1 if found["partial"] else 0


def _rows(agents: list[Mapping[str, Any]]) -> Iterator[list[str]]:
    from logd.cli.hits import printable
    from logd.cli.tables import duration, size

    yield ["host", "state", "seen", "version", "behind", "spool", "waits", "error", "id"]
    for one in agents:
        waits = one["status"]["oldest_waiting_seconds"]
        yield [
            printable(one["host"]),
            one["state"],
            duration(one["seen_seconds"]),
            printable(one["version"]),
            size(one["behind_bytes"]) if one["behind_bytes"] else "",
            size(one["spool_bytes"]) if one["spool_lines"] else "",
            "" if waits is None else duration(waits),
            printable(one["error"] or one["last_error"] or ""),
            one["id"],
        ]
