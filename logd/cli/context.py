"""`logd context`: one log line with those before and after it, as grep shows them."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from logd.cli import connect, lines

_EXAMPLES = """examples:
  logd context 6f1c2a9be03d4457-0000000004d2 -C 20
  logd context 6f1c2a9be03d4457-0000000004d2 -B 3 -A 0 --query 'level:>=WARN'

"""
_SIDES = ("before", "after")


def add_to(commands: Any) -> None:
    """Adds the command to the parser's subcommands."""
    parser = commands.add_parser(
        "context",
        help="show a log line among its neighbours",
        description="Prints the record with that log_id between those before and after it in its file, marked with a"
        " colon, as grep does; in a pipe, as JSON lines. Of what has no place in a file: by time, among the"
        " records of the same service, host and source.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=_EXAMPLES + connect.EXIT_CODES,
        allow_abbrev=False,
    )
    parser.add_argument("log_id", metavar="LOG_ID", help="as a search shows it")
    parser.add_argument("-B", "--before", metavar="N", type=int, help="how many before it (the server's default: 5)")
    parser.add_argument("-A", "--after", metavar="N", type=int, help="how many after it (the server's default: 5)")
    parser.add_argument("-C", "--context", metavar="N", type=int, help="how many on each side")
    parser.add_argument("--query", metavar="QUERY", help="only neighbours that match it")
    parser.add_argument("--order", choices=("auto", "position", "time"), help="by position in the file, or by time")
    parser.add_argument("--at", metavar="TIME", help="the line's time: with it, a large index finds the line at once")
    parser.add_argument("--from", metavar="TIME", help="only lines from this time on")
    parser.add_argument("--to", metavar="TIME", help="only lines before this time")
    lines.add_json_to(parser)
    connect.add_to(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Asks and prints; the exit code."""
    from urllib.parse import quote

    from logd.cli import ask, hits

    wanted = {side: args.context if (own := getattr(args, side)) is None else own for side in _SIDES}
    asked = {
        "q": args.query,
        "order": args.order,
        "at": args.at,
        "from": getattr(args, "from"),
        "to": args.to,
        **wanted,
    }
    parameters = [(name, str(value)) for name, value in asked.items() if value is not None]
    server = connect.server(args)
    try:
        answer = server.json("GET", f"/api/v1/logs/{quote(args.log_id, safe='')}/context", parameters)
    except ask.Failed as failure:
        return lines.failed(failure, args.query or "")
    hits.warn(answer)
    before, line, after = ([*answer.get("before", ())], answer.get("log", {}), [*answer.get("after", ())])
    if lines.show([*before, line, *after], args.json, marked=len(before)):
        by = "position in the file" if answer.get("order") == "position" else "time, of the same service, host, source"
        print(f"{len(before)} before and {len(after)} after it, by {by}", file=sys.stderr)
    return 0
