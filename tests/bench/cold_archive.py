"""The corpus as an archive in a real S3 server: its files, as the archiver writes them, and copies of them under other
names and earlier days, so that ten million lines stand for a hundred million."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path

import duckdb
import msgspec
import numpy as np
import pyarrow as pa

from logd.record import SCHEMA
from logd.seams import Archive, ArchivedFile, Objects
from logd.store.segments import DAY_US
from logd.tiers import names
from tests.bench.corpus import Corpus
from tests.support import cold
from tests.support.objects import content

#: Of a file: the corpus is a burst, whose hours have several.
_FILE_LINES = 1_000_000
#: As the archiver has it.
_GROUP_ROWS = 65_536
_PUTS = 4
_BODY_BYTES = 300 * _FILE_LINES
_TYPES = """{
    timestamp: 'TIMESTAMPTZ', level: 'VARCHAR', service: 'VARCHAR', host: 'VARCHAR', message: 'VARCHAR',
    metadata: 'STRUCT(trace_id VARCHAR, user_id INTEGER, duration_ms DOUBLE)'
}"""
_COLUMNS = """
    format('6f1c2a9be03d4457-{:012x}', row_number() OVER () + ?) AS log_id, timestamp, timestamp AS ingested_at, level,
    service, host, '/var/log/app.log' AS source, NULL::VARCHAR[] AS tags, metadata.trace_id AS trace_id, message,
    json_object('user_id', metadata.user_id, 'duration_ms', metadata.duration_ms)::VARCHAR AS metadata"""


async def store(corpus: Corpus, objects: Objects, archive: Archive, days: int) -> int:
    """Puts it there, the corpus as the last of so many days; the bytes of all objects. Copies have the times of the
    original in them, and those of their days in the list only: they are looked at as it is, and have no hits."""
    total = 0
    putting = asyncio.Semaphore(_PUTS)

    async def put(name: str, data: bytes) -> None:
        async with putting:
            await objects.put(name, content(data))

    for table in _tables(corpus):
        with tempfile.TemporaryDirectory() as folder:
            file = await asyncio.to_thread(cold.write, Path(folder), table, "DEFAULT", _GROUP_ROWS)
            data, skip = ((Path(folder) / part).read_bytes() for part in ("data", "skip"))
        copies = [_earlier(file, number) for number in range(days)]
        named = [(one.name, data) for one in copies] + [(names.skip_of(one.name), skip) for one in copies]
        await asyncio.gather(*(put(*one) for one in named))
        await archive.add(copies)
        total += days * (len(data) + len(skip))
    return total


def _earlier(file: ArchivedFile, days: int) -> ArchivedFile:
    pieces = np.frombuffer(file.pieces, "<i8").reshape(-1, 3) - [days * DAY_US, days * DAY_US, 0]
    name = names.data_of(file.policy, file.day - days, file.hour, Path(file.name).stem)
    return msgspec.structs.replace(file, name=name, day=file.day - days, pieces=pieces.astype("<i8").tobytes())


def _tables(corpus: Corpus) -> Iterator[pa.Table]:
    """Those of an hour, some lines at a time."""
    before = 0
    with tempfile.TemporaryDirectory() as folder, corpus.path.open("rb") as file, duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for start, length in corpus.body_spans(_BODY_BYTES):
            file.seek(start)
            part = Path(folder) / "part.ndjson"
            part.write_bytes(file.read(length))
            lines = f"read_json('{part}', format = 'nd', columns = {_TYPES})"
            table = connection.sql(f"SELECT {_COLUMNS} FROM {lines}", params=[before]).to_arrow_table().cast(SCHEMA)
            before += len(table)
            hours = np.floor_divide(table["timestamp"].cast(pa.int64()).to_numpy(), cold.HOUR_US)
            for hour in np.unique(hours):
                yield table.filter(pa.array(hours == hour))
