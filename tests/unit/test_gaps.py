"""What the index hasn't and the archive has, counted by policy and day."""

from __future__ import annotations

from pathlib import Path

from logd.backends.catalog.sqlite_file import SqliteFile
from logd.backends.catalog.tiering import CatalogTiering
from logd.backends.index.policies import Assignment
from logd.config.schema import Policy
from logd.roles.gaps import GapCounter
from tests.support.rows import DAY, DAY_US, batch, row


async def test_rows_are_counted_where_they_would_be(tmp_path: Path) -> None:
    tiering = CatalogTiering(await SqliteFile.open(tmp_path / "catalog.db"))
    count = GapCounter(tiering, Assignment({"pay": Policy(services=["pay*"])}))
    rows = [
        row(DAY, "a"),
        row(DAY + DAY_US - 1, "b"),
        row(DAY + DAY_US, "c"),
        row(DAY, "d", service="payment"),
        row(DAY, "e", service=None),
    ]
    table = batch(rows, 1).table
    await count(table)
    await count(table.slice(3, 1))
    day = DAY // DAY_US
    found = [
        await tiering.gap(*key) for key in (("DEFAULT", day), ("DEFAULT", day + 1), ("pay", day), ("pay", day + 1))
    ]
    assert found == [3, 1, 2, 0]
    await tiering.close()
