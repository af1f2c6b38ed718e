"""Messages of made-up times for shedding, and what is left of their records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from logd.chunk import Message
from logd.config.shaping import SheddingTable
from logd.enrich.shedding import Episode, Shed, Shedding
from tests.support.shaping import rows, table

SECOND = 1_000_000
START = 1_700_000_000 * SECOND
LEVELS = ("TRACE", "DEBUG", "INFO", None, "WARN", "ERROR", "FATAL")
#: A window a second, known after five, five times what is usual and over 20 a second.
SPIKES = SheddingTable(
    spike_factor=5,
    spike_lines_per_second=20,
    window_seconds=1,
    baseline_seconds=600,
    warm_up_seconds=5,
    keep=0.25,
)
LAGS = SheddingTable(lag_seconds=100, keep=0.25)


class Stream:
    """Messages one after another, each of some records, and what is left of them."""

    def __init__(self, settings: SheddingTable) -> None:
        self.shedding = Shedding(settings)
        self.now_us = START
        self._positions: dict[int, int] = {}
        self._numbers = 0
        self.counts: dict[tuple[str, str], int] = {}
        self.episodes: Sequence[Episode] = ()

    def records(self, count: int, level: str | None = "DEBUG", service: str | None = "web") -> list[dict[str, Any]]:
        """With a log_id each."""
        self._numbers += count
        numbers = range(self._numbers - count, self._numbers)
        return [
            {"log_id": f"{7:016x}-{number:012x}", "level": level, "service": service, "message": "m"}
            for number in numbers
        ]

    def message(self, taken_us: int, partition: int = 0, **headers: str) -> Message:
        """The next one of a partition."""
        position = self._positions.get(partition, 0)
        self._positions[partition] = position + 1
        return Message(partition, position, taken_us, "", headers, b"")

    def shed(self, *parts: tuple[Message, Sequence[Mapping[str, Any]]], kept: Sequence[bool] | None = None) -> Shed:
        """A batch of messages, now."""
        records = [record for _, some in parts for record in some]
        mask = None if kept is None else pa.array(kept, pa.bool_())
        found = self.shedding.shed(
            table(records), mask, [one for one, _ in parts], [len(some) for _, some in parts], self.now_us
        )
        for key, count in found.counts.items():
            self.counts[key] = self.counts.get(key, 0) + count
        self.episodes = found.episodes
        return found

    def second(self, count: int, level: str | None = "DEBUG", service: str | None = "web", partition: int = 0) -> int:
        """A second passes, in which so many records come; how many of them are left."""
        self.now_us += SECOND
        return left(self.shed((self.message(self.now_us - 1, partition), self.records(count, level, service))))

    def evenly(self, seconds: int, count: int = 10, **record: Any) -> None:
        """So long nothing is special."""
        for _ in range(seconds):
            assert self.second(count, **record) == count
        assert self.episodes == []


def left(shed: Shed) -> int:
    """How many are stored."""
    return len(shed.table) if shed.kept is None else int(shed.kept.true_count)


def rates(shed: Shed) -> list[Any]:
    """The sample_rate of each kept record."""
    return [(record["metadata"] or {}).get("sample_rate") for record in rows(shed)]
