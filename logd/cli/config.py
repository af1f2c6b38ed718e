"""`logd config check`: says whether a server would start with this configuration."""

from __future__ import annotations

import argparse
from typing import Any

from logd.cli import settings


def add_to(commands: Any) -> None:
    """Adds the command to the parser's subcommands."""
    parser = commands.add_parser("config", help="check a configuration", allow_abbrev=False)
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    check = actions.add_parser(
        "check",
        help="say what is wrong with a configuration",
        description="Reads file, environment and --set as a server would, compiles its parsers and rules, and says what"
        " is wrong.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example:\n  logd config check --config logd.toml --set parse.timezone=Europe/Berlin",
        allow_abbrev=False,
    )
    settings.add_to(check)
    check.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Prints one line when all is well; else ConfigError says what isn't."""
    config = settings.load(args)
    if config.parser or config.shape or config.metric:
        from logd.roles.parsing import check

        check(config)
    print(f"ok: roles {', '.join(config.server.roles)}, data in {config.data_dir}, api on {config.api.listen}")
    return 0
