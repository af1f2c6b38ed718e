"""`logd alerts notify`: a test notification of a rule to all whom it tells."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from logd.cli import connect, lines, rule_files

if TYPE_CHECKING:
    from logd.cli.alert_states import Add

_PATH = "/api/v1/alerts/rules"


def add_to(actions: Any, add: Add) -> None:
    """Adds it to those of `logd alerts`."""
    told = (
        "Has a server send a test notification of a rule to all whom it tells, and prints what came of it; in a pipe,"
        " as JSON lines. RULE is the name or id of one at the server, or a FILE, or FILE:NAME where there are several."
        " Exits with 1 when one can't be told."
    )
    action = add(
        actions,
        "notify",
        "send a test notification of a rule",
        told,
        run,
        "notify 'payment errors'",
        "notify 'rules/payment.toml:payment errors'",
    )
    action.add_argument("rule", metavar="RULE")
    lines.add_json_to(action)
    connect.add_to(action)


def run(args: argparse.Namespace) -> int:
    """A table on a terminal, else JSON lines; 1 when a target wasn't reached."""
    from logd.alerts.shown import written
    from logd.cli.hits import as_json, printable
    from logd.cli.tables import table

    rule, server = rule_files.named(args.rule), connect.server(args)
    if rule is None:
        answer = server.json("POST", f"{_PATH}/{quote(args.rule, safe='')}/notify")
    else:
        answer = server.json("POST", f"{_PATH}/notify", (), written(rule))
    found = answer["deliveries"]
    if args.json or not sys.stdout.isatty():
        lines.write(map(as_json, found))
    elif not found:
        print(f"the rule {printable(answer['name'])!r} tells nobody")
    else:
        rows = [["target", "status", "answer", "took", "error"]]
        rows += [
            [
                printable(one["target"]),
                one["status"],
                str(one["http_status"] or one["smtp_status"] or "-"),
                f"{one['took_ms']:.0f} ms",
                printable(one["error"] or ""),
            ]
            for one in found
        ]
        print(table(rows, right="took"))
    return 0 if all(one["status"] == "delivered" for one in found) else 1
