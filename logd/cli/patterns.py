"""`logd patterns`: the templates of messages, with how many lines each has."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from logd.cli import connect, lines, search

_MASK = "<*>"
_DIM = f"\x1b[2m{_MASK}\x1b[0m"
_HEADS = ("count", "share", "level", "seen", "template")
#: Of a template, on a terminal that is too narrow for it.
_LEAST_CHARACTERS = 40
_EXAMPLES = """examples:
  logd patterns 'level:ERROR' --from -1h
  logd patterns --service checkout --from -1d --new-since -10m

"""


def add_to(commands: Any) -> None:
    """Adds the command to the parser's subcommands."""
    parser = commands.add_parser(
        "patterns",
        help="show what kinds of log lines there are",
        description="Prints the templates of matching log lines, the most frequent first; in a pipe, as JSON lines.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=_EXAMPLES + connect.EXIT_CODES,
        allow_abbrev=False,
    )
    search.add_filters_to(parser)
    parser.add_argument("--new-since", metavar="TIME", help="only those that weren't there between --from and it: -10m")
    parser.add_argument("--limit", "-n", metavar="N", type=int, help="how many to print (the server's default: 50)")
    lines.add_json_to(parser)
    connect.add_to(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Asks and prints; the exit code."""
    from logd.cli import ask, hits

    parameters = search.filters(args, paged=False)
    names = ("new_since", "limit")
    parameters += [(name, str(value)) for name in names if (value := getattr(args, name)) is not None]
    try:
        answer = connect.server(args).json("GET", "/api/v1/logs/patterns", parameters)
    except ask.Failed as failure:
        return lines.failed(failure, args.query)
    hits.warn(answer)
    patterns = answer["patterns"]
    if sys.stdout.isatty() and not args.json:
        if patterns:
            text = as_table(patterns, "first_seen" if args.new_since else "last_seen")
            print(text if os.environ.get("NO_COLOR") else text.replace(_MASK, _DIM))
        print(summary(answer), file=sys.stderr)
    else:
        for pattern in patterns:
            sys.stdout.buffer.write(hits.as_json(pattern).encode("utf-8", "backslashreplace") + b"\n")
    return 0


def as_table(patterns: Sequence[Mapping[str, Any]], seen: str) -> str:
    """A row for each; `seen` is `first_seen` or `last_seen`. Templates are cut where the terminal ends."""
    from logd.cli import hits
    from logd.cli.tables import table

    heads = [head if head != "seen" else seen.replace("_", " ") for head in _HEADS]
    rows = [
        [
            f"{one['count']:,}",
            f"{100 * one['share']:.1f} %",
            (one["levels"][0]["value"] if one["levels"] else None) or "-",
            one[seen][:19] + "Z",
        ]
        for one in patterns
    ]
    before = sum(max(len(cell) for cell in column) + 2 for column in zip(heads[:-1], *rows, strict=True))
    width = max(_LEAST_CHARACTERS, shutil.get_terminal_size().columns - before)
    templates = [hits.cut(hits.printable(one["template"]), width) for one in patterns]
    cells = [[*row, template] for row, template in zip(rows, templates, strict=True)]
    return table([heads, *cells], right="count,share")


def summary(answer: Mapping[str, Any]) -> str:
    """`2 patterns of 1,234 hits in 5 ms; 17 hits have 3 other patterns`."""
    listed = len(answer["patterns"])
    parts = [f"{listed:,} patterns of {answer['total_hits']:,} hits in {answer['took_ms']} ms"]
    if answer["other"]:
        parts.append(f"{answer['other'] - answer['unmatched']:,} hits have {answer['other_patterns']:,} other patterns")
    if answer["unmatched"]:
        parts.append(f"{answer['unmatched']:,} have none, as too many messages differ")
    if answer["coarse"]:
        parts.append("only the first two words tell messages apart, as too many differ")
    return "; ".join(parts)
