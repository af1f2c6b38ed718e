"""What a search is asked that is timed: the same in logd's and in VictoriaLogs' language, with its true answer."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from urllib.parse import urlencode

from tests.bench.corpus import Corpus

LOGSQL = "/select/logsql/query"


class Question(Protocol):
    """`system` is a System's name."""

    def logd(self) -> str:
        """The target of the GET."""

    def victoria_logs(self) -> Mapping[str, str]:
        """Targets that each give the answer, by the name of the form; the fastest counts."""

    def truth(self, corpus: Corpus) -> Any:
        """What a right answer holds, from the corpus alone."""

    def is_right(self, system: str, body: bytes, truth: Any) -> bool:
        """Whether the body of an answer holds that."""


def logsql(query: str, **arguments: str) -> str:
    """The target of a query of VictoriaLogs."""
    return f"{LOGSQL}?{urlencode({'query': query, **arguments})}"


class Span:
    """From a time on and before another one, both in whole milliseconds, which may be open."""

    def __init__(self, begin: datetime | None = None, end: datetime | None = None) -> None:
        self.begin = begin
        self.end = end

    @property
    def logd(self) -> dict[str, str]:
        """As parameters. An answer about what was over long ago isn't taken from the cache, which is a case of its
        own."""
        times = {"from": self.begin, "to": self.end}
        given = {name: time_text(time) for name, time in times.items() if time is not None}
        return {**given, "max_age": "0"} if given else {}

    @property
    def logsql(self) -> str:
        """As a filter."""
        if self.begin is None or self.end is None:
            return "*"
        return f"_time:[{time_text(self.begin)}, {time_text(self.end)})"

    @property
    def sql(self) -> str:
        """As a condition on the corpus' columns."""
        if self.begin is None or self.end is None:
            return "true"
        begin, end = (time.replace(tzinfo=None).isoformat(sep=" ") for time in (self.begin, self.end))
        return f"timestamp >= TIMESTAMP '{begin}' AND timestamp < TIMESTAMP '{end}'"


ALL = Span()


def last(corpus: Corpus, span: timedelta) -> Span:
    """The end of the corpus."""
    end = corpus.newest() + timedelta(milliseconds=1)
    return Span(end - span, end)


def time_text(time: datetime) -> str:
    """In UTC, with milliseconds."""
    return time.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
