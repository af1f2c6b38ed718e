"""`logd alerts backtest`: when a rule would have fired; `logd alerts test`: the tests that rule files have."""

from __future__ import annotations

import argparse
import math
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from logd.cli import connect, lines, rule_files, settings

if TYPE_CHECKING:
    from logd.alerts.file import RuleFile
    from logd.alerts.trying import Tried
    from logd.cli.alert_states import Add
    from logd.config.schema import Config

_PATH = "/api/v1/alerts/rules/test"
_RED, _GREEN = "31", "32"


def add_to(actions: Any, add: Add) -> None:
    """Adds them to those of `logd alerts`."""
    replayed = (
        "Replays what a server has stored through a rule, and prints when it would have fired; in a pipe, as JSON lines"
        " with records. RULE is the name or id of one at the server, or a FILE, or FILE:NAME where there are several."
    )
    back = add(
        actions,
        "backtest",
        "say when a rule would have fired",
        replayed,
        run_backtest,
        "backtest 'payment errors' --from -7d",
        "backtest 'rules/payment.toml:payment errors' --from 2026-11-20 --to 2026-11-21",
    )
    back.add_argument("rule", metavar="RULE")
    back.add_argument("--from", dest="from_", metavar="T", default="-24h", help="as in a search (-24h)")
    back.add_argument("--to", metavar="T", default="now", help="until then (now)")
    lines.add_json_to(back)
    connect.add_to(back)
    tried = (
        "Runs the [[test]] tables of files, or of all files in folders, without a server: lines come at their times,"
        " through the parsers of this configuration, and what fires has to be what they expect. Exits with 1 when"
        " something else happens, or a file is wrong."
    )
    tests = add(actions, "test", "run the tests of files of rules", tried, run_test, "test rules/")
    settings.add_to(tests)
    tests.add_argument("paths", metavar="PATH", nargs="+", type=Path)


def run_backtest(args: argparse.Namespace) -> int:
    """A table on a terminal, else JSON lines; then how much was looked at, on standard error."""
    from logd.alerts.shown import written
    from logd.cli.hits import as_json, printable

    rule = rule_files.named(args.rule)
    which: dict[str, Any] = {"rule_id": args.rule}
    if rule is not None:
        # Whom it tells isn't looked at.
        which = {"rule": {name: part for name, part in written(rule).items() if not name.startswith("action")}}
    answer = connect.server(args).json("POST", _PATH, (), {**which, "from": args.from_, "to": args.to})
    firings = answer["firings"]
    if args.json or not sys.stdout.isatty():
        lines.write(map(as_json, firings))
    elif firings:
        lines.write(_table(firings, lines.in_colour(args.json)), sys.stdout.encoding)
    sys.stdout.flush()
    for warning in answer["warnings"]:
        print(f"logd: {printable(warning)}", file=sys.stderr)
    times = "time" if answer["fired"] == 1 else "times"
    until = answer["upto"] if answer["stopped"] else answer["to"]
    said = f"fired {answer['fired']} {times} from {answer['from']} to {until}, lines: {answer['lines']}"
    print(said, file=sys.stderr)
    return 0


def run_test(args: argparse.Namespace) -> int:
    """A line for each test, and what was expected of those that fail; 1 when one does, or a file is wrong."""
    from logd.alerts.file import BrokenFile, read_rule_file
    from logd.cli.hits import printable
    from logd.roles.alert_wiring import terms_of

    config = settings.load(args)
    files = tests = failed = wrong = 0
    for path in args.paths:
        root, names = rule_files.files_in(path)
        for name in names:
            files += 1
            try:
                found = read_rule_file(root / name, name, terms_of(config))
            except BrokenFile as error:
                wrong += len(error.problems)
                for problem in error.problems:
                    print(printable(str(problem._replace(file=str(root / name)))))
                continue
            for line, title, tried in _tried(config, root / name, found):
                tests += 1
                failed += not tried.passed
                print("\n".join(_said(f"{root / name}:{line}: {title}", tried)))
    print(f"files: {files}, tests: {tests}, failed: {failed}, problems: {wrong}", file=sys.stderr)
    return 1 if failed or wrong else 0


def _tried(config: Config, path: Path, found: RuleFile) -> Iterator[tuple[int, str, Tried]]:
    """Of each test its line, its name, and what came of it."""
    from logd.alerts.places import line_of, lines_of
    from logd.alerts.trying import try_rule
    from logd.http.records import records
    from logd.roles.parsing import parser_of

    if not found.tests:
        return
    places = lines_of(path.read_text("utf-8-sig"))
    parser = parser_of(config)()
    try:
        for number, (test, rule) in enumerate(found.tests):
            operator, late_seconds = config.search.default_operator, config.alerts.late_seconds
            tried = try_rule(test, rule, parser, records, late_seconds, operator)
            yield line_of(places, ("test", number)), test.name or rule.rule.name, tried
    finally:
        parser.close()


def _said(title: str, tried: Tried) -> Iterator[str]:
    from logd.cli.hits import printable

    colour = lines.in_colour(False)
    word = _painted("ok  ", _GREEN, colour) if tried.passed else _painted("FAIL", _RED, colour)
    yield f"{word} {printable(title)}"
    for what, some in (("expected", tried.missing), ("happened", tried.surplus)):
        for one in some:
            yield f"     {what} {printable(one)}"


def _table(firings: Sequence[Mapping[str, Any]], colour: bool) -> list[str]:
    from logd.cli.hits import cut, printable
    from logd.cli.tables import table

    rows = [["fired", "resolved", "group", "value", "furthest", "first line"]]
    for one in firings:
        group = " ".join(f"{name}={'-' if value is None else value}" for name, value in one["group"].items())
        message = str(one["samples"][0]["message"] or "") if one["samples"] else ""
        values = (_number(one["value"]), _number(one["peak"]))
        cells = [one["fired"], one["resolved"] or "still fires", group or "-", *values, message]
        rows.append([printable(cell).replace("\n", " ") for cell in cells])
    columns = shutil.get_terminal_size().columns
    shown = [cut(line, columns) for line in table(rows, "value,furthest").split("\n")]
    fires = [False, *(one["resolved"] is None for one in firings)]
    return [_painted(line, _RED, colour and red) for line, red in zip(shown, fires, strict=True)]


def _number(value: float | None) -> str:
    return "-" if value is None or math.isnan(value) else f"{value:.6g}"


def _painted(text: str, code: str, colour: bool) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if colour else text
