"""A whole logd whose index is an Elasticsearch: what is accepted is found there once, whatever restarts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services import running
from tests.support import elastic
from tests.support.letters import PATH
from tests.support.process import JSON, NDJSON, SEARCH, Server, until


def _settings(url: str) -> dict[str, object]:
    return {
        "index.type": "elasticsearch",
        "index.elasticsearch.urls": json.dumps([url]),
        "index.elasticsearch.replicas": 0,
        "index.elasticsearch.shards": 1,
        "index.elasticsearch.refresh_seconds": 0.1,
        "index.elasticsearch.bulk_rows": 20,
        "parse.join_seconds": 0.02,
        "index.elasticsearch.timeout_seconds": 120,
        "search.deadline_seconds": 120,
    }


@pytest.fixture
def server(elasticsearch: elastic.Server, tmp_path: Path) -> Iterator[Server]:
    """Over indices of its own, which are deleted afterwards."""
    try:
        with Server(tmp_path, settings=_settings(elasticsearch.url), roles="processor,api") as logd:
            yield logd
    finally:
        elastic.clear(elasticsearch.url)


def _total(server: Server, query: str) -> int:
    """-1 while the first index is being made."""
    answer = server.get(SEARCH, q=query, limit=0, track_total_hits="true")
    assert answer.status in (200, 429), answer
    return int(answer.json()["total_hits"]) if answer.status == 200 else -1


def test_lines_are_found_once(server: Server) -> None:
    lines = [
        {"log_id": f"id-{number:03}", "message": f"line n{number} timeout", "level": "ERROR", "code": number}
        for number in range(100)
    ]
    assert server.ingest("web", lines[:60]) == 60
    until(lambda: _total(server, "timeout") == 60, "the first lines are found")
    server.kill()
    server.restart()
    assert server.ingest("web", lines[40:]) == 60
    until(lambda: _total(server, "timeout") == 100, "all lines are found")
    server.settle()
    assert _total(server, "timeout") == 100
    found = server.search(q="code:>=97 AND level:error", service="web")
    assert sorted(record["message"] for record in found["logs"]) == [f"line n{n} timeout" for n in (97, 98, 99)]
    assert found["logs"][0]["metadata"]["code"] in (97, 98, 99)
    page = server.search(q="timeout", limit=30)
    seen = [record["log_id"] for record in page["logs"]]
    while page["next_cursor"]:
        page = server.search(q="timeout", limit=30, cursor=page["next_cursor"])
        seen += [record["log_id"] for record in page["logs"]]
    assert sorted(seen) == [line["log_id"] for line in lines]
    assert server.get("/api/v1/logs/id-042").json()["message"] == "line n42 timeout"
    figures = "sum(code),p50(code),distinct(code)"
    grouped = server.get("/api/v1/logs/stats", q="timeout", by="level,service", aggregate=figures).json()
    assert grouped["approximate"] == ["p50(code)", "distinct(code)"]
    (group,) = grouped["groups"]
    assert (group["values"], group["count"]) == ({"level": "ERROR", "service": "web"}, 100)
    assert group["stats"]["sum(code)"] == sum(range(100))
    values = server.get("/api/v1/logs/fields/code/values", q="timeout", prefix="4", top=3).json()
    assert values["values"] == [{"value": value, "count": 1} for value in ("4", "40", "41")]
    assert (values["other"], values["missing"]) == (8, 0)
    fields = server.get("/api/v1/logs/fields", q="timeout").json()["fields"]
    assert {"name": "metadata.code", "types": ["number"], "count": 100, "share": 1.0} in fields


def test_a_line_is_a_record_whatever_its_names_are(server: Server) -> None:
    metadata = '{"":{"a":[1.50]},"b":1e3,"c":1,"c":2}'
    body = b'{"message":"odd names","metadata":%s}\n{"message":"plain names","x":1}\n' % metadata.encode()
    assert server.post(body, NDJSON, "web").status == 202
    until(lambda: _total(server, "names") == 2, "both are found")
    (found,) = server.search(q="odd AND b:1000")["logs"]
    assert found["metadata"] == json.loads(metadata)
    assert server.get(PATH).json()["deadletters"] == []


@pytest.mark.servers("elasticsearch")
def test_it_waits_for_an_elasticsearch_that_was_killed(tmp_path: Path) -> None:
    with (
        running("elasticsearch", tmp_path / "cluster") as cluster,
        Server(tmp_path / "logd", settings=_settings(cluster.url), roles="processor,api") as logd,
    ):
        lines = [{"log_id": f"id-{number:03}", "message": f"line n{number} timeout"} for number in range(100)]
        logd.ingest("web", lines[:50])
        until(lambda: _total(logd, "timeout") == 50, "the first lines are found")
        cluster.kill()
        assert logd.ingest("web", lines[50:]) == 50
        until(lambda: logd.get("/readyz").status == 503, "it says that it isn't ready")
        assert "can't be reached" in logd.get("/readyz").json()["error"]["message"]
        cluster.start()
        until(lambda: _total(logd, "timeout") == 100, "all lines are found")
        until(lambda: logd.get("/readyz").status == 200, "it is ready again")


def test_a_rule_is_replayed(server: Server) -> None:
    start = 1_728_000_000
    lines = [{"timestamp": start + n, "level": "ERROR", "message": f"declined {n}", "ms": n} for n in range(40)]
    server.ingest("pay", [line for line in lines for _ in range(3)])
    server.ingest("web", [{"timestamp": start + 10 * n, "message": "fine"} for n in range(100)])
    until(lambda: _total(server, "*") == 220, "all lines are found")
    conditions = [
        {"service": "pay", "level": "ERROR", "query": "declined", "threshold": 60, "window_seconds": 30},
        {"aggregation": "max", "field": "ms", "query": "declined", "threshold": 38, "window_seconds": 30},
    ]
    found = []
    for condition in conditions:
        asked = {"rule": {"condition": condition}, "from": "2024-10-04", "to": "2024-10-04T01:00"}
        answer = server.request("POST", "/api/v1/alerts/rules/test", json.dumps(asked).encode(), JSON)
        assert answer.status == 200, answer
        found.append(answer.json())
    assert [(one["lines"], one["partial"], one["warnings"]) for one in found] == [(120, False, [])] * 2
    fired = [(one["fired"][11:19], one["resolved"][11:19], one["peak"]) for of in found for one in of["firings"]]
    assert fired == [("00:00:21", "00:00:50", 90), ("00:00:40", "00:01:10", 39)]
