"""`logd tail` against a server that ends, refuses and comes back; and its reader of server-sent events."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

import pytest

from logd.cli import tail
from logd.cli.events import Event, read
from logd.cli.main import main
from tests.support.process import environment_of_a_process

#: Ends a command that would go on for ever: the server refuses it for good.
REFUSED = (400, "application/json", json.dumps({"error": {"message": "no more", "where": "q:2"}}))


def stream(*events: str) -> tuple[int, str, str]:
    return 200, "text/event-stream; charset=utf-8", "".join(events)


def line(place: str, message: str) -> str:
    return f"id: {place}\ndata: {json.dumps({'message': message})}\n\n"


class Handler(BaseHTTPRequestHandler):
    """Gives the answers in turn, and keeps what was asked."""

    answers: ClassVar[list[tuple[int, str, str]]] = []
    asked: ClassVar[list[tuple[str, str | None]]] = []

    def do_GET(self) -> None:
        self.asked.append((self.path, self.headers.get("Last-Event-ID")))
        status, kind, body = self.answers[min(len(self.asked), len(self.answers)) - 1]
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: Any) -> None:
        """Keeps standard error for the command."""


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a server that gives `Handler.answers`; $LOGD_URL names it."""
    monkeypatch.setattr(Handler, "answers", [])
    monkeypatch.setattr(Handler, "asked", [])
    monkeypatch.setattr(tail, "_RETRY_SECONDS", (0.001, 0.002))
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        address = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setenv("LOGD_URL", address)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield address
        server.shutdown()
        thread.join()


def test_it_comes_back_where_it_was(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    Handler.answers[:] = [
        stream('event: open\nid: 0:1.0\ndata: {"position":"0:1.0"}\n\n', line("0:1.1", "a"), line("0:1.2", "größer")),
        (503, "text/html", "<html>"),
        stream(":\nid: 0:7.0\n\n", 'event: end\ndata: {"reason":"the server is stopping"}\n\n'),
        stream(line("0:8.0", "b"), "id: 0:9.0\ndata: {"),  # cut off within an event
        REFUSED,
    ]
    assert main(["tail", "x", "--service", "a", "--level", "WARN", "--host", "h"]) == 1
    out, err = capsys.readouterr()
    assert [json.loads(text)["message"] for text in out.splitlines()] == ["a", "größer", "b"]
    assert err == (
        "logd: the connection is closed; trying again\n"
        "logd: the server is stopping; trying again\n"
        "logd: the connection is closed; trying again\n"
        "logd: no more\n  x\n   ^\n"
    )
    assert [last for _, last in Handler.asked] == [None, "0:1.2", "0:1.2", "0:7.0", "0:8.0"]
    parts = urlsplit(Handler.asked[4][0])
    asked = [("q", "x"), ("service", "a"), ("level", "WARN"), ("host", "h")]
    assert (parts.path, parse_qsl(parts.query)) == ("/api/v1/logs/tail", asked)


def test_what_is_missing_is_said(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    Handler.answers[:] = [
        stream(
            'event: missed\nid: 0:5.0\ndata: {"lines":1234}\n\n',
            'event: gap\nid: 0:9.0\ndata: {"from":"0:5.0","to":"0:9.0"}\n\n',
            "event: of-another-version\ndata: {}\n\n",
        ),
        REFUSED,
    ]
    assert main(["tail"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(
        "logd: missed 1234 lines: they come faster than they are taken\n"
        "logd: lines are missing here that are no longer in the queue; a search finds them\n"
    )
    assert Handler.asked[1][1] == "0:9.0"


@pytest.mark.parametrize(
    ("answer", "code", "expected"),
    [
        (REFUSED, 1, "logd: no more\n"),
        ((429, "application/json", json.dumps({"error": {"message": "100 tails"}})), 1, "logd: 100 tails\n"),
        ((200, "text/html", "hello"), 1, "logd: URL answered, but is no logd: 'hello'\n"),
    ],
)
def test_refused_at_once(
    url: str, capsys: pytest.CaptureFixture[str], answer: tuple[int, str, str], code: int, expected: str
) -> None:
    Handler.answers[:] = [answer]
    assert main(["tail"]) == code
    assert capsys.readouterr().err.startswith(expected.replace("URL", url))


def test_no_server(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tail", "--url", "http://127.0.0.1:9"]) == 3
    assert capsys.readouterr().err == "logd: can't reach http://127.0.0.1:9: connection refused\n"


def test_interrupted(url: str) -> None:
    Handler.answers[:] = [stream(line("0:1.1", "a"))]
    command = [sys.executable, "-m", "logd", "tail"]
    environment = {**environment_of_a_process(), "LOGD_URL": url}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline()) == {"message": "a"}  # at once, though it goes into a pipe
        os.kill(process.pid, signal.SIGINT)
        assert process.wait(60) == 130
        process.communicate()


@pytest.mark.parametrize(
    ("lines", "events"),
    [
        ([b"data: a\n", b"\n"], [Event("", "a", "")]),
        ([b"data:a\r\n", b"data: b\r\n", b"\r\n"], [Event("", "a\nb", "")]),
        ([b"event: x\n", b"data\n", b"\n", b"data: y\n", b"\n"], [Event("x", "", ""), Event("", "y", "")]),
        ([b"id: 1\n", b"\n", b"data: a\n", b"\n"], [Event("", "", "1"), Event("", "a", "1")]),
        ([b":ping\n", b"retry: 5\n", b"\n"], [Event("", "", "")]),
        ([b"id: 1\0\n", b"\n"], [Event("", "", "")]),
        ([b"data: \xff\n", b"\n"], [Event("", "\ufffd", "")]),
        ([b"data: a\n"], []),
    ],
)
def test_events(lines: list[bytes], events: list[Event]) -> None:
    assert list(read(lines)) == events
