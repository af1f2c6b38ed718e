"""`logd agent`: the server with the role agent alone."""

from __future__ import annotations

import argparse
from typing import Any

from logd.cli import settings


def add_to(commands: Any) -> None:
    """Adds the command to the parser's subcommands."""
    parser = commands.add_parser(
        "agent",
        help="follow files on this host",
        description="Follows files and ships their lines: `logd server --roles agent`.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example:\n  logd agent --config /etc/logd.toml /var/log/nginx/access.log",
        allow_abbrev=False,
    )
    settings.add_to(parser)
    settings.add_files_to(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Runs the agent; its exit code."""
    config = settings.load(args, ["server.roles=agent"])
    from logd.server import run as run_server

    return run_server(config)
