"""`logd search`: asks a server over HTTP and prints the hits, newest first.

It needs the standard library only and starts quickly. On a terminal a hit is a coloured line, in a pipe a JSON object.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from logd.cli import connect, lines
from logd.errors import ConfigError

if TYPE_CHECKING:
    from logd.cli.columns import Columns

#: Options whose value may begin with a minus.
_TIMES = ("--from", "--to", "--before", "--new-since")
_EXAMPLES = """examples:
  logd search 'timeout AND NOT retry' --service checkout --level ERROR --from -1h
  logd search 'level:ERROR' --fields timestamp,service,metadata.user_id,message
  logd search 'status:>=500' --from 2026-01-31 --to 2026-02-01 --sort oldest --all >errors.ndjson
  logd search --saved timeouts --service cart

"""


def add_to(commands: Any) -> None:
    """Adds the command to the parser's subcommands."""
    parser = commands.add_parser(
        "search",
        help="find log lines",
        description="Prints matching log lines, newest first; in a pipe, as JSON lines.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=_EXAMPLES + connect.EXIT_CODES,
        allow_abbrev=False,
    )
    add_filters_to(parser)
    add_choices_to(parser)
    add_saved_to(parser)
    parser.add_argument("--all", action="store_true", help="print all of them, page by page")
    parser.add_argument("--offset", metavar="N", type=int, help="how many of the first to skip")
    lines.add_json_to(parser)
    connect.add_to(parser)
    parser.set_defaults(run=run)


def add_saved_to(parser: argparse.ArgumentParser) -> None:
    """Adds --saved."""
    parser.add_argument("--saved", metavar="NAME", help="as a saved search asks; other options win over its own")


def add_choices_to(parser: argparse.ArgumentParser) -> None:
    """Adds what of them is shown, and how."""
    parser.add_argument("--sort", choices=("newest", "oldest"), help="which come first (newest)")
    parser.add_argument("--limit", "-n", metavar="N", type=int, help="how many to print (the server's default: 50)")
    parser.add_argument(
        "--fields", metavar="A,B,…", help="only these, such as timestamp,level,metadata.user_id; columns on a terminal"
    )


def add_filters_to(parser: argparse.ArgumentParser, query: str = "query") -> None:
    """Adds what says which lines are meant; `query` as of lines.add_filters_to."""
    lines.add_filters_to(parser, query)
    parser.add_argument("--from", metavar="TIME", help="the earliest time, included: -15m, 2026-01-31T12:00:00Z")
    parser.add_argument("--to", metavar="TIME", help="the latest time, excluded: now")
    parser.add_argument("--timeout", metavar="TIME", help="answer within it, or fail: 5s")


def filters(args: argparse.Namespace, *, paged: bool) -> list[tuple[str, str]]:
    """What the options of `add_filters_to` ask for. When it is asked for page by page, a relative time has to mean the
    same on every page."""
    parameters = lines.filters(args)
    for name in ("from", "to"):
        if (value := getattr(args, name)) is not None:
            parameters.append((name, _absolute(value, name) if paged else value))
    return parameters + ([("timeout", args.timeout)] if args.timeout else [])


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
    from logd.cli import ask, saved

    paged = args.all or (args.limit or 0) > ask.PAGE_ROWS
    if paged and args.offset:
        raise ConfigError(f"--offset goes with a --limit of up to {ask.PAGE_ROWS}, and not with --all")
    if args.all and args.limit is not None:
        raise ConfigError("--all and --limit contradict each other")
    parameters = filters(args, paged=paged)
    parameters += [(name, value) for name in ("sort", "fields") if (value := getattr(args, name)) is not None]
    server = connect.server(args)
    query, fields = args.query, args.fields
    try:
        if args.saved:
            parameters.append(("saved", args.saved))
            kept = saved.kept(server, args.saved)["search"]
            query, fields = query or kept.get("q", ""), fields or _joined(kept.get("fields", ""))
        if query and lines.in_colour(args.json):
            parameters.append(("highlight", "true"))
        columns = _columns(fields)
        if args.all or (args.limit or 0) > 0:
            # Also where one page would do: it ends early where records are long.
            _print(server.pages(parameters, args.limit, args.offset), args, paged, columns)
        else:
            names = ("limit", "offset")
            parameters += [(name, str(value)) for name in names if (value := getattr(args, name)) is not None]
            _print([server.search(parameters)], args, paged, columns)
    except ask.Failed as failure:
        return lines.failed(failure, query)
    return 0


def _print(answers: Iterable[dict[str, Any]], args: argparse.Namespace, paged: bool, columns: Columns | None) -> None:
    from logd.cli import hits

    first: dict[str, Any] = {}
    shown, terminal, cold = 0, False, False
    for answer in answers:
        hits.warn(answer)
        if not cold and (cold := "cold" in answer.get("tiers", ())):
            print("logd: this is also from the archive (cold), which takes longer", file=sys.stderr)
        terminal = lines.show(answer["logs"], args.json, columns=columns)
        sys.stdout.flush()
        first = first or answer
        shown += len(answer["logs"])
    if terminal:
        print(f"{shown} hits" if paged else hits.summary(first, shown, args.offset or 0), file=sys.stderr)


def _columns(fields: str) -> Columns | None:
    from logd.cli.columns import Columns

    return Columns(fields) if fields else None


def _joined(names: str | Sequence[str]) -> str:
    return names if isinstance(names, str) else ",".join(names)


def _absolute(text: str, name: str) -> str:
    """The time as ISO 8601; a text that is no time as it is: the server says what is wrong with it."""
    import time
    from datetime import UTC, datetime, timedelta

    from logd.errors import BadRequest
    from logd.query.time import parse_time

    try:
        micros = parse_time(text, time.time_ns() // 1000, name)
    except BadRequest:
        return text
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)).isoformat().replace("+00:00", "Z")
