"""Indices with records that were put back from the archive. They are for people who ask Elasticsearch themselves:
logd's own searches go by the archive, which has the same, so that nothing is found twice.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import duckdb
import msgspec
import pyarrow as pa

from logd.backends.index.elasticsearch_body import Body, bodies
from logd.backends.index.elasticsearch_bulk import Bulks, Stored
from logd.backends.index.elasticsearch_client import Client
from logd.backends.index.elasticsearch_mapping import restored_template
from logd.backends.index.elasticsearch_mend import store_mended
from logd.backends.index.elasticsearch_names import RESTORED
from logd.config.schema import Elasticsearch as Settings
from logd.errors import BadRequest, Unavailable

_TEMPLATE = "logd-restored"
_EXISTS = "resource_already_exists"
#: A batch is encoded while the one before it is on its way.
_AT_ONCE = 2


class RestoredIndices:
    """Makes, fills and deletes them. Every call may be made again, and raises Unavailable."""

    def __init__(self, client: Client, settings: Settings) -> None:
        self._client = client
        self._settings = settings
        self._bulks = Bulks(client, settings)
        self._sql = duckdb.connect(config={"threads": 1})
        self._thread = ThreadPoolExecutor(1, "restore.encode")
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def make(self, name: str) -> None:
        """An empty one, unless it is there."""
        await self._ask("PUT", f"/_index_template/{_TEMPLATE}", restored_template(self._settings))
        try:
            await self._client.ask("PUT", f"/{name}")
        except BadRequest as error:
            if _EXISTS not in str(error):
                raise Unavailable(f"{name} can't be made: {error}") from error

    async def load(self, name: str, table: pa.Table) -> int:
        """Puts rows of one day into it, durably, each once; how many it doesn't take."""

        async def store(rows: pa.Table) -> Stored:
            whole = Stored()
            for body in await asyncio.get_running_loop().run_in_executor(self._thread, self._bodies, rows):
                stored = await self._bulks.store_into(name, body, rows["log_id"])
                whole.duplicates += stored.duplicates
                whole.unfit |= stored.unfit
                whole.refused |= stored.refused
            return whole

        async with self._turns:
            return len((await store_mended(store, table)).refused)

    def _bodies(self, table: pa.Table) -> list[Body]:
        return list(bodies(self._sql, table))

    async def finish(self, name: str) -> int:
        """It is searchable now, and takes nothing any more; how many records it has."""
        await self._ask("PUT", f"/{name}/_settings", {"index.refresh_interval": None, "index.blocks.write": True})
        await self._ask("POST", f"/{name}/_refresh")
        return int(msgspec.json.decode(await self._ask("GET", f"/{name}/_count"))["count"])

    async def names(self, restore_id: str) -> list[str]:
        """Those that a restore has made."""
        found = msgspec.json.decode(await self._ask("GET", f"/{RESTORED}*-{restore_id}/_settings/index.uuid"))
        return sorted(found)

    async def delete(self, name: str) -> None:
        """It is gone."""
        await self._ask("DELETE", f"/{name}", parameters={"ignore_unavailable": "true"})

    async def _ask(self, method: str, path: str, body: Any = None, parameters: dict[str, str] | None = None) -> bytes:
        try:
            return await self._client.ask(method, path, body, parameters)
        except BadRequest as error:
            raise Unavailable(f"{method} {path}: {error}") from error

    async def close(self) -> None:
        """Ends the thread; the client is who made it's to close."""
        await asyncio.to_thread(self._thread.shutdown)
        self._sql.close()
