"""The searches that are timed: the same question in logd's and in VictoriaLogs' language, with its true answer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from tests.bench.corpus import Corpus

LIMIT = 100


@dataclass(frozen=True)
class Query:
    """Newest LIMIT records of a filter.

    `needle` stands in the bytes of every line that may match and `matches` decides on the parsed line: from them,
    `truth` tells what a right answer holds.
    """

    logd: Mapping[str, str]
    logsql: str
    needle: bytes
    matches: Callable[[Mapping[str, Any]], bool]

    def truth(self, corpus: Corpus) -> list[datetime]:
        """Times of the newest LIMIT matching lines, newest first."""
        times: list[datetime] = []
        for line in corpus.lines_newest_first():
            if self.needle in line and self.matches(record := orjson.loads(line)):
                times.append(datetime.fromisoformat(record["timestamp"]))
                if len(times) == LIMIT:
                    break
        return times


def newest_word(corpus: Corpus) -> Query:
    """A word in 2.5 % of the lines."""
    return Query({"q": "timeout"}, "timeout", b"timeout", lambda record: "timeout" in record["message"])


def newest_word_service(corpus: Corpus) -> Query:
    """The word, of one service of seven; VictoriaLogs gets its fast form, a stream filter."""

    def matches(record: Mapping[str, Any]) -> bool:
        return "timeout" in record["message"] and record["service"] == "payment"

    return Query({"q": "timeout", "service": "payment"}, '{service="payment"} timeout', b"timeout", matches)


def newest_phrase(corpus: Corpus) -> Query:
    """Three words in a row, in 2.5 % of the lines."""
    phrase = "upstream 503 from"
    return Query({"q": f'"{phrase}"'}, f'"{phrase}"', phrase.encode(), lambda record: phrase in record["message"])


def newest_level(corpus: Corpus) -> Query:
    """A level of 3 % of the lines."""
    return Query({"level": "ERROR"}, "level:=ERROR", b"ERROR", lambda record: record["level"] == "ERROR")


def absent_word(corpus: Corpus) -> Query:
    """A word in no line."""
    return Query({"q": "zyzzyva"}, "zyzzyva", b"zyzzyva", lambda record: True)


def newest_all(corpus: Corpus) -> Query:
    """No filter at all."""
    return Query({}, "*", b"", lambda record: True)


def one_trace_id(corpus: Corpus) -> Query:
    """The trace id of the line in the middle of the corpus: one hit."""
    trace_id = str(orjson.loads(corpus.line(corpus.lines // 2))["metadata"]["trace_id"])
    return Query(
        {"q": f"trace_id:{trace_id}"}, f'"metadata.trace_id":="{trace_id}"', trace_id.encode(), lambda record: True
    )
