"""`logd dashboards`: those of a server, out into files and in again."""

from __future__ import annotations

import argparse
import functools
import json
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

from logd.cli import connect, lines
from logd.errors import ConfigError

_PATH = "/api/v1/dashboards"
#: In a file, which its errors name.
_PLACES = ("panels[", "time.")


def add_to(commands: Any) -> None:
    """Adds the command to the parser's subcommands."""
    parser = commands.add_parser("dashboards", help="a server's dashboards, to files and back", allow_abbrev=False)
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    add = functools.partial(connect.add_action, actions)
    listed = add(
        "list",
        "list them",
        "Prints all dashboards, by their names; in a pipe, as JSON lines.",
        run_list,
        "dashboards list",
    )
    lines.add_json_to(listed)
    export = add(
        "export",
        "print one",
        "Prints a dashboard as JSON, which import takes.",
        run_export,
        "dashboards export payment >payment.json",
    )
    add_import = add(
        "import",
        "make one of a file",
        "Makes the dashboard that was exported into a file. Everybody who may search sees it.",
        run_import,
        "dashboards import payment.json",
        "dashboards import payment.json --replace",
        "dashboards export home | logd dashboards import - --name 'home, as it was'",
    )
    delete = add("delete", "delete one", "Deletes a dashboard.", run_delete, "dashboards delete payment")
    for action in (export, delete):
        action.add_argument("name", metavar="NAME", help="its name, or its id")
    add_import.add_argument("file", metavar="FILE", help="or `-` for standard input")
    add_import.add_argument("--name", metavar="NAME", help="what it is called, instead of the file's")
    add_import.add_argument("--replace", action="store_true", help="also when there is one, in its place")


def run_list(args: argparse.Namespace) -> int:
    """A table on a terminal, else JSON lines."""
    from logd.cli.hits import as_json, printable
    from logd.cli.tables import table

    found = connect.server(args).json("GET", _PATH)["dashboards"]
    if args.json or not sys.stdout.isatty():
        lines.write(map(as_json, found))
        return 0
    rows = [[printable(one["name"]), one["updated"], one["updated_by"] or "-", len(one["panels"])] for one in found]
    print(table([["name", "changed", "by", "panels"], *rows], "panels") if rows else "no dashboards")
    return 0


def run_export(args: argparse.Namespace) -> int:
    """Prints it."""
    found = connect.server(args).json("GET", _path(args.name))
    lines.write(json.dumps(found, indent=2, ensure_ascii=False).splitlines())
    return 0


def run_import(args: argparse.Namespace) -> int:
    """Says what it is called, its id and its version."""
    from logd.cli import ask

    body = _read(args.file)
    if args.name is not None:
        body["name"] = args.name
    server = connect.server(args)
    name = body.get("name")
    before = server.json_if_there(_path(name)) if args.replace and isinstance(name, str) and name.strip() else None
    try:
        if before is None:
            done = server.json("POST", _PATH, (), body)
        else:
            done = server.json("PUT", _path(before["id"]), (), {**body, "version": before["version"]})
    except ask.Failed as failure:
        if not failure.where.startswith(_PLACES):
            raise
        raise ask.Failed(f"{failure.where}: {failure}", failure.exit_code, status=failure.status) from None
    print(f"imported {done['name']!r} ({done['id']}, version {done['version']})")
    return 0


def run_delete(args: argparse.Namespace) -> int:
    """Says what is no more."""
    done = connect.server(args).json("DELETE", _path(args.name))
    print(f"deleted {done['name']!r} ({done['id']}, version {done['version']})")
    return 0


def _path(name: str) -> str:
    return f"{_PATH}/{quote(name, safe='')}"


def _read(file: str) -> dict[str, Any]:
    """Raises ConfigError."""
    where = "standard input" if file == "-" else file
    try:
        text = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        body = json.loads(text)
    except OSError as error:
        raise ConfigError(f"can't read {where}: {(error.strerror or str(error)).lower()}") from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{where} is no JSON: {error}") from None
    if not isinstance(body, dict):
        raise ConfigError(f"{where} has no JSON object: expected what `logd dashboards export` prints")
    return body
