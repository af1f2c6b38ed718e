"""A whole logd whose index is an Elasticsearch: what is accepted is found there once, whatever restarts."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services import running
from tests.support import elastic
from tests.support.letters import PATH
from tests.support.process import SEARCH, Server, until


def _settings(url: str) -> dict[str, object]:
    return {
        "index.type": "elasticsearch",
        "index.elasticsearch.urls": json.dumps([url]),
        "index.elasticsearch.replicas": 0,
        "index.elasticsearch.shards": 1,
        "index.elasticsearch.refresh_seconds": 0.1,
        "index.elasticsearch.bulk_rows": 20,
        "parse.join_seconds": 0.02,
        "search.deadline_seconds": 120,
    }


@pytest.fixture
def server(elasticsearch: elastic.Server, tmp_path: Path) -> Iterator[Server]:
    """Over indices of its own, which are deleted afterwards."""
    try:
        with Server(tmp_path, settings=_settings(elasticsearch.url)) as logd:
            yield logd
    finally:
        with urllib.request.urlopen(f"{elasticsearch.url}/logs-*", timeout=120) as answer:
            names = list(json.load(answer))
        for name in names:
            request = urllib.request.Request(f"{elasticsearch.url}/{name}", method="DELETE")
            urllib.request.urlopen(request, timeout=120).close()


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


def test_what_elasticsearch_refuses_is_a_dead_letter(server: Server) -> None:
    server.may_log_errors = True
    assert server.ingest("web", [{"message": "bad one", "": 1}, {"message": "good one"}]) == 2
    until(lambda: _total(server, "one") == 1, "the good one is found")
    (letter,) = server.get(PATH).json()["deadletters"]
    assert "Field name cannot be an empty string" in letter["reason"]
    assert letter["service"] == "web"


@pytest.mark.servers("elasticsearch")
def test_it_waits_for_an_elasticsearch_that_was_killed(tmp_path: Path) -> None:
    with (
        running("elasticsearch", tmp_path / "cluster") as cluster,
        Server(tmp_path / "logd", settings=_settings(cluster.url)) as logd,
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
