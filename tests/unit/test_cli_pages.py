"""Following cursors: `logd search --all`, large limits, and exports that are interrupted and gone on with."""

from __future__ import annotations

import gzip
import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest

from logd.cli import ask, exporting
from logd.cli.main import main

#: Of `failures`: an answer that isn't whole.
PARTIAL = 0
_NOT_WHOLE = {"partial": True, "warnings": ["1 of 5 shards\n didn't answer"]}


class Pager(BaseHTTPRequestHandler):
    """A logd with `rows` rows, whose cursor is the number of the next one, and whose pages have `most` at most.
    `failures` are answered first, by the number of the row that they come before. `tiers` by that of the first row."""

    rows: ClassVar[int] = 0
    width: ClassVar[int] = 0
    most: ClassVar[int] = 10_000
    pages: ClassVar[bool] = True
    tiers: ClassVar[dict[int, list[str]]] = {}
    failures: ClassVar[dict[int, list[int]]] = {}
    asked: ClassVar[list[dict[str, list[str]]]] = []
    tokens: ClassVar[list[str | None]] = []

    def do_GET(self) -> None:
        query = parse_qs(urlsplit(self.path).query)
        self.asked.append(query)
        self.tokens.append(self.headers.get("Authorization"))
        start = int(query.get("cursor", query.get("offset", ["0"]))[0])
        if statuses := self.failures.get(start):
            if (status := statuses.pop(0)) == PARTIAL:
                return self.answer(200, {"logs": [], "took_ms": 1, "next_cursor": None, **_NOT_WHOLE})
            return self.answer(status, {"error": {"code": "x", "message": "not now", "where": ""}})
        end = min(self.rows, start + min(self.most, int(query.get("limit", ["50"])[0])))
        logs = [record(number, self.width) for number in range(start, end)]
        cursor = {"next_cursor": str(end) if end < self.rows else None} if self.pages else {}
        return self.answer(200, {"logs": logs, "took_ms": 1, **cursor, "tiers": self.tiers.get(start, ["hot"])})

    def answer(self, status: int, body: object) -> None:
        encoded = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(encoded)))
        self.end_headers()
        self.wfile.write(encoded)

    def log_message(self, format: str, *args: Any) -> None:
        """Keeps standard error for the command."""


def record(number: int, width: int) -> dict[str, object]:
    return {"log_id": f"{number:012x}", "timestamp": "2026-01-31T12:00:00.000Z", "message": "x" * width, "metadata": {}}


@pytest.fixture(autouse=True)
def _server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    for name in [name for name in os.environ if name.startswith("LOGD_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    for name, value in (
        ("rows", 25_000),
        ("width", 0),
        ("most", 10_000),
        ("pages", True),
        ("tiers", {}),
        ("failures", {}),
        ("asked", []),
        ("tokens", []),
    ):
        monkeypatch.setattr(Pager, name, value)
    monkeypatch.setattr(exporting, "_DELAYS_SECONDS", (0.0, 0.0))
    with ThreadingHTTPServer(("127.0.0.1", 0), Pager) as server:
        monkeypatch.setenv("LOGD_URL", f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield
        server.shutdown()
        thread.join()


def ids(text: str) -> list[int]:
    return [int(json.loads(line)["log_id"], 16) for line in text.splitlines()]


@pytest.mark.parametrize(
    ("options", "count"), [(["--all"], 25_000), (["--limit", "20001"], 20_001), (["--limit", "99999"], 25_000)]
)
def test_search_follows_the_cursor(options: list[str], count: int, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["search", "x", *options, "--sort", "oldest", "--from", "-1h"]) == 0
    assert ids(capfd.readouterr().out) == list(range(count))
    asked = [{name: values for name, values in query.items() if name in ("q", "sort", "from")} for query in Pager.asked]
    assert all(query == asked[0] for query in asked)
    assert asked[0]["from"][0].endswith("Z")
    assert [query.get("cursor") for query in Pager.asked] == [None, ["10000"], ["20000"]]


def test_a_page_that_ends_before_its_limit(capfd: pytest.CaptureFixture[str]) -> None:
    Pager.most = 68
    assert main(["search", "x", "--limit", "200", "--offset", "7", "--from", "-1h"]) == 0
    assert ids(capfd.readouterr().out) == list(range(7, 207))
    asked = [(query.get("offset"), query.get("cursor"), query["limit"]) for query in Pager.asked]
    assert asked == [(["7"], None, ["200"]), (None, ["75"], ["132"]), (None, ["143"], ["64"])]


def test_that_cold_days_were_read_is_said_once(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["search", "x", "--all", "--from", "-1h"]) == 0
    assert "cold" not in capfd.readouterr().err
    Pager.tiers = {10_000: ["warm", "cold"], 20_000: ["cold"]}
    assert main(["search", "x", "--all", "--from", "-1h"]) == 0
    captured = capfd.readouterr()
    assert captured.err == "logd: this is also from the archive (cold), which takes longer\n"
    assert len(captured.out.splitlines()) == 25_000


def test_search_without_cursors(capfd: pytest.CaptureFixture[str]) -> None:
    Pager.pages = False
    assert main(["search", "--all"]) == 1
    captured = capfd.readouterr()
    assert len(captured.out.splitlines()) == 10_000
    assert "gives no more than 10000 rows: it needs a newer logd" in captured.err


@pytest.mark.parametrize(
    "options", [["--all", "--limit", "5"], ["--all", "--offset", "5"], ["--limit", "10001", "--offset", "1"]]
)
def test_search_contradictions(options: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["search", *options]) == 2
    assert capfd.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("name", ["a.ndjson", "a.ndjson.gz"])
def test_an_export_goes_on(name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    Pager.failures[7_000] = [503, 503, 503]
    command = ["export", "x", "-o", name, "--from", "-1h"]
    assert main(command) == 1
    assert not (tmp_path / name).exists()
    with (tmp_path / f"{name}.part").open("ab") as part:
        part.write(b"half of a page")
    assert main([*command[:1], "y", *command[2:], "--resume"]) == 2
    assert "was begun for another query" in capfd.readouterr().err
    assert main([*command, "--resume"]) == 0
    data = (tmp_path / name).read_bytes()
    assert ids((gzip.decompress(data) if name.endswith(".gz") else data).decode()) == list(range(25_000))
    assert sorted(path.name for path in tmp_path.iterdir()) == [name]
    assert len({query["from"][0] for query in Pager.asked}) == 1


@pytest.mark.parametrize("chosen", [[], ["--format", "csv-safe"]])
def test_a_csv_file_has_one_head(tmp_path: Path, chosen: list[str]) -> None:
    Pager.failures[7_000] = [429, 503, 503]
    assert main(["export", "-o", "a.csv", *chosen]) == 1
    assert main(["export", "-o", "a.csv", "--resume", "--format", "ndjson"]) == 2
    assert main(["export", "-o", "a.csv", "--resume", *chosen]) == 0
    lines = (tmp_path / "a.csv").read_text().splitlines()
    assert len(lines) == 25_001
    assert lines[0].startswith("log_id,timestamp,")
    assert lines.count(lines[0]) == 1


def test_a_part_that_is_shorter_than_it_was(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    Pager.failures[7_000] = [503, 503, 503]
    assert main(["export", "-o", "a.ndjson"]) == 1
    os.truncate(tmp_path / "a.ndjson.part", 5)
    assert main(["export", "-o", "a.ndjson", "--resume"]) == 2
    assert "a.ndjson.part has 5 bytes" in capfd.readouterr().err


def test_passing_trouble_is_waited_out(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    Pager.failures = {0: [503, 429], 7_000: [502]}
    assert main(["export", "-o", "a.ndjson"]) == 0
    assert ids((tmp_path / "a.ndjson").read_text()) == list(range(25_000))
    assert capfd.readouterr().err.count("waiting, will try again: not now") == 2


def test_what_isnt_whole_is_no_page_of_an_export(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    said = "lines may be missing from a page: 1 of 5 shards\n didn't answer"
    Pager.failures = {7_000: [PARTIAL, PARTIAL]}
    assert main(["export", "-o", "a.ndjson"]) == 0
    assert ids((tmp_path / "a.ndjson").read_text()) == list(range(25_000))
    assert f"waiting, will try again: {said}" in capfd.readouterr().err
    Pager.failures = {7_000: [PARTIAL, PARTIAL, PARTIAL]}
    assert main(["export", "-o", "b.ndjson"]) == 1
    assert said in capfd.readouterr().err
    assert main(["export", "-o", "b.ndjson", "--resume"]) == 0
    assert ids((tmp_path / "b.ndjson").read_text()) == list(range(25_000))


@pytest.mark.parametrize("options", [[], ["--all"]])
def test_a_search_says_that_it_isnt_whole(options: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    Pager.failures = {0: [PARTIAL]}
    assert main(["search", "x", *options]) == 0
    assert capfd.readouterr().err == "logd: hits may be missing: 1 of 5 shards\n didn't answer\n"


def test_pages_are_bounded_in_bytes() -> None:
    Pager.width, Pager.rows = 100_000, 1_500
    assert main(["export", "-o", "a.ndjson"]) == 0
    sizes = [int(query["limit"][0]) for query in Pager.asked]
    assert sizes[0] == 1_000
    assert all(size < 100 for size in sizes[1:])


def test_a_page_that_is_no_answer(capfd: pytest.CaptureFixture[str]) -> None:
    Pager.pages = False
    assert main(["export", "-o", "a.ndjson"]) == 1
    assert "gives no more than 1000 rows" in capfd.readouterr().err


@pytest.mark.parametrize("where", ["option", "file variable", "variable", "home", "nowhere"])
def test_the_token(where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options: list[str] = []
    (tmp_path / "config" / "logd").mkdir(parents=True)
    (tmp_path / "token").write_text("from-file\n")
    match where:
        case "option":
            monkeypatch.setenv("LOGD_TOKEN_FILE", "/none")
            options = ["--token-file", "token"]
        case "file variable":
            monkeypatch.setenv("LOGD_TOKEN_FILE", "token")
            monkeypatch.setenv("LOGD_TOKEN", "from-variable")
        case "variable":
            monkeypatch.setenv("LOGD_TOKEN", " from-variable\n")
            (tmp_path / "config" / "logd" / "token").write_text("from-home")
        case "home":
            (tmp_path / "config" / "logd" / "token").write_text("from-home\n")
    assert main(["search", *options]) == 0
    expected = {"option": "from-file", "file variable": "from-file", "variable": "from-variable", "home": "from-home"}
    assert Pager.tokens == [f"Bearer {expected[where]}" if where in expected else None]


@pytest.mark.parametrize("text", ["", "\n", "two words", "zwölf", "a\nb"])
def test_what_is_no_token(text: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "token").write_text(text)
    assert main(["search", "--token-file", "token"]) == 2
    error = capfd.readouterr().err
    assert error.startswith("logd: token ")
    assert not text.strip() or text not in error
    assert main(["search", "--token-file", "none"]) == 2
    assert "can't read the token file none: no such file" in capfd.readouterr().err


@pytest.mark.parametrize("status", [401, 403])
def test_who_is_not_let_in(status: int, capfd: pytest.CaptureFixture[str]) -> None:
    for command in (["search"], ["get", "x"], ["status"], ["deadletter", "list"], ["export"]):
        Pager.failures = {0: [status]}
        assert main(command) == 1
        assert capfd.readouterr() == ("", "logd: not now\n")


def test_a_token_is_not_for_whom_it_is_redirected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    class Redirecting(Pager):
        def do_GET(self) -> None:
            if self.path == "/here":
                self.send_response(302)
                self.send_header("Location", f"http://localhost:{self.server.server_port}/there")  # type: ignore[attr-defined]
                self.send_header("Content-Length", "0")
                self.end_headers()
            else:
                super().do_GET()

    with ThreadingHTTPServer(("127.0.0.1", 0), Redirecting) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        ask.Server(f"http://127.0.0.1:{server.server_port}", "secret").ask("GET", "/here")
        server.shutdown()
        thread.join()
    assert Pager.tokens == [None]
