"""Archivers over a real Kafka: two of them share the partitions, and come and go."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from logd.backends.index.policies import Assignment
from logd.backends.objects.folder import FolderObjects
from logd.backends.transport.kafka import KafkaTransport
from logd.config.schema import Archiver, Config, Parse
from logd.roles.archiving import GROUP, Archiving
from logd.seams import RAW_LOGS, Archive, Objects
from logd.tiers.archive.verifying import verify
from tests.services import Running
from tests.support.archive import opened, rows_of, until
from tests.support.kafka import PATIENCE_SECONDS
from tests.support.processing import envelope
from tests.support.transports import KAFKA_VARIABLE, KafkaStore

_CHUNKS = 60


@pytest.fixture
def store(kafka: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> KafkaStore:
    monkeypatch.setenv(KAFKA_VARIABLE, kafka.url)
    return KafkaStore(tmp_path)


@contextlib.asynccontextmanager
async def _archiver(store: KafkaStore, objects: Objects, archive: Archive, folder: Path) -> AsyncIterator[Archiving]:
    transport = await KafkaTransport.open(store.settings())
    config = Config(
        data_dir=str(folder), parse=Parse(join_seconds=0), archiver=Archiver(flush_rows=25, flush_seconds=1)
    )
    archiving = Archiving(config, transport, objects, archive, Assignment({}))
    stop = asyncio.Event()
    run = asyncio.create_task(archiving.run(stop))
    try:
        yield archiving
    finally:
        stop.set()
        async with asyncio.timeout(PATIENCE_SECONDS):
            await run
        await transport.close()


@pytest.mark.timeout(600)
async def test_two_archivers(store: KafkaStore, tmp_path: Path) -> None:
    """What is sent while partitions are handed from one to the other is in the archive once."""
    objects = await FolderObjects.open(tmp_path / "objects")
    archive = await opened(tmp_path / "catalog.db")
    writer = await KafkaTransport.open(store.settings())
    sent = 0

    async def send(count: int) -> None:
        nonlocal sent
        for number in range(sent, sent + count):
            one = envelope(number, *[f"{number} {n}" for n in range(10)])
            await writer.append(RAW_LOGS, [type(one)(f"service-{number % 7}", one.headers, one.value)])
        sent += count

    async def archived() -> bool:
        return sum(day.rows for day in await archive.days()) >= sent * 10

    try:
        await send(_CHUNKS)
        async with _archiver(store, objects, archive, tmp_path / "a") as first:
            await until(lambda: _has_rows(first, 25))
            async with _archiver(store, objects, archive, tmp_path / "b") as second:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    while not await _has_rows(second, 1):  # until some of the partitions are its own
                        await send(7)
                await send(_CHUNKS)
            await send(_CHUNKS)
            await until(archived)
        messages = Counter((await rows_of(objects, archive))["message"].to_pylist())
        assert messages == Counter(f"{number} {n}" for number in range(sent) for n in range(10))
        assert (await verify(objects, archive)).findings == []
        group = (await writer.status())[RAW_LOGS]["groups"][GROUP]
        assert (group["lag"], group["lost"], group["tally"]["stored"]) == (0, 0, sent * 10)
    finally:
        await writer.close()
        await archive.close()
        await objects.close()


async def _has_rows(archiving: Archiving, count: int) -> bool:
    return int(str(archiving.status()["archived_rows"])) >= count
