"""A figure of groups: how many records they have, or of a number the mean or a percentile."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

import orjson

from tests.bench.corpus import Corpus
from tests.bench.corpus_columns import rows
from tests.bench.question import logsql

Groups = Mapping[tuple[str, ...], float]


@dataclass(frozen=True)
class Figures:
    """VictoriaLogs is asked to call it `n`, and may estimate percentiles. `word` stands in every message that counts,
    and in no other; `top` is given where groups may be equal, and others of them be on top."""

    parameters: Mapping[str, str]
    query: str
    by: Sequence[str]
    hours: bool = False
    number: str | None = None
    share: float | None = None
    top: int | None = None
    word: str = ""

    def logd(self) -> str:
        """Stats."""
        return f"/api/v1/logs/stats?{urlencode(self.parameters)}"

    def victoria_logs(self) -> Mapping[str, str]:
        """A pipe."""
        return {"stats_pipe": logsql(self.query)}

    def truth(self, corpus: Corpus) -> Groups:
        """By the hour, if it is by hours, and the values of `by`."""
        hour = ["strftime(timestamp, '%Y-%m-%dT%H')"] if self.hours else []
        groups = ", ".join([*hour, *(f"{name}::VARCHAR" for name in self.by)])
        figure = "count(*)"
        if self.number is not None:
            figure = f"avg({self.number})" if self.share is None else f"quantile_disc({self.number}, {self.share})"
        sql = f"SELECT {groups}, {figure} AS figure FROM lines WHERE contains(message, $1) GROUP BY ALL"
        ordered = f"{sql} ORDER BY figure DESC" + ("" if self.top is None else f" LIMIT {self.top}")
        return {tuple(group): figure for *group, figure in rows(corpus, ordered, [self.word])}

    def is_right(self, system: str, body: bytes, truth: Groups) -> bool:
        """The same groups, with figures within 2 % where they may be estimated."""
        answer = self._logd(body) if system == "logd" else self._victoria_logs(body)
        if self.top is not None:
            return sorted(answer.values()) == sorted(truth.values())
        near = 0.02 if self.share is not None else 1e-9
        return answer.keys() == truth.keys() and all(
            abs(answer[group] - figure) <= near * figure for group, figure in truth.items()
        )

    def _logd(self, body: bytes) -> Groups:
        found: dict[tuple[str, ...], float] = {}
        for group in orjson.loads(body)["groups"]:
            for part in group.get("buckets", [group]):
                hour = (part["start"][:13],) if self.hours else ()
                figure = part["count"] if self.number is None else next(iter(part["stats"].values()))
                found[(*hour, *group["values"].values())] = figure
        return found

    def _victoria_logs(self, body: bytes) -> Groups:
        found: dict[tuple[str, ...], float] = {}
        for row in map(orjson.loads, body.splitlines()):
            hour = (row["_time"][:13],) if self.hours else ()
            found[(*hour, *(row.get(name) or row[f"metadata.{name}"] for name in self.by))] = float(row["n"])
        return found
