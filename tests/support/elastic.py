"""An Elasticsearch to ask directly, with documents as the index makes them."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Sequence
from typing import Any, Protocol, Self

import duckdb
import pyarrow as pa

from logd.backends.index.elasticsearch_body import bodies
from logd.backends.index.elasticsearch_client import Client
from logd.backends.index.elasticsearch_mapping import mappings, template
from logd.config.schema import Elasticsearch as Settings
from logd.query.elasticsearch import Kind, compile_query
from logd.query.tree import Node

#: One shard is enough for so few, and a node has no other for replicas.
SETTINGS = template(Settings(shards=1, replicas=0, refresh_seconds=60, max_fields=100_000))["template"]["settings"]


class Server(Protocol):
    """One that runs."""

    @property
    def url(self) -> str:
        """Where it is."""
        ...


class Buried:
    """Takes what an index refuses, and keeps it: the reasons by log_id."""

    def __init__(self) -> None:
        self.refused: dict[str, str] = {}

    async def __call__(self, table: pa.Table, reasons: Sequence[str]) -> None:
        self.refused |= dict(zip(table["log_id"].to_pylist(), reasons, strict=True))


def clear(url: str) -> None:
    """Deletes every index of records."""
    with urllib.request.urlopen(f"{url}/logs-*", timeout=120) as answer:
        names = list(json.load(answer))
    for name in names:
        request = urllib.request.Request(f"{url}/{name}", method="DELETE")
        urllib.request.urlopen(request, timeout=120).close()


async def delete_all(client: Client) -> None:
    """Deletes every index of records."""
    for name in json.loads(await client.ask("GET", "/logs-*")):
        await client.ask("DELETE", f"/{name}")


class Elastic:
    """One index of a server, made anew, and deleted afterwards."""

    def __init__(self, url: str, index: str, kind: Kind = "object") -> None:
        """`kind` is how metadata is indexed."""
        self._url = f"{url}/{index}"
        self._kind = kind
        self._request("PUT", self._url, {"settings": SETTINGS, "mappings": mappings(kind)})

    def write(self, table: pa.Table) -> None:
        """The records can be searched when this returns; all of them must be taken."""
        connection = duckdb.connect(config={"threads": 1})
        for body in bodies(connection, table):
            answer = self._request("POST", f"{self._url}/_bulk", bytes(body.text))
            assert not answer["errors"], [one for one in answer["items"] if one["create"]["status"] != 201][:3]
        connection.close()
        self._request("POST", f"{self._url}/_refresh")

    def hits(self, queries: Sequence[Node]) -> list[list[str]]:
        """For each query the ids of its records, in order. Raises AssertionError for what isn't answered wholly."""
        if not queries:
            return []
        asked = [{"query": compile_query(query, self._kind), "size": 10_000, "_source": False} for query in queries]
        lines = "".join(f"{{}}\n{json.dumps(one)}\n" for one in asked)
        answers = self._request("POST", f"{self._url}/_msearch", lines.encode())["responses"]
        found = []
        for query, one, answer in zip(queries, asked, answers, strict=True):
            assert "error" not in answer, (query, one, answer)
            assert answer["_shards"]["failed"] == 0, (query, answer)
            found.append(sorted(hit["_id"] for hit in answer["hits"]["hits"]))
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._request("DELETE", self._url)

    def _request(self, method: str, url: str, body: dict[str, Any] | bytes | None = None) -> dict[str, Any]:
        kind = "application/x-ndjson" if isinstance(body, bytes) else "application/json"
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        request = urllib.request.Request(url, data, {"content-type": kind}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=120) as response:
                answer: dict[str, Any] = json.load(response)
                return answer
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {url}: {error.read()[:1000]!r}") from error
