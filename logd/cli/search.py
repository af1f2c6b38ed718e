"""`logd search`: asks a server over HTTP and prints the hits, newest first.

It needs the standard library only and starts quickly. On a terminal a hit is a coloured line, in a pipe a JSON object.
Exit codes: 0 answered, also without hits; 1 the server refused or failed; 2 wrong usage; 3 no server could be reached.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from logd.cli import lines

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
    lines.add_to(parser)
    parser.add_argument("--from", metavar="TIME", help="the earliest time, included: -15m, 2026-01-31T12:00:00Z")
    parser.add_argument("--to", metavar="TIME", help="the latest time, excluded: now")
    parser.add_argument("--limit", metavar="N", type=int, help="how many to print (the server's default: 50)")
    parser.add_argument("--offset", metavar="N", type=int, help="how many of the newest to skip")
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

    parameters = lines.parameters(args)
    for name in ("from", "to", "limit", "offset"):
        if (value := getattr(args, name)) is not None:
            parameters.append((name, str(value)))
    try:
        answer = ask.search(lines.url(args), parameters)
    except ask.Failed as failure:
        return lines.failed(failure, args.query)
    lines.printing(args)(answer["logs"])
    if lines.for_people(args):
        print(hits.summary(answer, args.offset or 0), file=sys.stderr)
    return 0
