"""The front end's files as the real server sends them: types, caching, compression, headers, and nothing else."""

from __future__ import annotations

import gzip
import http.client
import re
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from logd.http.pages import HEADERS
from tests.support.access import token
from tests.support.process import PATIENCE_SECONDS, SEARCH, Answer, Server, until

_HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("pages"), roles="processor,api", settings=_ORIGINS) as running:
        yield running


_ORIGINS = {"api.cors_origins": "https://logs.example.org"}


@pytest.fixture(scope="module")
def script(server: Server) -> str:
    """The path of the script that the page begins with."""
    found = re.search(rb'<script type="module" crossorigin src="(/assets/[^"]+\.js)"', _ask(server, "/").body)
    assert found is not None
    return found[1].decode()


def _ask(server: Server, path: str, headers: Mapping[str, str] | None = None, method: str = "GET") -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_SECONDS)
    try:
        connection.request(method, path, headers=dict(headers or {}))
        with connection.getresponse() as answer:
            named = {name.lower(): text for name, text in answer.getheaders()}
            return Answer(answer.status, named, answer.read())
    finally:
        connection.close()


@pytest.mark.parametrize(
    "path",
    ["/", "/?q=level:ERROR&from=-1h", "/explore?q=a", "/dashboards/x", "/alerts/history", "/no/page", "/metricsx"],
)
def test_every_page_is_the_index(server: Server, path: str) -> None:
    answer = _ask(server, path, _HTML)
    assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert answer.headers["cache-control"] == "no-cache"
    assert b'<div id="app">' in answer.body
    assert {name: answer.headers[name.lower()] for name in HEADERS} == HEADERS


def test_the_policy_allows_nothing_inline_and_nothing_from_elsewhere(server: Server) -> None:
    policy = dict(part.split(" ", 1) for part in _ask(server, "/").headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["require-trusted-types-for"] == "'script'"
    assert {"'none'", "'self'", "data:", "'script'"} == {word for words in policy.values() for word in words.split()}


@pytest.mark.parametrize(
    ("path", "headers", "method", "status"),
    [
        ("/explorer", {}, "GET", 404),
        ("/explore", {"Accept": "application/json"}, "GET", 404),
        ("/", {"Accept": "application/json"}, "GET", 404),
        ("/explore", _HTML, "POST", 404),
        ("/api/v1/nothing", _HTML, "GET", 404),
        ("/api/", _HTML, "GET", 404),
        ("/api/v1/logs/ingest", _HTML, "GET", 405),
        ("/assets/nothing.js", _HTML, "GET", 404),
        ("/assets/", _HTML, "GET", 404),
        ("/.built-from", {}, "GET", 404),
        ("/index.html.gz", {}, "GET", 404),
        ("/favicon.ico", {"Accept": "image/*"}, "GET", 404),
    ],
)
def test_the_rest_stays_an_error_in_json(
    server: Server, path: str, headers: Mapping[str, str], method: str, status: int
) -> None:
    answer = _ask(server, path, headers, method)
    assert (answer.status, answer.headers["content-type"]) == (status, "application/json")
    assert answer.json()["error"]["where"] == path


@pytest.mark.parametrize(
    "path",
    [
        "/../../../../../../etc/passwd",
        "/assets/../../../__init__.py",
        "/assets/%2e%2e/%2e%2e/__init__.py",
        "/assets/..%2f..%2f__init__.py",
        "//etc/passwd",
        "/assets/%00",
        "/__init__.py",
    ],
)
def test_no_path_leads_out(server: Server, path: str) -> None:
    """As it stands, which http.client and others would tidy up."""
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE_SECONDS) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    assert answer.split(b" ", 2)[1] in (b"400", b"404"), answer


@pytest.mark.parametrize(
    "path", ["/api/v1/status", "/api/v1/logs/export", "/metrics", "/api/v1/nothing", "/robots.txt"]
)
def test_no_browser_guesses_a_type(server: Server, path: str) -> None:
    """Else a page that a line got HTML into could run an answer of the API as a script."""
    assert _ask(server, path).headers["x-content-type-options"] == "nosniff"


def test_assets_are_kept_for_good_and_sent_compressed(server: Server, script: str) -> None:
    plain = _ask(server, script)
    assert plain.headers["content-type"] == "text/javascript; charset=utf-8"
    assert plain.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert "content-encoding" not in plain.headers
    packed = _ask(server, script, {"Accept-Encoding": "br, gzip;q=0.8"})
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) == len(packed.body) < len(plain.body) / 2
    assert gzip.decompress(packed.body) == plain.body
    # A page of another site is told apart, and so are those who take gzip.
    assert packed.headers["vary"] == plain.headers["vary"] == "Accept-Encoding, Origin"
    assert packed.headers["etag"] != plain.headers["etag"]
    assert "content-encoding" not in _ask(server, script, {"Accept-Encoding": "gzip;q=0, identity"}).headers


@pytest.mark.parametrize("headers", [{}, {"Accept-Encoding": "gzip"}])
def test_what_one_has_isnt_sent_again(server: Server, script: str, headers: Mapping[str, str]) -> None:
    for path in ("/", script):
        etag = _ask(server, path, headers).headers["etag"]
        same = _ask(server, path, {**headers, "If-None-Match": f'"x", W/{etag}'})
        assert (same.status, same.body, same.headers["etag"]) == (304, b"", etag)
        assert "content-security-policy" in same.headers
        assert _ask(server, path, {**headers, "If-None-Match": '"x"'}).status == 200


def test_head_says_the_same_without_the_body(server: Server, script: str) -> None:
    for path in ("/", script, "/robots.txt", "/explore?q=a", "/dashboards/x"):
        full, head = _ask(server, path), _ask(server, path, method="HEAD")
        assert (head.status, head.body) == (200, b"")
        assert int(head.headers["content-length"]) == len(full.body)
        assert {**head.headers, "date": ""} == {**full.headers, "date": ""}


def test_the_files_at_the_root(server: Server) -> None:
    robots = _ask(server, "/robots.txt")
    assert (robots.headers["content-type"], robots.body) == (
        "text/plain; charset=utf-8",
        b"User-agent: *\nDisallow: /\n",
    )
    icon = _ask(server, "/icon.svg")
    assert icon.headers["content-type"] == "image/svg+xml; charset=utf-8"
    assert icon.headers["cache-control"] == "no-cache"


def test_nobody_needs_a_token_for_the_pages(server: Server, script: str) -> None:
    token(server.data_dir, "search")
    until(lambda: server.get(SEARCH).status == 401, "the server has noticed")
    for path in ("/", "/explore", script):
        assert _ask(server, path, _HTML).status == 200
        assert _ask(server, path, {**_HTML, "Authorization": "Bearer wrong"}).status == 200


def test_without_the_role_api_there_are_none(tmp_path: Path) -> None:
    with Server(tmp_path, roles="processor", settings={"telemetry.listen": "127.0.0.1:0"}) as server:
        assert _ask(server, "/", _HTML).status == 404
