"""Rows for figures of groups, in an index and in a naive one, and what is asked of them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from hypothesis import strategies as st

from logd.query.parse import parse
from logd.query.tree import Everything, Node
from logd.seams import Aggregate, Function, Stats
from tests.support.indexes import SearchedIndex
from tests.support.rows import DAY, NaiveIndex, Row, batch

SECOND = 1_000_000
BY = st.sampled_from(
    ["service", "host", "level", "tags", "trace_id", "source", "metadata.x", "metadata.a.b", "metadata.z", "metadata.y"]
)
OF = st.sampled_from(["metadata.x", "metadata.y", "metadata.a.b", "metadata.z"])
#: What Elasticsearch keeps as it is: numbers whose text is theirs in any spelling, sums of which are exact.
PLAIN = st.sampled_from([0, 1, 2, 7, -3, 1.5, 0.25, "1", "2.5", "x", "X", "ab", True, None])
RECORDS = st.fixed_dictionaries(
    {
        "service": st.sampled_from(["a", "b", None]),
        "host": st.sampled_from(["h", "", None]),
        "level": st.sampled_from(["INFO", "WARN", None]),
        "tags": st.sampled_from([None, [], ["t"], ["t", "u", "t"], ["u"]]),
        "trace_id": st.sampled_from([None, "t"]),
        "message": st.sampled_from(["red", "blue", "red blue", "blue ünd grün"]),
        "metadata": st.none()
        | st.fixed_dictionaries(
            {},
            optional={
                "x": PLAIN | st.lists(PLAIN, max_size=3),
                "y": PLAIN,
                "a": st.fixed_dictionaries({"b": PLAIN}),
                "a.b": PLAIN,
            },
        ),
    }
)
QUERIES: list[Node] = [
    Everything(),
    *map(parse, ("red", "NOT red", "x:1", "x:>1 OR blue", "tags:t AND service:a", "timestamp:>2024-10-04T00:00:05")),
]
TIMES = st.none() | st.integers(0, 12).map(lambda second: DAY + second * SECOND)


def stats_of(by: st.SearchStrategy[str], of: st.SearchStrategy[str]) -> st.SearchStrategy[Stats]:
    of_fields = [function for function in Function if function is not Function.BYTES]
    numbers = st.builds(Aggregate, st.sampled_from(of_fields), of) | st.just(Aggregate(Function.BYTES, "message"))
    distinct = st.builds(Aggregate, st.just(Function.DISTINCT), by)
    asked = st.builds(
        Stats,
        query=st.sampled_from(QUERIES),
        from_us=TIMES,
        to_us=TIMES,
        aggregates=st.lists(numbers | distinct, max_size=3, unique=True).map(tuple),
        by=st.lists(by, max_size=3, unique=True).map(tuple),
        by_time=st.booleans(),
        interval_us=st.sampled_from([None, SECOND, 7_000, 5 * SECOND]),
        top=st.integers(1, 4) | st.just(100),
        prefix=st.sampled_from([None, None, None, "", "a", "1"]),
    )
    return asked.map(lambda one: one if one.by else msgspec.structs.replace(one, prefix=None))


async def written(index: SearchedIndex, rows: Sequence[Row]) -> NaiveIndex:
    """Half of them in segments, half in memory; the same as a naive index."""
    naive = NaiveIndex()
    for upto, part in enumerate((rows[::2], rows[1::2])):
        if part:
            await index.write(batch(part, upto + 1))
        naive.write(part)
        if not upto:
            await index.flush()
    return naive
