"""`logd stats`: how many log lines there are by the values of fields and by time, with figures of these."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from logd.cli import connect, lines, search

#: As the API has them. Written out, as the seams aren't loaded for --help.
_FUNCTIONS = {
    "distinct": "how many different values a field has",
    "min": "the least number",
    "max": "the greatest number",
    "avg": "the mean",
    "sum": "the sum",
    "p50": "the median",
    "p95": "what 95 %% aren't above",
    "p99": "what 99 %% aren't above",
}
_EXAMPLES = """examples:
  logd stats --by service --bytes --order 'bytes(message)' --from -1d
  logd stats 'level:ERROR' --by service,host --p95 latency_ms --interval 1h --from -1d
  logd stats --by user_id --avg latency_ms --order 'avg(latency_ms)' --top 20

"""


def add_to(commands: Any) -> None:
    """Adds the command to the parser's subcommands."""
    parser = commands.add_parser(
        "stats",
        help="count log lines by fields and time, with figures",
        description="Prints the top groups of matching log lines; in a pipe, as JSON lines.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=_EXAMPLES + connect.EXIT_CODES,
        allow_abbrev=False,
    )
    search.add_filters_to(parser)
    parser.add_argument(
        "--by", metavar="FIELD", action="append", default=[], help="group by it; up to 3, repeated or with commas"
    )
    for name, meaning in _FUNCTIONS.items():
        parser.add_argument(
            f"--{name}", metavar="FIELD", dest="aggregates", action="append", default=[], type=_of(name), help=meaning
        )
    parser.add_argument(
        "--bytes",
        dest="aggregates",
        action="append_const",
        const="bytes(message)",
        help="how many bytes their messages have",
    )
    parser.add_argument("--interval", metavar="TIME", help="by time, too: 10s, 1m, 1h, 1d, auto")
    parser.add_argument("--order", metavar="WHAT", help="of which the top groups have the most: count, p95(latency_ms)")
    parser.add_argument("--top", metavar="N", type=int, help="how many groups (the server's default: 10)")
    lines.add_json_to(parser)
    connect.add_to(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Asks and prints; the exit code."""
    from logd.cli import ask, hits

    parameters = search.filters(args, paged=False)
    parameters += [("by", field) for field in args.by] + [("aggregate", one) for one in args.aggregates]
    names = ("interval", "order", "top")
    parameters += [(name, str(value)) for name in names if (value := getattr(args, name)) is not None]
    try:
        answer = connect.server(args).json("GET", "/api/v1/logs/stats", parameters)
    except ask.Failed as failure:
        return lines.failed(failure, args.query)
    hits.warn(answer)
    rows = list(_rows(answer))
    if sys.stdout.isatty() and not args.json:
        groups = len(answer["groups"])
        print(_table(rows, [*(answer["groups"][0]["values"] if groups else ())]))
        other = f", {answer['other']:,} in other groups" if answer["other"] else ""
        print(f"{answer['total_hits']:,} hits{other}, in {answer['took_ms']} ms", file=sys.stderr)
    else:
        lines.write(map(hits.as_json, rows))
    warn_of_estimates(answer)
    return 0


def warn_of_estimates(answer: Mapping[str, Any]) -> None:
    """Says on standard error what of the answer was estimated, if anything was."""
    from logd.cli import hits

    if answer.get("approximate"):
        print(f"logd: approximate: {hits.printable(', '.join(answer['approximate']))}", file=sys.stderr)


def _of(function: str) -> Any:
    def aggregate(field: str) -> str:
        return f"{function}({field})"

    return aggregate


def _rows(answer: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """One for each group, or for each of its intervals."""
    for group in answer["groups"]:
        for bucket in group.get("buckets", (group,)):
            start = {"start": bucket["start"]} if bucket is not group else {}
            yield {**start, **group["values"], "count": bucket["count"], **bucket.get("stats", {})}


def _table(rows: Sequence[Mapping[str, Any]], by: Sequence[str]) -> str:
    from logd.cli.hits import printable
    from logd.cli.tables import table

    if not rows:
        return "nothing was found"
    heads = list(rows[0])
    texts = [[printable(_cell(row[head], head in by)) for head in heads] for row in rows]
    texts = [[cell.replace("\n", "\\n") for cell in row] for row in texts]
    return table([heads, *texts], right=",".join(head for head in heads if head not in by and head != "start"))


def _cell(value: Any, is_text: bool) -> str:
    """`1,234`, `0.1235`: numbers have as many digits as people read; what isn't there is a dash."""
    if value is None:
        return "-"
    if is_text or isinstance(value, str):
        return str(value)
    if float(value).is_integer():
        return f"{value:,.0f}"
    return f"{value:,.2f}" if abs(value) >= 1 else json.dumps(float(f"{value:.4g}"))
