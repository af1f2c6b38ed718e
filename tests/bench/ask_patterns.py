"""The templates of messages with their counts.

VictoriaLogs counts messages with their numbers masked, which it calls collapse_nums; it merges nothing.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urlencode

import orjson

from logd.patterns.templates import templates
from tests.bench.corpus import Corpus
from tests.bench.corpus_columns import rows
from tests.bench.question import ALL, Span, logsql
from tests.support.naive_patterns import mask

#: More than these are looked at in part: of every corpus they have all templates.
_MOST_LINES = 1_000_000
_ALL = 500


class Truth(NamedTuple):
    """`counts` is by template; of too many lines to look at, its counts aren't those of all."""

    counts: Mapping[str, int]
    lines: int
    whole: bool


@dataclass(frozen=True)
class Patterns:
    """Of a time, and a level; `top` is how many, all unless told."""

    span: Span = ALL
    level: str = ""
    top: int | None = None

    def logd(self) -> str:
        """Patterns."""
        asked = {"limit": str(self.top or _ALL), **self.span.logd, **({"level": self.level} if self.level else {})}
        return f"/api/v1/logs/patterns?{urlencode(asked)}"

    def victoria_logs(self) -> Mapping[str, str]:
        """Two pipes."""
        level = f" level:={self.level}" if self.level else ""
        query = f"{self.span.logsql}{level}".removeprefix("* ") + " | collapse_nums"
        if self.top is not None:
            return {"top_pipe": logsql(f"{query} | top {self.top} by (_msg)")}
        return {"stats_pipe": logsql(f"{query} | stats by (_msg) count() hits")}

    def truth(self, corpus: Corpus) -> Truth:
        """Of the masks that a naive reader gives."""
        level = f" AND level = '{self.level}'" if self.level else ""
        where = f"FROM lines WHERE {self.span.sql}{level}"
        ((lines,),) = rows(corpus, f"SELECT count(*) {where}")
        messages = rows(corpus, f"SELECT message {where} LIMIT {_MOST_LINES}")
        masks = Counter(mask(message) for (message,) in messages)
        of_mask = templates(masks, lambda: None)
        counts: Counter[str] = Counter()
        for one, count in masks.items():
            counts[of_mask[one]] += count
        return Truth(counts, lines, lines <= _MOST_LINES)

    def is_right(self, system: str, body: bytes, truth: Truth) -> bool:
        """The same templates, of which the corpus has fewer than anybody asks for, and counts that add up."""
        if system != "logd":
            return sum(int(orjson.loads(line)["hits"]) for line in body.splitlines()) == truth.lines
        found = {one["template"]: one["count"] for one in orjson.loads(body)["patterns"]}
        same = found == truth.counts if truth.whole else found.keys() == truth.counts.keys()
        return same and sum(found.values()) == truth.lines
