"""`logd fields`: which fields log lines have, or the values of one."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from typing import Any

from logd.cli import connect, lines, search, stats
from logd.errors import ConfigError

_EXAMPLES = """examples:
  logd fields --service checkout --from -1h
  logd fields user_id --query 'level:ERROR'

"""


def add_to(commands: Any) -> None:
    """Adds the command to the parser's subcommands."""
    parser = commands.add_parser(
        "fields",
        help="show which fields log lines have, or the values of one",
        description="Prints the names of fields with their types and how many lines have them, or the most frequent "
        "values of a field; in a pipe, as JSON lines.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=_EXAMPLES + connect.EXIT_CODES,
        allow_abbrev=False,
    )
    parser.add_argument("name", metavar="NAME", nargs="?", help="print the values of this field")
    search.add_filters_to(parser, "--query")
    parser.add_argument("--prefix", metavar="TEXT", help="with NAME, only values that begin so")
    parser.add_argument("--top", metavar="N", type=int, help="how many (the server's default: 10 values, 1,000 names)")
    lines.add_json_to(parser)
    connect.add_to(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Asks and prints; the exit code."""
    from urllib.parse import quote

    from logd.cli import ask, hits

    if args.prefix is not None and not args.name:
        raise ConfigError("--prefix goes with the NAME of a field, whose values it chooses")
    parameters = search.filters(args, paged=False)
    parameters += [(name, str(value)) for name in ("prefix", "top") if (value := getattr(args, name)) is not None]
    path = "/api/v1/logs/fields" + (f"/{quote(args.name, safe='')}/values" if args.name else "")
    try:
        answer = connect.server(args).json("GET", path, parameters)
    except ask.Failed as failure:
        return lines.failed(failure, args.query)
    hits.warn(answer)
    if sys.stdout.isatty() and not args.json:
        print(_values(answer) if args.name else _names(answer))
    else:
        lines.write(map(hits.as_json, answer["values" if args.name else "fields"]))
    stats.warn_of_estimates(answer)
    return 0


def _names(answer: Mapping[str, Any]) -> str:
    from logd.cli.hits import printable
    from logd.cli.tables import table

    rows = [["field", "types", "lines", "share"]]
    for field in answer["fields"]:
        name = printable(field["name"]).replace("\n", "\\n")
        rows.append([name, ", ".join(field["types"]), f"{field['count']:,}", f"{field['share']:.1%}"])
    sampled = (
        f", of which {answer['sampled_rows']:,} were looked at" if answer["sampled_rows"] < answer["total_hits"] else ""
    )
    more = f", {answer['more']:,} more fields" if answer["more"] else ""
    return f"{table(rows, right='lines,share')}\n{answer['total_hits']:,} hits{sampled}{more}"


def _values(answer: Mapping[str, Any]) -> str:
    from logd.cli.hits import printable
    from logd.cli.tables import table

    rows = [["value", "lines"]]
    rows += [[printable(one["value"]).replace("\n", "\\n"), f"{one['count']:,}"] for one in answer["values"]]
    rest = f"{answer['other']:,} with other values, {answer['missing']:,} without one"
    return f"{table(rows, right='lines')}\n{answer['total_hits']:,} hits: {rest}"
