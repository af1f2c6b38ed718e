"""The templates of messages with their counts.

VictoriaLogs counts messages with their numbers masked, which it calls collapse_nums; it merges nothing.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

import orjson

from logd.patterns.templates import templates
from tests.bench.corpus import Corpus
from tests.bench.corpus_columns import rows
from tests.bench.question import ALL, Span, logsql
from tests.support.naive_patterns import mask

_ALL = 500
#: As a mask has it, of lines like the corpus': what a naive reader then has to look at is little.
_MASKED = "regexp_replace(message, '[^ ]*[0-9][^ ]*', '<*>', 'g')"


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

    def truth(self, corpus: Corpus) -> Mapping[str, int]:
        """How many lines each template has, of the masks that a naive reader gives."""
        level = f" AND level = '{self.level}'" if self.level else ""
        counted = rows(corpus, f"SELECT {_MASKED}, count(*) FROM lines WHERE {self.span.sql}{level} GROUP BY ALL")
        masks: Counter[str] = Counter()
        for message, count in counted:
            masks[mask(message)] += count
        of_mask = templates(masks, lambda: None)
        counts: Counter[str] = Counter()
        for one, count in masks.items():
            counts[of_mask[one]] += count
        return counts

    def is_right(self, system: str, body: bytes, truth: Mapping[str, int]) -> bool:
        """The same templates, of which the corpus has fewer than anybody asks for. VictoriaLogs' add up."""
        if system != "logd":
            return sum(int(orjson.loads(line)["hits"]) for line in body.splitlines()) == sum(truth.values())
        return {one["template"]: one["count"] for one in orjson.loads(body)["patterns"]} == truth
