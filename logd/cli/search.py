"""`logd search`: asks a server over HTTP and prints the hits, newest first.

It needs the standard library only and starts quickly. On a terminal a hit is a coloured line, in a pipe a JSON object.
Exit codes: 0 answered, also without hits; 1 the server refused or failed; 2 wrong usage; 3 no server could be reached.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Sequence
from typing import Any

DEFAULT_URL = "http://127.0.0.1:8080"
_TIMES = ("--from", "--to")


def add_to(commands: Any) -> None:
    """Adds the command to the parser's subcommands."""
    parser = commands.add_parser(
        "search",
        help="find log lines",
        description="Prints matching log lines, newest first; in a pipe, as JSON lines.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example:\n  logd search 'timeout AND NOT retry' --service checkout --level ERROR --from -1h",
        allow_abbrev=False,
    )
    parser.add_argument(
        "query", metavar="QUERY", nargs="?", default="", help='words, "phrases", field:value, AND OR NOT'
    )
    for name, what in (("service", "S"), ("level", "L"), ("host", "H")):
        parser.add_argument(f"--{name}", metavar=what, action="append", default=[], help="may repeat, or take commas")
    parser.add_argument("--from", metavar="TIME", help="the earliest time, included: -15m, 2026-01-31T12:00:00Z")
    parser.add_argument("--to", metavar="TIME", help="the latest time, excluded: now")
    parser.add_argument("--limit", metavar="N", type=int, help="how many to print (the server's default: 50)")
    parser.add_argument("--offset", metavar="N", type=int, help="how many of the newest to skip")
    parser.add_argument("--json", action="store_true", help="JSON lines on a terminal too")
    parser.add_argument("--url", metavar="URL", help=f"the server; else $LOGD_URL, else {DEFAULT_URL}")
    parser.set_defaults(run=run)


def with_times_attached(argv: Sequence[str]) -> list[str]:
    """The arguments with `--from -1h` as `--from=-1h`: argparse takes `-1h` for an option."""
    words: list[str] = []
    for word in argv:
        if words and words[-1] in _TIMES and "--" not in words:
            words[-1] += f"={word}"
        else:
            words.append(word)
    return words


def run(args: argparse.Namespace) -> int:
    """Asks and prints; the exit code."""
    from logd.cli import ask, hits

    parameters = [("q", args.query)] if args.query else []
    for name in ("service", "level", "host"):
        parameters += [(name, value) for value in getattr(args, name)]
    for name in ("from", "to", "limit", "offset"):
        if (value := getattr(args, name)) is not None:
            parameters.append((name, str(value)))
    try:
        answer = ask.search(args.url or os.environ.get("LOGD_URL") or DEFAULT_URL, parameters)
    except ask.Failed as failure:
        print(f"logd: {hits.printable(str(failure))}", file=sys.stderr)
        if failure.column is not None:
            print(hits.with_caret(args.query, failure.column), file=sys.stderr)
        return failure.exit_code
    logs = answer["logs"]
    if sys.stdout.isatty() and not args.json:
        colour = not os.environ.get("NO_COLOR")
        _print((hits.as_line(record, colour) for record in logs), sys.stdout.encoding)
        print(hits.summary(answer, args.offset or 0), file=sys.stderr)
    else:
        _print((hits.as_json(record) for record in logs), "utf-8")
    return 0


def _print(lines: Iterable[str], encoding: str) -> None:
    # What the encoding lacks is escaped. In UTF-8 that is only half of a surrogate pair, and its escape is JSON's.
    for line in lines:
        sys.stdout.buffer.write(line.encode(encoding, "backslashreplace") + b"\n")
