"""`logd parse` and `logd config test`: what the parsers of a configuration make of lines, as people see it."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from logd.cli.main import main

_SHOP = r"""
[[parser]]
name = "shop"
services = ["shop*"]
[[parser.steps]]
type = "regex"
pattern = '^(?P<time>\S+) (?P<severity>\w+) \[(?P<order>\d+)\] (?P<message>.*)$'
level = "severity"
levels = { MINOR = "WARN" }
types = { order = "int" }
"""
_ORDER = "2026-11-24T10:00:00Z MINOR [17] paid late"
_OTHER = "nothing of the kind"


@pytest.fixture(autouse=True)
def _there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("LOGD_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shop.toml").write_text(_SHOP)
    (tmp_path / "logd.toml").write_text("agent = { host = 'here' }\nparse = { files = ['shop.toml'] }\n")


def _parse(*arguments: str) -> int:
    return main(["parse", "--config", "logd.toml", *arguments])


def test_fields_as_a_table_and_who_took_which(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "shop-7.log").write_text(f"{_ORDER}\n{_OTHER}\n")
    (tmp_path / "web.log").write_text("Nov 24 10:00:00 web1 cron[7]: done\n\n\xff\n", encoding="latin-1")
    assert _parse("shop-7.log", "web.log") == 0
    out, err = capsys.readouterr()
    table = [line.split() for line in out.splitlines()]
    assert table[0] == ["time", "level", "service", "message", "fields"]
    assert table[1] == ["2026-11-24T10:00:00.000Z", "WARN", "shop-7", "paid", "late", "order=17"]
    assert table[2][1:] == ["-", "shop-7", "nothing", "of", "the", "kind", 'tags=["unparsed"]']
    # Another host than the agent's has a column, from here on.
    assert table[3] == ["time", "level", "service", "host", "message", "fields"]
    assert table[4][1:] == ["-", "web", "web1", "done", "appname=cron", 'procid="7"']
    assert table[5][1:] == ["-", "web", "here"]
    assert table[6][1:] == ["-", "web", "here", "\ufffd"]
    assert err.splitlines() == [
        "text            2",
        "shop: regex     1",
        "shop: unparsed  1",
        "auto: syslog    1",
        "not understood, the first of them:",
        f"  shop-7.log:2: {_OTHER}",
        "  web.log:3: \ufffd",
    ]


def test_fields_as_json_by_what_was_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "old.gz").write_bytes(gzip.compress(f"{_ORDER}\n".encode()))
    assert _parse("--format", "json", "--service", "shop", "--source", "/srv/shop.log", "old.gz") == 0
    out, err = capsys.readouterr()
    record = json.loads(out)
    assert {name: record[name] for name in ("service", "host", "source", "level", "message", "metadata")} == {
        "service": "shop",
        "host": "here",
        "source": "/srv/shop.log",
        "level": "WARN",
        "message": "paid late",
        "metadata": {"order": 17},
    }
    assert err == "shop: regex  1\n"


def test_what_rules_leave_out_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules = """
[[shape]]
type = "drop"
name = "noise"
query = "metadata.order:17"
[[shape]]
type = "sample"
query = "message:else"
keep = 0.000001
[[shape]]
type = "redact"
detectors = ["email"]
"""
    (tmp_path / "logd.toml").write_text((tmp_path / "logd.toml").read_text() + rules)
    (tmp_path / "shop.log").write_text(f"{_ORDER}\nsomething else\n{_ORDER.replace('17', '18')} bob@example.org\n")
    assert _parse("shop.log") == 0
    out, err = capsys.readouterr()
    assert [line.partition("late")[2].strip() or line.split("  ")[-1] for line in out.splitlines()[1:]] == [
        "(dropped by noise) order=17",
        '(sampled by sample-2) tags=["unparsed"]',
        "[REDACTED:email]  order=18",
    ]
    assert err.splitlines()[2:5] == ["dropped by noise     1", "sampled by sample-2  1", "redacted by email    1"]
    assert _parse("--format", "json", "shop.log") == 0
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [record.get("left_out") for record in records] == ["dropped by noise", "sampled by sample-2", None]


def test_a_file_is_labelled_as_its_entry_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.log").write_text('2026-11-24T10:00:00.5Z stderr F {"level":"warn","n":1}\n')
    entry = (
        f"[{{paths = ['{tmp_path}/*.log'], service = 'cart', tags = ['a'], fields = {{dc = 'fra1'}}, format = 'cri'}}]"
    )
    assert _parse("--set", f"agent.files={entry}", "--format", "json", "x.log") == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["service"], record["level"], record["tags"]) == ("cart", "WARN", ["a"])
    assert record["metadata"] == {"n": 1, "stream": "stderr", "dc": "fra1"}


def test_a_file_that_is_not_there_does_not_stop_the_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "shop.log").write_text(f"{_ORDER}\n")
    assert _parse("none.log", "shop.log") == 1
    out, err = capsys.readouterr()
    assert "paid late" in out
    assert err.startswith("logd: can't read none.log: no such file or directory\n")


def test_a_reader_that_goes_ends_it_quietly(tmp_path: Path) -> None:
    (tmp_path / "shop.log").write_text(f"{_ORDER}\n" * 50_000)
    command = [sys.executable, "-m", "logd", "parse", "--config", "logd.toml", "shop.log"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith(b"time")
        process.stdout.close()
        assert process.wait() == 141
        assert process.stderr.read() == b""


def test_standard_input_is_read_in_parts(tmp_path: Path) -> None:
    lines = "".join(f"2026-11-24T10:00:00Z INFO [{number}] {'x' * 100}\n" for number in range(20_000))
    command = [sys.executable, "-m", "logd", "parse", "--config", "logd.toml", "--service", "shop", "--format", "json"]
    found = subprocess.run([*command, "-"], input=lines, capture_output=True, text=True, check=True)
    orders = [json.loads(line)["metadata"]["order"] for line in found.stdout.splitlines()]
    assert orders == list(range(20_000))
    assert found.stderr == "shop: regex  20,000\n"


_RIGHT = f"""
[[test]]
name = "an order"
service = "shop"
lines = ["{_ORDER}", "a\\nb"]
expect = [
  {{ timestamp = "2026-11-24T11:00:00+01:00", level = "WARN", message = "paid late", metadata = {{ order = 17 }} }},
  {{ message = "a\\nb", level = "", tags = ["unparsed"], "metadata.order" = "" }},
]
"""


def test_tests_that_pass(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "shop.toml").write_text(_SHOP + _RIGHT)
    for arguments in (["--config", "logd.toml"], ["shop.toml"], ["--config", "logd.toml", "shop.toml"]):
        assert main(["config", "test", *arguments]) == 0
        assert capsys.readouterr().out == "ok      shop: an order\n1 tests of 1 parsers: none failed\n"


def test_a_test_that_fails_says_what_came(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = _RIGHT.replace('level = "WARN"', 'level = "ERROR"').replace("order = 17", "order = true")
    (tmp_path / "shop.toml").write_text(_SHOP + wrong)
    assert main(["config", "test", "shop.toml"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "FAILED  shop: an order",
        f"  line 1, taken by shop: regex: {_ORDER}",
        "    level",
        '      expected  "ERROR"',
        '      found     "WARN"',
        "    metadata",
        '      expected  {"order":true}',
        '      found     {"order":17}',
        "1 tests of 1 parsers: 1 failed",
    ]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("[[test]]\nlines = ['a', 'b']\nexpect = [{}]", "test 'a' has 2 lines and 1 of expect, expected one for each"),
        ("[[test]]\nlines = ['a']\nexpect = [{ msg = 'a' }]", "test 'a' expects 'msg', expected log_id, timestamp, "),
        (
            "[[test]]\nlines = ['a']\nexpect = [{ timestamp = 'soon' }]",
            "test 'a' expects timestamp 'soon', expected RFC 3339",
        ),
        (
            "[[test]]\nlines = ['a']\nexpect = [{ level = 'error' }]",
            "test 'a' expects level 'error', expected one of TRACE",
        ),
        ("[[test]]\nlines = ['a']\nexpect = [{ message = 1 }]", "test 'a' expects message 1, expected a text"),
        ("[[test]]\nlines = ['a']\nexpect = [{ tags = 'b' }]", "test 'a' expects tags 'b', expected a list of texts"),
        ("[[test]]\nlines = ['a']\nexpect = [{ metadata = 'b' }]", "test 'a' expects metadata 'b', expected a table"),
        (
            "[[test]]\nlines = ['a']\nobserved = 2026-01-01T00:00:00\nexpect = [{}]",
            'test[0].observed is "2026-01-01 00:00:00" in shop.toml, expected a time with its zone',
        ),
    ],
)
def test_a_wrong_test_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], more: str, said: str) -> None:
    (tmp_path / "shop.toml").write_text(more)
    for command in (["test", "shop.toml"], ["check", "--config", "logd.toml"]):
        assert main(["config", *command]) == 2
        assert capsys.readouterr().err.startswith(f"logd: {said}")


def test_a_wrong_glob_of_files_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "check", "--set", "parse.files=conf/[x.toml"]) == 2
    assert capsys.readouterr().err.startswith("logd: parse.files has 'conf/[x.toml', expected a glob whose [ has its ]")


def test_a_check_compiles_the_parsers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "check", "--config", "logd.toml"]) == 0
    assert capsys.readouterr().out.endswith(", parsers shop\n")
    (tmp_path / "shop.toml").write_text(_SHOP.replace(r"(?P<time>\S+)", r"(?P<time>\S+)(?=x)"))
    assert main(["config", "check", "--config", "logd.toml"]) == 2
    assert capsys.readouterr().err.startswith("logd: parser 'shop', step 1 (regex): pattern can't be had from RE2: ")
