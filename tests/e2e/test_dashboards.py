"""Dashboards through the real server: kept, refused in the words of the searches that they would make, exported and
imported, over the API and by `logd dashboards`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.access import Made, token
from tests.support.commands import logd
from tests.support.process import JSON, Answer, Server, until
from tests.support.terminal import on_a_terminal, run

_PATH = "/api/v1/dashboards"
_STATS = "/api/v1/logs/stats"
_PANEL: Mapping[str, Any] = {"id": "a", "type": "timeseries", "x": 0, "y": 0, "w": 6, "h": 4}
_FULL: Mapping[str, Any] = {
    "name": "payment/ü",
    "description": "who pays",
    "refresh_seconds": 60,
    "time": {"from": "-6h", "to": "now"},
    "panels": [
        {
            **_PANEL,
            "title": "errors",
            "search": {"q": "timeout <b>", "service": ["pay", "cart"], "level": "ERROR", "from": "-1d"},
            "by": ["service", "user.id"],
            "aggregate": "p95(latency_ms)",
            "interval": "auto",
            "top": 5,
            "source": "logs",
        },
        {**_PANEL, "id": "b", "title": "", "type": "top", "x": 6, "saved": "errors", "by": "user", "source": "logs"},
        {**_PANEL, "id": "c", "title": "lag", "type": "status", "y": 4, "w": 12, "source": "lag"},
    ],
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("dashboards"), roles="processor,api") as running:
        yield running


def _ask(server: Server, method: str, key: str = "", body: object = None, made: Made | None = None) -> Answer:
    sent = None if body is None else json.dumps(body).encode()
    path = f"{_PATH}/{key}" if key else _PATH
    return server.request(method, path, sent, {**JSON, **(made.header if made else {})})


def _error(answer: Answer) -> tuple[int, str, str]:
    error = answer.json()["error"]
    return answer.status, error["code"], error["where"]


def test_from_its_making_to_its_end(server: Server) -> None:
    made = _ask(server, "POST", body=_FULL)
    assert made.status == 201
    kept = made.json()
    assert made.headers["location"] == f"{_PATH}/{kept['id']}"
    assert {name: kept[name] for name in _FULL} == _FULL
    assert (kept["version"], kept["created_by"], kept["updated_by"]) == (1, None, None)
    for key in (kept["id"], "payment%2F%C3%BC"):
        assert _ask(server, "GET", key).json() == kept
    assert _ask(server, "GET").json() == {"dashboards": [kept]}
    # An export is imported as it is, once the name is free.
    assert _error(_ask(server, "POST", body=kept)) == (409, "conflict", "name")
    again = _ask(server, "POST", body={**kept, "name": "another"}).json()
    assert again["id"] != kept["id"]
    assert {name: again[name] for name in _FULL if name != "name"} == {n: _FULL[n] for n in _FULL if n != "name"}
    # And changed as it is, by whoever has its version.
    changed = _ask(server, "PUT", kept["id"], {**kept, "panels": []}).json()
    assert (changed["version"], changed["panels"]) == (2, [])
    assert _error(_ask(server, "PUT", kept["id"], kept)) == (409, "conflict", "version")
    assert _error(_ask(server, "PUT", kept["id"], _FULL)) == (400, "bad_body", "body")
    assert _error(_ask(server, "DELETE", f"{kept['id']}?version=1")) == (409, "conflict", "version")
    for key in (kept["id"], "another"):
        assert _ask(server, "DELETE", key).status == 200
        assert _ask(server, "GET", key).status == 404
    assert _ask(server, "GET").json() == {"dashboards": []}


def test_what_is_not_said(server: Server) -> None:
    kept = _ask(server, "POST", body={"name": "  home ", "panels": [_PANEL]}).json()
    assert (kept["name"], kept["description"], kept["refresh_seconds"]) == ("home", "", 30)
    assert kept["time"] == {"from": "-1h", "to": "now"}
    assert kept["panels"] == [{**_PANEL, "title": "", "source": "logs"}]
    assert _ask(server, "DELETE", "home").status == 200


@pytest.mark.parametrize(
    ("panel", "parameters", "where"),
    [
        ({"search": {"q": "a AND ("}}, {"q": "a AND ("}, "search.q:7"),
        ({"search": {"from": "yesterday"}}, {"from_": "yesterday"}, "search.from"),
        ({"search": {"from": "now", "to": "-1h"}}, {"from_": "now", "to": "-1h"}, "search.from"),
        ({"search": {"level": [str(n) for n in range(51)]}}, {"level": [str(n) for n in range(51)]}, "search.level"),
        ({"by": ["a", "b", "c", "d"]}, {"by": "a,b,c,d"}, "by"),
        ({"by": ["message"]}, {"by": "message"}, "by"),
        ({"aggregate": "p95"}, {"aggregate": "p95"}, "aggregate"),
        ({"aggregate": "p42(a)"}, {"aggregate": "p42(a)"}, "aggregate"),
        ({"interval": "often"}, {"interval": "often"}, "interval"),
        ({"top": 0}, {"top": 0}, "top"),
        ({"top": 1_001}, {"top": 1_001}, "top"),
    ],
)
def test_what_the_search_of_a_panel_would_refuse(
    server: Server, panel: Mapping[str, Any], parameters: Mapping[str, Any], where: str
) -> None:
    said = server.get(_STATS, **parameters).json()["error"]
    panels = [_PANEL, {**_PANEL, "id": "b", **panel}]
    answer = _ask(server, "POST", body={"name": "refused", "panels": panels})
    assert _error(answer) == (400, said["code"], f"panels[1].{where}")
    assert answer.json()["error"]["message"] == said["message"]


@pytest.mark.parametrize(
    ("body", "status", "where"),
    [
        ({}, 400, "body"),
        ({"name": " "}, 400, "name"),
        ({"name": "0123456789ab"}, 400, "name"),
        ({"name": "x" * 201}, 400, "name"),
        ({"name": "x", "surprise": 1}, 400, "body"),
        ({"name": "x", "refresh_seconds": 4}, 400, "refresh_seconds"),
        ({"name": "x", "refresh_seconds": 3_601}, 400, "refresh_seconds"),
        ({"name": "x", "time": {"from": "soon"}}, 400, "time.from"),
        ({"name": "x", "time": {"from": "now", "to": "-1h"}}, 400, "time.from"),
        ({"name": "x", "panels": [{**_PANEL, "w": 13}]}, 400, "panels[0].w"),
        ({"name": "x", "panels": [{**_PANEL, "x": 7}]}, 400, "panels[0].w"),
        ({"name": "x", "panels": [_PANEL, {**_PANEL, "h": 0}]}, 400, "panels[1].h"),
        ({"name": "x", "panels": [{**_PANEL, "type": "pie"}]}, 400, "panels[0].type"),
        ({"name": "x", "panels": [{**_PANEL, "source": "weather"}]}, 400, "panels[0].source"),
        ({"name": "x", "panels": [_PANEL, _PANEL]}, 400, "panels[1].id"),
        ({"name": "x", "panels": [{**_PANEL, "search": {}, "saved": "a"}]}, 400, "panels[0].saved"),
        ({"name": "x", "panels": [{**_PANEL, "search": {"cursor": "c"}}]}, 400, "panels[0].search"),
        ({"name": "x", "panels": [{**_PANEL, "aggregate": "min(a), max(a)"}]}, 400, "panels[0].aggregate"),
        ({"name": "x", "panels": [{**_PANEL, "id": str(n)} for n in range(51)]}, 400, "panels"),
        ([], 400, "body"),
        (None, 400, "body"),
    ],
)
def test_what_cannot_be_kept(server: Server, body: object, status: int, where: str) -> None:
    answer = _ask(server, "POST", body=body)
    assert _error(answer)[0::2] == (status, where), answer
    assert _ask(server, "GET").json() == {"dashboards": []}


def test_how_large_one_may_be(server: Server) -> None:
    def sent(characters: int) -> Answer:
        panel = {**_PANEL, "search": {"service": [f"{n:0{characters}}" for n in range(1_000)]}}
        return _ask(server, "POST", body={"name": "large", "panels": [panel]})

    refused = sent(200)
    assert _error(refused) == (413, "dashboard_too_large", "panels")
    assert sent(190).status == 201
    assert _ask(server, "DELETE", "large").status == 200


def test_who_may_change_them(tmp_path: Path) -> None:
    with Server(tmp_path, roles="processor,api") as server:
        author, other = token(server.data_dir, "search"), token(server.data_dir, "search")
        admin = token(server.data_dir, "search,admin")
        until(lambda: _ask(server, "GET").status == 401, "the server has noticed")
        kept = _ask(server, "POST", "", _FULL, author).json()
        assert (kept["created_by"], kept["version"]) == ("test", 1)
        assert _ask(server, "GET", kept["id"], None, other).json() == kept
        for method in ("PUT", "DELETE"):
            answer = _ask(server, method, kept["id"], kept if method == "PUT" else None, other)
            assert _error(answer) == (403, "forbidden", "Authorization")
            assert "the dashboard 'payment/ü' is of 'test'" in answer.json()["error"]["message"]
        assert _ask(server, "PUT", kept["id"], kept, author).json()["version"] == 2
        assert _ask(server, "DELETE", kept["id"], None, admin).status == 200


def test_they_survive_a_backup(tmp_path: Path) -> None:
    with Server(tmp_path / "first", roles="processor,api") as server:
        kept = _ask(server, "POST", body=_FULL).json()
        assert logd("store", "backup", tmp_path / "backup", data_dir=server.data_dir).code == 0
    restored = Server(tmp_path / "second", roles="processor,api")
    assert logd("store", "restore", tmp_path / "backup", data_dir=restored.data_dir).code == 0
    with restored:
        assert _ask(restored, "GET", kept["id"]).json() == kept


def test_the_command(server: Server, tmp_path: Path) -> None:
    assert run(server, "dashboards", "list").stdout == ""
    assert on_a_terminal(server, "dashboards", "list") == (0, "no dashboards\n")
    file = tmp_path / "pay.json"
    file.write_text(json.dumps(_FULL))
    done = run(server, "dashboards", "import", str(file))
    assert done.returncode == 0, done
    (kept,) = map(json.loads, run(server, "dashboards", "list").stdout.splitlines())
    assert done.stdout == f"imported 'payment/ü' ({kept['id']}, version 1)\n"
    _, text = on_a_terminal(server, "dashboards", "list")
    assert [line.split() for line in text.splitlines()] == [
        ["name", "changed", "by", "panels"],
        ["payment/ü", kept["updated"], "-", "3"],
    ]
    exported = run(server, "dashboards", "export", "payment/ü")
    assert json.loads(exported.stdout) == kept
    assert exported.stdout.count("\n") > 20  # for people, and for git
    file.write_text(exported.stdout)
    again = run(server, "dashboards", "import", str(file))
    assert (again.returncode, again.stderr) == (1, "logd: there is a dashboard 'payment/ü' already\n")
    replaced = run(server, "dashboards", "import", str(file), "--replace")
    assert replaced.stdout == f"imported 'payment/ü' ({kept['id']}, version 2)\n"
    named = run(server, "dashboards", "import", str(file), "--replace", "--name", "copy")
    assert named.stdout.startswith("imported 'copy' (")
    for name, version in (("payment/ü", 2), ("copy", 1)):
        gone = run(server, "dashboards", "delete", name)
        assert (gone.returncode, gone.stdout.endswith(f"version {version})\n")) == (0, True), gone
    gone = run(server, "dashboards", "export", "copy")
    assert (gone.returncode, gone.stderr) == (1, "logd: there is no dashboard 'copy'\n")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "can't read"),
        ("{", "is no JSON: "),
        ("[]", "has no JSON object: expected what `logd dashboards export` prints"),
        ("{}", "the body is wrong: Object missing required field `name`"),
        (
            json.dumps({"name": "x", "panels": [{**_PANEL, "search": {"q": "a AND ("}}]}),
            "logd: panels[0].search.q:7: a clause can't begin with the end at column 7, expected",
        ),
    ],
)
def test_files_that_are_none(server: Server, tmp_path: Path, content: str | None, sentence: str) -> None:
    file = tmp_path / "file.json"
    if content is not None:
        file.write_text(content)
    done = run(server, "dashboards", "import", str(file), "--replace")
    assert (done.returncode, done.stdout, sentence in done.stderr) == (
        2 if content in (None, "{", "[]") else 1,
        "",
        True,
    ), done
    assert done.stderr.count("\n") == 1
