"""Searching an archive in a real S3 server, in place."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from logd.errors import Unavailable
from logd.query.parse import parse
from logd.record import SCHEMA
from logd.seams import Search, Stats
from tests.services import Running, running
from tests.support.cold import HOUR_US, ArchivedRows
from tests.support.objects import Bucket
from tests.support.rows import DAY, row

HOURS, ROWS = 24, 500


async def _archive(server: Running, folder: Path) -> ArchivedRows:
    rows = await ArchivedRows.open(folder, await Bucket(server, folder).open())
    for hour in range(HOURS):
        some = [
            row(
                DAY + hour * HOUR_US + n * 1_000,
                f"{hour:02}-{n:03}",
                f"word{n} of {hour}",
                service=f"s{n % 5}",
                level=("INFO", "ERROR")[n % 2],
                trace_id=f"{hour:016x}{n:016x}",
            )
            for n in range(ROWS)
        ]
        await rows.add(pa.Table.from_pylist(some, SCHEMA))
    return rows


async def test_all_questions(s3: Running, tmp_path: Path) -> None:
    rows = await _archive(s3, tmp_path)
    stored = sum(day.size_bytes + day.skip_bytes for day in await rows.archive.days())
    found = await rows.search(Search(query=parse(f"trace_id:{7:016x}{123:016x}")))
    assert (found.table["log_id"].to_pylist(), found.total, found.tiers) == (["07-123"], 1, ("cold",))
    assert rows.searches.status()["fetched_bytes"] < stored / 2  # of so small files, footers are the most
    found = await rows.search(Search(query=parse("service:s3"), limit=3))
    assert found.table["log_id"].to_pylist() == ["23-498", "23-493", "23-488"]
    assert found.total == HOURS * ROWS // 5
    counted = await rows.stats(Stats(by=("level",), from_us=DAY + HOUR_US, to_us=DAY + 3 * HOUR_US))
    assert {group.values: group.count for group in counted.groups} == {("INFO",): ROWS, ("ERROR",): ROWS}
    fetched = rows.searches.status()["fetched_bytes"]
    assert (await rows.search(Search(query=parse(f"trace_id:{7:016x}{123:016x}")))).total == 1
    assert rows.searches.status()["fetched_bytes"] == fetched
    await rows.close()


@pytest.mark.servers("s3")
async def test_a_server_that_goes_away_and_comes_back(tmp_path: Path) -> None:
    with running("s3", tmp_path / "s3") as server:
        rows = await _archive(server, tmp_path)
        server.stop()
        for query in ("word7", "NOT absent"):
            with pytest.raises(Unavailable, match="the archive can't be read now: can't read object"):
                await rows.search(Search(query=parse(query), count_limit=None))
        server.start()
        found = await rows.search(Search(query=parse("word7"), count_limit=None))
        assert (found.total, found.missing) == (HOURS, [])
        await rows.close()
