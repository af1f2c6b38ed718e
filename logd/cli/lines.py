"""What the commands have in common that ask a server for lines: options, output, failures."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from logd.cli.ask import Failed

DEFAULT_URL = "http://127.0.0.1:8080"
_FILTERS = (("service", "S"), ("level", "L"), ("host", "H"))


def add_to(parser: argparse.ArgumentParser) -> None:
    """Adds QUERY, the filters, --json and --url."""
    parser.add_argument(
        "query", metavar="QUERY", nargs="?", default="", help='words, "phrases", field:value, AND OR NOT'
    )
    for name, what in _FILTERS:
        parser.add_argument(f"--{name}", metavar=what, action="append", default=[], help="may repeat, or take commas")
    parser.add_argument("--json", action="store_true", help="JSON lines on a terminal too")
    parser.add_argument("--url", metavar="URL", help=f"the server; else $LOGD_URL, else {DEFAULT_URL}")


def url(args: argparse.Namespace) -> str:
    """The server's address."""
    return args.url or os.environ.get("LOGD_URL") or DEFAULT_URL


def parameters(args: argparse.Namespace) -> list[tuple[str, str]]:
    """The query and the filters, as the API takes them."""
    asked = [("q", args.query)] if args.query else []
    return asked + [(name, value) for name, _ in _FILTERS for value in getattr(args, name)]


def for_people(args: argparse.Namespace) -> bool:
    """Whether lines are printed for people, and not as JSON."""
    return sys.stdout.isatty() and not args.json


def printing(args: argparse.Namespace) -> Callable[[Iterable[Mapping[str, Any]]], None]:
    """What prints records, as lines for people or as JSON lines."""
    from logd.cli import hits

    if for_people(args):
        colour = not os.environ.get("NO_COLOR")
        return lambda records: _print((hits.as_line(record, colour) for record in records), sys.stdout.encoding)
    return lambda records: _print(map(hits.as_json, records), "utf-8")


def failed(failure: Failed, query: str) -> int:
    """Says on standard error why there is no answer, and where in the query; the exit code."""
    from logd.cli import hits

    print(f"logd: {hits.printable(str(failure))}", file=sys.stderr)
    if failure.column is not None:
        print(hits.with_caret(query, failure.column), file=sys.stderr)
    return failure.exit_code


def _print(lines: Iterable[str], encoding: str) -> None:
    # What the encoding lacks is escaped. In UTF-8 that is only half of a surrogate pair, and its escape is JSON's.
    for line in lines:
        sys.stdout.buffer.write(line.encode(encoding, "backslashreplace") + b"\n")
