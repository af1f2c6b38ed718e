"""`logd saved`: searches that have a name, for all who may search. `logd search --saved NAME` runs one."""

from __future__ import annotations

import argparse
import functools
import shutil
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from logd.cli import connect, lines, search
from logd.query import values

if TYPE_CHECKING:
    from logd.cli.ask import Server

_PATH = "/api/v1/searches"
#: Beside those that say which lines are meant.
_OPTIONS = ("sort", "limit", "fields")


def add_to(commands: Any) -> None:
    """Adds the command to the parser's subcommands."""
    parser = commands.add_parser("saved", help="searches that have a name", allow_abbrev=False)
    actions = parser.add_subparsers(metavar="ACTION", required=True)

    add = functools.partial(connect.add_action, actions)
    every = "Prints all saved searches, by their names; in a pipe, as JSON lines."
    listed = add("list", "list them", every, run_list, "saved list")
    shown = add(
        "show", "print one", "Prints a saved search; in a pipe, as a JSON line.", run_show, "saved show timeouts"
    )
    save = add(
        "save",
        "save a search",
        "Saves a search as it is asked for: relative times stay so. Everybody who may search sees it.",
        run_save,
        "saved save --name timeouts 'timeout AND NOT retry' --level ERROR --from -1h",
        "search --saved timeouts --from -1d",
    )
    delete = add("delete", "delete one", "Deletes a saved search, and prints it.", run_delete, "saved delete timeouts")
    for action in (listed, shown, delete):
        action.add_argument("--json", action="store_true", help="JSON on a terminal too")
    for action in (shown, delete):
        action.add_argument("name", metavar="NAME", help="its name, or its id")
    save.add_argument("--name", metavar="NAME", required=True, help="what it is called")
    save.add_argument("--description", metavar="TEXT", help="what it is for")
    save.add_argument("--replace", action="store_true", help="also when there is one, in its place")
    search.add_filters_to(save)
    search.add_choices_to(save)


def run_list(args: argparse.Namespace) -> int:
    """A table on a terminal, else JSON lines."""
    from logd.cli.hits import as_json, cut, printable
    from logd.cli.tables import table

    found = connect.server(args).json("GET", _PATH)["searches"]
    if args.json or not sys.stdout.isatty():
        lines.write(map(as_json, found))
        return 0
    rows = [["name", "changed", "by", "search"]]
    rows += [
        [one["name"], one["updated"], one["updated_by"] or "-", _as_text(one["search"]) or "everything"]
        for one in found
    ]
    shown = table([[printable(cell).replace("\n", " ") for cell in row] for row in rows])
    columns = shutil.get_terminal_size().columns
    print("\n".join(cut(line, columns) for line in shown.split("\n")) if found else "no saved searches")
    return 0


def run_show(args: argparse.Namespace) -> int:
    """Fields on a terminal, else a JSON line."""
    _print(kept(connect.server(args), args.name), args.json)
    return 0


def run_save(args: argparse.Namespace) -> int:
    """Says what it is called, and its id."""
    from logd.cli import ask

    server = connect.server(args)
    body: dict[str, Any] = {"name": args.name, "description": args.description or "", "search": _asked(args)}
    try:
        before = server.json_if_there(_path(args.name)) if args.replace else None
        if before is None:
            done = server.json("POST", _PATH, (), body)
        else:
            described = before["description"] if args.description is None else args.description
            changed = {**body, "name": before["name"], "description": described, "version": before["version"]}
            done = server.json("PUT", _path(before["id"]), (), changed)
    except ask.Failed as failure:
        return lines.failed(failure, args.query)
    print(f"saved {done['name']!r} ({done['id']}, version {done['version']})")
    return 0


def run_delete(args: argparse.Namespace) -> int:
    """Prints what is no more."""
    done = connect.server(args).json("DELETE", _path(args.name))
    print(f"deleted {done['name']!r}:", file=sys.stderr)
    _print(done, args.json)
    return 0


def kept(server: Server, name: str) -> dict[str, Any]:
    """The saved search of this name or id. Raises Failed."""
    return server.json("GET", _path(name))


def _path(name: str) -> str:
    return f"{_PATH}/{quote(name, safe='')}"


def _asked(args: argparse.Namespace) -> dict[str, Any]:
    """The parameters that the options ask for; those that repeat are lists."""
    asked: dict[str, Any] = {}
    for name, value in search.filters(args, paged=False):
        if name in lines.REPEATED:
            asked.setdefault(name, []).extend(map(values.written, values.listed([value])))
        else:
            asked[name] = value
    return asked | {name: value for name in _OPTIONS if (value := getattr(args, name)) is not None}


def _as_text(parameters: Mapping[str, Any]) -> str:
    """The query, and the others as `name=value`."""
    from logd.cli.hits import as_json

    def text(value: Any) -> str:
        return ",".join(value) if isinstance(value, list) else value if isinstance(value, str) else as_json(value)

    query = [str(parameters["q"])] if parameters.get("q") else []
    return "  ".join([*query, *(f"{name}={text(value)}" for name, value in parameters.items() if name != "q")])


def _print(found: Mapping[str, Any], json: bool) -> None:
    from logd.cli.hits import as_fields, as_json

    if json or not sys.stdout.isatty():
        lines.write([as_json(found)])
        return
    outer = {name: value for name, value in found.items() if name != "search"}
    print(as_fields({**outer, **{f"search.{name}": value for name, value in found["search"].items()}}))
