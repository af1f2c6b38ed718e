"""All records of a time, as NDJSON."""

import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import Self
from urllib.parse import urlencode

import orjson

from tests.bench.corpus import Corpus, time_of
from tests.bench.question import Span, logsql

_IDS = re.compile(rb'trace_id":"([0-9a-f]{32})"')


@dataclass(frozen=True)
class Export:
    """logd gives them newest first, VictoriaLogs as they come."""

    span: Span

    @classmethod
    def of(cls, corpus: Corpus, lines: int) -> Self:
        """The newest, and those of the same millisecond as the last of them."""
        oldest = deque(islice(corpus.lines_newest_first(), lines), maxlen=1).pop()
        return cls(Span(time_of(oldest), corpus.newest() + timedelta(milliseconds=1)))

    def logd(self) -> str:
        """An export."""
        times = {name: value for name, value in self.span.logd.items() if name != "max_age"}
        return f"/api/v1/logs/export?{urlencode({**times, 'format': 'ndjson'})}"

    def victoria_logs(self) -> Mapping[str, str]:
        """A query without a limit, which gives all of them."""
        return {"query": logsql(self.span.logsql)}

    def truth(self, corpus: Corpus) -> set[bytes]:
        """Their trace ids."""
        ids: set[bytes] = set()
        for line in corpus.lines_newest_first():
            record = orjson.loads(line)
            if self.span.begin is not None and time_of(line) < self.span.begin:
                break
            ids.add(record["metadata"]["trace_id"].encode())
        return ids

    def is_right(self, system: str, body: bytes, truth: set[bytes]) -> bool:
        """A line for each."""
        return body.count(b"\n") == len(truth) and set(_IDS.findall(body)) == truth
