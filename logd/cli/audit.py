"""`logd audit`: says what became of every line that was accepted, and whether one is missing."""

from __future__ import annotations

import argparse
import json
from typing import Any

from logd.cli import settings


def add_to(commands: Any) -> None:
    """Adds the command to the parser's subcommands."""
    parser = commands.add_parser(
        "audit",
        help="check that no line was lost",
        description="Prints for each stage what came in, what went out, and what became of the rest, in lines since the"
        " data folder was made, or the processors' group in Kafka; servers may run. Ends with 1 when something"
        " is missing.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example:\n  logd audit --config logd.toml",
        allow_abbrev=False,
    )
    settings.add_to(parser)
    parser.add_argument("--json", action="store_true", help="a JSON object a stage")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Prints a table; the exit code."""
    config = settings.load(args)
    import msgspec

    from logd.roles.audit import audit

    entries = audit(config)
    rows = [{**msgspec.structs.asdict(entry), "difference": entry.difference} for entry in entries]
    if args.json:
        for row in rows:
            print(json.dumps(row))
    else:
        names = [name.replace("_", " ") for name in rows[0]]
        table = [names, *([str(value) for value in row.values()] for row in rows)]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        for line in table:
            first, *others = zip(line, widths, strict=True)
            print("  ".join([first[0].ljust(first[1]), *(text.rjust(width) for text, width in others)]))
    missing = [entry for entry in entries if entry.difference]
    if not args.json:
        wrong = ", ".join(f"{entry.stage} by {entry.difference}" for entry in missing)
        print(f"it doesn't balance: {wrong}" if missing else "it balances")
    return 1 if missing else 0
