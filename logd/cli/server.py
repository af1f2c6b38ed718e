"""`logd server`: runs the roles of this process until a signal."""

from __future__ import annotations

import argparse
from typing import Any

from logd.cli import settings


def add_to(commands: Any) -> None:
    """Adds the command to the parser's subcommands."""
    parser = commands.add_parser(
        "server",
        help="run the service",
        description="Runs the roles of this process until SIGTERM or SIGINT; a second signal aborts.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example:\n  logd server --roles processor,api,archiver --set api.listen=127.0.0.1:9000 /var/log/nginx",
        allow_abbrev=False,
    )
    settings.add_to(parser)
    parser.add_argument("--roles", metavar="A,B", help="the same as --set server.roles=A,B")
    settings.add_files_to(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Runs the server; its exit code."""
    sets = [] if args.roles is None else [f"server.roles={args.roles}"]
    config = settings.load(args, sets)
    from logd.server import run as run_server

    return run_server(config, lambda: settings.load(args, sets))
