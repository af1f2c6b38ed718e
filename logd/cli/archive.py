"""`logd archive`: whether the archive is whole, and what to do when its list is lost."""

from __future__ import annotations

import argparse
from datetime import date
from typing import Any

from logd.cli import settings

_EPOCH = date(1970, 1, 1)


def add_to(commands: Any) -> None:
    """Adds the command to the parser's subcommands."""
    parser = commands.add_parser("archive", help="look for damage in the archive", allow_abbrev=False)
    actions = parser.add_subparsers(metavar="ACTION", required=True)

    verify = settings.add_action(
        actions,
        "verify",
        "read all of the archive and look for damage",
        "Reads every file, skip index and manifest, and compares them with the catalog's list: sizes, checksums, counts"
        " of rows and of distinct log_ids. Ends with 1 if anything is missing, damaged, or known to only one of them.",
        run_verify,
        "archive verify --day 2026-11-22 --config archiver.toml",
    )
    verify.add_argument("--day", type=_day, metavar="YYYY-MM-DD", help="of this day (UTC) alone")
    verify.add_argument("--policy", help="of this retention policy alone")
    verify.add_argument(
        "--quarantine",
        action="store_true",
        help="from now on searches leave out what is damaged or missing, and read what was put aside and is whole",
    )
    settings.add_action(
        actions,
        "rebuild",
        "make the catalog's list anew",
        "Adds to the catalog's list of files what the manifests in the store of objects name, and it doesn't have.",
        run_rebuild,
        "archive rebuild --config archiver.toml",
    )


def run_verify(args: argparse.Namespace) -> int:
    """Says what is wrong, and what was looked at."""
    config = settings.load(args)
    import asyncio

    from logd.roles.archive_checks import verify

    found = asyncio.run(verify(config, args.policy, args.day, args.quarantine))
    for one in found.findings:
        print(f"{one.what}: {one.name}: {one.detail}")
    counts = f"{found.files} files of {found.days} days, {found.rows} rows with {found.distinct_ids} distinct ids"
    wrong = sum(one.wrong for one in found.findings)
    print(f"{counts}; {wrong or 'nothing'} {'are' if wrong > 1 else 'is'} wrong")
    return 1 if wrong else 0


def run_rebuild(args: argparse.Namespace) -> int:
    """Says how much was added."""
    config = settings.load(args)
    import asyncio

    from logd.roles.archive_checks import rebuild

    print(f"{asyncio.run(rebuild(config))} files were added to the catalog's list")
    return 0


def _day(text: str) -> int:
    try:
        return (date.fromisoformat(text) - _EPOCH).days
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no day as 2026-11-22") from None
