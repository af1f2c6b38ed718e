"""The cache through the real server, in memory and in Redis: what is answered from it, and to whom."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.services import Running
from tests.support.access import token
from tests.support.process import SEARCH, Answer, Server, until
from tests.support.servers import redis_with_password

_HISTOGRAM = "/api/v1/logs/histogram"
_PAST = {"from_": "2024-01-01", "to": "2024-01-03"}
_QUICK = {"parse.join_seconds": 0.02}


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.servers("redis"))])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    settings: dict[str, Any] = {**_QUICK, "cache.type": request.param}
    if request.param == "redis":
        redis: Running = request.getfixturevalue("redis")
        settings |= {"cache.url": f"redis://127.0.0.1:{redis.port}/2", "cache.prefix": tmp_path.name}
    with Server(tmp_path, settings=settings, roles="processor,api") as running:
        for service in ("a", "b"):
            running.ingest(service, [{"timestamp": "2024-01-02T00:00:00Z", "message": f"old {n}"} for n in range(3)])
        running.settle()
        yield running


def _hit(answer: Answer) -> bool:
    assert answer.status == 200, answer
    hit = answer.headers.get("cache-status", "").startswith("logd; hit; ttl=")
    assert hit == ("age" in answer.headers)
    return hit


def _hit_again(server: Server, path: str, **parameters: Any) -> Answer:
    """Asked until it comes from the cache: a busy machine may be slower than a call of it may be."""
    found: list[Answer] = []

    def asked() -> bool:
        found.append(server.get(path, **parameters))
        return _hit(found[-1])

    until(asked, "an answer from the cache")
    return found[-1]


def test_what_is_over_is_answered_from_the_cache(server: Server) -> None:
    for path in (SEARCH, _HISTOGRAM):
        fresh = server.get(path, q="old", **_PAST, max_age=0)
        assert "cache-status" not in fresh.headers
        again = _hit_again(server, path, q="old", **_PAST).json()
        assert {**again, "took_ms": 0, "next_cursor": ""} == {**fresh.json(), "took_ms": 0, "next_cursor": ""}
        assert server.get(path, q="old", from_="2024-01-01", to="2024-01-02").json()["total_hits"] == 0
        assert not _hit(server.get(path, q="old", from_="2024-01-01"))
        assert _hit(_hit_again(server, path, q="old", from_="2024-01-01", max_age=30))
    counted = server.request("GET", "/metrics").body.decode()
    assert 'logd_cache_answers_total{how="hit"}' in counted
    assert server.get("/api/v1/status").json()["cache"]["type"] == server.settings["cache.type"]


def test_late_lines_are_found_at_once(server: Server) -> None:
    assert _hit_again(server, SEARCH, q="later", **_PAST).json()["total_hits"] == 0
    server.ingest("a", [{"timestamp": "2024-01-02T00:00:00Z", "message": "later"}])
    server.settle()
    assert server.search(q="later", **_PAST)["total_hits"] == 1


def test_pages_of_a_cached_answer_go_on(server: Server) -> None:
    seen: list[str] = []
    parameters: dict[str, Any] = {"q": "old", **_PAST, "limit": 2}
    cursor: dict[str, str] = {}
    while True:
        page = _hit_again(server, SEARCH, **parameters, **cursor).json()
        seen += [record["log_id"] for record in page["logs"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert len(seen) == len(set(seen)) == 6


def test_nobody_sees_what_another_may(server: Server) -> None:
    everything, limited = token(server.data_dir, "search"), token(server.data_dir, "search", "--service", "a")
    until(lambda: server.get(SEARCH).status == 401, "the server has noticed")

    def services(made: Any, **parameters: str) -> set[str]:
        query = "&".join(f"{name}={value}" for name, value in {"from": "2024-01-01", "to": "2024-01-03"}.items())
        extra = "".join(f"&{name}={value}" for name, value in parameters.items())
        answer = server.request("GET", f"{SEARCH}?q=old&limit=10&{query}{extra}", headers=made.header)
        assert answer.status == 200, answer
        return {record["service"] for record in answer.json()["logs"]}

    # Of two who are answered the same, each can go on with its own next page.
    for made, filters in ((limited, ""), (everything, "&service=a")):
        first = f"{SEARCH}?q=old&limit=1&from=2024-01-01&to=2024-01-03{filters}"
        page = server.request("GET", first, headers=made.header).json()
        following = server.request("GET", f"{first}&cursor={page['next_cursor']}", headers=made.header)
        assert (following.status, following.json()["logs"][0]["service"]) == (200, "a")
    for _ in range(3):
        assert services(everything, service="b") == {"b"}
        assert services(limited) == {"a"}
        assert services(limited, service="b") == set()
        assert services(everything) == {"a", "b"}


@pytest.mark.servers("redis")
@pytest.mark.parametrize("fault", ["killed", "paused"])
def test_searches_do_without_a_redis(tmp_path: Path, fault: str) -> None:
    with redis_with_password(tmp_path / "redis") as redis:
        settings = {**_QUICK, "cache.type": "redis", "cache.url": f"redis://127.0.0.1:{redis.port}"}
        environment = {"LOGD_CACHE_PASSWORD": redis.password}
        with Server(tmp_path / "logd", settings=settings, roles="processor,api", environment=environment) as server:
            server.ingest("a", [{"timestamp": "2024-01-02T00:00:00Z", "message": "old"}])
            server.settle()
            assert _hit_again(server, SEARCH, q="old", **_PAST).json()["total_hits"] == 1
            redis.kill() if fault == "killed" else redis.pause()
            for _ in range(5):
                answer = server.get(SEARCH, q="old", **_PAST)
                assert (_hit(answer), answer.json()["total_hits"]) == (False, 1)
            assert server.get("/api/v1/status").json()["cache"]["trouble"]
            redis.start() if fault == "killed" else redis.resume()
            _hit_again(server, SEARCH, q="old", **_PAST)
            assert server.get("/api/v1/status").json()["cache"]["trouble"] == ""
