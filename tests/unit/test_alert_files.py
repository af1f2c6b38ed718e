"""Files of rules: what is in them, at which line something is wrong, and a folder as it changes."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from logd.alerts.file import BrokenFile, id_of, read_rule_file
from logd.alerts.folder import RuleFolder
from logd.alerts.places import line_of, lines_of
from logd.alerts.reading import Terms
from logd.config.alerting import Notify
from logd.enrich import filters
from logd.query.parse import parse
from logd.query.sql import Condition, compile_sql
from tests.support.process import PATIENCE_SECONDS

_FILE = """\
# Payments.
[[rule]]
name = "errors"
group_by = ["host"]
condition = { service = "payment", level = "ERROR", threshold = 100 }
actions = [{ type = "webhook", url = "env:ALERT_HOOK" }]

[[rule]]
name = "slow"
description = '''
name = "no key"
[[rule]]
'''
[rule.condition]
aggregation = "p99"
field = "latency_ms"
threshold = 5_000
[rule.labels]
team = "pay"

[[test]]
rule = "errors"
name = "101 are too many"
host = "web-1"
lines = [
  { line = '{"level": "ERROR"}', repeat = 101 },
  { at = 400, line = "fine" },
]
expect = [
  { at = 0, group = { host = "web-1" }, value = 101 },
  { at = 300, group = { host = "web-1" }, fires = false },
]
"""


def _rule(name: str, threshold: object = 1, **more: str) -> str:
    said = "".join(f"{key} = {value}\n" for key, value in more.items())
    return f'[[rule]]\nname = "{name}"\n{said}condition = {{ threshold = {threshold} }}\n'


def _problems(path: Path, text: str | bytes) -> list[str]:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(BrokenFile) as refused:
        read_rule_file(path, "a.toml", Terms())
    return list(map(str, refused.value.problems))


def test_an_action_that_the_server_cant_do(tmp_path: Path) -> None:
    text = _rule("a") + _rule("b", action='{ type = "email", to = ["a@example.org"] }')
    (tmp_path / "a.toml").write_text(text)
    assert len(read_rule_file(tmp_path / "a.toml", "a.toml", Terms()).rules) == 2
    with pytest.raises(BrokenFile) as refused:
        read_rule_file(tmp_path / "a.toml", "a.toml", Terms(notify=Notify()))
    (problem,) = refused.value.problems
    assert str(problem) == "a.toml:6: action.type is email, and alerts.notify.smtp.address is empty"


def test_what_is_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(_FILE)
    found = read_rule_file(tmp_path / "a.toml", "pay/a.toml", Terms())
    assert [(one.id, one.file, one.rule.name) for one in found.rules] == [
        (id_of("pay/a.toml", "errors"), "pay/a.toml", "errors"),
        (id_of("pay/a.toml", "slow"), "pay/a.toml", "slow"),
    ]
    ((test, rule),) = found.tests
    assert rule == found.rules[0]
    assert [(line.at, line.repeat) for line in test.lines] == [(0, 101), (400, 1)]
    assert [(one.at, one.fires, one.value) for one in test.expect] == [(0, True, 101), (300, False, None)]


def test_ids_stay_and_are_no_others() -> None:
    # In other processes, and other versions, too.
    assert id_of("pay.toml", "errors") == "file-f8b07828c440"
    assert len({id_of("a", "b"), id_of("a/b", ""), id_of("ab", ""), id_of("", "ab"), id_of("b", "a")}) == 5


def test_lines_of_keys() -> None:
    lines = lines_of(_FILE + '\n["a b"."c.d"]\n"e f" = 1\ng.h = 2\n')
    for path, line in (
        (("rule",), 2),
        (("rule", 0, "group_by", 1), 4),
        (("rule", 0, "condition", "query"), 5),
        (("rule", 1), 8),
        (("rule", 1, "name"), 9),
        (("rule", 1, "condition"), 14),
        (("rule", 1, "condition", "field"), 16),
        (("rule", 1, "labels", "team"), 19),
        (("test", 0, "expect", 1), 29),
        (("a b", "c.d", "e f"), 35),
        (("a b", "c.d", "g", "h"), 36),
        (("nowhere",), 1),
    ):
        assert line_of(lines, path) == line, path


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        (_FILE.replace("threshold = 100", "threshold = 'x'"), ['a.toml:5: condition.threshold is "x", expected']),
        (_FILE.replace('"p99"', '"avg"').replace('"latency_ms"', '"host"'), ["a.toml:16: condition.field"]),
        (_FILE.replace('"p99"', '"p98"'), ["a.toml:15: condition.aggregation"]),
        (_FILE.replace('["host"]', '["host", "tags"]'), ["a.toml:4: group_by[1]"]),
        (_FILE.replace("5_000", "nan"), ["a.toml:17: condition.threshold"]),
        (_FILE.replace('"slow"', '"errors"'), ["a.toml:9: there is another rule 'errors'"]),
        (_FILE.replace('rule = "errors"', 'rule = "error"'), ["a.toml:22: rule is 'error', expected one of"]),
        (_FILE.replace('rule = "errors"', ""), ["a.toml:21: rule is '', expected one of"]),
        (
            _FILE.replace("{ host = ", "{ hots = ", 1),
            ["a.toml:29: expect[0].group must have the fields of group_by: host"],
        ),
        (_FILE.replace("repeat = 101", "repeat = 0"), ["a.toml:25: lines[0].repeat is 0"]),
        (_FILE.replace("at = 400", "when = 400"), ["a.toml:25: lines[1].when is unknown"]),
        (_FILE.replace("[[test]]", "[[tests]]"), ["a.toml:21: tests is unknown, expected rule or test"]),
        ("rule = 3\n", ["a.toml:1: rule is one table, expected [[rule]]"]),
        ("[[rule]]\nname = \n", ["a.toml:2: invalid value (column 8)"]),
        ("a = [\n", ["a.toml:2: invalid value (column 1)"]),
        (b"[[rule]]\nname = '\xff'\n", ["a.toml:2: byte 0xff is not UTF-8"]),
        (
            _rule("a", 1, group_by="['tags']") + _rule("b", "'x'"),
            ["a.toml:3: group_by[0]", "a.toml:7: condition.threshold"],
        ),
    ],
)
def test_what_is_wrong_has_its_line(tmp_path: Path, text: str | bytes, problems: list[str]) -> None:
    found = _problems(tmp_path / "a.toml", text)
    assert [said.startswith(problem) for said, problem in zip(found, problems, strict=False)] == [True] * len(
        problems
    ), found
    assert len(found) == len(problems), found


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(BrokenFile, match=r"^a\.toml: can't be read: No such file"):
        read_rule_file(tmp_path / "nothing", "a.toml", Terms())


def _names(folder: RuleFolder) -> list[tuple[str, str]]:
    return [(one.file, one.rule.name) for one in folder.now.rules]


def _write(folder: Path, files: Mapping[str, str]) -> None:
    """As they were left a second ago."""
    before = time.time() - 1
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
        os.utime(folder / name, (before, before))


def test_a_folder_as_it_changes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    _write(
        tmp_path,
        {"b.toml": _rule("b"), "pay/a.toml": _rule("a"), ".hidden.toml": "x", ".git/x.toml": "x", "a.txt": "x"},
    )
    folder = RuleFolder(tmp_path)
    assert folder.look()
    assert _names(folder) == [("b.toml", "b"), ("pay/a.toml", "a")]
    first = folder.now
    assert not folder.look()
    assert folder.now == first
    # As long as the other in bytes, and within the same moment.
    _write(tmp_path, {"b.toml": _rule("c")})
    assert folder.look()
    assert _names(folder) == [("b.toml", "c"), ("pay/a.toml", "a")]
    assert folder.now.generation == first.generation + 1
    # A broken file keeps its rules, and is named once.
    _write(tmp_path, {"b.toml": _rule("c", "'x'"), "new.toml": "broken"})
    assert folder.look()
    assert not folder.look()
    assert _names(folder) == [("b.toml", "c"), ("pay/a.toml", "a")]
    assert [(one.file, one.line) for one in folder.now.problems] == [("b.toml", 3), ("new.toml", 1)]
    assert caplog.text.count("not loaded, its 1 rules of before go on: b.toml:3: condition.threshold") == 1
    assert caplog.text.count("not loaded, it has no rules: new.toml:1: ") == 1
    # Mended, and one gone.
    _write(tmp_path, {"b.toml": _rule("d")})
    (tmp_path / "pay/a.toml").unlink()
    (tmp_path / "new.toml").unlink()
    assert folder.look()
    assert (_names(folder), folder.now.problems) == ([("b.toml", "d")], ())
    # A folder that is away keeps everything.
    shutil.move(tmp_path, f"{tmp_path}.away")
    assert folder.look()
    assert not folder.look()
    assert _names(folder) == [("b.toml", "d")]
    assert "can't be read: no such file" in folder.now.problems[0].message
    shutil.move(f"{tmp_path}.away", tmp_path)
    assert folder.look()
    assert (_names(folder), folder.now.problems) == ([("b.toml", "d")], ())


def test_a_query_that_the_engine_cant_take(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failing = Condition("regexp_matches(message, '(')", [], frozenset(["message"]))
    monkeypatch.setattr(filters, "compile_sql", lambda node: failing if node == parse("bad") else compile_sql(node))
    folder = RuleFolder(tmp_path)
    texts = {
        f"{name}.toml": _rule(name).replace("threshold", f"query = '{name}', threshold") for name in ("bad", "good")
    }
    _write(tmp_path, {**texts, "bad.toml": _rule("before")})
    assert folder.look()
    _write(tmp_path, texts)
    assert folder.look()
    assert _names(folder) == [("bad.toml", "before"), ("good.toml", "good")]
    (problem,) = folder.now.problems
    assert str(problem).startswith("bad.toml:1: the rule 'bad': query can't be evaluated: ")
    assert not folder.look()


def test_what_has_long_been_there_is_not_read_again(tmp_path: Path) -> None:
    _write(tmp_path, {"a.toml": _rule("a")})
    before = time.time() - 10
    os.utime(tmp_path / "a.toml", (before, before))
    folder = RuleFolder(tmp_path)
    folder.look()
    (tmp_path / "a.toml").write_text(_rule("b"))
    os.utime(tmp_path / "a.toml", (before, before))
    assert not folder.look()
    os.utime(tmp_path / "a.toml", (before + 1, before + 1))
    assert folder.look()
    assert _names(folder) == [("a.toml", "b")]


def test_what_is_being_written_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _write(tmp_path, {"a.toml": _rule("a")})
    folder = RuleFolder(tmp_path)
    assert folder.look()
    _write(tmp_path, {"a.toml": "", "b.toml": _rule("b")})
    changed_ns = (tmp_path / "a.toml").stat().st_mtime_ns
    os.utime(tmp_path / "b.toml", ns=(changed_ns, changed_ns))
    for later_ns, rules in ((100_000_000, ["a"]), (300_000_000, ["b"]), (-3_600_000_000_000, ["b"])):
        # The last is of a clock that goes wrong, and doesn't wait for ever.
        monkeypatch.setattr(time, "time_ns", lambda now_ns=changed_ns + later_ns: now_ns)
        assert folder.look() is (later_ns == 300_000_000)
        assert [name for _, name in _names(folder)] == rules


async def test_it_is_looked_at_when_asked(tmp_path: Path) -> None:
    """And so again as long as something is being written: of that nothing is seen."""
    _write(tmp_path, {"a.toml": _rule("a")})
    folder, stop, changed = RuleFolder(tmp_path), asyncio.Event(), asyncio.Event()
    async with asyncio.timeout(PATIENCE_SECONDS), asyncio.TaskGroup() as tasks:
        tasks.create_task(folder.run(stop, changed.set))
        for name in "abc":
            (tmp_path / "next").write_text(_rule(name))
            os.rename(tmp_path / "next", tmp_path / "a.toml")
            folder.ask()
            while _names(folder) != [("a.toml", name)]:
                await changed.wait()
                changed.clear()
        stop.set()


async def test_without_a_folder_there_is_nothing() -> None:
    folder = RuleFolder(None)
    await folder.run(asyncio.Event())
    assert not folder.look()
    assert folder.now.rules == ()
