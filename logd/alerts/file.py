"""A file of rules: `[[rule]]` tables, and `[[test]]` tables with lines that come at times, and what must fire then.

    [[rule]]
    name = "payment errors"
    group_by = ["host"]
    condition = { service = "payment", level = "ERROR", threshold = 100, window_seconds = 300 }
    action = { type = "webhook", url = "env:ALERT_HOOK" }

    [[test]]
    name = "a hundred are not too many"
    lines = [{ at = 0, line = '{"level": "ERROR", "message": "declined"}', repeat = 101 }]
    expect = [{ at = 0, value = 101 }]

A rule's id is made of the file's path within the folder and the rule's name, so it stays while both do.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import Meta

from logd.alerts.places import line_of, lines_of
from logd.alerts.reading import Terms, Wrong, WrongRule, converted, read_rule
from logd.alerts.rules import Rule
from logd.alerts.trees import compile_rule, nodes_of
from logd.config.keys import KeyPath
from logd.config.sources import read_file
from logd.enrich.rules import tried
from logd.errors import ConfigError
from logd.query.parse import Operator

#: Before 12 hex digits: an id of the catalog's is 12 hex digits alone.
ID_PREFIX = "file-"
#: Of a test, in seconds from its start on: a week's windows, and what comes after them.
At = Annotated[float, Meta(ge=0, le=30 * 86_400)]
_KEYS = ("rule", "test")
#: Of a thousand queries at once the engine's plan takes 250 MB.
_TRIED_AT_ONCE = 100
_PART = re.compile(r"\[(\d+)\]|\.?(\"[^\"]*\"|[^.\[:]+)")
_LINE = re.compile(r"(?s)(?P<file>.*) line (?P<line>\d+), column (?P<column>\d+): (?P<message>.*)")


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A line that comes `at` so many seconds after the test's start, `repeat` times, one every `every_seconds`; of the
    test's service and host unless it has its own."""

    at: At = 0.0
    line: str
    service: str = ""
    host: str = ""
    repeat: Annotated[int, Meta(ge=1, le=100_000)] = 1
    every_seconds: At = 0.0


class Firing(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What must happen `at` that time: a group fires, or is resolved where `fires` is false. `group` are values by the
    fields of `group_by`; a `value` that isn't there isn't looked at."""

    at: At
    group: dict[str, str] = {}
    fires: bool = True
    value: float | None = None


class RuleTest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[[test]]`: what must come of `lines` by a `rule` of the same file, which a file with one rule needn't name: all
    that fires and is resolved, in its order. `start` is the time from which on others count, else a fixed one."""

    name: str = ""
    rule: str = ""
    start: Annotated[datetime, Meta(tz=True)] | None = None
    service: str = "unknown"
    host: str = ""
    source: str = ""
    content_type: str = "text/plain"
    lines: Annotated[list[Line], Meta(min_length=1)]
    expect: list[Firing]


class FileRule(NamedTuple):
    """A rule, and the path of its file within the folder."""

    id: str
    file: str
    rule: Rule


class Problem(NamedTuple):
    """What is wrong with a file, and at which line, from 1 on; 0 is none."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}" if self.line else f"{self.file}: {self.message}"


class BrokenFile(ConfigError):
    """A file of which nothing is taken, and all that is known to be wrong with it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems = problems


class RuleFile(NamedTuple):
    """What is in a file, tests beside the rule that each is of."""

    rules: Sequence[FileRule]
    tests: Sequence[tuple[RuleTest, FileRule]]


def id_of(file: str, name: str) -> str:
    """Of a rule in a file, whose path is within the folder."""
    digest = hashlib.sha256(b"\0".join((file.encode("utf-8", "surrogateescape"), name.encode()))).hexdigest()
    return f"{ID_PREFIX}{digest[:12]}"


def read_rule_file(path: Path, name: str, terms: Terms, *, tries: bool = True) -> RuleFile:
    """`name` is its path within the folder. Unless it `tries`, whether the engine takes the queries is to be asked
    later (`failing`), of many files at once. Raises BrokenFile."""
    try:
        tree = read_file(path)
        text = path.read_text("utf-8-sig")
    except (ConfigError, OSError, ValueError) as error:
        raise BrokenFile([_unreadable(path, name, error)]) from None
    found = _Found(name, lines_of(text))
    for key in tree:
        if key not in _KEYS:
            found.wrong((key,), f"{key} is unknown, expected {' or '.join(_KEYS)}")
    rules: list[FileRule] = []
    broken: list[object] = []
    for place, table in enumerate(found.tables(tree, "rule")):
        try:
            rule = read_rule(table, terms)
        except WrongRule as error:
            found.add(("rule", place), error.problems)
            broken.append(table.get("name") if isinstance(table, dict) else None)
            continue
        if any(rule.name == other.rule.name for other in rules):
            found.wrong(("rule", place, "name"), f"there is another rule {rule.name!r} in this file")
            continue
        rules.append(FileRule(id_of(name, rule.name), name, rule))
    if tries and (failed := failing(rules, terms.operator)) is not None:
        found.wrong(("rule",), f"the rule {failed[0].rule.name!r}: {failed[1]}")
    tests = _tests(found, tree, rules, broken)
    if found.problems:
        raise BrokenFile(sorted(found.problems, key=lambda problem: problem.line))
    return RuleFile(rules, tests)


def failing(rules: Sequence[FileRule], operator: Operator) -> tuple[FileRule, str] | None:
    """A rule with a query that the engine can't take, and why. Takes 2 ms a rule, and 50 ms at least."""
    asked = [(one, node) for one in rules for node in nodes_of(compile_rule(one.rule, operator))]
    for start in range(0, len(asked), _TRIED_AT_ONCE):
        some = asked[start : start + _TRIED_AT_ONCE]
        if (failed := tried([node for _, node in some])) is not None:
            return some[failed[0]][0], failed[1]
    return None


class _Found:
    """What is wrong with a file."""

    def __init__(self, name: str, lines: dict[KeyPath, int]) -> None:
        self.problems: list[Problem] = []
        self._name = name
        self._lines = lines

    def wrong(self, path: KeyPath, message: str) -> None:
        self.problems.append(Problem(self._name, line_of(self._lines, path), message))

    def add(self, path: KeyPath, problems: Sequence[Wrong]) -> None:
        for problem in problems:
            within = tuple(int(place) if place else key.strip('"') for place, key in _PART.findall(problem.where))
            self.wrong((*path, *within), problem.message)

    def tables(self, tree: dict[str, Any], key: str) -> list[Any]:
        tables = tree.get(key, [])
        if isinstance(tables, list):
            return tables
        self.wrong((key,), f"{key} is one table, expected [[{key}]]")
        return []


def _tests(
    found: _Found, tree: dict[str, Any], rules: Sequence[FileRule], broken: Sequence[object]
) -> list[tuple[RuleTest, FileRule]]:
    tests: list[tuple[RuleTest, FileRule]] = []
    for place, table in enumerate(found.tables(tree, "test")):
        path: KeyPath = ("test", place)
        try:
            test = converted(table, RuleTest)
        except WrongRule as error:
            found.add(path, error.problems)
            continue
        named = [one for one in rules if test.rule in (one.rule.name, "")]
        if len(named) != 1:
            # One that is broken has been named.
            if test.rule not in broken if test.rule else not broken:
                known = ", ".join(repr(one.rule.name) for one in rules) or "none that will do"
                found.wrong((*path, "rule"), f"rule is {test.rule!r}, expected one of this file's: {known}")
            continue
        group_by = set(named[0].rule.group_by)
        for number, firing in enumerate(test.expect):
            if firing.group.keys() != group_by:
                fields = ", ".join(sorted(group_by)) or "nothing"
                found.wrong(
                    (*path, "expect", number), f"expect[{number}].group must have the fields of group_by: {fields}"
                )
        tests.append((test, named[0]))
    return tests


def _unreadable(path: Path, name: str, error: Exception) -> Problem:
    said = str(error)
    if found := _LINE.fullmatch(said):
        return Problem(name, int(found["line"]), f"{found['message']} (column {found['column']})")
    return Problem(name, 0, said.replace(f"can't read {path}: ", "can't be read: ").replace(f"{path}: ", ""))
