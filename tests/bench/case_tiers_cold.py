"""What a search of the archive reads of a real S3 server, and how long it takes: nothing of it was read before."""

import asyncio
import resource
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import orjson

from logd.backends.catalog.archive import CatalogArchive
from logd.backends.catalog.sqlite_file import SqliteFile
from logd.config.schema import SearchLimits
from logd.query.parse import parse
from logd.query.tree import Everything
from logd.seams import Histogram, Objects, Search, Searches, Stats
from logd.store.segments import DAY_US
from logd.tiers.cold.searches import ArchiveSearches
from tests.bench.bench import Bench
from tests.bench.cold_archive import store
from tests.bench.corpus import START, Corpus
from tests.bench.report import GOAL_LINES, Line
from tests.support.objects import Bucket

_DAYS = 10
_GOAL_SECONDS, _GOAL_SHARE = 3.0, 0.01
_DAY = int(datetime.timestamp(START)) * 1_000_000 // DAY_US * DAY_US
_MOST_HITS = 100


class _Cost(NamedTuple):
    """Of one question. The CPU is that of who asks, not of the server of objects."""

    seconds: float
    cpu_seconds: float
    fetched_bytes: int
    fetches: int
    again_seconds: float


def tiers_cold(bench: Bench) -> Line:
    """Seconds for a trace id over ten times the corpus, and of all bytes the share that it fetches; beside it other
    questions. The goal is for ten million lines."""
    folder = Path(tempfile.mkdtemp(dir=bench.folder, prefix="cold-"))
    bucket = Bucket(bench.engines.s3, folder)
    total, costs = asyncio.run(_measured(bench.corpus, bucket, folder))
    trace = costs["trace"]
    share = trace.fetched_bytes / total
    more: dict[str, float | str] = {"stored_bytes": total, "fetched_share": share, "share_goal": _GOAL_SHARE}
    for name, cost in costs.items():
        more |= {f"{name}_{what}": value for what, value in cost._asdict().items()}
    goal = _GOAL_SECONDS if bench.corpus.lines >= 10 * GOAL_LINES else None
    note = "nothing of it was read before; no peer searches files in S3"
    return Line("tiers_cold", trace.seconds, "s", _DAYS * bench.corpus.lines, goal=goal, note=note, more=more)


async def _measured(corpus: Corpus, bucket: Bucket, folder: Path) -> tuple[int, dict[str, _Cost]]:
    objects = await bucket.open()
    catalog = await SqliteFile.open(folder / "catalog.db")
    try:
        total = await store(corpus, objects, CatalogArchive(catalog), _DAYS)
        questions = _questions(orjson.loads(corpus.middle())["metadata"]["trace_id"])
        costs = {}
        for name, ask in questions.items():
            costs[name] = await _cost(objects, CatalogArchive(catalog), folder / name, ask)
        return total, costs
    finally:
        await catalog.close()
        await objects.close()


def _questions(trace_id: str) -> Mapping[str, Callable[[Searches], Awaitable[int]]]:
    """Each gives how much it found."""

    async def trace(searches: Searches) -> int:
        return len((await searches.search(Search(query=parse(f"trace_id:{trace_id}")))).table)

    async def newest(searches: Searches) -> int:
        asked = Search(query=parse("service:payment"), limit=_MOST_HITS, count_limit=0)
        return len((await searches.search(asked)).table)

    async def levels(searches: Searches) -> int:
        asked = Stats(query=Everything(), from_us=_DAY, to_us=_DAY + DAY_US, by=("level",))
        return (await searches.stats(asked)).total

    async def word(searches: Searches) -> int:
        asked = Histogram(query=parse("NullPointerException"), from_us=_DAY, to_us=_DAY + DAY_US)
        return sum((await searches.histogram(asked)).counts)

    return {"trace": trace, "newest100_service": newest, "levels_of_a_day": levels, "word_of_a_day": word}


async def _cost(
    objects: Objects, archive: CatalogArchive, folder: Path, ask: Callable[[Searches], Awaitable[int]]
) -> _Cost:
    searches = await ArchiveSearches.open(archive, objects, folder, SearchLimits())
    try:
        begin, cpu = time.perf_counter(), _cpu_seconds()
        found = await ask(searches)
        seconds, cpu = time.perf_counter() - begin, _cpu_seconds() - cpu
        if not found:
            raise RuntimeError("the archive doesn't have what was put into it")
        status = searches.status()
        begin = time.perf_counter()
        await ask(searches)
        again = time.perf_counter() - begin
    finally:
        await searches.close()
    return _Cost(seconds, cpu, status["fetched_bytes"], status["fetches"], again)


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
