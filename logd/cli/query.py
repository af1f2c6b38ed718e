"""`logd query`: what a query means, and what a search for it would look at."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from logd.cli import connect, lines, search

_EXAMPLES = """example:
  logd query explain 'timeout AND NOT level:DEBUG' --service checkout --from -1d

"""


def add_to(commands: Any) -> None:
    """Adds the command to the parser's subcommands."""
    parser = commands.add_parser("query", help="say what a query means", allow_abbrev=False)
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    explain = actions.add_parser(
        "explain",
        help="the query as it is read, and the plan of a search",
        description="Prints how the query is read, and which segments or indices a search would look at, which it"
        " needn't, and why; in a pipe, as a JSON object.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=_EXAMPLES + connect.EXIT_CODES,
        allow_abbrev=False,
    )
    search.add_filters_to(explain)
    explain.add_argument("--sort", choices=("newest", "oldest"), help="which come first (newest)")
    explain.add_argument("--json", action="store_true", help="a JSON object on a terminal too")
    connect.add_to(explain)
    explain.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Asks and prints; the exit code."""
    from logd.cli import ask, hits

    parameters = search.filters(args, paged=False)
    parameters += [("sort", args.sort)] if args.sort else []
    try:
        answer = connect.server(args).json("GET", "/api/v1/logs/explain", parameters)
    except ask.Failed as failure:
        return lines.failed(failure, args.query)
    if not sys.stdout.isatty() or args.json:
        print(hits.as_json(answer))
        return 0
    for line in _lines(answer):
        print(hits.printable(line))
    return 0


def _lines(answer: Mapping[str, Any]) -> Iterator[str]:
    plan: Mapping[str, Any] = answer["plan"]
    yield "query"
    yield from (f"  {line}" for line in answer["tree"])
    yield ""
    yield f"plan on {plan['engine']}"
    yield f"  times   {plan['from'] or 'the first'} to {plan['to'] or 'the last'}"
    for name in ("segments", "row_groups", "indices"):
        if counts := plan.get(name):
            yield f"  {name.replace('_', ' ')}  {_counted(counts)}"
    if plan.get("without_skip_index"):
        yield f"  segments without a skip index  {plan['without_skip_index']:,}"
    rows = plan["rows"]
    memory = f", of these {rows['in_memory']:,} in memory" if "in_memory" in rows else ""
    yield f"  rows  at most {rows['to_read']:,} of {rows['all']:,}{memory}; fewer when the first hits are enough"
    if "decides_by" in plan:
        yield f"  columns  {', '.join(plan['decides_by'])} decide; {', '.join(plan['shows'])} are shown"
    if "query" in plan:
        yield f"  asked  {', '.join(plan['asked'])}"
        yield from _json(plan["query"])
    yield ""
    yield from (f"  {_one(one)}" for one in plan["each"])


def _counted(counts: Mapping[str, int]) -> str:
    """`3 of 12; 5 are of other times, 4 are ruled out by the skip index`."""
    why = {"out_of_time": "of other times", "ruled_out": "ruled out by the skip index"}
    left = [f"{counts[name]:,} {text}" for name, text in why.items() if counts.get(name)]
    return f"{counts['read']:,} of {counts['all']:,}{'; ' * bool(left)}{', '.join(left)}"


def _one(one: Mapping[str, Any]) -> str:
    if "index" in one:
        return f"{one['index']}: {one['rows']:,} rows, {'read' if one['read'] else 'of other times'}"
    also = f", for: {' '.join(line.strip() for line in one['query'])}" if one.get("query") else ""
    return f"{one['segment']}: row groups {_counted(one['row_groups'])} ({one['from']} to {one['to']}){also}"


def _json(value: object) -> Iterator[str]:
    import json

    yield from (f"    {line}" for line in json.dumps(value, ensure_ascii=False, indent=2).splitlines())
