"""Putting a range of the archive back into a real Elasticsearch: against a loader that sends bodies that were made
before, as many documents in each and as many at a time, to an index of the same template."""

import asyncio
import time
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from statistics import median

import duckdb
import pyarrow as pa

from logd.backends.index.elasticsearch_body import bodies
from logd.backends.index.elasticsearch_mapping import restored_template
from logd.config.schema import Elasticsearch
from logd.parse.parsing import Parsing
from logd.parse.plan import Parser
from logd.parse.window import Limits
from tests.bench.bench import Bench
from tests.bench.case_chunks import FULL_LINES, chunks
from tests.bench.case_cluster_elasticsearch import message_of, send
from tests.bench.logd_server import AHEAD_SECONDS
from tests.bench.report import GOAL_LINES, Line
from tests.services import Running
from tests.services.elasticsearch import ask
from tests.support.restores import ID, Archived
from tests.support.rows import DAY_US

_MOST_LINES = 200_000
#: Each, after one whose time is Java's, which compiles.
_RUNS = 3
_SERVICES = 200
_GOAL_SHARE = 0.9
_INDEX = "restored-loader"
_SETTINGS = Elasticsearch()


def tiers_restore(bench: Bench) -> Line:
    """µs a record, by the clock; the ratio is to the loader's."""
    server = bench.engines.elasticsearch
    made = islice(chunks(bench.corpus, FULL_LINES, _SERVICES), _MOST_LINES // FULL_LINES)
    parsing = Parsing(lambda: Parser("UTC", Limits(0, AHEAD_SECONDS)))
    tables = [parsing.parse([message_of(place, chunk)])[0].table for place, chunk in enumerate(made)]
    parsing.close()
    rows = pa.concat_tables(tables)
    prepared = _prepared(rows)
    restored, loaded = [], []
    for _ in range(1 + (_RUNS if bench.corpus.lines >= GOAL_LINES else 1)):
        folder = bench.engines.new_folder("restore")
        folder.mkdir(exist_ok=True)
        restored.append(asyncio.run(_by_logd(server.url, folder, rows)) * 1_000_000 / len(rows))
        loaded.append(_by_loader(server, prepared) * 1_000_000 / len(rows))
    value, other = median(restored[1:]), median(loaded[1:])
    return Line(
        "tiers_restore",
        value,
        "µs a record",
        len(rows),
        goal=other / _GOAL_SHARE,
        ratio=value / other,
        note="ratio to bodies that were made before",
        more={"prepared": other, "least": min(restored[1:]), "most": max(restored[1:])},
    )


async def _by_logd(url: str, folder: Path, rows: pa.Table) -> float:
    """The seconds until all are searchable."""
    archived = await Archived.open(url, folder)
    try:
        times = rows["timestamp"].cast(pa.int64()).to_numpy()
        day = int(times.min()) // DAY_US
        await archived.add_table("DEFAULT", day, rows, group_rows=30_000)
        await archived.wanted(int(times.min()), int(times.max()) + 1)
        started = time.perf_counter()
        with warnings.catch_warnings():
            # aiohttp says of bodies of over a megabyte that they might hold the loop up for too long.
            warnings.simplefilter("ignore", ResourceWarning)
            await archived.restorer.step()
        took = time.perf_counter() - started
        one = await archived.is_now()
        if (one.state, one.rows) != ("done", len(rows)):
            raise RuntimeError(f"{one.rows} of {len(rows)} records were put back: {one.state} {one.error}")
        for name in await archived.indices.names(ID):
            await archived.indices.delete(name)
        return took
    finally:
        await archived.close()
        await archived.world.close()


def _prepared(rows: pa.Table) -> Sequence[bytes]:
    connection = duckdb.connect(config={"threads": 1})
    try:
        parts = (rows.slice(at, _SETTINGS.bulk_rows) for at in range(0, len(rows), _SETTINGS.bulk_rows))
        return [bytes(body.text) for part in parts for body in bodies(connection, part)]
    finally:
        connection.close()


def _by_loader(server: Running, prepared: Sequence[bytes]) -> float:
    """The same, into an index of its own."""
    settings = Elasticsearch(shards=1, replicas=0)
    ask(server.port, "PUT", "/_index_template/logd-restored", restored_template(settings))
    ask(server.port, "PUT", f"/{_INDEX}")
    started = time.perf_counter()
    with ThreadPoolExecutor(_SETTINGS.bulks_in_flight) as pool:
        shares = [list(prepared[at :: _SETTINGS.bulks_in_flight]) for at in range(_SETTINGS.bulks_in_flight)]
        for sent in [pool.submit(send, server.port, share, _INDEX) for share in shares]:
            sent.result()
    ask(server.port, "POST", f"/{_INDEX}/_refresh")
    took = time.perf_counter() - started
    ask(server.port, "DELETE", f"/{_INDEX}")
    return took
