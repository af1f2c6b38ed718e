"""The newest records of a filter, or the oldest."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import orjson

from tests.bench.corpus import Corpus
from tests.bench.question import logsql

LIMIT = 100


@dataclass(frozen=True)
class Hits:
    """LIMIT of them, after `offset` others.

    `needle` stands in the bytes of every line that may match and `matches` decides on the parsed line: from them,
    `truth` tells what a right answer holds. `total`: logd also counts them, exactly to 10,000; VictoriaLogs counts
    nothing.
    """

    parameters: Mapping[str, str]
    query: str
    needle: bytes = b""
    matches: Callable[[Mapping[str, Any]], bool] = field(default=lambda record: True)
    offset: int = 0
    oldest: bool = False
    total: bool = False

    def logd(self) -> str:
        """A page."""
        total = {} if self.total else {"track_total_hits": "false"}
        return f"/api/v1/logs/search?{urlencode({**self.parameters, 'limit': str(LIMIT), **total})}"

    def victoria_logs(self) -> Mapping[str, str]:
        """Its two ways to the newest records, of which the filter decides which is faster; else its only one."""
        order = "" if self.oldest else " desc"
        offset = f" offset {self.offset}" if self.offset else ""
        forms = {"sort_pipe": logsql(f"{self.query} | sort by (_time){order}{offset} limit {LIMIT}")}
        if not self.oldest and not self.offset:
            forms["limit_argument"] = logsql(self.query, limit=str(LIMIT))
        return forms

    def truth(self, corpus: Corpus) -> list[datetime]:
        """Times of the matching lines, newest first."""
        times: list[datetime] = []
        for line in corpus.lines_oldest_first() if self.oldest else corpus.lines_newest_first(self.needle):
            if self.needle in line and self.matches(record := orjson.loads(line)):
                times.append(datetime.fromisoformat(record["timestamp"]))
                if len(times) == self.offset + LIMIT:
                    break
        return sorted(times[self.offset :], reverse=True)

    def is_right(self, system: str, body: bytes, truth: list[datetime]) -> bool:
        """The same times."""
        if system == "logd":
            texts = [record["timestamp"] for record in orjson.loads(body)["logs"]]
        else:
            texts = [orjson.loads(line)["_time"] for line in body.splitlines()]
        return sorted(map(datetime.fromisoformat, texts), reverse=True) == truth
