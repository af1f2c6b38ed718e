"""Saved searches through the real server: kept, run, changed by two at once, limited by who runs them, and when the
catalog is away."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.services import running
from tests.support.access import Made, token
from tests.support.catalogs import migrated
from tests.support.commands import logd
from tests.support.process import JSON, SEARCH, Answer, Server, until
from tests.support.saved import ask, keep

_QUICK = {"parse.join_seconds": 0.02}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """With nine lines: three services, three levels."""
    with Server(tmp_path_factory.mktemp("saved"), settings=_QUICK, roles="processor,api") as server:
        for service in ("cart", "pay", "shop"):
            levels = ("INFO", "WARN", "ERROR")
            server.ingest(service, [{"message": f"{service} line", "level": level, "user": 7} for level in levels])
        server.settle()
        yield server


def _found(server: Server, **parameters: object) -> set[tuple[str, str]]:
    return {(record["service"], record["level"]) for record in server.search(**parameters)["logs"]}


def _code(answer: Any) -> tuple[int, str, str]:
    error = answer.json()["error"]
    return answer.status, error["code"], error["where"]


def test_from_its_making_to_its_end(server: Server) -> None:
    made = keep(server, " errors / 𝄞 ", q="line", level=["ERROR"], from_="-1h", sort="oldest", limit=2)
    assert made["name"] == "errors / 𝄞"
    assert made["search"] == {"q": "line", "level": ["ERROR"], "from": "-1h", "sort": "oldest", "limit": 2}
    assert (made["version"], made["description"], made["created_by"], made["updated_by"]) == (1, "", None, None)
    assert made["created"] == made["updated"]
    key = quote("errors / 𝄞", safe="")
    assert ask(server, "GET", key).json() == ask(server, "GET", made["id"]).json() == made
    assert made in ask(server, "GET").json()["searches"]
    for saved in (made["id"], made["name"]):
        found = server.search(saved=saved)
        assert [record["service"] for record in found["logs"]] == ["cart", "pay"]
        assert found["total_hits"] == 3
    changed = {"name": "errors", "description": "of all", "search": {"level": "ERROR,WARN"}, "version": 1}
    answer = ask(server, "PUT", key, changed)
    assert answer.status == 200, answer
    now = answer.json()
    assert (now["id"], now["version"], now["description"], now["created"]) == (made["id"], 2, "of all", made["created"])
    assert now["search"] == {"level": "ERROR,WARN"}
    assert ask(server, "GET", key).status == 404
    assert len(server.search(saved="errors")["logs"]) == 6
    server.kill()
    server.restart()
    server.settle()  # the others look for lines
    assert ask(server, "GET", "errors").json() == now
    assert ask(server, "DELETE", "errors").json() == now
    assert _code(ask(server, "DELETE", "errors")) == (404, "not_found", "")
    assert _code(server.get(SEARCH, saved="errors")) == (404, "not_found", "")


def test_what_the_request_says_wins(server: Server) -> None:
    keep(server, "wins", q="line", service=["cart", "pay"], level="ERROR", from_="-1h", fields=["service", "level"])
    every = {(service, level) for service in ("cart", "pay", "shop") for level in ("INFO", "WARN", "ERROR")}
    assert _found(server, saved="wins") == {("cart", "ERROR"), ("pay", "ERROR")}
    assert _found(server, saved="wins", service="shop") == {("shop", "ERROR")}
    assert _found(server, saved="wins", q="pay") == {("pay", "ERROR")}
    assert _found(server, saved="wins", level="") == {(s, level) for s, level in every if s != "shop"}
    assert _found(server, saved="wins", level="", service="", q="") >= every
    assert _found(server, saved="wins", to="-30m") == set()
    assert {*server.search(saved="wins")["logs"][0]} == {"service", "level"}
    assert {*server.search(saved="wins", fields="message")["logs"][0]} == {"message"}
    posted = server.request("POST", SEARCH, json.dumps({"saved": "wins", "service": ["pay"]}).encode(), JSON).json()
    assert [record["service"] for record in posted["logs"]] == ["pay"]
    plain = server.get("/api/v1/logs/explain", q="line", service="cart,pay", level="ERROR", from_="-1h").json()
    explained = server.get("/api/v1/logs/explain", saved="wins").json()
    assert (explained["tree"], explained["query"]) == (plain["tree"], plain["query"])
    assert _found(server, saved="", service="shop", level="WARN") == {("shop", "WARN")}
    assert _code(server.get(SEARCH, saved=["wins", "x"])) == (400, "repeated_parameter", "saved")
    twice = server.request("POST", f"{SEARCH}?saved=wins", json.dumps({"saved": "x"}).encode(), JSON)
    assert _code(twice) == (400, "repeated_parameter", "saved")


def test_pages_of_it(server: Server) -> None:
    made = keep(server, "pages", q="line", from_="-1h", limit=4)
    first = server.search(saved="pages")
    second = server.search(saved="pages", cursor=first["next_cursor"])
    last = server.search(saved="pages", cursor=second["next_cursor"])
    found = [record["log_id"] for page in (first, second, last) for record in page["logs"]]
    assert (len(found), len(set(found)), last["next_cursor"]) == (9, 9, None)
    # A page of what was saved then isn't one of what is saved now.
    changed = {"name": "pages", "search": {"q": "cart", "from": "-1h", "limit": 4}, "version": made["version"]}
    assert ask(server, "PUT", "pages", changed).status == 200
    assert _code(server.get(SEARCH, saved="pages", cursor=first["next_cursor"])) == (400, "foreign_cursor", "cursor")


@pytest.mark.parametrize(
    ("search", "where"),
    [
        ({"q": "a AND ("}, "q:7"),
        ({"q": "level:ERROR)"}, "q:12"),
        ({"from": "yesterday"}, "from"),
        ({"from": "now", "to": "-1h"}, "from"),
        ({"fields": [f"f{n}" for n in range(101)]}, "fields"),
        ({"limit": 10_001}, "limit"),
        ({"service": [f"{n}" for n in range(1_001)]}, "service"),
    ],
)
def test_what_a_search_would_refuse(server: Server, search: Mapping[str, Any], where: str) -> None:
    asked = server.get(SEARCH, **{{"from": "from_"}.get(name, name): value for name, value in search.items()})
    for method, key, body in (("POST", "", {}), ("PUT", "refused", {"version": 1})):
        answer = ask(server, method, key, {"name": "refused", "search": search, **body})
        assert _code(answer)[0::2] == (400, where), answer
        assert answer.json() == asked.json()
    assert ask(server, "GET", "refused").status == 404


@pytest.mark.parametrize(
    ("body", "status", "where"),
    [
        ({"search": {}}, 400, "body"),
        ({"name": "x"}, 400, "body"),
        ({"name": "x" * 201, "search": {}}, 400, "body"),
        ({"name": " ", "search": {}}, 400, "name"),
        ({"name": "a\nb", "search": {}}, 400, "name"),
        ({"name": "0123456789ab", "search": {}}, 400, "name"),
        ({"name": "x", "description": "d" * 2_001, "search": {}}, 400, "body"),
        ({"name": "x", "search": {"cursor": "c"}}, 400, "body"),
        ({"name": "x", "search": {"saved": "x"}}, 400, "body"),
        ({"name": "x", "search": {"limit": "5"}}, 400, "body"),
        ({"name": "x", "search": {"sort": "up"}}, 400, "body"),
        ({"name": "x", "search": {}, "version": 1}, 400, "body"),
        ({"name": "x", "search": {"service": [f"{n:050}" for n in range(1_000)]}}, 413, "search"),
        ({"name": "x", "search": {"q": "a" * 40_000}}, 400, "q:32768"),
        ([], 400, "body"),
        (None, 400, "body"),
    ],
)
def test_what_cannot_be_kept(server: Server, body: object, status: int, where: str) -> None:
    answer = ask(server, "POST", body=body)
    assert _code(answer)[0::2] == (status, where), answer
    assert "x" not in [one["name"] for one in ask(server, "GET").json()["searches"]]


def test_two_people_change_it(server: Server) -> None:
    keep(server, "taken", q="a")
    made = keep(server, "two", q="a")
    body = {"name": "two", "search": {"q": "b"}, "version": 1}
    assert _code(ask(server, "PUT", "two", {"name": "two", "search": {}})) == (400, "bad_body", "body")
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: ask(server, "PUT", made["id"], body), range(8)))
    assert sorted(answer.status for answer in answers) == [200] + [409] * 7
    for answer in answers:
        if answer.status == 409:
            assert _code(answer) == (409, "conflict", "version")
            assert "has version 2, not 1" in answer.json()["error"]["message"]
    assert _code(ask(server, "DELETE", "two?version=1")) == (409, "conflict", "version")
    assert _code(ask(server, "PUT", "two", {**body, "name": "taken", "version": 2})) == (409, "conflict", "name")
    assert _code(ask(server, "POST", body={"name": "two", "search": {}})) == (409, "conflict", "name")
    assert ask(server, "GET", "two").json()["version"] == 2
    assert ask(server, "DELETE", "two?version=2").status == 200


def test_who_may_do_what(tmp_path: Path) -> None:
    with Server(tmp_path, settings=_QUICK, roles="processor,api") as server:
        before = keep(server, "before there were tokens", q="line")
        for service in ("cart", "pay"):
            server.ingest(service, [{"message": "line"}])
        server.settle()
        author, other = token(server.data_dir, "search"), token(server.data_dir, "search")
        cart = token(server.data_dir, "search", "--service", "cart")
        admin, only_admin = token(server.data_dir, "search,admin"), token(server.data_dir, "admin")
        until(lambda: server.get(SEARCH).status == 401, "the server has noticed")
        made = keep(server, "lines", author, q="line", service=["cart", "pay"])
        assert (made["created_by"], made["updated_by"]) == ("test", "test")

        def services(made: Made) -> set[str]:
            answer = server.request("GET", f"{SEARCH}?saved=lines", None, made.header)
            return {record["service"] for record in answer.json()["logs"]}

        # Whoever runs it sees what their token may see, not what its author's may.
        assert (services(author), services(other), services(cart)) == ({"cart", "pay"}, {"cart", "pay"}, {"cart"})
        limited = keep(server, "all", cart, q="line")
        answer = server.request("GET", f"{SEARCH}?saved=all", None, author.header)
        assert {record["service"] for record in answer.json()["logs"]} == {"cart", "pay"}
        body = {"name": "lines", "search": {"q": "line", "service": ["cart", "pay"]}, "version": 1}
        for stranger in (other, cart):
            for method in ("PUT", "DELETE"):
                answer = ask(server, method, "lines", body if method == "PUT" else None, stranger)
                assert _code(answer) == (403, "forbidden", "Authorization")
                assert author.id in answer.json()["error"]["message"]
        for found, status in ((before, 403), (limited, 403), (made, 200)):
            changed = {"name": found["name"], "search": found["search"], "version": 1}
            assert ask(server, "PUT", found["id"], changed, author).status == status
        assert ask(server, "PUT", before["id"], {**body, "name": "now", "version": 1}, admin).status == 200
        assert ask(server, "DELETE", "lines", None, admin).status == 200
        assert ask(server, "GET", "", None, only_admin).status == 403
        assert logd("token", "revoke", author.id, data_dir=server.data_dir).code == 0
        until(lambda: ask(server, "GET", "", None, author).status == 401, "the server has noticed")
        names = [one["name"] for one in ask(server, "GET", "", None, other).json()["searches"]]
        assert names == ["all", "now"]


def test_it_survives_a_backup(tmp_path: Path) -> None:
    with Server(tmp_path / "first", roles="processor,api") as server:
        made = keep(server, "kept", q="a", from_="-1h")
        assert logd("store", "backup", tmp_path / "backup", data_dir=server.data_dir).code == 0
        assert ask(server, "DELETE", "kept").status == 200
    restored = Server(tmp_path / "second", roles="processor,api")
    assert logd("store", "restore", tmp_path / "backup", data_dir=restored.data_dir).code == 0
    with restored:
        assert ask(restored, "GET", "kept").json() == made
        assert restored.search(saved="kept")["logs"] == []


def test_a_damaged_catalog(tmp_path: Path) -> None:
    """That came after the start: what needs it says so, everything else goes on."""
    with Server(tmp_path, settings={"api.anonymous": "true"}, roles="processor,api") as server:
        server.may_log_errors = True
        assert ask(server, "GET").json() == {"searches": []}
        assert not (server.data_dir / "catalog.db").exists()
        (server.data_dir / "catalog.db").write_bytes(b"x" * 8_192)
        for answer in (
            ask(server, "GET"),
            ask(server, "POST", body={"name": "x", "search": {}}),
            server.get(SEARCH, saved="x"),
        ):
            assert _code(answer) == (503, "unavailable", "")
            assert "is no SQLite database" in answer.json()["error"]["message"]
        assert server.get(SEARCH).status == 200


@pytest.mark.servers("mysql")
def test_a_database_that_is_away(tmp_path: Path) -> None:
    with running("mysql", tmp_path / "mysql") as mysql:
        catalog = asyncio.run(migrated(mysql))
        settings = {"catalog.type": "mysql", "catalog.address": catalog.address, "catalog.database": catalog.database}
        environment = {"LOGD_CATALOG_PASSWORD": mysql.password}
        options = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
        with Server(tmp_path / "logd", settings=settings, roles="processor,api", environment=environment) as server:
            server.ingest("a", [{"message": "line"}])
            server.settle()
            made = token(server.data_dir, "search", *options, environment=environment)
            until(lambda: server.get(SEARCH).status == 401, "the server has noticed")
            kept = keep(server, "lines", made, q="line", from_="-1h")

            def search(query: str) -> Answer:
                return server.request("GET", f"{SEARCH}?{query}", None, made.header)

            assert len(search("saved=lines").json()["logs"]) == 1
            mysql.kill()
            body = {"name": "more", "search": {}}
            asks: list[Callable[[], Answer]] = [
                lambda: ask(server, "GET", "", None, made),
                lambda: ask(server, "GET", "lines", None, made),
                lambda: ask(server, "POST", "", body, made),
                lambda: ask(server, "PUT", "lines", {**body, "version": 1}, made),
                lambda: ask(server, "DELETE", "lines", None, made),
                lambda: search("saved=lines"),
                lambda: server.request("GET", "/api/v1/logs/explain?saved=lines", None, made.header),
            ]
            with ThreadPoolExecutor(len(asks)) as pool:
                asked = [pool.submit(one) for one in asks]
                for _ in range(20):
                    answer = search("q=line")
                    assert (answer.status, len(answer.json()["logs"])) == (200, 1)
                for answer in [one.result() for one in asked]:
                    assert _code(answer) == (503, "unavailable", "")
                    assert "the catalog" in answer.json()["error"]["message"]
                    assert int(answer.headers["retry-after"]) >= 1
            mysql.start()
            until(lambda: ask(server, "GET", kept["id"], None, made).status == 200, "it is back")
            until(lambda: len(search("saved=lines").json().get("logs", [])) == 1, "it is run again")
            assert ask(server, "GET", "", None, made).json()["searches"] == [kept]
