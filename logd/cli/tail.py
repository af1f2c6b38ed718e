"""`logd tail`: prints matching lines as they come, until it is interrupted.

When the connection is lost it comes back, and goes on where it was. Exit codes: those of `logd search`; 130 when it is
interrupted.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from typing import Any

from logd.cli import connect, lines

#: Between tries: doubling from the first to the second.
_RETRY_SECONDS = (0.5, 10.0)


def add_to(commands: Any) -> None:
    """Adds the command to the parser's subcommands."""
    parser = commands.add_parser(
        "tail",
        help="print log lines as they come",
        description="Prints matching log lines as they come, until it is interrupted; in a pipe, as JSON lines.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example:\n  logd tail 'timeout AND NOT retry' --service checkout --level ERROR,WARN\n\n"
        + connect.EXIT_CODES,
        allow_abbrev=False,
    )
    lines.add_filters_to(parser)
    parser.add_argument("--rate", metavar="N", help="at most so many lines a second; the rest are told as missed")
    lines.add_json_to(parser)
    connect.add_to(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Prints until it is interrupted or refused; the exit code."""
    from logd.cli import ask, hits

    server = connect.server(args)
    asked = lines.filters(args) + ([("rate", args.rate)] if args.rate else [])
    wait, longest = _RETRY_SECONDS
    last_id = ""
    connected = told = False
    while True:
        lost = "the connection is closed"
        try:
            for event in server.tail(asked, last_id):
                connected, told = True, False
                wait = _RETRY_SECONDS[0]
                match event.name:
                    case "" if event.data:
                        lines.show([json.loads(event.data)], args.json)
                        sys.stdout.buffer.flush()
                    case "missed":
                        _say(f"missed {json.loads(event.data)['lines']} lines: they come faster than they are taken")
                    case "gap":
                        _say("lines are missing here that are no longer in the queue; a search finds them")
                    case "end":
                        lost = hits.printable(json.loads(event.data)["reason"])
                last_id = event.id
        except ask.Failed as failure:
            if not (connected and failure.passing):
                return lines.failed(failure, args.query)
            lost = hits.printable(str(failure))
        if not told:
            _say(f"{lost}; trying again")
        told = True
        time.sleep(wait * random.uniform(0.5, 1.0))
        wait = min(2 * wait, longest)


def _say(text: str) -> None:
    print(f"logd: {text}", file=sys.stderr, flush=True)
