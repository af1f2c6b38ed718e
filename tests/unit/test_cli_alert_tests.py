"""`logd alerts test`: the tests that rule files have, as people see them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from logd.cli.main import main

_CONF = Path(__file__).parents[2] / "conf" / "alerts"
_RULES = """\
[[rule]]
name = "many"
group_by = ["host"]
condition = { service = "pay", level = "ERROR", threshold = 2, window_seconds = 60 }

[[rule]]
name = "slow"
condition = { aggregation = "p95", field = "ms", threshold = 100, window_seconds = 60 }

[[rule]]
name = "silent"
group_by = ["service"]
condition = { aggregation = "absence", window_seconds = 60 }

[[rule]]
name = "few"
condition = { threshold = 1, compare = "<", window_seconds = 60 }
"""
_LINE = '{"level": "ERROR", "message": "declined"}'
_GOOD = f"""
[[test]]
name = "three are too many, until they are a minute old"
rule = "many"
service = "pay"
host = "a"
lines = [
  {{ line = '{_LINE}', repeat = 3, every_seconds = 20 }},
  {{ at = 50, line = '{_LINE}', host = "b", repeat = 2 }},
  {{ at = 70, line = '{_LINE}', service = "web", repeat = 9 }},
]
expect = [
  {{ at = 40, group = {{ host = "a" }}, value = 3 }},
  {{ at = 60, group = {{ host = "a" }}, fires = false, value = 2 }},
]

[[test]]
rule = "slow"
lines = [{{ at = 5, line = '{{"ms": 500}}' }}]
expect = [{{ at = 5, value = 500 }}]

[[test]]
name = "who has written is missed, and comes back"
rule = "silent"
start = 2026-03-01T00:00:07Z
lines = [{{ line = "x", service = "a", repeat = 60, every_seconds = 1 }}, {{ at = 300, line = "x", service = "a" }}]
expect = [{{ at = 120, group = {{ service = "a" }} }}, {{ at = 301, group = {{ service = "a" }}, fires = false }}]

[[test]]
name = "its own times count"
rule = "many"
service = "pay"
host = "a"
start = 2026-03-01T00:00:00Z
lines = [
  {{ at = 90, line = '{{"level": "ERROR", "message": "x", "timestamp": "2026-03-01T00:01:20Z"}}' }},
  {{ at = 91, line = '{_LINE}', repeat = 2 }},
]
expect = [{{ at = 90, group = {{ host = "a" }} }}]

[[test]]
name = "nothing is less than one from the start on"
rule = "few"
lines = [{{ at = 30, line = "x" }}]
expect = [{{ at = 0 }}, {{ at = 30, fires = false }}]
"""
_BAD = f"""
[[test]]
name = "wrong in all ways"
rule = "many"
service = "pay"
host = "a"
lines = [{{ line = '{_LINE}', repeat = 3 }}, {{ at = 10, line = '{_LINE}', repeat = 3, host = "b" }}]
expect = [
  {{ at = 0, group = {{ host = "a" }}, value = 4 }},
  {{ at = 30, group = {{ host = "b" }} }},
  {{ at = 62, group = {{ host = "a" }}, fires = false }},
]
"""


@pytest.fixture(autouse=True)
def _there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("LOGD_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_what_is_shipped(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["alerts", "test", str(_CONF)]) == 0
    out, err = capsys.readouterr()
    assert all(line.startswith(f"ok   {_CONF}/payment.toml:") for line in out.splitlines())
    assert err.endswith(f"tests: {len(out.splitlines())}, failed: 0, problems: 0\n")


def test_what_passes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules/good.toml").write_text(_RULES + _GOOD)
    assert main(["alerts", "test", "rules"]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines() == [
        "ok   rules/good.toml:19: three are too many, until they are a minute old",
        "ok   rules/good.toml:34: slow",
        "ok   rules/good.toml:39: who has written is missed, and comes back",
        "ok   rules/good.toml:46: its own times count",
        "ok   rules/good.toml:58: nothing is less than one from the start on",
    ]
    assert err == "files: 1, tests: 5, failed: 0, problems: 0\n"


def test_what_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad.toml").write_text(_RULES + _BAD)
    (tmp_path / "broken.toml").write_text("[[rule]]\nname = 1\n")
    assert main(["alerts", "test", "bad.toml", "broken.toml"]) == 1
    out, err = capsys.readouterr()
    *told, broken = out.splitlines()
    assert broken.startswith("broken.toml:2: name is 1, expected a text")
    assert told == [
        "FAIL bad.toml:19: wrong in all ways",
        "     expected at 0 s: fires, host=a, value 4",
        "     expected at 30 s: fires, host=b",
        "     happened at 2 s: fires, host=a, value 3",
        "     happened at 12 s: fires, host=b, value 3",
    ]
    assert err == "files: 2, tests: 1, failed: 1, problems: 1\n"


def test_the_parsers_of_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "logd.toml").write_text(
        "[[parser]]\nname = 'p'\nservices = ['p']\n[[parser.steps]]\ntype = 'regex'\npattern = '^(?P<took>\\d+)$'\n"
        "types = { took = 'int' }\n"
    )
    (tmp_path / "rule.toml").write_text(
        "[[rule]]\nname = 'r'\n"
        "condition = { aggregation = 'max', field = 'took', threshold = 5, window_seconds = 10 }\n"
        "[[test]]\nservice = 'p'\nlines = [{ line = '7' }]\nexpect = [{ at = 0, value = 7 }]\n"
    )
    assert main(["alerts", "test", "--config", "logd.toml", "rule.toml"]) == 0
    assert main(["alerts", "test", "rule.toml"]) == 1
    assert main(["alerts", "test", "nothing.toml"]) == 1
