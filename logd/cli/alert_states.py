"""`logd alerts list`, `history`, `deliveries`, `ack`, `unack` and `retry`: what fires, and who was told."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from logd.cli import connect, lines
from logd.errors import ConfigError

if TYPE_CHECKING:
    from logd.cli.ask import Server

_PATH = "/api/v1/alerts"
_ACKNOWLEDGE = f"{_PATH}/acknowledge"
#: As many as the server gives at once.
_PAGE = 1_000
_DEAD = "refused,failed"
#: Adds a command: to which others, its name, what it does in short and at length, what runs, examples.
Add = Callable[..., argparse.ArgumentParser]


def add_to(actions: Any, add: Add) -> None:
    """Adds them to those of `logd alerts`."""
    every = "Prints what fires, what is about to, and what did lately; in a pipe, as JSON lines with records."
    listed = add(actions, "list", "list what fires", every, run_list, "list", "list --state firing --severity critical")
    listed.add_argument("--state", metavar="S", action="append", default=[], help="pending, firing or resolved")
    listed.add_argument("--severity", metavar="S", action="append", default=[], help="critical, error, warning or info")
    past = "Prints what happened to alerts, the newest first; in a pipe, as JSON lines."
    history = add(actions, "history", "list what happened", past, run_history, "history --rule 'payment errors'")
    told = (
        "Prints messages to targets, the newest first, and how often each was tried; in a pipe, as JSON lines with"
        " every attempt. Dead letters are those that were refused, or failed until they were given up."
    )
    sent = add(actions, "deliveries", "list who was told", told, run_deliveries, "deliveries", "deliveries --dead")
    which = sent.add_mutually_exclusive_group()
    which.add_argument("--status", metavar="S", action="append", default=[], help="waiting, delivered, refused, failed")
    which.add_argument("--dead", action="store_true", help="dead letters alone")
    for action in (listed, history, sent):
        action.add_argument("--rule", metavar="RULE", help="of this rule, by its name or its id")
        action.add_argument("--json", action="store_true", help="JSON lines on a terminal too")
    listed.add_argument("--limit", "-n", metavar="N", type=int, default=_PAGE, help=f"at most so many ({_PAGE})")
    for action in (history, sent):
        action.add_argument("--limit", "-n", metavar="N", type=int, default=100, help="at most so many (100)")
    care = "Says that somebody cares for what fires. Once it fires anew, nobody has said so yet."
    ack = add(actions, "ack", "acknowledge what fires", care, run_ack, "ack 'payment errors' host=web-1 --why 'on it'")
    ack.add_argument("--why", metavar="TEXT", default="", help="for people")
    back = "Takes an acknowledgement back; all of a rule's where no group is named."
    unack = add(actions, "unack", "take that back", back, run_unack, "unack 'payment errors' host=web-1")
    for action in (ack, unack):
        action.add_argument("rule", metavar="RULE", help="its name, or its id")
        action.add_argument(
            "group", metavar="FIELD=VALUE", nargs="*", help="the group, all of its fields; FIELD alone has no value"
        )
    again = "Has dead letters sent once more: those with these ids, or all."
    retry = add(actions, "retry", "send dead letters once more", again, run_retry, "retry ID", "retry --all")
    retry.add_argument("id", metavar="ID", nargs="*", help="as `logd alerts deliveries --dead` shows it")
    retry.add_argument("--all", action="store_true", help="all that there are")
    for action in (listed, history, sent, ack, unack, retry):
        connect.add_to(action)


def run_list(args: argparse.Namespace) -> int:
    """A table on a terminal, else JSON lines. How many were left out is said."""
    asked = [(name, value) for name in ("state", "severity") for value in getattr(args, name)]
    as_table = sys.stdout.isatty() and not args.json
    asked += [*_rule(args), ("limit", str(args.limit)), ("samples", "false" if as_table else "true")]
    answer = connect.server(args).json("GET", _PATH, asked)
    head = ("state", "severity", "rule", "group", "value", "since", "notes")
    _print(answer["alerts"], as_table, head, _alert, "no alerts")
    if (more := answer["total"] - len(answer["alerts"])) > 0:
        print(f"logd: {more} more, see --limit", file=sys.stderr)
    return 0


def run_history(args: argparse.Namespace) -> int:
    """A table on a terminal, else JSON lines."""
    found = _pages(connect.server(args), "history", "events", _rule(args), args.limit)
    head = ("time", "what", "rule", "group", "value", "by", "why")
    _print(found, sys.stdout.isatty() and not args.json, head, _event, "nothing has happened")
    return 0


def run_deliveries(args: argparse.Namespace) -> int:
    """A table on a terminal, else JSON lines."""
    statuses = [_DEAD] if args.dead else args.status
    asked = [*(("status", status) for status in statuses), *_rule(args)]
    found = _pages(connect.server(args), "deliveries", "deliveries", asked, args.limit)
    head = ("made", "status", "rule", "group", "target", "tries", "id", "last error")
    _print(found, sys.stdout.isatty() and not args.json, head, _delivery, "no deliveries")
    return 0


def run_ack(args: argparse.Namespace) -> int:
    """Says what is acknowledged."""
    from logd.cli.hits import printable

    body = {"rule": args.rule, "why": args.why, **({"group": _group(args.group)} if args.group else {})}
    done = connect.server(args).json("POST", _ACKNOWLEDGE, (), body)
    print(printable(f"acknowledged {_named(done)}"))
    return 0


def run_unack(args: argparse.Namespace) -> int:
    """Says what was."""
    from logd.cli.hits import printable

    asked = [("rule", args.rule)]
    if args.group:
        asked.append(("group", json.dumps(_group(args.group))))
    for one in connect.server(args).json("DELETE", _ACKNOWLEDGE, asked)["acknowledgements"]:
        print(printable(f"no longer acknowledged {_named(one)}"))
    return 0


def run_retry(args: argparse.Namespace) -> int:
    """1 when one of them is no dead letter; the others wait all the same."""
    from logd.cli import ask
    from logd.cli.hits import printable

    if bool(args.id) == args.all:
        raise ConfigError("which dead letters? name ids, or else --all")
    server = connect.server(args)
    # All are looked for first: those that wait no longer belong to the pages.
    ids = args.id or [one["id"] for one in _pages(server, "deliveries", "deliveries", [("status", _DEAD)], None)]
    done = 0
    for delivery_id in ids:
        try:
            server.json("POST", f"{_PATH}/deliveries/{quote(delivery_id, safe='')}/retry")
            done += 1
        except ask.Failed as failure:
            if failure.passing:
                raise
            print(f"logd: {printable(str(failure))}", file=sys.stderr)
    print(f"{done} messages wait to be sent once more")
    return 0 if done == len(ids) else 1


def _pages(
    server: Server, path: str, name: str, asked: Sequence[tuple[str, str]], limit: int | None
) -> Iterator[dict[str, Any]]:
    """All where there is no limit."""
    left = limit
    place: list[tuple[str, str]] = []
    while left is None or left > 0:
        rows = _PAGE if left is None else min(left, _PAGE)
        answer = server.json("GET", f"{_PATH}/{path}", [*asked, ("limit", str(rows)), *place])
        yield from answer[name]
        if answer["next_before"] is None:
            return
        place = [("before", str(answer["next_before"]))]
        left = None if left is None else left - len(answer[name])


def _print(
    found: Iterable[Mapping[str, Any]],
    as_table: bool,
    head: Sequence[str],
    row: Callable[[Mapping[str, Any]], Sequence[str]],
    nothing: str,
) -> None:
    from logd.cli.hits import as_json, cut, printable
    from logd.cli.tables import table

    if not as_table:
        lines.write(map(as_json, found))
        return
    rows = [[printable(cell).replace("\n", " ") for cell in row(one)] for one in found]
    columns = shutil.get_terminal_size().columns
    shown = table([head, *rows], right="value,tries") if rows else nothing
    print("\n".join(cut(line, columns) for line in shown.split("\n")))


def _alert(one: Mapping[str, Any]) -> Sequence[str]:
    notes = []
    if (care := one["acknowledged"]) is not None:
        notes.append(
            "acknowledged" + (f" by {care['by']}" if care["by"] else "") + (f": {care['why']}" * bool(care["why"]))
        )
    if (silence := one["silenced"]) is not None:
        notes.append(f"silent until {silence['to']}" + (f": {silence['why']}" * bool(silence["why"])))
    elif one["held"]:
        notes.append(f"not told: {one['held']}")
    since = one["ended"] or one["fired"] or one["since"]
    named = (one["state"], one["severity"], one["rule"], _as_text(one["group"]))
    return (*named, _number(one["value"]), since, "; ".join(notes))


def _event(one: Mapping[str, Any]) -> Sequence[str]:
    what = (one["time"], one["what"], one["rule"], _as_text(one["group"]))
    return (*what, _number(one["value"]), one["by"] or "-", one["why"])


def _delivery(one: Mapping[str, Any]) -> Sequence[str]:
    tries = one["attempts"]
    told = (one["made"], one["status"], one["rule"], _as_text(one["group"]), one["target"])
    return (*told, str(len(tries)), one["id"], tries[-1]["error"] if tries else "")


def _named(one: Mapping[str, Any]) -> str:
    group = _as_text(one["group"])
    return f"{one['rule']!r}" + (f" ({group})" if group != "-" else "")


def _as_text(group: Mapping[str, str | None]) -> str:
    """As `ack` takes it."""
    return " ".join(name if value is None else f"{name}={value}" for name, value in group.items()) or "-"


def _group(parts: Sequence[str]) -> dict[str, str | None]:
    found = (part.partition("=") for part in parts)
    return {name: value if sign else None for name, sign, value in found}


def _rule(args: argparse.Namespace) -> list[tuple[str, str]]:
    return [("rule", args.rule)] if args.rule else []


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"
