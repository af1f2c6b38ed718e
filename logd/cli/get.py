"""`logd get`: one log line by its id."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from logd.cli import connect

_EXAMPLES = """example:
  logd get 6f1c2a9be03d4457-0000000004d2

"""


def add_to(commands: Any) -> None:
    """Adds the command to the parser's subcommands."""
    parser = commands.add_parser(
        "get",
        help="show one log line by its id",
        description="Prints the record with that log_id, field by field; in a pipe, as a JSON line.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=_EXAMPLES + connect.EXIT_CODES,
        allow_abbrev=False,
    )
    parser.add_argument("log_id", metavar="LOG_ID", help="as a search shows it")
    parser.add_argument("--json", action="store_true", help="a JSON line on a terminal too")
    connect.add_to(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Asks and prints; the exit code."""
    from urllib.parse import quote

    from logd.cli import hits

    record = connect.server(args).json("GET", f"/api/v1/logs/{quote(args.log_id, safe='')}")
    if sys.stdout.isatty() and not args.json:
        print(hits.as_fields(record))
    else:
        sys.stdout.buffer.write(hits.as_json(record).encode("utf-8", "backslashreplace") + b"\n")
    return 0
