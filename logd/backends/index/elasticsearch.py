"""The index of a cluster: an Elasticsearch index a day, by the record's own day.

    write ── lines of JSON, made for the whole batch ── bulks, several in flight ── each document's own result

What `write` has returned for is durable (Elasticsearch syncs its log before it answers) and is found within
`refresh_seconds`. While the cluster is away or read-only everything is Unavailable, so the processor waits, and goes on
by itself. What Elasticsearch can't store becomes a dead letter, with its reason.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import duckdb
import msgspec
import pyarrow as pa

from logd.backends.index import elasticsearch_fields as field_names
from logd.backends.index import elasticsearch_pages as pages
from logd.backends.index import elasticsearch_patterns as mining
from logd.backends.index import elasticsearch_search as searching
from logd.backends.index import elasticsearch_stats as figures
from logd.backends.index.elasticsearch_body import Body, bodies
from logd.backends.index.elasticsearch_bulk import Bulks, Stored
from logd.backends.index.elasticsearch_client import Client
from logd.backends.index.elasticsearch_disks import disk_used_percent
from logd.backends.index.elasticsearch_explain import explain
from logd.backends.index.elasticsearch_mapping import template
from logd.backends.index.elasticsearch_mend import store_mended
from logd.backends.index.elasticsearch_names import PREFIX
from logd.backends.index.policies import ONE_POLICY, Assignment
from logd.config.schema import Elasticsearch as Settings
from logd.config.schema import SearchLimits
from logd.errors import BadRequest, Unavailable
from logd.flow.stage import Stage
from logd.seams import (
    Batch,
    Buckets,
    Fields,
    Found,
    FoundFields,
    Groups,
    Histogram,
    Mined,
    Patterns,
    Search,
    Stats,
    StreamPositions,
    Written,
)
from logd.telemetry import metrics

log = logging.getLogger("logd.index")
#: The name of the template in the cluster.
_TEMPLATE = "logd-logs"
#: Called with the rows that Elasticsearch refused, and for each the reason.
Bury = Callable[[pa.Table, Sequence[str]], Awaitable[None]]


class ElasticsearchIndex:
    """seams.Index, seams.Searches and seams.Disks. Use `ElasticsearchIndex.open`."""

    def __init__(
        self, client: Client, settings: Settings, limits: SearchLimits, bury: Bury, policies: Assignment
    ) -> None:
        self._client = client
        self._policies = policies
        self._settings = settings
        self._asking = searching.Asking(client, settings.metadata, limits.deadline_seconds)
        self._bury = bury
        self._bulks = Bulks(client, settings)
        self._ready = False
        #: Why the last write failed; empty when it didn't.
        self._trouble = ""
        self._sql = duckdb.connect(config={"threads": 1})
        self._thread = ThreadPoolExecutor(1, "index.encode")
        self.stages: Sequence[Stage] = ()

    @classmethod
    async def open(
        cls, settings: Settings, limits: SearchLimits, bury: Bury, policies: Assignment = ONE_POLICY
    ) -> ElasticsearchIndex:
        """Starts also while the cluster is away. Raises ConfigError when the settings can't be right."""
        index = cls(Client(settings), settings, limits, bury, policies)
        try:
            await index._prepare()
        except (Unavailable, BadRequest) as error:
            index._say(str(error))
            log.warning("the index isn't there yet: %s", error)
        return index

    def durable(self) -> StreamPositions | None:
        """The transport's commits say it."""
        return None

    async def write(self, batch: Batch) -> Written:
        try:
            written = await self._write(batch)
        except Unavailable as error:
            self._say(str(error))
            raise
        self._say("")
        return written

    def _say(self, trouble: str) -> None:
        self._trouble = trouble
        metrics.INDEX_TROUBLE.set(1 if trouble else 0)

    async def _write(self, batch: Batch) -> Written:
        await self._prepare()
        if not len(batch.table):
            return Written()
        stored = await store_mended(self._store, batch.table)
        if refused := stored.refused:
            rows = sorted(refused)
            log.error("Elasticsearch refused %d records, the first: %s", len(rows), refused[rows[0]])
            metrics.DEAD_LETTERS.labels("refused_by_index").inc(len(rows))
            await self._bury(batch.table.take(pa.array(rows)), [refused[row] for row in rows])
        metrics.INDEX_ROWS.inc(len(batch.table) - stored.duplicates - len(refused))
        metrics.INDEX_DUPLICATES.inc(stored.duplicates)
        return Written(stored.duplicates, len(refused))

    async def _store(self, table: pa.Table) -> Stored:
        """What became of a table's rows."""
        loop = asyncio.get_running_loop()
        whole = Stored()
        for body in await loop.run_in_executor(self._thread, self._bodies, table):
            stored = await self._bulks.store(body, table["log_id"])
            whole.duplicates += stored.duplicates
            whole.unfit |= stored.unfit
            whole.refused |= stored.refused
        return whole

    def _bodies(self, table: pa.Table) -> list[Body]:
        return list(bodies(self._sql, table, self._policies))

    async def flush(self) -> None:
        """What was written is durable already."""

    async def search(self, search: Search) -> Found:
        with metrics.SEARCH_RUNNING.track_inprogress():
            return await pages.search(self._asking, search)

    async def explain(self, search: Search) -> dict[str, Any]:
        return await explain(self._asking, search)

    async def histogram(self, histogram: Histogram) -> Buckets:
        with metrics.SEARCH_RUNNING.track_inprogress():
            return await searching.histogram(self._asking, histogram)

    async def stats(self, stats: Stats) -> Groups:
        with metrics.SEARCH_RUNNING.track_inprogress():
            return await figures.stats(self._asking, stats)

    async def fields(self, fields: Fields) -> FoundFields:
        with metrics.SEARCH_RUNNING.track_inprogress():
            return await field_names.fields(self._asking, fields)

    async def patterns(self, patterns: Patterns) -> Mined:
        with metrics.SEARCH_RUNNING.track_inprogress():
            return await mining.patterns(self._asking, patterns)

    async def refresh(self) -> None:
        """Makes all that was written searchable now."""
        await self._client.ask("POST", f"/{PREFIX}*/_refresh")

    async def status(self) -> dict[str, Any]:
        """Of the cluster, or why nothing is known."""
        try:
            if not self._ready:  # who never writes hears here that the cluster has come
                await self._prepare()
                self._say("")
            health = msgspec.json.decode(await self._client.ask("GET", "/_cluster/health"))
            stats = msgspec.json.decode(await self._client.ask("GET", f"/{PREFIX}*/_stats/docs,store"))
        except (Unavailable, BadRequest) as error:
            return {"flush_error": str(error)}
        primaries: Mapping[str, Any] = stats["_all"].get("primaries") or {}
        return {
            "rows": primaries.get("docs", {}).get("count", 0),
            "bytes": stats["_all"].get("total", {}).get("store", {}).get("size_in_bytes", 0),
            "indices": len(stats.get("indices", {})),
            "health": health["status"],
            "bulk_rows": self._bulks.rows,
            "flush_error": self._trouble or None,
        }

    async def disk_used_percent(self) -> float:
        return await disk_used_percent(self._client)

    async def close(self) -> None:
        await asyncio.to_thread(self._thread.shutdown)
        self._sql.close()
        await self._client.close()

    async def _prepare(self) -> None:
        """The template, before the first index. Raises Unavailable."""
        if self._ready:
            return
        body = template(self._settings)
        try:
            await self._client.ask("PUT", f"/_index_template/{_TEMPLATE}", body)
        except BadRequest as error:
            raise Unavailable(f"the index template {_TEMPLATE} can't be made: {error}") from error
        self._ready = True


class NoUpkeep:
    """seams.Upkeep: Elasticsearch merges by itself."""

    async def step(self) -> bool:
        return False

    def halt(self) -> None:
        """Nothing is under way."""

    async def close(self) -> None:
        """Nothing is held."""

    def status(self) -> dict[str, Any]:
        return {}
