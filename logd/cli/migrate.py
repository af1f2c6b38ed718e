"""`logd migrate`: brings the catalog to the schema of this logd."""

from __future__ import annotations

import argparse
from typing import Any

from logd.cli import settings, token


def add_to(commands: Any) -> None:
    """Adds the command to the parser's subcommands."""
    settings.add_action(
        commands,
        "migrate",
        "bring the catalog to this version's schema",
        "Applies the migrations that the catalog (tokens, saved searches) doesn't have yet, and says which. On\n"
        "MariaDB and MySQL a server asks for it; in SQLite it does it itself. Stop older servers first.",
        run,
        "migrate --config logd.toml",
    )


def run(args: argparse.Namespace) -> int:
    """Prints a line for each migration."""
    config = settings.load(args)
    import asyncio

    from logd.roles import catalog_wiring

    if config.catalog.type == "sqlite":
        token.make_data_dir(config)
    name, applied = asyncio.run(catalog_wiring.migrate(config))
    for step in applied:
        print(f"{name}: applied {step}")
    if not applied:
        print(f"{name}: nothing to do")
    return 0
