"""What the commands show on a real terminal, to the letter: colours, wide characters, and of what a log line says
nothing that the terminal would obey. Without a terminal, and with NO_COLOR, there are no colours."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.process import Server, until
from tests.support.terminal import interrupted_on_a_terminal, on_a_terminal, run

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
#: What a terminal would obey.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_DAY = ("--from", "2026-11-20", "--to", "2026-11-21")
_EVIL = "payment \x1b[31mred\x1b[0m failed\x07 \x9b2J\r over\x08 \u202ertl"
_SHOWN = r"\u001b[31mred\u001b[0m failed\u0007 \u009b2J\u000d over\u0008 \u202ertl"
_LINES: tuple[tuple[str, str, str, dict[str, object]], ...] = (
    ("ERROR", "shop", _EVIL, {"note": "\x1b]0;title\x07", "ms": 12}),
    ("WARN", "倉庫", "在庫エラー 🚀 payment 7 late", {"note": "広い", "ms": 7}),
    ("INFO", "shop", "payment 8 late\n\tat one", {"ms": 1500.5}),
    ("DEBUG", "evil\x1b[2J\r\n2026-11-20", "ok", {"k\x1b[1m\n": "v"}),
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("terminal"), settings={"parse.join_seconds": 0.02}) as running:
        for number, (level, service, message, fields) in enumerate(_LINES):
            about = {"log_id": f"id-{number}", "timestamp": f"2026-11-20T10:00:0{number}Z", "host": "web-1"}
            running.ingest("x", [{**about, "level": level, "service": service, "message": message, **fields}])
        running.settle()
        yield running


def _shown(server: Server, *arguments: str, columns: int = 200, no_color: str = "") -> list[str]:
    """The lines on a terminal, with the times that it took as `N ms`."""
    code, text = on_a_terminal(server, *arguments, columns=columns, no_color=no_color)
    assert code == 0, text
    return re.sub(r"in \d+ ms", "in N ms", text).splitlines()


def _dim(text: str) -> str:
    return f"\x1b[2m{text}\x1b[0m"


def _line(number: int, message: str, service: str) -> str:
    """As a search shows it, in colour."""
    level = _LINES[number][0]
    colour = {"ERROR": "31", "WARN": "33", "INFO": "32", "DEBUG": "36"}[level]
    time = f"2026-11-20T10:00:0{number}.000Z"
    return f"{_dim(time)} \x1b[{colour}m{level:5}\x1b[0m {service} {_dim('web-1')} {message}"


def test_search(server: Server) -> None:
    found = "\x1b[1;31mpayment\x1b[0m"
    expected = [
        _line(2, f"{found} 8 late", "shop"),
        "    \tat one",
        _line(1, f"在庫エラー 🚀 {found} 7 late", "倉庫"),
        _line(0, f"{found} {_SHOWN}", "shop"),
        "3 of 3 hits in N ms",
    ]
    assert _shown(server, "search", "payment", *_DAY) == expected
    assert _shown(server, "search", "payment", *_DAY, columns=40) == expected  # the terminal breaks lines itself


def test_a_service_is_in_one_line(server: Server) -> None:
    """Else it could pretend to be another record."""
    lines = _shown(server, "search", "ok", *_DAY)
    assert lines == [_line(3, "\x1b[1;31mok\x1b[0m", r"evil\u001b[2J\u000d\n2026-11-20"), "1 of 1 hits in N ms"]


def test_search_for_fields(server: Server) -> None:
    assert _shown(server, "search", *_DAY, "--fields", "level,service,metadata.note,message") == [
        "\x1b[1mlevel  service                          metadata.note         message\x1b[0m",
        "\x1b[36mDEBUG\x1b[0m  evil\\u001b[2J\\u000d\\n2026-11-20  -                     ok",
        "\x1b[32mINFO \x1b[0m  shop                             -                     payment 8 late\\n\\tat one",
        "\x1b[33mWARN \x1b[0m  倉庫                             広い                  在庫エラー 🚀 payment 7 late",
        f"\x1b[31mERROR\x1b[0m  shop                             \\u001b]0;title\\u0007  payment {_SHOWN}",
        "4 of 4 hits in N ms",
    ]


def test_get(server: Server) -> None:
    lines = _shown(server, "get", "id-3")
    assert [line for line in lines if not line.startswith("ingested_at")] == [
        r"log_id                 id-3",
        r"timestamp              2026-11-20T10:00:03.000Z",
        r"level                  DEBUG",
        r"service                evil\u001b[2J\u000d",
        r"    2026-11-20",
        r"host                   web-1",
        r"source                 http",
        r"message                ok",
        r"metadata.k\u001b[1m\n  v",
    ]


def test_tail(server: Server) -> None:
    def comes() -> None:
        until(lambda: _tails(server) == (1, True), "it follows")
        server.ingest("tailed", [{"timestamp": "2026-11-22T10:00:00Z", "level": "ERROR", "message": f"tail {_EVIL}"}])
        server.ingest("tailed", [{"timestamp": "2026-11-22T10:00:01Z", "level": "INFO", "message": "tail 在庫"}])

    code, text = interrupted_on_a_terminal(server, "tail", "tail", "--service", "tailed", then=comes, shown="在庫")
    assert code == 130
    assert f"\x1b[31mERROR\x1b[0m tailed {_dim('127.0.0.1')} tail payment {_SHOWN}\n" in text
    assert f"\x1b[32mINFO \x1b[0m tailed {_dim('127.0.0.1')} tail 在庫\n" in text


def _tails(server: Server) -> tuple[int, bool]:
    tail = server.get("/api/v1/status").json()["tail"]
    return tail["clients"], tail["following"]


def test_stats(server: Server) -> None:
    assert _shown(server, "stats", *_DAY, "--by", "service", "--avg", "ms", columns=40) == [
        "service                          count  avg(ms)",
        "shop                                 2   756.25",
        "evil\\u001b[2J\\u000d\\n2026-11-20      1        -",
        "倉庫                                 1        7",
        "4 hits, in N ms",
    ]


def test_patterns(server: Server) -> None:
    mask = _dim("<*>")
    assert _shown(server, "patterns", *_DAY) == [
        "count   share  level  last seen             template",
        "    1  25.0 %  DEBUG  2026-11-20T10:00:03Z  ok",
        f"    1  25.0 %  ERROR  2026-11-20T10:00:00Z  payment {mask} failed\\u0007 {mask} over\\u0008 \\u202ertl",
        f"    1  25.0 %  INFO   2026-11-20T10:00:02Z  payment {mask} late",
        f"    1  25.0 %  WARN   2026-11-20T10:00:01Z  在庫エラー 🚀 payment {mask} late",
        "4 patterns of 4 hits in N ms",
    ]
    cut = _shown(server, "patterns", "failed", *_DAY, columns=40, no_color="1")
    assert cut[1] == "    1  100.0 %  ERROR  2026-11-20T10:00:00Z  payment <*> failed\\u0007 <*> over\\u0008…"


def test_fields(server: Server) -> None:
    assert _shown(server, "fields", *_DAY)[-4:] == [
        "metadata.ms            number      3   75.0%",
        "metadata.note          string      2   50.0%",
        "metadata.k\\u001b[1m\\n  string      1   25.0%",
        "4 hits",
    ]
    assert _shown(server, "fields", "service", *_DAY) == [
        "value                            lines",
        "shop                                 2",
        "evil\\u001b[2J\\u000d\\n2026-11-20      1",
        "倉庫                                 1",
        "4 hits: 0 with other values, 0 without one",
    ]


def test_context(server: Server) -> None:
    assert _shown(server, "context", "id-0", "-C", "2") == [
        f"\x1b[1;35m:\x1b[0m {_line(0, f'payment {_SHOWN}', 'shop')}",
        f"{_dim('-')} {_line(2, 'payment 8 late', 'shop')}",
        "    \tat one",
        "0 before and 1 after it, by time, of the same service, host, source",
    ]


def test_query_explain(server: Server) -> None:
    lines = _shown(server, "query", "explain", "service:\x1b[31m\x07 OR 在庫", "--from", "2026-11-20", columns=40)
    assert lines[0] == "query"
    assert any("在" in line for line in lines)


@pytest.mark.parametrize(("columns", "no_color"), [(200, ""), (40, "1")])
def test_an_export_has_a_bar(server: Server, tmp_path: Path, columns: int, no_color: str) -> None:
    """Which is gone at the end, and never wider than the terminal."""
    file = tmp_path / "x.ndjson"
    code, text = on_a_terminal(server, "export", *_DAY, "-o", str(file), columns=columns, no_color=no_color)
    assert code == 0
    assert f"{file}: 4 lines\n" in text
    parts = re.split("[\r\n]", text.replace(str(file), ""))
    assert any("lines/s]" in part for part in parts)
    assert max(map(len, parts)) <= columns
    assert text.endswith("\r")
    assert parts[-2].strip() == ""
    assert not _COLOUR.search(text)
    assert len(file.read_text().splitlines()) == 4


_COMMANDS = [
    ["search", "payment OR ok"],
    ["search", "payment", "--fields", "service,metadata,message"],
    ["search", "--all"],
    ["stats", "--by", "service,note", "--max", "ms"],
    ["patterns"],
    ["fields"],
    ["fields", "note"],
    ["fields", "service"],
    ["context", "id-0"],
    ["get", "id-0"],
    ["get", "id-3"],
    ["query", "explain", "note:\x1b]0;x\x07 service:在庫\x9b"],
    ["search", "note:\x1b]0;x\x07 AND ("],
    ["search", "--service", "\x1b[31m"],
]


@pytest.mark.parametrize("command", _COMMANDS, ids=ascii)
def test_nothing_that_a_terminal_obeys_but_colours(server: Server, command: list[str]) -> None:
    asked = [*command, *(() if command[0] in ("get", "query") else _DAY)]
    for columns in (40, 200):
        _, text = on_a_terminal(server, *asked, columns=columns)
        assert not _CONTROL.search(_COLOUR.sub("", text)), text
        _, text = on_a_terminal(server, *asked, columns=columns, no_color="1")
        assert not _CONTROL.search(text), text


@pytest.mark.parametrize("command", [one for one in _COMMANDS if one[-1] != "note:\x1b]0;x\x07 AND ("], ids=ascii)
def test_a_pipe_gets_json_without_colours(server: Server, command: list[str]) -> None:
    done = run(server, *command, *(() if command[0] in ("get", "query") else _DAY))
    assert (done.returncode, done.stderr) == (0, "")
    assert not re.search("[\x00-\x09\x0b-\x1f]", done.stdout)
    if command[0] != "query":
        assert all(isinstance(json.loads(line), dict) for line in done.stdout.splitlines())


def test_an_export_in_a_pipe_says_how_much_it_was(server: Server, tmp_path: Path) -> None:
    done = run(server, "export", *_DAY, "-o", str(tmp_path / "x.ndjson"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", f"{tmp_path}/x.ndjson: 4 lines\n")
