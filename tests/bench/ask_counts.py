"""How many records there are by time and level, as a chart over a search shows them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlencode

import orjson

from tests.bench.corpus import Corpus
from tests.bench.corpus_columns import rows
from tests.bench.question import ALL, Span, logsql

Cells = Mapping[tuple[int, str], int]


@dataclass(frozen=True)
class Counts:
    """By `seconds`, aligned to the epoch, and level."""

    seconds: int
    span: Span = ALL

    def logd(self) -> str:
        """A histogram."""
        asked = {"interval": f"{self.seconds}s", "by": "level", **self.span.logd}
        return f"/api/v1/logs/histogram?{urlencode(asked)}"

    def victoria_logs(self) -> Mapping[str, str]:
        """A pipe."""
        stats = f"{self.span.logsql} | stats by (_time:{self.seconds}s, level) count() n"
        return {"stats_pipe": logsql(stats)}

    def truth(self, corpus: Corpus) -> Cells:
        """By the start of the interval, in Unix s, and level."""
        sql = (
            f"SELECT epoch_ms(timestamp) // 1000 // $1 * $1 AS start, level, count(*) FROM lines WHERE {self.span.sql}"
            " GROUP BY ALL"
        )
        return {(start, level): count for start, level, count in rows(corpus, sql, [self.seconds])}

    def is_right(self, system: str, body: bytes, truth: Cells) -> bool:
        """The same counts."""
        return (_logd if system == "logd" else _victoria_logs)(body) == truth


def _logd(body: bytes) -> Cells:
    answer = orjson.loads(body)
    levels = [one["value"] for one in answer["values"]]
    cells = {
        (_second(bucket["start"]), level): count
        for bucket in answer["buckets"]
        for level, count in zip(levels, bucket["counts"], strict=True)
    }
    return {cell: count for cell, count in cells.items() if count}


def _victoria_logs(body: bytes) -> Cells:
    cells = map(orjson.loads, body.splitlines())
    return {(_second(cell["_time"]), cell["level"]): int(cell["n"]) for cell in cells}


def _second(text: str) -> int:
    return int(datetime.fromisoformat(text).astimezone(UTC).timestamp())
