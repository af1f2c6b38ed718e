"""Tokens over HTTP: the first one, what a token can't give, and that a secret is told once."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from logd.tokens import parts_of
from tests.support.access import Made, token
from tests.support.commands import logd
from tests.support.process import JSON, SEARCH, Answer, Server, until

_PATH = "/api/v1/tokens"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("tokens"), roles="processor,api") as running:
        yield running


@pytest.fixture(scope="module")
def admin(server: Server) -> Made:
    made = token(server.data_dir, "ingest,search,admin")
    until(lambda: server.get(SEARCH).status == 401, "the server has noticed")
    return made


def _ask(server: Server, method: str, key: str = "", body: object = None, made: Made | None = None) -> Answer:
    sent = None if body is None else json.dumps(body).encode()
    path = f"{_PATH}/{key}" if key else _PATH
    return server.request(method, path, sent, {**JSON, **(made.header if made else {})})


def _made(answer: Answer) -> Made:
    assert answer.status == 201, answer
    return Made(answer.json()["id"], answer.json()["token"])


def _error(answer: Answer) -> tuple[int, str, str]:
    error = answer.json()["error"]
    return answer.status, error["code"], error["where"]


def test_the_first_one(tmp_path: Path) -> None:
    with Server(tmp_path, roles="processor,api") as server:
        assert _ask(server, "GET").json() == {"tokens": [], "needed": False}
        answer = _ask(server, "POST", body={"name": "web", "scopes": ["search", "ingest"]})
        assert _error(answer) == (400, "first_token", "scopes")
        assert "only one with admin makes others" in answer.json()["error"]["message"]
        assert not (server.data_dir / "catalog.db").exists()
        assert server.get(SEARCH).status == 200
        first = _made(_ask(server, "POST", body={"name": "me", "scopes": ["search", "ingest", "admin"]}))
        # At once, though for a moment others who have none may go on.
        assert _ask(server, "POST", body={"name": "late", "scopes": ["admin"]}).status == 401
        until(lambda: server.get(SEARCH).status == 401, "one is needed")
        (listed,) = _ask(server, "GET", made=first).json()["tokens"]
        assert (listed["id"], listed["own"], listed["state"]) == (first.id, True, "active")
        assert _ask(server, "GET", made=first).json()["needed"] is True
        # From then on others need nothing of the kind.
        _made(_ask(server, "POST", "", {"name": "web", "scopes": ["search"]}, first))


def test_where_nobody_needs_one(tmp_path: Path) -> None:
    with Server(tmp_path, settings={"api.anonymous": "true"}, roles="processor,api") as server:
        made = _made(_ask(server, "POST", body={"name": "agent", "scopes": ["ingest"]}))
        listed = _ask(server, "GET").json()
        assert ([one["id"] for one in listed["tokens"]], listed["needed"]) == ([made.id], False)
        assert listed["tokens"][0]["own"] is False


def test_from_its_making_to_its_end(server: Server, admin: Made) -> None:
    wanted = {
        "name": " checkout ", "scopes": ["search", "ingest"], "services": ["cart", "pay", "cart"], "hosts": ["h"],
        "expires": "2d", "requests_per_second": 1.5, "bytes_per_second": 0,
    }  # fmt: skip
    answer = _ask(server, "POST", "", wanted, admin)
    made = _made(answer)
    assert parts_of(made.text) is not None
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["location"] == f"{_PATH}/{made.id}"
    shown = {name: value for name, value in answer.json().items() if name != "token"}
    assert (shown["name"], shown["scopes"]) == ("checkout", ["ingest", "search"])
    assert (shown["services"], shown["hosts"]) == (["cart", "pay"], ["h"])
    assert (shown["requests_per_second"], shown["bytes_per_second"], shown["revoked"]) == (1.5, 0.0, None)
    listed = _ask(server, "GET", made=admin)
    assert {one["id"]: one for one in listed.json()["tokens"]}[made.id] == shown
    assert made.text.rpartition("_")[2] not in listed.body.decode()
    assert "digest" not in listed.body.decode()
    (row,) = [json.loads(line) for line in _listed(server) if made.id in line]
    assert (row["services"], row["scopes"], row["requests_per_second"]) == (["cart", "pay"], ["ingest", "search"], 1.5)
    assert server.request("GET", SEARCH, None, made.header).status == 200
    for _ in range(2):  # twice is once
        gone = _ask(server, "DELETE", made.id, None, admin)
        assert (gone.status, gone.json()["state"]) == (200, "revoked")
    until(lambda: server.request("GET", SEARCH, None, made.header).status == 401, "it is revoked")
    secret = made.text.rpartition("_")[2]
    assert secret not in server.whole_log()
    for key in ("0" * 12, "x", made.text):
        missing = _ask(server, "DELETE", key, None, admin)
        assert missing.status == 404
        assert secret not in missing.body.decode()


def _listed(server: Server) -> list[str]:
    return logd("token", "list", "--json", data_dir=server.data_dir).out.splitlines()


@pytest.mark.parametrize(
    ("given", "where", "sentence"),
    [
        ({"name": " "}, "name", "name is ' ', expected 1 to 200 printable characters"),
        ({"name": "a\nb"}, "name", "name is 'a\\nb', expected 1 to 200 printable characters"),
        ({"scopes": ["read"]}, "scopes", "scopes is 'read', expected ingest, search, admin"),
        ({"scopes": []}, "scopes", "scopes is empty, expected at least one of ingest, search, admin"),
        ({"scopes": ["admin"], "services": ["s"]}, "scopes", "scopes has admin, which can't be limited"),
        # None at all would be all of them.
        ({"services": [""]}, "services", "services has '', expected 1 to 200 printable characters"),
        ({"hosts": [" ", "a"]}, "hosts", "hosts has '', expected"),
        ({"services": [str(n) for n in range(1_001)]}, "services", "services has 1001 names, at most 1000"),
        ({"bytes_per_second": -1}, "bytes_per_second", "bytes_per_second is -1.0, expected a number of at least 0"),
        (
            {"expires": "999999w"},
            "expires",
            "expires is '999999w', at most a hundred years: without it, a token never expires",
        ),
        ({"expires": "soon"}, "expires", "expires is 'soon', expected a time such as 12h, 90d or 52w"),
        ({"expires": "0d"}, "expires", "expires is '0d', expected a time"),
        ({"digest": "0" * 64}, "body", "digest"),
        ({"id": "0" * 12}, "body", "id"),
    ],
)
def test_what_is_refused(server: Server, admin: Made, given: Mapping[str, Any], where: str, sentence: str) -> None:
    before = _listed(server)
    answer = _ask(server, "POST", "", {"name": "n", "scopes": ["search"], **given}, admin)
    assert (answer.status, answer.json()["error"]["where"]) == (400, where)
    assert sentence in answer.json()["error"]["message"]
    assert _listed(server) == before


def test_none_gives_more_than_it_has(server: Server, admin: Made) -> None:
    only_admin, day = token(server.data_dir, "admin"), token(server.data_dir, "admin,search", "--expires", "1d")
    before = _listed(server)
    refused: list[tuple[Made, dict[str, Any], str]] = [
        (only_admin, {"scopes": ["search"]}, "scopes"),
        (only_admin, {"scopes": ["admin", "ingest"]}, "scopes"),
        (day, {"scopes": ["search"]}, "expires"),
        (day, {"scopes": ["search"], "expires": "2d"}, "expires"),
        (day, {"scopes": ["ingest"], "expires": "1h"}, "scopes"),
    ]
    for made, given, where in refused:
        answer = _ask(server, "POST", "", {"name": "more", **given}, made)
        assert _error(answer) == (403, "forbidden", where), given
        assert "can't make a token with more" in answer.json()["error"]["message"]
    for scope in ("search", "ingest"):
        for method, key in (("GET", ""), ("POST", ""), ("DELETE", admin.id)):
            made = token(server.data_dir, scope) if method == "GET" else made
            body = {"name": "more", "scopes": [scope]} if method == "POST" else None
            assert _error(_ask(server, method, key, body, made)) == (403, "forbidden", "Authorization")
    assert len(_listed(server)) == len(before) + 2
    _made(_ask(server, "POST", "", {"name": "less", "scopes": ["admin"]}, only_admin))
    _made(_ask(server, "POST", "", {"name": "less", "scopes": ["search"], "expires": "12h"}, day))
    assert server.request("GET", SEARCH, None, admin.header).status == 200
    # Who is revoked makes none from that moment on, though it may go on with other things for two seconds.
    assert _ask(server, "DELETE", only_admin.id, None, only_admin).json()["own"] is True
    assert _ask(server, "POST", "", {"name": "late", "scopes": ["admin"]}, only_admin).status in (401, 403)


def test_a_page_of_another_site_makes_none(tmp_path: Path) -> None:
    """On this machine, as long as nobody needs a token."""
    with Server(tmp_path, roles="processor,api") as server:
        body = json.dumps({"name": "evil", "scopes": ["admin"]}).encode()
        answer = server.request("POST", _PATH, body, {**JSON, "Origin": "https://evil.example"})
        assert _error(answer) == (403, "cross_origin", "Origin")
        assert _ask(server, "GET").json()["tokens"] == []
