"""`logd alerts`: rules of alerts, in a server's catalog and in files; see alert_states.py for what fires."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from logd.cli import alert_backtests, alert_notify, alert_states, connect, lines, rule_files, settings

_PATH = "/api/v1/alerts/rules"
_NOT_FOUND = 404


def add_to(commands: Any) -> None:
    """Adds the command to the parser's subcommands."""
    parser = commands.add_parser("alerts", help="what fires, and rules of alerts", allow_abbrev=False)
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    rules = actions.add_parser("rules", help="rules of a server", allow_abbrev=False)
    of_rules = rules.add_subparsers(metavar="ACTION", required=True)

    def add(to: Any, name: str, what: str, description: str, run: Any, *examples: str) -> argparse.ArgumentParser:
        shown = "".join(f"\n  logd alerts {example}" for example in examples)
        action: argparse.ArgumentParser = to.add_parser(
            name,
            help=what,
            description=description,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            epilog=f"examples:{shown}\n\n{connect.EXIT_CODES}",
            allow_abbrev=False,
        )
        action.set_defaults(run=run)
        return action

    alert_states.add_to(actions, add)
    alert_backtests.add_to(actions, add)
    alert_notify.add_to(actions, add)
    every = "Prints all rules, by their names; in a pipe, as JSON lines. Files that are broken are named at the end."
    listed = add(of_rules, "list", "list them", every, run_list, "rules list")
    one = "Prints a rule; in a pipe, as a JSON line. Secrets are not shown."
    shown = add(of_rules, "show", "print one", one, run_show, "rules show 'payment errors'")
    put = add(
        of_rules,
        "apply",
        "make the rules of a file, or change them",
        "Makes the rules of a file, [[rule]] tables of TOML or a rule in JSON, or changes those of the same names."
        " Rules that are as they are in the file already stay; others are not touched.",
        run_apply,
        "rules apply rules/payment.toml",
        "rules show 'payment errors' > rule.json; logd alerts rules apply rule.json",
    )
    delete = add(of_rules, "delete", "delete one", "Deletes a rule, and prints it.", run_delete, "rules delete old")
    check = add(
        actions,
        "check",
        "say what is wrong with files of rules",
        "Reads a folder as a server with this configuration reads `alerts.rules`, or a file, and prints what is wrong"
        " as FILE:LINE: MESSAGE. Exits with 1 when something is.",
        run_check,
        "check rules/",
    )
    for action in (listed, shown, put, delete):
        connect.add_to(action)
    for action in (listed, shown, delete):
        action.add_argument("--json", action="store_true", help="JSON on a terminal too")
    for action in (shown, delete):
        action.add_argument("name", metavar="NAME", help="its name, or its id")
    put.add_argument("file", metavar="FILE", type=Path)
    settings.add_to(check)
    check.add_argument("folder", metavar="FOLDER", type=Path)


def run_list(args: argparse.Namespace) -> int:
    """A table on a terminal, else JSON lines."""
    from logd.cli.hits import as_json, cut, printable
    from logd.cli.tables import table

    answer = connect.server(args).json("GET", _PATH)
    found = answer["rules"]
    if args.json or not sys.stdout.isatty():
        lines.write(map(as_json, found))
    elif not found:
        print("no alert rules")
    else:
        rows = [["name", "severity", "enabled", "condition", "from"]]
        rows += [
            [
                one["name"],
                one["severity"],
                "yes" if one["enabled"] else "no",
                _as_text(one["condition"]),
                one.get("file") or one.get("updated_by") or "-",
            ]
            for one in found
        ]
        shown = table([[printable(cell).replace("\n", " ") for cell in row] for row in rows])
        columns = shutil.get_terminal_size().columns
        print("\n".join(cut(line, columns) for line in shown.split("\n")))
    for broken in answer["broken_files"]:
        line = f":{broken['line']}" if broken["line"] else ""
        print(f"logd: broken: {printable(broken['file'])}{line}: {printable(broken['message'])}", file=sys.stderr)
    return 0


def run_show(args: argparse.Namespace) -> int:
    """Fields on a terminal, else a JSON line."""
    _print(connect.server(args).json("GET", _path(args.name)), args.json)
    return 0


def run_delete(args: argparse.Namespace) -> int:
    """Prints what is no more."""
    done = connect.server(args).json("DELETE", _path(args.name))
    print(f"deleted {done['name']!r}:", file=sys.stderr)
    _print(done, args.json)
    return 0


def run_apply(args: argparse.Namespace) -> int:
    """Says of each rule whether it is new, changed or as it was. All are looked at before the first is sent."""
    from logd.alerts.shown import shown, written
    from logd.cli import ask

    server = connect.server(args)
    for rule in rule_files.read(args.file):
        wanted = written(rule)
        try:
            before = server.json("GET", _path(rule.name))
        except ask.Failed as failure:
            if failure.status != _NOT_FOUND:
                raise
            before = None
        if before is None:
            done, what = server.json("POST", _PATH, (), wanted), "created"
        elif (
            wanted == shown(wanted) == {name: value for name, value in before.items() if name not in rule_files.BESIDE}
        ):
            # Of one with secrets nobody can tell.
            done, what = before, "unchanged"
        else:
            version = {"version": before["version"]} if "version" in before else {}
            done, what = server.json("PUT", _path(before["rule_id"]), (), {**wanted, **version}), "changed"
        print(f"{what} {done['name']!r} ({done['rule_id']}{_version(done)})")
    return 0


def run_check(args: argparse.Namespace) -> int:
    """1 when something is wrong."""
    from logd.alerts.file import BrokenFile, read_rule_file
    from logd.cli.hits import printable
    from logd.roles.alert_wiring import terms_of

    terms = terms_of(settings.load(args))
    root, names = rule_files.files_in(args.folder)
    rules = tests = wrong = 0
    for name in names:
        try:
            found = read_rule_file(root / name, name, terms)
        except BrokenFile as error:
            wrong += len(error.problems)
            for problem in error.problems:
                print(printable(str(problem._replace(file=str(root / name)))))
            continue
        rules += len(found.rules)
        tests += len(found.tests)
    said = f"files: {len(names)}, rules: {rules}, tests: {tests}, problems: {wrong}"
    print(said, file=sys.stderr)
    return 1 if wrong else 0


def _path(name: str) -> str:
    return f"{_PATH}/{quote(name, safe='')}"


def _version(rule: Mapping[str, Any]) -> str:
    return f", version {rule['version']}" if "version" in rule else ""


def _as_text(condition: Mapping[str, Any]) -> str:
    """`count > 100 in 300 s  service=payment level=ERROR timeout`."""
    text = str(condition["aggregation"])
    if condition.get("field"):
        text += f"({condition['field']})"
    if "threshold" in condition:
        text += f" {condition['compare']} {condition['threshold']:g}"
    text += f" in {condition['window_seconds']} s" if "window_seconds" in condition else ""
    if "conditions" in condition:
        joint = " or " if condition.get("match") == "any" else " and "
        text += f": {joint.join(_as_text(one) for one in condition['conditions'])}"
    filters = [f"{name}={condition[name]}" for name in ("service", "level", "host") if condition.get(name)]
    return "  ".join([text, *filters, *([condition["query"]] if condition.get("query") else [])])


def _print(found: Mapping[str, Any], as_line: bool) -> None:
    from logd.cli.hits import as_fields, as_json

    if as_line or not sys.stdout.isatty():
        lines.write([as_json(found)])
        return
    outer = {name: value for name, value in found.items() if name != "condition"}
    print(as_fields({**outer, **{f"condition.{name}": value for name, value in found["condition"].items()}}))
