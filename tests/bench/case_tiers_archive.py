"""What a line costs on its way from a message to objects, and what it costs, and how many bytes it takes with its skip
index, once it is compacted.

CPU is of the whole process, user and system, over all threads: reading the chunks, parsing, sorting, writing, putting
the files into a folder. Kafka's driver isn't in it: `cluster_sink` has what that costs.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median

from logd.backends.index.policies import Assignment
from logd.backends.objects.folder import FolderObjects
from logd.chunk import Message
from logd.config.schema import Config
from logd.flow.clock import now_us
from logd.parse.parsing import Parsing
from logd.roles.archiving_rows import rows_of
from logd.roles.parsing import parser_of
from logd.tiers.archive import batch
from logd.tiers.archive.batch import Batch
from logd.tiers.archive.files import Local, Writer
from logd.tiers.archive.merging import Merging
from tests.bench.bench import Bench
from tests.bench.case_chunks import FULL_LINES, chunks
from tests.bench.report import Line

#: What a role joins, see parse.join_lines; and what becomes files at once.
_JOINED, _FLUSH_ROWS = 24, 1_000_000
_RUNS = 3
_GOAL_US, _GOAL_BYTES = 8.0, 50.0
_NO_PEER = "no peer is known to do it"


def tiers_archive(bench: Bench) -> Line:
    """CPU from message to object; goal 8 µs a line."""
    runs = [_archived(bench) for _ in range(_RUNS)]
    cpu_us = [seconds * 1e6 / bench.corpus.lines for seconds, _, _ in runs]
    more = {"least": min(cpu_us), "most": max(cpu_us), "bytes_a_line": runs[0][1], "compaction_us": runs[0][2]}
    return Line(
        "tiers_archive", median(cpu_us), "CPU µs a line", bench.corpus.lines, goal=_GOAL_US, note=_NO_PEER, more=more
    )


def tiers_archive_bytes(bench: Bench) -> Line:
    """Files with their skip indexes; goal 50 bytes a line."""
    _, size, _ = _archived(bench)
    return Line("tiers_archive_bytes", size, "bytes a line", bench.corpus.lines, goal=_GOAL_BYTES, note=_NO_PEER)


def _archived(bench: Bench) -> tuple[float, float, float]:
    """CPU seconds, then of a compaction bytes a line with skip indexes, and CPU µs a line."""
    now = now_us()
    messages = []
    for number, chunk in enumerate(chunks(bench.corpus, FULL_LINES, 1)):
        envelope = chunk.to_envelope()
        messages.append(Message(0, number, now, envelope.key, dict(envelope.headers), envelope.value))
    folder = bench.folder / f"archive-{now}"
    folder.mkdir(parents=True)
    seconds, written = asyncio.run(_run(folder, messages))
    begin = time.process_time()
    size = _compacted(folder, written)
    compaction = (time.process_time() - begin) * 1e6 / bench.corpus.lines
    return seconds, size / bench.corpus.lines, compaction


async def _run(folder: Path, messages: Sequence[Message]) -> tuple[float, list[Local]]:
    objects = await FolderObjects.open(folder / "objects")
    parsing = Parsing(parser_of(Config()))
    policies = Assignment({})
    parsing.parse(messages[:1])
    written: list[Local] = []
    begin = time.process_time()
    held = Batch()
    for start in range(0, len(messages), _JOINED):
        for rows in rows_of(parsing, messages[start : start + _JOINED]):
            held.add(rows.partition, rows.start, rows.end, rows.table, rows.tally, rows.taken_us)
        if held.rows >= _FLUSH_ROWS or start + _JOINED >= len(messages):
            for part in held.parts.values():
                made = batch.write(folder, part, policies, now_us())
                await batch.upload(objects, made)
                written += made
            held = Batch()
    seconds = time.process_time() - begin
    parsing.close()
    await objects.close()
    return seconds, written


def _compacted(folder: Path, written: Sequence[Local]) -> int:
    """As Compaction does it, as if all were of the first hour; the bytes of what comes of it."""
    merging = Merging(folder)
    paths = [(place, local.data) for place, local in enumerate(written)]
    for _, path in paths:
        merging.look(path)
    first = written[0].file

    def begin() -> Writer:
        return Writer(folder, first.policy, first.day, first.hour, "compacted")

    made = merging.merged(paths, merging.losers(), begin, lambda: None)
    size = sum(local.file.size_bytes + local.file.skip_bytes for local in made)
    for local in made:
        local.unlink()
    merging.close()
    for local in written:
        local.unlink()
    return size


CASES: Mapping[str, Callable[[Bench], Line]] = {
    "tiers_archive": tiers_archive,
    "tiers_archive_bytes": tiers_archive_bytes,
}
