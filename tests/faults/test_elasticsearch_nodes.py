"""An Elasticsearch of three nodes, of which one is killed: what has copies is found and goes on as before; of what has
none, an answer says that it isn't whole, and nobody keeps it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.services import running
from tests.services.elasticsearch import ask
from tests.support.commands import begun
from tests.support.process import PATIENCE_SECONDS, SEARCH, Server, until

_HISTOGRAM = "/api/v1/logs/histogram"
_LINES = 200
_WITH_COPIES, _WITHOUT = "2026-01-10", "2026-01-11"
_SHARDS = 4
#: The third node is a warm one, which new indices don't go to. The second is killed.
_HOT_NODES = ("node-1", "node-2")
_HOT = 1


def _settings(url: str) -> dict[str, object]:
    return {
        "index.type": "elasticsearch",
        "index.elasticsearch.urls": json.dumps(url.split(",")),
        "index.elasticsearch.replicas": 1,
        "index.elasticsearch.shards": _SHARDS,
        "index.elasticsearch.refresh_seconds": 0.1,
        "index.elasticsearch.timeout_seconds": 120,
        "parse.join_seconds": 0.02,
        "search.deadline_seconds": 120,
    }


def _send(server: Server, day: str, first: int) -> None:
    lines = [
        {"log_id": f"{day}-{n:04}", "timestamp": f"{day}T12:00:00Z", "message": f"line n{n} of {day}", "level": "INFO"}
        for n in range(first, first + _LINES)
    ]
    assert server.ingest("web", lines) == _LINES


def _found(server: Server, day: str, **parameters: object) -> dict[str, Any]:
    """A search over a day that is long over, whose answer is kept if it is whole; empty while there is none."""
    times = {"from": f"{day}T00:00:00Z", "to": f"{day}T23:59:59Z", "track_total_hits": "true", "limit": 1_000}
    answer = server.get(SEARCH, q="line", **{**times, **parameters})
    assert answer.status in (200, 429), answer
    found: dict[str, Any] = answer.json() if answer.status == 200 else {}
    return found


def _is_whole(server: Server, day: str, lines: int) -> bool:
    found = _found(server, day, max_age=0)
    return found.get("total_hits") == len(found.get("logs", ())) == lines and "partial" not in found


@pytest.mark.servers("elasticsearch")
@pytest.mark.timeout(1_200)
def test_a_node_is_killed(tmp_path: Path) -> None:
    with (
        running("elasticsearch", tmp_path / "cluster", members=3) as cluster,
        Server(tmp_path / "logd", settings=_settings(cluster.url), roles="processor,api") as server,
    ):
        for day in (_WITH_COPIES, _WITHOUT):
            _send(server, day, 0)
            until(lambda day=day: _is_whole(server, day, _LINES), f"the lines of {day} are found")  # type: ignore[misc]
        assert ask(cluster.port, "PUT", f"/logs-{_WITHOUT}/_settings", {"index.number_of_replicas": 0})[0] == 200
        until(lambda: _is_settled(cluster.port), "all copies are there")
        assert set(_nodes(cluster.port, _WITH_COPIES)) == set(_HOT_NODES), "the warm node has none"
        until(lambda: set(_nodes(cluster.port, _WITHOUT)) == set(_HOT_NODES), "both nodes have some shards")
        gone = _nodes(cluster.port, _WITHOUT).count(_HOT_NODES[_HOT])

        cluster.kill(_HOT)
        # While the others find out, some say so in other words.
        warnings = [f"{gone} of {_SHARDS} shards didn't answer, as no node has them now"]
        until(
            lambda: _found(server, _WITHOUT, max_age=0).get("warnings") == warnings,
            lambda: f"it says {warnings}, but: {server.get(SEARCH, q='line', limit=0, max_age=0)}",
        )
        found = _found(server, _WITHOUT)
        assert 0 < found["total_hits"] == len(found["logs"]) < _LINES
        assert found["total_relation"] == "gte"
        assert (found["partial"], found["warnings"]) == (True, warnings)
        counted = server.get(_HISTOGRAM, **{"from": _WITHOUT, "to": "2026-01-12"}).json()
        assert (counted["partial"], counted["warnings"]) == (True, warnings)
        assert 0 < counted["total_hits"] < _LINES
        of_command = (
            "search",
            "line",
            "--from",
            _WITHOUT,
            "--to",
            "2026-01-12",
            "--url",
            f"http://127.0.0.1:{server.port}",
        )
        with begun(*of_command) as child:
            _, error = child.communicate(timeout=PATIENCE_SECONDS)
        assert (child.returncode, error) == (0, f"logd: hits may be missing: {warnings[0]}\n")
        missing = {f"{_WITHOUT}-{n:04}" for n in range(_LINES)} - {one["log_id"] for one in found["logs"]}
        answer = server.get(f"/api/v1/logs/{missing.pop()}", **{"from": _WITHOUT, "to": "2026-01-12"})
        assert answer.status == 429, "it may be there"

        until(lambda: _is_whole(server, _WITH_COPIES, _LINES), "what has copies is found")
        _send(server, _WITH_COPIES, _LINES)
        until(lambda: _is_whole(server, _WITH_COPIES, 2 * _LINES), "what comes is taken")

        cluster.start()
        until(lambda: _is_whole(server, _WITHOUT, _LINES), "all is found again")
        assert "partial" not in _found(server, _WITHOUT), "nobody has kept the other one"
        until(lambda: server.get("/readyz").status == 200, "it is ready")


def _is_settled(port: int) -> bool:
    health = json.loads(ask(port, "GET", "/_cluster/health")[1])
    return bool(health["status"] == "green" and health["relocating_shards"] == 0)


def _nodes(port: int, day: str) -> list[str]:
    """Where the day's shards are."""
    return [str(shard["node"]) for shard in json.loads(ask(port, "GET", f"/_cat/shards/logs-{day}?format=json")[1])]
