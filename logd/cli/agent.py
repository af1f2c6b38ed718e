"""`logd agent`: the server with the role agent alone; `logd agent status`: what one that runs here has sent."""

from __future__ import annotations

import argparse
from typing import Any

from logd.cli import settings

_STATUS = "status"
_EXAMPLES = """examples:
  logd agent --server http://logs.example.org:8080 --config /etc/logd.toml /var/log
  app | logd agent --stdin --service app --server http://logs.example.org:8080
  logd agent status --config /etc/logd.toml      each file that the agent of that data_dir follows, and how far it is

A file that is called status is ./status."""


def add_to(commands: Any) -> None:
    """Adds the command to the parser's subcommands."""
    parser = commands.add_parser(
        "agent",
        help="follow files on this host",
        description="Follows files and other inputs and ships their lines, to the logd at --server or into the queue in"
        " data_dir.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=_EXAMPLES,
        allow_abbrev=False,
    )
    settings.add_to(parser)
    parser.add_argument("--server", metavar="URL", help="the same as --set agent.server=URL")
    parser.add_argument("--stdin", action="store_true", help="take standard input, whose end ends the agent")
    parser.add_argument("--service", metavar="NAME", help="the service of standard input")
    parser.add_argument("--json", action="store_true", help="with status: all of it as a JSON object")
    settings.add_files_to(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Runs the agent; its exit code."""
    if args.files == [_STATUS]:
        from logd.cli import agent_status

        args.files = []
        return agent_status.run(args)
    sets = ["server.roles=agent", *([] if args.server is None else [f"agent.server={args.server}"])]
    sets += ["agent.stdin.enabled=true"] if args.stdin else []
    sets += [] if args.service is None else [f"agent.stdin.service={args.service}"]
    config = settings.load(args, sets)
    from logd.server import run as run_server

    return run_server(config, lambda: settings.load(args, sets))
