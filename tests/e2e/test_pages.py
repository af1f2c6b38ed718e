"""Pages by cursor, single records and counts by time over HTTP, and what is refused of them."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from tests.support.process import JSON, SEARCH, Answer, Server, until

HISTOGRAM = "/api/v1/logs/histogram"
_START = datetime(2026, 11, 20, 23, 59, 0, tzinfo=UTC)
_COUNT = 25_000
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def _time(n: float) -> str:
    return (_START + timedelta(seconds=n)).isoformat()


def _line(n: int) -> dict[str, Any]:
    """Four at each moment, 10 ms apart, over midnight."""
    return {
        "timestamp": _time(n // 4 / 100),
        "level": ("INFO", "INFO", "WARN", None)[n % 4],
        "service": f"s{n % 3}",
        "message": f"number{n} of {'even' if n % 2 == 0 else 'odd'}",
        "code": n % 2,
        "tags": ["a", "b"] if n % 5 == 0 else [],
    }


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Half of the lines are in segments, half in memory."""
    settings = {"parse.join_seconds": 0.02, "search.concurrent": 2}
    with Server(tmp_path_factory.mktemp("pages"), settings=settings) as running:
        running.ingest("x", [_line(n) for n in range(0, _COUNT, 2)])
        assert running.terminate() == 0
        running.restart()
        running.ingest("x", [_line(n) for n in range(1, _COUNT, 2)])
        running.settle()
        yield running


def _pages(server: Server, **parameters: Any) -> list[list[dict[str, Any]]]:
    pages: list[list[dict[str, Any]]] = []
    cursor: dict[str, str] = {}
    while True:
        answer = server.search(**parameters, **cursor)
        pages.append(answer["logs"])
        if answer["next_cursor"] is None:
            return pages
        cursor = {"cursor": answer["next_cursor"]}


def _number(record: dict[str, Any]) -> int:
    return int(record["message"].split()[0].removeprefix("number"))


class TestCursors:
    @pytest.mark.parametrize("sort", ["newest", "oldest"])
    @pytest.mark.parametrize(("query", "limit"), [("number* OR of", 10_000), ("odd", 4_999), ("odd", 10_000)])
    def test_each_line_once_in_order(self, server: Server, sort: str, query: str, limit: int) -> None:
        query = "of" if query.startswith("number") else query
        pages = _pages(server, q=query, limit=limit, sort=sort)
        assert {len(page) for page in pages[:-1]} <= {limit}
        records = [record for page in pages for record in page]
        places = [(record["timestamp"], record["log_id"]) for record in records]
        assert places == sorted(places, reverse=sort == "newest")
        assert sorted(map(_number, records)) == [n for n in range(_COUNT) if query == "of" or n % 2 == 1]

    def test_sorts_by_their_other_names(self, server: Server) -> None:
        def first(sort: str) -> str:
            return str(server.search(q="of", limit=1, sort=sort)["logs"][0]["timestamp"])

        assert first("asc") == first("oldest") == "2026-11-20T23:59:00.000Z"
        assert first("desc") == first("newest") == server.search(q="of", limit=1)["logs"][0]["timestamp"]

    def test_a_relative_time_stays_what_it_was(self, server: Server) -> None:
        now = datetime.now(UTC)
        for number in range(6):
            moment = now - timedelta(seconds=number)
            server.ingest("relative", [{"timestamp": moment.isoformat(), "message": f"{number}"}])
        server.settle()
        first = server.search(service="relative", to="now", limit=2)
        server.ingest("relative", [{"message": "later"}])
        server.settle()
        second = server.search(service="relative", to="now", limit=10, cursor=first["next_cursor"])
        assert [record["message"] for record in first["logs"] + second["logs"]] == [f"{n}" for n in range(6)]
        assert second["next_cursor"] is None
        assert "total_hits" not in second

    def test_a_relative_time_in_the_query_stays_what_it_was(self, server: Server) -> None:
        query = "odd AND timestamp:[2000 TO now/y]"
        first = server.search(q=query, limit=10)
        second = server.search(q=query, limit=10, cursor=first["next_cursor"])
        both = [record["log_id"] for record in first["logs"] + second["logs"]]
        assert both == [record["log_id"] for record in server.search(q="odd", limit=20)["logs"]]

    def test_a_total_with_a_cursor_is_of_all(self, server: Server) -> None:
        first = server.search(q="odd", limit=10)
        second = server.search(q="odd", limit=10, cursor=first["next_cursor"], track_total_hits="true")
        assert second["total_hits"] == _COUNT // 2

    @pytest.mark.parametrize(
        ("changes", "code", "where"),
        [
            ({"q": "even"}, "foreign_cursor", "cursor"),
            ({"service": "s1"}, "foreign_cursor", "cursor"),
            ({"from_": "-1h"}, "foreign_cursor", "cursor"),
            ({"sort": "oldest"}, "foreign_cursor", "cursor"),
            ({"default_operator": "and", "q": "odd of"}, "foreign_cursor", "cursor"),
            ({"offset": "1"}, "offset_with_cursor", "offset"),
            ({"cursor": "x"}, "bad_cursor", "cursor"),
            ({"cursor": "=" * 100}, "bad_cursor", "cursor"),
            ({"cursor": "lgHOAA=="}, "bad_cursor", "cursor"),
            ({"cursor": "käse"}, "bad_cursor", "cursor"),
            ({"cursor": "A" * 50_000}, "bad_cursor", "cursor"),
        ],
        ids=str,
    )
    def test_refused(self, server: Server, changes: dict[str, str], code: str, where: str) -> None:
        cursor = server.search(q="odd", limit=10)["next_cursor"]
        answer = server.get(SEARCH, **{"q": "odd", "limit": "10", "cursor": cursor, **changes})
        assert (answer.status, answer.json()["error"]["code"], answer.json()["error"]["where"]) == (400, code, where)

    def test_too_deep_an_offset_says_what_to_do(self, server: Server) -> None:
        answer = server.get(SEARCH, q="odd", offset=9_990, limit=11)
        assert answer.status == 400
        assert "next_cursor" in answer.json()["error"]["message"]


class TestTotals:
    @pytest.mark.parametrize(
        ("asked", "total"),
        [("1", (1, "gte")), ("12499", (12_499, "gte")), ("12500", (12_500, "eq")), ("99999", (12_500, "eq"))],
    )
    def test_counted_to_a_number(self, server: Server, asked: str, total: tuple[int, str]) -> None:
        answer = server.search(q="odd", limit=1, track_total_hits=asked)
        assert (answer["total_hits"], answer["total_relation"]) == total


class TestPosted:
    def _post(self, server: Server, body: bytes, headers: dict[str, str], path: str = SEARCH) -> Answer:
        return server.request("POST", path, body, headers)

    def test_json_and_forms_are_the_same_as_a_url(self, server: Server) -> None:
        asked = server.search(q="odd", service=["s1", "s2"], limit=5, track_total_hits="true")
        wanted = {"q": "odd", "service": ["s1", "s2"], "limit": 5, "track_total_hits": True, "from": None}
        form = urlencode({"q": "odd", "service": "s1,s2", "limit": 5, "track_total_hits": "true"}).encode()
        answers = [
            self._post(server, json.dumps(wanted).encode(), JSON),
            self._post(server, form, _FORM),
            self._post(server, b"", {}, f"{SEARCH}?{form.decode()}"),
            self._post(server, b'{"q": "odd"}', JSON, f"{SEARCH}?service=s1,s2&limit=5&track_total_hits=true"),
        ]
        when = {"took_ms": 0, "next_cursor": ""}  # a cursor knows when it was made
        for answer in answers:
            assert answer.status == 200
            found = answer.json()
            assert found["next_cursor"]
            assert {**found, **when} == {**asked, **when}

    def test_a_hundred_services(self, server: Server) -> None:
        names = [f"{n}" * 1_000 for n in range(100)]
        answer = self._post(server, json.dumps({"service": [*names, "s1"], "limit": 1}).encode(), JSON)
        assert len(answer.json()["logs"]) == 1

    @pytest.mark.parametrize(
        ("body", "content_type", "status", "where"),
        [
            (b"[]", "application/json", 400, "body"),
            (b"{", "application/json", 400, "body"),
            (b'{"q": {"a": 1}}', "application/json", 400, "q"),
            (b'{"q": ["a", "b"]}', "application/json", 400, "q"),
            (b'{"q": "a", "surprise": 1}', "application/json", 400, "surprise"),
            (b'{"limit": -1}', "application/json", 400, "limit"),
            (b'{"limit": 1.5}', "application/json", 400, "limit"),
            (b'{"q": "' + b"a " * 50_000 + b'"}', "application/json", 400, "q:32768"),
            (b'{"q": "' + b"a " * 10_000 + b'"}', "application/json", 400, "q:2049"),
            (b"[" * 100_000, "application/json", 400, "body"),
            (b"q=\xff", "application/x-www-form-urlencoded", 400, "body"),
            (b"q=%ff", "application/x-www-form-urlencoded", 400, "body"),
            (b'{"q": "a"}', "application/x-www-form-urlencoded", 400, '{"q": "a"}'),
            (b"<q>a</q>", "application/xml", 415, "content-type"),
            (b" " * 2_000_000, "application/json", 413, SEARCH),
        ],
        ids=lambda value: str(value)[:30],
    )
    def test_refused(self, server: Server, body: bytes, content_type: str, status: int, where: str) -> None:
        answer = self._post(server, body, {"Content-Type": content_type})
        assert (answer.status, answer.json()["error"]["where"]) == (status, where)
        assert len(answer.body) < 2_000


class TestOneRecord:
    def test_by_its_id(self, server: Server) -> None:
        for record in server.search(q="number4711 OR number4712")["logs"]:
            answer = server.get(f"/api/v1/logs/{record['log_id']}")
            assert answer.json() == record
            near = server.get(f"/api/v1/logs/{record['log_id']}", from_=record["timestamp"], to=_time(10**6))
            assert near.json() == record

    @pytest.mark.parametrize("log_id", ["ä/ö", "a b?c#d", "search", "%2F", "{x}", "..", "ingest2", "x" * 500])
    def test_ids_of_clients(self, server: Server, log_id: str) -> None:
        server.ingest("own", [{"log_id": log_id, "message": "mine"}])
        server.settle()
        answer = server.get(f"/api/v1/logs/{quote(log_id, safe='')}")
        if log_id in ("search", ".."):
            return  # another address
        assert (answer.status, answer.json()["log_id"]) == (200, log_id)

    def test_none(self, server: Server) -> None:
        for log_id in ("0123456789abcdef-000000000000", "nobody", "%00", "x" * 8_000):
            answer = server.get(f"/api/v1/logs/{log_id}")
            assert (answer.status, answer.json()["error"]["code"]) == (404, "not_found")
        assert server.get("/api/v1/logs/x", q="y").status == 400


class TestHistogram:
    def test_by_time(self, server: Server) -> None:
        answer = server.get(HISTOGRAM, q="of", interval="10s").json()
        assert (answer["total_hits"], answer["interval_ms"]) == (_COUNT, 10_000)
        assert [bucket["start"] for bucket in answer["buckets"]] == [f"{_time(10 * n)[:19]}.000Z" for n in range(7)]
        assert [bucket["count"] for bucket in answer["buckets"]] == [4_000] * 6 + [1_000]

    def test_by_level(self, server: Server) -> None:
        answer = server.get(HISTOGRAM, q="of", interval="1m", by="level").json()
        assert answer["values"] == [
            {"value": "INFO", "count": 12_500},
            {"value": "WARN", "count": 6_250},
            {"value": None, "count": 6_250},
        ]
        assert answer["other"] == 0
        assert [(one["count"], one["counts"], one["other"]) for one in answer["buckets"]] == [
            (24_000, [12_000, 6_000, 6_000], 0),
            (1_000, [500, 250, 250], 0),
        ]

    def test_the_most_frequent_and_all_others(self, server: Server) -> None:
        answer = server.get(HISTOGRAM, q="of", interval="1d", by="service.name", top=1).json()
        assert answer["by"] == "service"
        assert answer["values"] == [{"value": "s0", "count": 8_334}]
        assert answer["other"] == _COUNT - 8_334
        answer = server.get(HISTOGRAM, q="of", interval="1d", by="metadata.code").json()
        assert [one["value"] for one in answer["values"]] == ["0", "1"]
        bare = server.get(HISTOGRAM, q="of", interval="1d", by="code").json()
        assert (bare["by"], bare["values"], bare["buckets"]) == (answer["by"], answer["values"], answer["buckets"])
        answer = server.get(HISTOGRAM, q="of", interval="1d", by="tags").json()
        assert answer["values"][1:] == [{"value": "a", "count": 5_000}, {"value": "b", "count": 5_000}]
        assert answer["total_hits"] == _COUNT

    def test_filters_and_filling(self, server: Server) -> None:
        times = {"from_": _time(0), "to": _time(4)}
        answer = server.get(HISTOGRAM, q="number0 OR number8", interval="1s", fill="true", by="service", **times).json()
        assert [one["count"] for one in answer["buckets"]] == [2, 0, 0, 0]
        answer = server.get(HISTOGRAM, q="absent", interval="1s", fill="true", by="service", **times).json()
        assert [(one["count"], one["counts"]) for one in answer["buckets"]] == [(0, [])] * 4
        assert len(server.get(HISTOGRAM, q="of", service="s0", level="WARN").json()["buckets"]) <= 100

    @pytest.mark.parametrize(
        ("parameters", "where"),
        [
            ({"interval": "0"}, "interval"),
            ({"interval": "0s"}, "interval"),
            ({"interval": "-1s"}, "interval"),
            ({"interval": "1"}, "interval"),
            ({"interval": "1y"}, "interval"),
            ({"interval": "9" * 15 + "w"}, "interval"),
            ({"interval": "9" * 5_000 + "s"}, "interval"),
            ({"interval": "1ms"}, "interval"),
            ({"interval": "1s", "fill": "true", "from_": "0001-01-01", "to": "9999-12-31"}, "interval"),
            ({"by": "message"}, "by"),
            ({"by": "log_id"}, "by"),
            ({"by": "metadata."}, "by"),
            ({"by": "metadata." + "a." * 50 + "a"}, "by"),
            ({"by": "x" * 10_000}, "by"),
            ({"top": "0"}, "top"),
            ({"top": "101"}, "top"),
            ({"fill": "maybe"}, "fill"),
            ({"limit": "1"}, "limit"),
            ({"from_": "now", "to": "-1h"}, "from"),
            ({"q": "("}, "q:1"),
        ],
        ids=lambda value: str(value)[:40],
    )
    def test_refused(self, server: Server, parameters: dict[str, str], where: str) -> None:
        answer = server.get(HISTOGRAM, **parameters)
        assert (answer.status, answer.json()["error"]["where"]) == (400, where)
        assert len(answer.body) < 1_000


class TestBadInput:
    @pytest.mark.parametrize(
        ("parameters", "where"),
        [
            ({"limit": "-1"}, "limit"),
            ({"limit": "9" * 5_000}, "limit"),
            ({"limit": ["1", "2"]}, "limit"),
            ({"q": ["a", "b"]}, "q"),
            ({"x" * 5_000: "1"}, "x" * 100),
            ({"sort": "newest,oldest"}, "sort"),
            ({"timeout": "0s"}, "timeout"),
            ({"timeout": "soon"}, "timeout"),
            ({"default_operator": "xor"}, "default_operator"),
            ({"from_": "10000-01-01"}, "from"),
            ({"from_": "now+99999999w"}, "from"),
            ({"q": "a " * 10_000}, "q:2049"),
            ({"q": "a OR " * 10_000 + "a"}, "q:32768"),
            ({"q": "a" * 100_000}, "q:32768"),
            ({"service": ",".join(f"s{n}" for n in range(1_001))}, "service"),
            ({"track_total_hits": "-1"}, "track_total_hits"),
            ({"track_total_hits": "9" * 30}, "track_total_hits"),
        ],
        ids=lambda value: str(value)[:40],
    )
    def test_refused(self, server: Server, parameters: dict[str, Any], where: str) -> None:
        answer = server.get(SEARCH, **parameters)
        assert (answer.status, answer.json()["error"]["where"]) == (400, where)
        assert len(answer.body) < 2_000

    def test_all_of_time(self, server: Server) -> None:
        for times in ({"from_": "0001-01-01", "to": "9999-12-31T23:59:59.999999Z"}, {"from_": "0001"}, {"to": "9999"}):
            assert server.search(q="odd", limit=0, track_total_hits="true", **times)["total_hits"] == _COUNT // 2
            for fill in ("true", "false"):
                assert server.get(HISTOGRAM, q="odd", fill=fill, **times).json()["total_hits"] == _COUNT // 2
        assert server.search(q="odd", to="0001-01-01")["logs"] == []

    def test_a_url_beyond_the_limit(self, server: Server) -> None:
        answer = server.get(SEARCH, q="a" * 200_000)
        assert answer.status == 400


#: A condition that takes long for each line, and that no index knows.
_SLOW = {"q": "NOT (" + " OR ".join(f'"odd x{n}"' for n in range(200)) + ")", "track_total_hits": "true", "limit": 0}


class TestDeadlines:
    def _running(self, server: Server) -> float:
        lines = server.get("/metrics").body.decode().splitlines()
        return next(float(line.split()[1]) for line in lines if line.startswith("logd_search_running "))

    def test_a_client_that_leaves_stops_the_work(self, server: Server) -> None:
        for path in (SEARCH, HISTOGRAM):
            asked = _SLOW if path == SEARCH else {"q": _SLOW["q"], "by": "service"}
            request = f"GET {path}?{urlencode(asked)} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
            with socket.create_connection(("127.0.0.1", server.port)) as client:
                client.sendall(request)
                until(lambda: self._running(server) == 1, "the search runs", 30)
            until(lambda: self._running(server) == 0, "the search is stopped", 5)

    def test_a_deadline_of_the_client(self, server: Server) -> None:
        answer = server.get(SEARCH, **_SLOW, timeout="10ms")
        assert (answer.status, answer.json()["error"]["code"]) == (504, "deadline")
        until(lambda: self._running(server) == 0, "the search is stopped", 5)

    def test_waiting_for_a_turn_counts(self, server: Server) -> None:
        # So many that some wait for long, whoever makes room for whom.
        busy = [http.client.HTTPConnection("127.0.0.1", server.port) for _ in range(12)]
        for connection in busy:
            connection.request("GET", f"{SEARCH}?{urlencode(_SLOW)}")
        until(lambda: self._running(server) >= 2, "searches run", 30)
        answer = server.get(SEARCH, timeout="10ms")
        assert (answer.status, answer.json()["error"]["code"]) == (429, "unavailable")
        assert "search.concurrent" in answer.json()["error"]["message"]
        assert int(answer.headers["retry-after"]) >= 1
        for connection in busy:
            connection.close()
        assert server.get(SEARCH).status == 200
