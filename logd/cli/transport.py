"""`logd transport`: looks at the queue and removes readers, whether a server runs or not."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from typing import Any

from logd.cli import settings


def add_to(commands: Any) -> None:
    """Adds the command to the parser's subcommands."""
    parser = commands.add_parser("transport", help="look at the queue, remove its readers", allow_abbrev=False)
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    settings.add_action(
        actions,
        "status",
        "say what is in the queue and who reads it",
        "Prints for each topic what it holds, its groups, and what ever went through.",
        run_status,
        "transport status --config logd.toml",
    )
    forget = settings.add_action(
        actions,
        "forget",
        "remove a group that nobody needs any more",
        "Removes a group, so that messages needn't be kept for it. A running server notices.",
        run_forget,
        "transport forget alerter --config logd.toml",
    )
    forget.add_argument("--topic", default="raw-logs", help="the topic that it reads (raw-logs)")
    forget.add_argument("group", metavar="GROUP", help="its name, as `logd transport status` shows it")


def run_status(args: argparse.Namespace) -> int:
    """Prints some lines for each topic."""
    config = settings.load(args)
    from logd.roles.wiring import transport_status

    for topic, status in sorted(transport_status(config).items()):
        for line in _lines(topic, status, time.time()):
            print(line)
    return 0


def run_forget(args: argparse.Namespace) -> int:
    """Says what was done."""
    config = settings.load(args)
    from logd.backends.transport.sqlite_groups import forget
    from logd.roles.wiring import transport_file

    forget(transport_file(config), args.topic, args.group, config.server.roles)
    print(f"group {args.group!r} of topic {args.topic} is forgotten")
    return 0


def _lines(topic: str, status: dict[str, Any], now: float) -> Iterator[str]:
    since = status["oldest_us"]
    age = f", the oldest for {max(0.0, now - since / 1e6):,.0f} s" if since is not None else ""
    held = [f"{status[what]:,} {what}" for what in ("messages", "lines", "bytes") if status[what] is not None]
    yield f"{topic}: holds {', '.join(held)}{age}"
    for name, group in sorted(status["groups"].items()):
        yield f"  group {name}: {_place(group)}, {group['lag']:,} messages behind"
    if "ledger" not in status:
        return
    if not status["groups"]:
        yield "  no group: the oldest are deleted over transport.max_bytes or transport.max_age_seconds"
    for what in ("appended", "duplicate", "expired"):
        messages, lines = status["ledger"][f"{what}_messages"], status["ledger"][f"{what}_lines"]
        yield f"  {what}: {messages:,} messages, {lines:,} lines"


def _place(group: dict[str, Any]) -> str:
    """Where it is; of one over several partitions, how many messages it has passed."""
    if "position" in group:
        return f"at position {group['position']}"
    lost = f", of which Kafka had deleted {group['lost']:,}" if group["lost"] else ""
    return f"past {group['passed']:,} messages of {len(group['positions'])} partitions{lost}"
