"""What nobody waits for any more ends in Elasticsearch, too: its own list of tasks says so."""

from __future__ import annotations

import itertools
import json
import random
import urllib.request
from collections.abc import Iterator

import pytest

from tests.services import Running
from tests.support import elastic
from tests.support.process import PATIENCE_SECONDS, SEARCH, Server, until
from tests.support.unread import asked

_LOGS = "/api/v1/logs"
_LINES, _CHARACTERS = 10_000, 6_000
#: Sixty expressions over 60 MB of texts that are all different: Lucene takes half a minute of one core.
_SLOW = " ".join(f"message.raw:/z[a-h]{{{count}}}k/" for count in range(1, 61))
#: A fraction of that; Lucene looks every few lines whether it is to go on.
_SOON_SECONDS = 15.0


@pytest.fixture(scope="module")
def server(elasticsearch: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = {
        "index.type": "elasticsearch",
        "index.elasticsearch.urls": json.dumps([elasticsearch.url]),
        "index.elasticsearch.replicas": 0,
        "index.elasticsearch.shards": 1,
        "index.elasticsearch.refresh_seconds": 0.1,
        "parse.join_seconds": 0.02,
        "index.elasticsearch.timeout_seconds": PATIENCE_SECONDS,
        "search.deadline_seconds": PATIENCE_SECONDS,
    }
    chance = random.Random(1)
    words = [letter * 249 + " " for letter in "abcdefgh"]  # few, so that they are soon indexed
    try:
        with Server(tmp_path_factory.mktemp("fairness"), settings=settings, roles="processor,api") as running:
            texts = ("".join(chance.choices(words, k=_CHARACTERS // 250)) for _ in range(_LINES))
            while batch := list(itertools.islice(texts, 500)):
                running.ingest("long", [{"message": text} for text in batch])
            until(lambda: _count(running) == _LINES, "all lines are found")
            yield running
    finally:
        elastic.clear(elasticsearch.url)


def _count(server: Server) -> int:
    """-1 while the first index is being made."""
    answer = server.get(SEARCH, service="long", limit=0)
    return int(answer.json()["total_hits"]) if answer.status == 200 else -1


def _searches(elasticsearch: Running) -> list[dict[str, object]]:
    """That it works on."""
    with urllib.request.urlopen(f"{elasticsearch.url}/_tasks?actions=*search*,*count*", timeout=120) as answer:
        nodes = json.load(answer)["nodes"]
    return [task for node in nodes.values() for task in node["tasks"].values()]


@pytest.mark.parametrize("path", ["search", "export", "histogram", "stats", "fields", "patterns"])
def test_leaving_a_page_ends_its_query(server: Server, elasticsearch: Running, path: str) -> None:
    with asked(server, f"{_LOGS}/{path}", q=_SLOW):
        until(lambda: _searches(elasticsearch), "it runs")
    until(lambda: not _searches(elasticsearch), lambda: f"it has ended: {_searches(elasticsearch)}", _SOON_SECONDS)
    assert server.search(q="aaa*", limit=1)["logs"]


@pytest.mark.parametrize("path", ["search", "histogram", "stats", "fields", "patterns"])
def test_a_deadline_ends_a_query(server: Server, elasticsearch: Running, path: str) -> None:
    """There may be an answer by then, which says that it isn't whole."""
    answer = server.get(f"{_LOGS}/{path}", q=_SLOW, timeout="500ms")
    assert answer.status in (200, 504), answer
    assert answer.status == 504 or answer.json()["partial"]
    until(lambda: not _searches(elasticsearch), lambda: f"it has ended: {_searches(elasticsearch)}", _SOON_SECONDS)
