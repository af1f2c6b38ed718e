"""What every index guarantees to those who ask it for patterns."""

from __future__ import annotations

import asyncio
import os
import random
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from logd.backends.index import elasticsearch_patterns
from logd.config.schema import SearchLimits
from logd.errors import BadRequest
from logd.patterns import mine
from logd.patterns.templates import templates
from logd.query.parse import parse
from logd.query.tree import Everything, Not, Words
from logd.record import SCHEMA
from logd.seams import Batch, Mined, Patterns
from logd.store import partials, segments
from tests.services import Running
from tests.support import loghub, naive_patterns, strategies
from tests.support.indexes import (
    ElasticsearchStore,
    SearchedIndex,
    SegmentsStore,
    Store,
    many,
)
from tests.support.naive_time import EPOCH
from tests.support.rows import DAY, NaiveIndex, Row, batch, everything, row

EXAMPLES = 600 if os.environ.get("TEST_LONG") else 60
ARCHIVE_TOO = True
SECOND = 1_000_000
_ALL = Patterns(limit=500)


@pytest.fixture
def store(index_store: Store) -> Store:
    return index_store


@pytest.fixture
async def index(store: Store) -> AsyncIterator[SearchedIndex]:
    opened = await store.open()
    yield opened
    await opened.close()


def _check(asked: Patterns, found: Mined, naive: NaiveIndex) -> None:
    """The answer adds up, and is what comes out of a list of all rows."""
    assert found.total == sum(one.count for one in found.patterns) + found.other + found.not_looked_at
    assert [*found.patterns] == sorted(found.patterns, key=lambda one: (-one.count, one.template))
    rows = naive.hits(asked.query, asked.from_us, asked.to_us)
    assert (found.total, found.not_looked_at, found.coarse, found.unmatched) == (len(rows), 0, False, 0)
    of_mask = templates({naive_patterns.mask(one["message"]) for one in rows}, lambda: None)
    groups: dict[str, list[Row]] = {}
    for one in rows:
        groups.setdefault(of_mask[naive_patterns.mask(one["message"])], []).append(one)
    since = None if asked.new_since_us is None else EPOCH + timedelta(microseconds=asked.new_since_us)
    new = {name for name, group in groups.items() if since is None or min(map(_time, group)) >= since}
    ranked = sorted(new, key=lambda name: (-len(groups[name]), name))[: asked.limit]
    assert [one.template for one in found.patterns] == ranked
    assert found.others == len(groups) - len(ranked)
    for pattern in found.patterns:
        group = groups[pattern.template]
        assert pattern.count == len(group)
        bounds = (min(map(_time, group)), max(map(_time, group)))
        assert tuple(EPOCH + timedelta(microseconds=time) for time in (pattern.first_us, pattern.last_us)) == bounds
        sample = next(row for row in group if row["log_id"] == pattern.log_id)
        assert (_time(sample), pattern.message) == (bounds[1], sample["message"] and sample["message"][:1_000])
        assert pattern.levels == _ranked(row["level"] for row in group)
        assert pattern.services == _ranked(row["service"] for row in group)[: mine.MOST_SERVICES]
        assert sum(n for _, n in pattern.services) + pattern.other_services == pattern.count


def _time(one: Row) -> Any:
    return one["timestamp"]


def _ranked(values: Any) -> list[tuple[str | None, int]]:
    return sorted(Counter(values).items(), key=lambda item: (-item[1], item[0] is None, item[0]))


async def _asked(index: SearchedIndex, naive: NaiveIndex, asked: Patterns) -> Mined:
    found = await index.patterns(asked)
    _check(asked, found, naive)
    return found


async def test_nothing(index: SearchedIndex) -> None:
    naive = NaiveIndex()
    await _asked(index, naive, _ALL)
    await index.write(many(3))
    for asked in (Patterns(query=parse("absent")), Patterns(from_us=DAY + 3), Patterns(from_us=DAY, to_us=DAY)):
        assert (await _asked(index, naive, asked)).total == 0


@pytest.mark.parametrize("flushed", [False, True])
async def test_the_templates_of_messages(index: SearchedIndex, flushed: bool) -> None:
    naive = NaiveIndex()
    messages = ["user 7 logged in", "user 8  logged in", "disk is full", "user 9 logged in\nfrom elsewhere 1", "", None]
    rows = [
        row(DAY + n * SECOND, f"{n}", message, service=f"s{n % 2}", level="WARN" if n else None)  # type: ignore[arg-type]
        for n, message in enumerate(messages)
    ]
    for upto, part in enumerate((rows[:2], rows[2:]), 1):
        naive.write(part)
        await index.write(batch(part, upto))
        if flushed:
            await index.flush()
    found = await _asked(index, naive, _ALL)
    assert [(one.template, one.count) for one in found.patterns] == [
        ("user <*> logged in", 3),
        ("", 2),
        ("disk is full", 1),
    ]
    first = found.patterns[0]
    assert (first.log_id, first.message) == ("3", "user 9 logged in\nfrom elsewhere 1")
    assert (first.services, first.levels) == ([("s0", 1), ("s1", 2)][::-1], [("WARN", 2), (None, 1)])
    await _asked(index, naive, Patterns(limit=1))
    await _asked(index, naive, Patterns(query=parse("user")))
    await _asked(index, naive, Patterns(from_us=DAY + SECOND, to_us=DAY + 4 * SECOND))


async def test_what_is_new(index: SearchedIndex) -> None:
    naive = NaiveIndex()
    messages = ["old 1", "both 2 times", "both 3 times", "new 4", "new 5"]
    rows = [row(DAY + n * SECOND, f"{n}", message) for n, message in enumerate(messages)]
    naive.write(rows)
    await index.write(batch(rows, 1))
    for since, expected in (
        (DAY + 2 * SECOND, ["new <*>"]),
        (DAY + SECOND, ["both <*> times", "new <*>"]),
        (DAY + 4 * SECOND, []),
        (DAY - 1, ["both <*> times", "new <*>", "old <*>"]),
        (DAY + 9 * SECOND, []),
    ):
        found = await _asked(index, naive, Patterns(new_since_us=since))
        assert [one.template for one in found.patterns] == expected
        assert found.total == 5
    within = Patterns(new_since_us=DAY + 2 * SECOND, from_us=DAY + 2 * SECOND)
    assert len((await _asked(index, naive, within)).patterns) == 2


@pytest.mark.only("segments", "elasticsearch", reason="of each tier so many services are known")
async def test_many_services(index: SearchedIndex) -> None:
    naive = NaiveIndex()
    rows = [row(DAY, f"{n:03}", f"m {n}", service=f"s{n % 30:02}") for n in range(100)]
    naive.write(rows)
    await index.write(batch(rows, 1))
    found = await _asked(index, naive, _ALL)
    assert (len(found.patterns[0].services), found.patterns[0].other_services) == (20, 30)


async def test_real_logs_in_any_order(store: Store, test_data: Path) -> None:
    """Nothing but the rows decides: neither the order in which they came, nor the batches, nor where they lie."""
    rows = [
        row(DAY + place * SECOND + n, f"{system}{n:04}", one["Content"], service=system)
        for place, system in enumerate(("Linux", "OpenSSH", "Hadoop"))
        for n, one in enumerate(loghub.rows(test_data, system)[:1_000])
    ]
    naive = NaiveIndex()
    naive.write(rows)
    index = await store.open()
    shuffled = list(rows)
    random.Random(7).shuffle(shuffled)
    for number, start in enumerate(range(0, len(rows), 700)):
        await index.write(batch(shuffled[start : start + 700], number))
        if number % 2:
            await index.flush()
    await _asked(index, naive, _ALL)
    before = await index.patterns(_ALL)
    await index.flush()
    await store.upkeep()
    assert await index.patterns(_ALL) == before
    await index.close()


@pytest.mark.only("segments", reason="Elasticsearch's rows are bounded themselves")
async def test_many_different_messages_are_exact_or_coarse_or_refused(store: Store) -> None:
    made = _different(100_000)
    index = await store.open()
    await index.write(made)
    found = await index.patterns(_ALL)
    assert (found.total, found.unmatched, found.coarse) == (100_000, 90_000, False)
    assert found.other == 100_000 - sum(one.count for one in found.patterns)
    await index.close()
    little = await store.open(search=SearchLimits(threads=1, memory_bytes=24 * 1024 * 1024))
    try:
        found = await little.patterns(_ALL)
    except BadRequest as error:
        assert error.code == "too_much_memory"  # noqa: PT017
    else:
        assert found.total == 100_000
        assert found.other == 100_000 - sum(one.count for one in found.patterns)
    assert (await little.search(everything(limit=1))).total == 100_000
    await little.close()


def _different(count: int) -> Batch:
    """Messages that are alike in their first two words, but in no other."""
    letters = str.maketrans("0123456789", "abcdefghij")
    texts = [
        f"x y {' '.join(f'{number * 7_919 % 1_000_003 + 17 * word}{word}' for word in range(9))}"
        for number in range(count)
    ]
    made = many(count)
    messages = pa.array([text.translate(letters) for text in texts])
    table = made.table.set_column(SCHEMA.get_field_index("message"), SCHEMA.field("message"), messages)
    return Batch(table, made.positions)


@pytest.mark.only("segments", reason="what is stopped is Elasticsearch's own, at its next look")
async def test_a_cancelled_one_makes_room(store: Store) -> None:
    index = await store.open(search=SearchLimits(threads=1, concurrent=1))
    await index.write(_different(60_000))
    asked = Patterns(query=Not(Words("message", "x z", ("x", "z"))))
    for turns in (0, 1, 5, 50, 500):
        asking = asyncio.create_task(index.patterns(asked))
        for _ in range(turns):
            await asyncio.sleep(0)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
    assert (await index.patterns(asked)).total == 60_000
    await index.close()


@pytest.mark.only("elasticsearch", reason="the others look at all rows")
class TestWhatIsNotLookedAt:
    @pytest.fixture(autouse=True)
    def _few(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(elasticsearch_patterns, "MOST_ROWS", 60)
        monkeypatch.setattr(elasticsearch_patterns, "PAGE_ROWS", 25)

    async def test_the_newest_are(self, index: SearchedIndex) -> None:
        await index.write(many(100))
        found = await index.patterns(_ALL)
        assert (found.total, found.not_looked_at, found.other) == (100, 40, 0)
        assert (found.patterns[0].count, found.patterns[0].first_us) == (60, DAY + 40)
        few = await index.patterns(Patterns(from_us=DAY + 50))
        assert (few.total, few.not_looked_at, few.patterns[0].count) == (50, 0, 50)

    async def test_half_of_them_are_before_the_new(self, index: SearchedIndex) -> None:
        await index.write(many(100))
        found = await index.patterns(Patterns(new_since_us=DAY + 50))
        assert (found.total, found.not_looked_at, found.other, len(found.patterns)) == (100, 40, 60, 0)


async def test_again_after_every_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of parts of segments that are known from before, new ones, and those that a range cuts."""
    monkeypatch.setattr(segments, "ROW_GROUP_ROWS", 2)
    monkeypatch.setattr(partials, "PART_ROW_GROUPS", 2)
    store, naive = SegmentsStore(tmp_path), NaiveIndex()
    index = await store.open()
    for number in range(4):
        rows = [row(DAY + n, f"{number}{n}", f"{'abc'[n % 3 - number]} {n}", service="st"[n % 2]) for n in range(10)]
        naive.write(rows)
        await index.write(batch(rows, number + 1))
        for settle in (index.flush, store.upkeep if number == 2 else index.flush):
            for query in (Everything(), parse("b"), parse("service:s AND NOT a"), parse("service:t AND NOT a")):
                for from_us in (None, DAY + 1, DAY + 4):
                    await _asked(index, naive, Patterns(query=query, from_us=from_us, limit=2))
            await settle()
    await index.close()


_MESSAGES = st.sampled_from(
    ["a 1", "a 2", "b c d", "b c e 7", "b c f 7", "", "b  c d", "x\ny 2", "Jun 17 07:07:00 up", "z " * 600]
)
_ROWS = st.lists(
    st.tuples(st.integers(0, 9), _MESSAGES | strategies.TEXTS, st.sampled_from("st"), st.sampled_from(["INFO", None]))
)
_TIMES = st.none() | st.integers(-1, 10).map(lambda time: DAY + time)
_ASKED = st.builds(
    Patterns,
    query=st.sampled_from(
        [Everything(), Everything(), parse("b"), parse("service:s AND NOT a"), parse("/[ab]/ OR _*")]
    ),
    from_us=_TIMES,
    to_us=_TIMES,
    new_since_us=_TIMES,
    limit=st.integers(1, 4),
)


_STEPS = st.lists(_ROWS | st.sampled_from(["flush", "upkeep"]) | _ASKED, min_size=1, max_size=8)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_STEPS, _ASKED)
def test_as_a_naive_list_would(steps: list[Any], last: Patterns) -> None:
    """What is asked after each step may be known from before, of parts of segments that are small."""
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.setattr(segments, "ROW_GROUP_ROWS", 2)
        patch.setattr(partials, "PART_ROW_GROUPS", 2)
        asyncio.run(_same_as_naive(SegmentsStore(Path(folder)), [one for step in steps for one in (step, last)]))


@pytest.fixture
def in_small_pages(remote: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elasticsearch_patterns, "PAGE_ROWS", 3)


@settings(
    max_examples=EXAMPLES // 6,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(_STEPS, _ASKED)
def test_an_elasticsearch_as_a_naive_list_would(in_small_pages: None, steps: list[Any], last: Patterns) -> None:
    """The templates and counts of the embedded index, over many pages."""
    store = ElasticsearchStore(Path())
    asyncio.run(_same_as_naive(store, [*steps, last]))
    store.clear()


async def _same_as_naive(store: Store, steps: Sequence[Any]) -> None:
    index, naive = await store.open(), NaiveIndex()
    for number, step in enumerate(steps):
        match step:
            case "flush":
                await index.flush()
            case "upkeep":
                await store.upkeep()
            case Patterns():
                await _asked(index, naive, step)
            case drawn:
                rows = [
                    row(DAY + time, f"{number:02}-{place}", message, service=service, level=level)
                    for place, (time, message, service, level) in enumerate(drawn)
                ]
                naive.write(rows)
                await index.write(batch(rows, number))
    await index.close()
