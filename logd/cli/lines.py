"""What the commands have in common that ask a server for lines: filters, output, failures."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from logd.cli.ask import Failed
    from logd.cli.columns import Columns

_FILTERS = (("service", "S"), ("level", "L"), ("host", "H"))
#: Those whose values are alternatives.
REPEATED = tuple(name for name, _ in _FILTERS)


def add_filters_to(parser: argparse.ArgumentParser, query: str = "query") -> None:
    """Adds QUERY, or the option that is `query`, and the filters."""
    several: dict[str, Any] = {} if query.startswith("-") else {"nargs": "?"}
    help_ = 'words, "phrases", field:value, AND OR NOT'
    parser.add_argument(query, metavar="QUERY", default="", help=help_, **several)
    for name, what in _FILTERS:
        parser.add_argument(f"--{name}", metavar=what, action="append", default=[], help="may repeat, or take commas")
    parser.add_argument("--default-operator", choices=("and", "or"), help="what terms side by side mean (or)")


def add_json_to(parser: argparse.ArgumentParser) -> None:
    """Adds --json."""
    parser.add_argument("--json", action="store_true", help="JSON lines on a terminal too")


def filters(args: argparse.Namespace) -> list[tuple[str, str]]:
    """The query and the filters, as the API takes them."""
    asked = [("q", args.query)] if args.query else []
    if args.default_operator:
        asked.append(("default_operator", args.default_operator))
    return asked + [(name, value) for name, _ in _FILTERS for value in getattr(args, name)]


def in_colour(as_json: bool) -> bool:
    """Whether what is shown has colours."""
    return sys.stdout.isatty() and not as_json and not os.environ.get("NO_COLOR")


def show(
    records: Sequence[Mapping[str, Any]], as_json: bool, marked: int | None = None, columns: Columns | None = None
) -> bool:
    """Prints records, coloured on a terminal, else as JSON lines; whether it was for a terminal. There, where one is
    `marked`, each has a sign before it, as grep does it; and with `columns` they are a table of these."""
    from logd.cli import hits

    terminal = sys.stdout.isatty() and not as_json
    if not terminal:
        write(map(hits.as_json, records), "utf-8")
        return False
    colour = in_colour(as_json)
    if columns is not None:
        shown = columns.rows(records, colour)
    else:
        shown = [hits.as_line(record, colour) for record in records]
    if marked is not None:
        shown = [hits.with_sign(line, number == marked, colour) for number, line in enumerate(shown)]
    write(shown, sys.stdout.encoding)
    return True


def failed(failure: Failed, query: str) -> int:
    """Says on standard error why there is no answer, and where in the query; the exit code."""
    from logd.cli import hits

    sys.stdout.flush()
    print(f"logd: {hits.printable(str(failure))}", file=sys.stderr)
    if failure.column is not None:
        print(hits.with_caret(query, failure.column), file=sys.stderr)
    return failure.exit_code


def write(lines: Iterable[str], encoding: str = "utf-8") -> None:
    """Writes them to standard output."""
    # What the encoding lacks is escaped. In UTF-8 that is only half of a surrogate pair, and its escape is JSON's.
    for line in lines:
        sys.stdout.buffer.write(line.encode(encoding, "backslashreplace") + b"\n")
