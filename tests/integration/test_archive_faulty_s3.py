"""The archive over a real S3 server that is only to be had with trouble: nothing is lost, and no answer is wrong."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pyarrow as pa
import pytest

from logd.backends.objects.s3 import S3Objects
from logd.errors import Unavailable
from logd.query.parse import parse
from logd.record import SCHEMA
from logd.roles import waiting
from logd.seams import Search
from tests.integration.test_archiving import World
from tests.services import Running
from tests.support.archive import until
from tests.support.cold import HOUR_US, ArchivedRows
from tests.support.faulty import Faulty, Trouble
from tests.support.objects import Bucket
from tests.support.rows import DAY, row

_HOURS, _ROWS = 3, 300


async def _objects(bucket: Bucket, port: int) -> S3Objects:
    return await S3Objects.open(msgspec.structs.replace(bucket.settings, endpoint=f"http://127.0.0.1:{port}"))


@pytest.mark.parametrize("trouble", [Trouble.BUSY, Trouble.TRUNCATING, Trouble.SLOW])
async def test_searches(s3: Running, tmp_path: Path, trouble: Trouble) -> None:
    faulty = Faulty(s3.port)
    async with faulty.serving() as port:
        rows = await ArchivedRows.open(tmp_path, await _objects(Bucket(s3, tmp_path), port))
        for hour in range(_HOURS):
            some = [row(DAY + hour * HOUR_US + n, f"{hour}-{n:03}", f"word{n} of {hour}") for n in range(_ROWS)]
            await rows.add(pa.Table.from_pylist(some, SCHEMA))
        fresh = await rows.beside("nothing-read")
        asked = Search(query=parse("word7 OR word8"), count_limit=None)
        await faulty.make(trouble)
        if trouble is not Trouble.SLOW:
            with pytest.raises(Unavailable):
                await fresh.search(asked)
            await faulty.make(Trouble.NONE)
        found = await fresh.search(asked)
        assert (found.total, len(found.table), found.missing) == (2 * _HOURS, 2 * _HOURS, [])
        assert faulty.troubled
        listed = [file for day in await rows.archive.days() for file in await rows.archive.files(day.policy, day.day)]
        assert [file.reason for file in listed] == [""] * _HOURS
        await fresh.searches.close()
        await rows.close()


@pytest.mark.parametrize("trouble", [Trouble.BUSY, Trouble.TRUNCATING, Trouble.SLOW])
async def test_the_stream(s3: Running, tmp_path: Path, trouble: Trouble, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "_RETRY_SECONDS", (0.02, 0.1))
    faulty = Faulty(s3.port)

    async with faulty.serving() as port, World.open(tmp_path, await _objects(Bucket(s3, tmp_path), port)) as world:

        async def is_made() -> bool:
            return faulty.troubled > 5

        async def all_there() -> bool:
            return (await world.archive.positions()).get(0, 0) == 11

        await faulty.make(trouble)
        async with world.running():
            for number in range(10):
                await world.append(*(f"{number} {n}" for n in range(10)), number=number)
            await until(is_made)
            if trouble is not Trouble.SLOW:
                assert not await world.archive.positions()
                await faulty.make(Trouble.NONE)
            await until(all_there)
        assert await world.messages() == sorted(f"{number} {n}" for number in range(10) for n in range(10))
