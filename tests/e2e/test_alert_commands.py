"""`logd alerts`, in a pipe and on a terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.alerts import MINIMAL, RULES, ask, make_rule
from tests.support.process import Server
from tests.support.terminal import on_a_terminal, run

_TWO = """\
[[rule]]
name = "errors/ü"
condition = { service = "pay", level = "ERROR", threshold = 100 }
[[rule]]
name = "latency"
condition = { aggregation = "p99", field = "ms", threshold = 5_000, query = "path:/api" }
action = { type = "slack", url = "env:ALERT_SLACK" }
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("alerts")
    (folder / "rules").mkdir()
    (folder / "rules/broken.toml").write_text("[[rule]]\nname = 1\n")
    (folder / "rules/disk.toml").write_text('[[rule]]\nname = "disk"\ncondition = { threshold = 1 }\n')
    with Server(folder, roles="processor,api", settings={"alerts.rules": folder / "rules"}) as server:
        server.may_log_errors = True  # of the broken file
        yield server


def _printed(server: Server, *arguments: str) -> list[dict[str, Any]]:
    done = run(server, "alerts", *arguments)
    assert done.returncode == 0, done
    return [json.loads(line) for line in done.stdout.splitlines()]


def _said(server: Server, *arguments: str) -> list[str]:
    done = run(server, "alerts", "rules", "apply", *arguments)
    assert done.returncode == 0, done
    return [line.partition(" (")[0] for line in done.stdout.splitlines()]


def test_a_file_is_applied(server: Server, tmp_path: Path) -> None:
    file = tmp_path / "two.toml"
    file.write_text(_TWO)
    assert _said(server, str(file)) == ["created 'errors/ü'", "created 'latency'"]
    assert _said(server, str(file)) == ["unchanged 'errors/ü'", "unchanged 'latency'"]
    file.write_text(_TWO.replace("100", "200"))
    assert _said(server, str(file)) == ["changed 'errors/ü'", "unchanged 'latency'"]
    (shown,) = _printed(server, "rules", "show", "errors/ü")
    assert (shown["condition"]["threshold"], shown["version"]) == (200, 2)
    # What it prints can be changed and applied.
    (tmp_path / "rule.json").write_text(json.dumps({**shown, "severity": "critical"}))
    assert _said(server, str(tmp_path / "rule.json")) == ["changed 'errors/ü'"]
    assert _said(server, str(tmp_path / "rule.json")) == ["unchanged 'errors/ü'"]
    assert [one["name"] for one in _printed(server, "rules", "list")] == ["disk", "errors/ü", "latency"]
    assert _printed(server, "rules", "delete", "latency")[0]["name"] == "latency"
    assert run(server, "alerts", "rules", "show", "latency").returncode == 1


def test_secrets_stay_as_they_are(server: Server, tmp_path: Path) -> None:
    make_rule(server, **MINIMAL)
    (shown,) = _printed(server, "rules", "show", MINIMAL["name"])
    (tmp_path / "rule.json").write_text(json.dumps({**shown, "for": "5m"}))
    assert _said(server, str(tmp_path / "rule.json")) == [f"changed {MINIMAL['name']!r}"]
    (shown,) = _printed(server, "rules", "show", MINIMAL["name"])
    assert (shown["for"], shown["action"]["url"]) == (300, "https://pagerduty.com/…")


def test_what_is_wrong_with_a_file_is_said_before_anything_is_sent(server: Server, tmp_path: Path) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text(_TWO.replace("errors/ü", "never").replace("5_000", "nan"))
    done = run(server, "alerts", "rules", "apply", str(file))
    assert (done.returncode, done.stdout) == (2, "")
    assert f"{file}:6: condition.threshold is NaN, expected a number" in done.stderr
    assert ask(server, "GET", f"{RULES}/never").status == 404
    for text in ("{", "[]", '{"name": "n"}'):
        (tmp_path / "wrong.json").write_text(text)
        assert run(server, "alerts", "rules", "apply", str(tmp_path / "wrong.json")).returncode == 2
    assert run(server, "alerts", "rules", "apply", str(tmp_path / "nothing.toml")).returncode == 2
    file.write_text('[[rule]]\nname = "disk"\ncondition = { threshold = 9 }\n')
    done = run(server, "alerts", "rules", "apply", str(file))
    assert (done.returncode, "is in the file disk.toml" in done.stderr) == (1, True)


def test_on_a_terminal(server: Server) -> None:
    code, said = on_a_terminal(server, "alerts", "rules", "list")
    assert code == 0
    assert "disk" in said
    assert "count > 1 in 300 s" in said
    assert "broken: broken.toml:2: name is 1, expected a text" in said
    code, said = on_a_terminal(server, "alerts", "rules", "show", "disk")
    assert (code, "condition.threshold" in said) == (0, True)


def test_files_are_checked(server: Server, tmp_path: Path) -> None:
    (tmp_path / "pay").mkdir()
    (tmp_path / "pay/two.toml").write_text(_TWO)
    done = run(server, "alerts", "check", str(tmp_path))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "files: 1, rules: 2, tests: 0, problems: 0\n")
    (tmp_path / "wrong.toml").write_text(_TWO.replace("100", "'x'").replace('"ms"', '"host"'))
    for path in (tmp_path, tmp_path / "wrong.toml"):
        done = run(server, "alerts", "check", str(path))
        first, second = done.stdout.splitlines()
        assert done.returncode == 1
        assert first.startswith(f'{tmp_path}/wrong.toml:3: condition.threshold is "x", expected a number')
        assert second.startswith(f'{tmp_path}/wrong.toml:6: condition.field is "host", expected a field of metadata')
    done = run(server, "alerts", "check", str(tmp_path / "nothing"))
    assert (done.returncode, "can't be read: No such file" in done.stdout) == (1, True)
