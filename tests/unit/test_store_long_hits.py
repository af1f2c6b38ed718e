"""Pages of hits that are far longer than the rows among which they lie."""

from __future__ import annotations

from pathlib import Path

import pytest

from logd.config.schema import SearchLimits
from logd.query.parse import parse
from logd.seams import Search
from logd.store import find
from tests.support.indexes import SegmentsStore
from tests.support.rows import DAY, batch, row

_MEMORY_BYTES = 128 * 1024 * 1024
_LONG = 500_000
#: Together more than the memory.
_LONG_ONES = 400
_SHORT_ONES = 20_000


@pytest.mark.parametrize("newest_first", [False, True])
async def test_a_page_of_them_takes_no_more_memory(
    newest_first: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(find, "WHOLE_ROWS", 1)  # larger slices are left to DuckDB, which has the limit
    index = await SegmentsStore(tmp_path).open(search=SearchLimits(threads=1, memory_bytes=_MEMORY_BYTES))
    for part in range(4):
        numbers = range(part, _LONG_ONES, 4)
        rows = [row(DAY + number, f"l{number:06}", f"long {number} " + "x" * _LONG) for number in numbers]
        rows += [row(DAY + number, f"s{number:06}", "short") for number in range(part, _SHORT_ONES, 4)]
        await index.write(batch(rows, part + 1))
        await index.flush()
    query = parse("message.raw:/long [0-9]+ /")
    found = await index.search(
        Search(query=query, newest_first=newest_first, limit=_LONG_ONES, max_bytes=10 * _LONG, count_limit=0)
    )
    ids = [f"l{number:06}" for number in range(_LONG_ONES)]
    expected = ids[::-1] if newest_first else ids
    assert (found.table["log_id"].to_pylist(), found.more) == (expected[:10], True)
    await index.close()
