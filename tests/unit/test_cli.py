"""The command `logd`: what it prints, where, and its exit codes."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

import pytest

from logd import __version__
from logd.cli.hits import as_line, summary, with_caret
from logd.cli.main import main
from logd.cli.search import with_times_attached

RECORD = {
    "log_id": "00000000000000aa-000000000001",
    "timestamp": "2026-01-31T12:00:00.000001Z",
    "level": "ERROR",
    "service": "checkout",
    "host": "web-1",
    "message": "größer\x1b[2J\n  at line 2",
    "metadata": {"n": 12345678901234567890},
}
ANSWER = {"total_hits": 2, "logs": [RECORD, {"message": "\ud800"}], "took_ms": 3}


class Handler(BaseHTTPRequestHandler):
    """Answers every GET with `status` and `body`, and keeps what was asked."""

    status: ClassVar[int] = 200
    body: ClassVar[bytes] = b""
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, format: str, *args: Any) -> None:
        """Keeps standard error for the command."""


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("LOGD_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a server that gives ANSWER; $LOGD_URL names it."""
    monkeypatch.setattr(Handler, "status", 200)
    monkeypatch.setattr(Handler, "body", json.dumps(ANSWER).encode())
    monkeypatch.setattr(Handler, "asked", [])
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        address = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setenv("LOGD_URL", address)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield address
        server.shutdown()
        thread.join()


def test_search_prints_json_lines_in_a_pipe(url: str, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["search", "x"]) == 0
    out, err = capfdbinary.readouterr()
    assert [json.loads(line) for line in out.splitlines()] == ANSWER["logs"]
    assert "größer".encode() in out
    assert err == b""


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        ([], []),
        (["a & b=c"], [("q", "a & b=c")]),
        (["--from", "-1h", "x", "--to", "now"], [("q", "x"), ("from", "-1h"), ("to", "now")]),
        (["--service", "a", "--service", "b,c"], [("service", "a"), ("service", "b,c")]),
        (["--level", "WARN", "--host", "h"], [("level", "WARN"), ("host", "h")]),
        (["--limit", "5", "--offset", "0", "--json"], [("limit", "5"), ("offset", "0")]),
        (["-n", "5"], [("limit", "5")]),
        (["--timeout", "5s", "--default-operator", "and"], [("default_operator", "and"), ("timeout", "5s")]),
        (["--", "-x"], [("q", "-x")]),
    ],
)
def test_search_asks(url: str, arguments: list[str], asked: list[tuple[str, str]]) -> None:
    assert main(["search", *arguments]) == 0
    parts = urlsplit(Handler.asked[0])
    assert (parts.path, parse_qsl(parts.query)) == ("/api/v1/logs/search", asked)


def test_the_address_on_the_command_line_wins(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGD_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert main(["search", "--url", f"{url}/logs/"]) == 0
    assert Handler.asked == ["/logs/api/v1/logs/search"]


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (
            400,
            {"error": {"code": "bad_query", "message": "a word is missing at column 6", "where": "q:6"}},
            "logd: a word is missing at column 6\n  größ ) AND\n       ^\n",
        ),
        (
            400,
            {"error": {"code": "bad_time", "message": "no time:\x1b[2J 'x'", "where": "from"}},
            "logd: no time:\\u001b[2J 'x'\n",
        ),
        (502, "<html>", "logd: URL answered 502 Bad Gateway\n"),
        (500, {"error": "x"}, "logd: URL answered 500 Internal Server Error\n"),
        (200, "hello", "logd: URL answered, but is no logd: '\"hello\"'\n"),
        (200, {"logs": [1]}, "logd: URL answered, but is no logd: '{\"logs\": [1]}'\n"),
    ],
)
def test_search_refused(
    url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    status: int,
    body: object,
    expected: str,
) -> None:
    monkeypatch.setattr(Handler, "status", status)
    monkeypatch.setattr(Handler, "body", json.dumps(body).encode())
    assert main(["search", "größ ) AND"]) == 1
    assert capsys.readouterr() == ("", expected.replace("URL", url))


@pytest.mark.parametrize(
    ("address", "code", "expected"),
    [
        ("http://127.0.0.1:9", 3, "logd: can't reach http://127.0.0.1:9: connection refused\n"),
        ("127.0.0.1:9", 2, "logd: the address '127.0.0.1:9' is wrong, expected one such as http://127.0.0.1:8080\n"),
        ("file:///etc/passwd", 2, "logd: the address 'file:///etc/passwd' is wrong, expected one such as http://127."),
        ("http://a:b", 2, "logd: the address 'http://a:b' is wrong: "),
    ],
)
def test_search_without_a_server(capsys: pytest.CaptureFixture[str], address: str, code: int, expected: str) -> None:
    assert main(["search", "--url", address, "x"]) == code
    assert capsys.readouterr().err.startswith(expected)


def test_a_hit_on_a_terminal(url: str) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "logd", "search", "x"]
    with subprocess.Popen(command, stdout=theirs, stderr=theirs, env={**os.environ, "NO_COLOR": ""}) as process:
        assert process.wait() == 0
    os.close(theirs)
    text = os.read(ours, 65_536).decode().replace("\r\n", "\n")
    os.close(ours)
    lines = [as_line(RECORD, colour=True), as_line({"message": "\\ud800"}, colour=True), "2 of 2 hits in 3 ms", ""]
    assert text == "\n".join(lines)
    assert parse_qsl(urlsplit(Handler.asked[0]).query) == [("q", "x"), ("highlight", "true")]


@pytest.mark.parametrize(
    ("record", "colour", "line"),
    [
        (RECORD, False, "2026-01-31T12:00:00.000001Z ERROR checkout web-1 größer\\u001b[2J\n      at line 2"),
        ({"level": None, "message": None}, False, " -     - - "),
        ({"timestamp": "t", "level": "WARN", "message": {"a": 1}}, False, 't WARN  - - {"a":1}'),
        (
            {"timestamp": "t", "level": "INFO", "service": "s", "host": "h", "message": "m\tn\x9b\u202e"},
            True,
            "\x1b[2mt\x1b[0m \x1b[32mINFO \x1b[0m s \x1b[2mh\x1b[0m m\tn\\u009b\\u202e",
        ),
        (
            {"message": "a\x9bbc d", "highlights": {"message": [[0, 2], [3, 4]]}},
            True,
            " -     - \x1b[2m-\x1b[0m \x1b[1;31ma\\u009b\x1b[0mb\x1b[1;31mc\x1b[0m d",
        ),
        ({"message": "abc", "highlights": {"message": [[0, 2]]}}, False, " -     - - abc"),
    ],
)
def test_lines(record: dict[str, Any], colour: bool, line: str) -> None:
    assert as_line(record, colour) == line


@pytest.mark.parametrize(
    ("query", "column", "expected"),
    [
        ("a AND", 6, "  a AND\n       ^"),
        (")", 1, "  )\n  ^"),
        ("日本 )", 4, "  日本 )\n       ^"),
        ("e\u0301 )", 4, "  e\u0301 )\n    ^"),
        ("a\t\n\x1b)", 5, "  a   )\n      ^"),
    ],
)
def test_carets(query: str, column: int, expected: str) -> None:
    assert with_caret(query, column) == expected


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"logs": [], "total_hits": 0, "took_ms": 1}, "0 of 0 hits in 1 ms"),
        ({"logs": [1], "total_hits": 7, "took_ms": 1}, "1 of 7 hits in 1 ms, more with --offset 3"),
        ({"logs": [1], "total_hits": 7, "total_relation": "gte", "took_ms": 1}, "1 of at least 7 hits in 1 ms, more w"),
        ({"logs": [1]}, "1 hits in ? ms"),
    ],
)
def test_summaries(answer: dict[str, Any], expected: str) -> None:
    assert summary(answer, len(answer["logs"]), 2).startswith(expected)


def test_times_that_begin_with_a_dash() -> None:
    words = ["search", "--from", "-1h", "--to=now", "--", "--from", "x"]
    assert with_times_attached(words) == ["search", "--from=-1h", "--to=now", "--", "--from", "x"]


def test_a_reader_that_leaves_ends_it_quietly(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Handler, "body", json.dumps({"logs": [RECORD] * 10_000}).encode())
    command = [sys.executable, "-m", "logd", "search"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.wait() == 141
        assert process.stderr.read() == b""


@pytest.mark.parametrize(
    ("arguments", "code", "out", "err"),
    [
        (["--version"], 0, f"logd {__version__}\n", ""),
        (["--help"], 0, "usage: logd ", ""),
        ([], 2, "", "usage: logd "),
        (["nonsense"], 2, "", "usage: logd "),
        (["server", "--help"], 0, "usage: logd server ", ""),
        (["agent", "--help"], 0, "usage: logd agent ", ""),
        (["search", "--help"], 0, "usage: logd search ", ""),
        (["config", "check", "--help"], 0, "usage: logd config check ", ""),
        (["search", "--from"], 2, "", "usage: logd search "),
        (
            ["config", "check"],
            0,
            "ok: roles agent, processor, api, alerter, archiver, data in logd-data, api on 127.0.0.1:8080\n",
            "",
        ),
        (["config", "check", "--set", "api.listen=x"], 2, "", 'logd: api.listen is "x" on the command line, expected '),
        (
            ["config", "check", "--config", "none.toml"],
            2,
            "",
            "logd: can't read none.toml: No such file or directory\n",
        ),
        (
            ["server", "--roles", "alarm"],
            2,
            "",
            'logd: server.roles[0] is "alarm" on the command line, expected agent, ',
        ),
        (
            ["server", "none.log"],
            2,
            "",
            "logd: none.log is left out: no such file or directory\nlogd: no file to follow ",
        ),
        (["agent", "."], 2, "", "logd: no file to follow among .\nlogd: agent.files is [] by default, expected "),
        (
            ["agent", "--server", "logs:8080", "--set", "agent.files=[{paths = ['/a']}]"],
            2,
            "",
            'logd: agent.server is "logs:8080" on the command line, expected a URL such as http://logs.example.org:8080',
        ),
        (
            ["agent"],
            2,
            "",
            "logd: agent.files is [] by default, expected files to follow, or another input, as",
        ),
    ],
)
def test_commands(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    out: str,
    err: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert exit_code(arguments) == code
    printed = capsys.readouterr()
    assert printed.out.startswith(out)
    assert printed.err.startswith(err)
    assert (printed.out == "") == (out == "")
    assert (printed.err == "") == (err == "")


def test_the_configuration_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.toml").write_text("[server]\nroles = ['api']\n[api]\nlisten = 'a:1'")
    monkeypatch.setenv("LOGD_CONFIG", str(tmp_path / "a.toml"))
    monkeypatch.setenv("LOGD_DATA_DIR", "/elsewhere")
    assert main(["config", "check", "--set", "api.listen=b:2"]) == 0
    assert capsys.readouterr().out == "ok: roles api, data in /elsewhere, api on b:2\n"


def exit_code(arguments: list[str]) -> object:
    try:
        return main(arguments)
    except SystemExit as exit:  # how argparse ends
        return exit.code


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["search", "two", "words"], "words; several words are one query in quotes: 'two words …'\n"),
        (["search", "two", "--lots"], "--lots\n"),
        (["alerts", "list", "--lots"], "--lots\n"),
        (["status", "more"], "more\n"),
        (["--lots"], "--lots\n"),
    ],
)
def test_too_many_arguments(arguments: list[str], said: str, capfd: pytest.CaptureFixture[str]) -> None:
    """The usage that is shown is the command's own."""
    assert exit_code(arguments) == 2
    command = " ".join(["logd", *(name for name in arguments if name in ("search", "alerts", "list", "status"))])
    error = capfd.readouterr().err
    assert error.startswith(f"usage: {command} [")
    assert error.endswith(f"{command}: error: unrecognized arguments: {said}")


def test_a_prefix_is_one_of_values(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["fields", "--prefix", "req_"]) == 2
    assert capfd.readouterr().err == "logd: --prefix goes with the NAME of a field, whose values it chooses\n"
