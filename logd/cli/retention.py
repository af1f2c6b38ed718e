"""`logd retention`: how long whose lines are kept where, what must not be deleted, and what all of it costs."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from logd.cli import connect, lines, retention_usage

if TYPE_CHECKING:
    from logd.cli.ask import Server

_PATH = "/api/v1/retention"
_NOT_FOUND = 404
_WOULD_DELETE = 1
_AGES = ("hot_days", "warm_days", "cold_days")


def add_to(commands: Any) -> None:
    """Adds the command to the parser's subcommands."""
    parser = commands.add_parser("retention", help="how long whose lines are kept where", allow_abbrev=False)
    actions = parser.add_subparsers(metavar="ACTION", required=True)

    def add(name: str, what: str, description: str, run: Any, *examples: str) -> argparse.ArgumentParser:
        shown = [f"retention {example}" for example in examples]
        action = connect.add_action(actions, name, what, description, run, *shown)
        action.add_argument("--json", action="store_true", help="JSON on a terminal too")
        return action

    every = "Prints all policies, those of the configuration too; in a pipe, as JSON lines."
    listed = add("list", "list the policies", every, run_list, "list", "list --holds")
    listed.add_argument("--holds", action="store_true", help="legal holds instead")
    put = add(
        "set",
        "make a policy, or change one",
        "Makes a policy, or changes the one of that name; days that aren't named stay. What that would delete it says,"
        " and does it with --yes alone.",
        run_set,
        "set payment-service --hot 7 --warm 30 --cold 365",
        "set DEFAULT --hot 1 --warm 30 --cold 90",
        "set debug --service 'debug-*' --hot 1 --warm 7 --cold 30 --yes",
    )
    look = add(
        "preview",
        "say what a policy would delete",
        "As set, or with --delete as delete: says what it would delete, and changes nothing.",
        run_preview,
        "preview DEFAULT --cold 30",
        "preview --delete payment-service",
    )
    delete = add(
        "delete",
        "delete a policy",
        "Deletes a policy. What is stored under its name goes by DEFAULT then. What that would delete it says, and does"
        " it with --yes alone.",
        run_delete,
        "delete payment-service",
    )
    hold = add(
        "hold",
        "delete nothing of what a query finds",
        "Makes a legal hold: until it is released, nothing is deleted that has a hit of the query in the range.",
        run_hold,
        "hold --name 'case 7' 'user_id:4711' --service payment --from 2026-01-01 --to 2026-02-01",
    )
    release = add("release", "end a legal hold", "Releases a legal hold.", run_release, "release 'case 7'")
    used = add(
        "usage",
        "show what is stored, and what it costs",
        "Prints lines, bytes and costs by policy, day and tier, and with --services by service; in a pipe, as JSON.",
        run_usage,
        "usage --services",
    )
    retention_usage.add_to(used)
    for action in (put, look):
        action.add_argument(
            "--service", metavar="S", action="append", default=[], help="a name or a pattern, repeatedly"
        )
        for age in ("hot", "warm", "cold"):
            action.add_argument(
                f"--{age}", metavar="DAYS", type=int, dest=f"{age}_days", help=f"until it is no more {age}"
            )
        action.add_argument("--description", metavar="TEXT", help="what it is for")
    for action in (put, delete, release):
        action.add_argument("name", metavar="NAME")
    look.add_argument("name", metavar="NAME", nargs="?", default="")
    look.add_argument("--delete", metavar="NAME", help="what to delete this one would")
    for action in (put, delete):
        action.add_argument("--yes", action="store_true", help="also when it deletes something")
    hold.add_argument("query", metavar="QUERY", nargs="?", default="", help="as of a search; everything without one")
    hold.add_argument("--name", metavar="NAME", required=True, help="what it is called")
    hold.add_argument("--service", metavar="S", action="append", default=[], help="of this service alone, repeatedly")
    hold.add_argument("--from", metavar="TIME", dest="from_", help="the earliest time")
    hold.add_argument("--to", metavar="TIME", help="the first time after the last")
    hold.add_argument("--reason", metavar="TEXT", default="", help="for people")


def run_list(args: argparse.Namespace) -> int:
    """A table on a terminal, else JSON lines."""
    from logd.cli.hits import as_json

    what = "holds" if args.holds else "policies"
    found = connect.server(args).json("GET", f"{_PATH}/{what}")[what]
    if args.json or not sys.stdout.isatty():
        lines.write(map(as_json, found))
    elif not found:
        print("no legal holds")
    else:
        _print_table(_holds(found) if args.holds else _policies(found))
    return 0


def run_set(args: argparse.Namespace) -> int:
    """Says what it did, or what it would delete."""
    server = connect.server(args)
    before = _before(server, args.name)
    body = _body(args, before)
    if before is None:
        found = _changed(server, args, "POST", "policies", body)
    else:
        found = _changed(
            server, args, "PUT", f"policies/{quote(args.name, safe='')}", {**body, "version": before["version"]}
        )
    return _said("created" if before is None else "changed", found, args)


def run_delete(args: argparse.Namespace) -> int:
    """Says what is no more, or what it would delete."""
    found = _changed(connect.server(args), args, "DELETE", f"policies/{quote(args.name, safe='')}", None)
    return _said("deleted", found, args)


def run_preview(args: argparse.Namespace) -> int:
    """What it would delete: a sentence and a table on a terminal, else JSON."""
    from logd.cli.hits import as_json
    from logd.errors import ConfigError

    server = connect.server(args)
    if bool(args.delete) == bool(args.name):
        raise ConfigError("expected a policy's NAME, or --delete NAME")
    body = {"delete": args.delete} if args.delete else _body(args, _before(server, args.name))
    found = server.json("POST", f"{_PATH}/preview", (), body)
    if args.json or not sys.stdout.isatty():
        lines.write([as_json(found)])
    else:
        _explain(found)
    return 0


def run_hold(args: argparse.Namespace) -> int:
    """Says what it is called, and its id."""
    body: dict[str, Any] = {"name": args.name, "query": args.query, "reason": args.reason, "services": args.service}
    body |= {name: value for name, value in (("from", args.from_), ("to", args.to)) if value}
    made = connect.server(args).json("POST", f"{_PATH}/holds", (), body)
    return _said_hold("held", made, args)


def run_release(args: argparse.Namespace) -> int:
    """Says what is released."""
    done = connect.server(args).json("DELETE", f"{_PATH}/holds/{quote(args.name, safe='')}")
    return _said_hold("released", done, args)


def run_usage(args: argparse.Namespace) -> int:
    """See retention_usage.show."""
    return retention_usage.show(connect.server(args), args.services, args.json)


def _before(server: Server, name: str) -> Mapping[str, Any] | None:
    """None for one that nobody has made."""
    from logd.cli import ask

    try:
        found = server.json("GET", f"{_PATH}/policies/{quote(name, safe='')}")
    except ask.Failed as failure:
        if failure.status != _NOT_FOUND:
            raise
        return None
    # DEFAULT is there before anybody makes it. Of the configuration's, the server says that it is there.
    return None if found["version"] is None else found


def _body(args: argparse.Namespace, before: Mapping[str, Any] | None) -> dict[str, Any]:
    """Raises ConfigError."""
    from logd.errors import ConfigError

    given = {name: getattr(args, name) for name in _AGES}
    if before is not None:
        given = {name: before[name] if days is None else days for name, days in given.items()}
    if missing := [name for name, days in given.items() if days is None]:
        options = ", ".join(f"--{name.removesuffix('_days')}" for name in missing)
        raise ConfigError(f"there is no policy {args.name!r} yet: a new one needs {options} too")
    services = args.service or (before["services"] if before is not None else [args.name])
    description = args.description if args.description is not None else before["description"] if before else ""
    # A new one that is called as its service may have to be called a bit otherwise: the server says how.
    name = {"name": args.name} if args.service or before is not None else {}
    return {**name, **given, "services": services, "description": description}


def _changed(
    server: Server, args: argparse.Namespace, method: str, path: str, body: object
) -> Mapping[str, Any] | None:
    """None when it would delete something, which is said."""
    if not args.yes:
        would = server.json(method, f"{_PATH}/{path}", [("preview", "true")], body)
        if would["deletes"] or would["later"]:
            _explain(would, sys.stderr)
            return None
    confirmed = [("confirm", "true")] if args.yes else []
    return server.json(method, f"{_PATH}/{path}", confirmed, body)


def _said(what: str, found: Mapping[str, Any] | None, args: argparse.Namespace) -> int:
    from logd.cli.hits import as_json

    if found is None:
        print("logd: nothing was changed; --yes does it", file=sys.stderr)
        return _WOULD_DELETE
    if args.json:
        lines.write([as_json(found)])
    else:
        ages = "/".join(str(found[name]) for name in _AGES)
        print(f"{what} {found['name']!r}, version {found['version']}: {ages} days hot/warm/cold")
    return 0


def _said_hold(what: str, found: Mapping[str, Any], args: argparse.Namespace) -> int:
    from logd.cli.hits import as_json

    if args.json:
        lines.write([as_json(found)])
    else:
        print(f"{what} {found['name']!r} ({found['id']})")
    return 0


def _explain(found: Mapping[str, Any], to: Any = None) -> None:
    from logd.cli.tables import size, table

    print(found["message"], file=to)
    rows = [["when", "policy", "tier", "parts", "lines", "size", "from", "to", "held by"]]
    for when, parts in (("now", found["deletes"]), ("later", found["later"])):
        for one in parts:
            counts = (f"{one['parts']:,}", f"{one['rows']:,}", size(one["bytes"]))
            held = ", ".join(one["held_by"]) or "-"
            rows.append([when, one["policy"], one["tier"], *counts, one["first_day"], one["last_day"], held])
    if len(rows) > 1:
        print(table(rows, right="parts,lines,size"), file=to)


def _policies(found: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    rows = [["name", "hot", "warm", "cold", "services", "from"]]
    for one in found:
        services = ", ".join(one["services"]) or ("all others" if one["name"] == "DEFAULT" else "-")
        source = "configuration" if one["version"] is None else one["updated_by"] or "-"
        ages = [str(one[name]) for name in _AGES[:2]]
        rows.append([one["name"], *ages, str(one["cold_days"] or "for ever"), services, source])
    return rows


def _holds(found: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    rows = [["id", "name", "state", "from", "to", "services", "query", "by"]]
    for one in found:
        times = [one["from"] or "-", one["to"] or "-"]
        services = ", ".join(one["services"]) or "all"
        state = "in force" if one["released"] is None else "released"
        rows.append([one["id"], one["name"], state, *times, services, one["query"] or "all", one["created_by"] or "-"])
    return rows


def _print_table(rows: Sequence[Sequence[str]]) -> None:
    from logd.cli.hits import cut, printable
    from logd.cli.tables import table

    shown = table([[printable(cell).replace("\n", " ") for cell in row] for row in rows], right="hot,warm,cold")
    columns = shutil.get_terminal_size().columns
    print("\n".join(cut(line, columns) for line in shown.split("\n")))
