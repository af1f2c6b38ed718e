"""`logd export`: everything that a query finds, into a file."""

from __future__ import annotations

import argparse
from typing import Any

from logd.cli import connect, search
from logd.errors import ConfigError

_EXAMPLES = """examples:
  logd export --from 2026-01-01 --to 2026-02-01 -o january.ndjson.zst
  logd export 'level:ERROR' --service checkout --from -7d --format parquet -o errors.parquet
  logd export --sort oldest -o all.ndjson.gz --resume
  logd export --saved timeouts --from -1d -o timeouts.csv

FILE appears when it is whole; until then it is FILE.part. A name that ends in .gz or .zst is compressed.
What becomes searchable while it runs, behind where it is, isn't in it.
A spreadsheet takes cells that begin with = + - or @ for formulas, and anybody may write such a log line: csv-safe has
an apostrophe before these, csv has them as they are.

"""
_STDOUT = "-"
#: Lines are written whole, whatever was saved.
_WHOLE = (("fields", ""), ("highlight", ""))
_FORMATS = ("ndjson", "csv", "csv-safe", "parquet")


def add_to(commands: Any) -> None:
    """Adds the command to the parser's subcommands."""
    parser = commands.add_parser(
        "export",
        help="write what is found into a file",
        description="Writes every matching log line, page by page, as NDJSON, CSV or Parquet.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=_EXAMPLES + connect.EXIT_CODES,
        allow_abbrev=False,
    )
    search.add_filters_to(parser)
    search.add_saved_to(parser)
    parser.add_argument("--sort", choices=("newest", "oldest"), help="which come first (newest)")
    parser.add_argument("--format", choices=_FORMATS, help="(as FILE's name says, else ndjson)")
    parser.add_argument("-o", "--output", metavar="FILE", default=_STDOUT, help="(standard output)")
    parser.add_argument("--resume", action="store_true", help="go on with FILE.part where an earlier run ended")
    connect.add_to(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Exports; the exit code."""
    from logd.cli.exporting import Asked, export, export_file
    from logd.cli.progress import Bar

    name, chosen = args.output, args.format or _format_of(args.output)
    if chosen == "parquet" and name == _STDOUT:
        raise ConfigError("--format parquet needs a file: -o FILE")
    if args.resume and (chosen == "parquet" or name == _STDOUT):
        what = "a Parquet file" if chosen == "parquet" else "standard output"
        raise ConfigError(f"--resume can't go on with {what}: only NDJSON and CSV files are written page by page")
    others = [("sort", args.sort)] if args.sort else []
    if args.saved:
        others += [("saved", args.saved), *_WHOLE]
    said = [*search.filters(args, paged=False), *others]
    asked = Asked(said=said, parameters=[*search.filters(args, paged=True), *others], format=chosen)
    server = connect.server(args)
    with Bar() as bar:
        if name == _STDOUT:
            import sys

            export(server, asked, sys.stdout.buffer, bar)
        else:
            rows = export_file(server, asked, name, args.resume, bar)
            bar.say(f"{name}: {rows:,} lines")
    return 0


def _format_of(name: str) -> str:
    plain = name.removesuffix(".gz").removesuffix(".zst")
    return next((chosen for chosen in _FORMATS if plain.endswith(f".{chosen}")), "ndjson")
