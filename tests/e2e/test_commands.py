"""Every command that asks a server, as people and scripts use it: pipes, terminals, addresses that are wrong."""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from logd.cli.main import make_parser
from tests.support.commands import logd as over_data
from tests.support.process import PATIENCE_SECONDS, Server, until
from tests.support.terminal import environment, on_a_terminal, run

_SETTINGS = {"index.flush_rows": 500, "index.flush_seconds": 0.2, "parse.join_seconds": 0.01}
_ASKING = (
    ["search"],
    ["search", "--saved", "x"],
    ["saved", "list"],
    ["saved", "save", "--name", "x"],
    ["stats"],
    ["fields"],
    ["patterns"],
    ["get", "x"],
    ["status"],
    ["agents"],
    ["deadletter", "list"],
    ["deadletter", "purge", "--all", "--yes"],
    ["export"],
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """With 1,000 lines of the service s, over two days, all in segments."""
    with Server(tmp_path_factory.mktemp("server"), settings=_SETTINGS) as server:
        records = [
            {"timestamp": f"2026-01-{1 + n % 2:02d}T00:00:00Z", "message": f"m{n}", "level": "WARN"}
            for n in range(1_000)
        ]
        server.ingest("s", records)
        server.settle()
        until(lambda: not server.get("/api/v1/status").json()["index"]["recent_rows"], "all is in segments")
        yield server


def test_a_reader_that_leaves(server: Server) -> None:
    for command in ("search --limit 1000", "search --all", "export", "export --format csv"):
        done = subprocess.run(
            ["bash", "-c", f"{sys.executable} -m logd {command} --service s | head -1; echo ${{PIPESTATUS[0]}}"],
            capture_output=True,
            text=True,
            check=True,
            timeout=PATIENCE_SECONDS,
            env=environment(server),
        )
        line, code = done.stdout.splitlines()
        assert line.startswith(("{", "log_id"))
        # All of it may have been in the pipe before its reader left.
        assert code in ("141", "0")
        assert done.stderr in ("", "1,000 lines\n")


def test_search_all_and_both_formats(server: Server) -> None:
    lines = run(server, "search", "--service", "s", "--all").stdout.splitlines()
    assert len(lines) == 1_000
    code, text = on_a_terminal(server, "search", "m7", "--service", "s")
    assert code == 0
    assert "\x1b[33mWARN \x1b[0m s" in text
    assert text.splitlines()[-1].startswith("1 of 1 hits in ")


def test_status(server: Server) -> None:
    status = json.loads(run(server, "status", "--json").stdout)
    assert status["index"]["rows"] >= 1_001
    done = run(server, "status")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"logd {status['version']}, roles agent, processor, api, archiver\nindex: ")
    assert re.search(r"^raw-logs +\d", done.stdout, re.MULTILINE)
    assert re.search(r"^transport\.append +0 +67,108,864 +bytes$", done.stdout, re.MULTILINE)
    assert on_a_terminal(server, "status")[0] == 0


def test_store_stats(server: Server) -> None:
    for _ in range(2):
        table = over_data("store", "stats", data_dir=server.data_dir)
        days = [
            json.loads(line)
            for line in over_data("store", "stats", "--json", data_dir=server.data_dir).out.splitlines()
        ]
    assert table.code == 0
    assert [(day["day"], day["rows"]) for day in days[:2]] == [("2026-01-01", 500), ("2026-01-02", 500)]
    assert days[0]["first_us"] == days[0]["last_us"] == 1_767_225_600_000_000
    assert "2026-01-01" in table.out
    assert re.search(r"^[0-9,]+ rows in .* from 2026-01-01T00:00:00Z to ", table.out, re.MULTILINE)


def test_store_stats_of_nothing(tmp_path: Path) -> None:
    done = over_data("store", "stats", data_dir=tmp_path)
    assert (done.code, done.out, done.error.count("\n")) == (2, "", 1)


def test_get(server: Server) -> None:
    record = json.loads(run(server, "search", "m7", "--service", "s").stdout)
    assert json.loads(run(server, "get", record["log_id"]).stdout) == record
    code, text = on_a_terminal(server, "get", record["log_id"])
    assert code == 0
    assert re.search(r"^message +m7$", text, re.MULTILINE)


def test_more_than_a_page(server: Server) -> None:
    server.ingest("many", [{"message": "m"}] * 20_500)
    server.settle()
    every = run(server, "search", "--service", "many", "--all").stdout.splitlines()
    assert len({json.loads(line)["log_id"] for line in every}) == len(every) == 20_500
    limited = run(server, "search", "--service", "many", "--limit", "15000", "--sort", "oldest").stdout.splitlines()
    assert len({json.loads(line)["log_id"] for line in limited}) == 15_000


def test_nothing_is_found(server: Server) -> None:
    done = run(server, "get", "0000000000000000-000000000000")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("logd: ")


@pytest.mark.parametrize("arguments", _ASKING, ids=" ".join)
def test_addresses_that_are_wrong(server: Server, arguments: list[str]) -> None:
    for url, code in (("http://127.0.0.1:9", 3), ("http://nowhere.invalid", 3), ("127.0.0.1:9", 2), ("ftp://a", 2)):
        done = run(server, *arguments, "--url", url)
        assert (done.returncode, done.stdout) == (code, ""), done
        assert done.stderr.startswith("logd: ")
        assert done.stderr.count("\n") == 1


def test_an_import_shows_how_far_it_is(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"".join(b"line %d\n" % n for n in range(20_000)))
    code, text = on_a_terminal(server, "import", "--again", str(path), "--service", "imported")
    assert code == 0
    assert "lines/s" in text
    assert "100%" in text
    assert f"{path}: 20,000 lines\n" in text


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "logd", "completion", shell], capture_output=True, text=True, check=True, timeout=60
    )
    assert all(word in done.stdout for word in ("deadletter", "replay", "token-file", "resume"))
    assert done.stderr == ""


def test_bash_completes() -> None:
    """As bash would, at the end of `logd deadletter re`."""
    script = f"""
      source <({sys.executable} -m logd completion bash)
      COMP_WORDS=(logd deadletter re); COMP_CWORD=2; COMP_LINE='logd deadletter re'
      _shtab_logd logd re deadletter
      echo "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "replay\n"


def test_every_command_has_help_with_an_example() -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "logd", "--help"], capture_output=True, text=True, check=True, timeout=60
    )
    assert "exit codes:" in shown.stdout
    parsers = [parser for parser in _commands(make_parser()) if parser.get_default("run")]
    assert len(parsers) > 15
    for parser in parsers:
        text = parser.format_help()
        assert re.search(rf"examples?:\n(.*\n)*.*{parser.prog}", text), parser.prog


def _commands(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                yield inner
                yield from _commands(inner)
