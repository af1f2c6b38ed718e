"""The searches that are timed: the same question in logd's and in VictoriaLogs' language, with its true answer."""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from tests.bench.corpus import Corpus

LIMIT = 100


@dataclass(frozen=True)
class Query:
    """Newest LIMIT records of a filter, after `offset` others; or the oldest.

    `needle` stands in the bytes of every line that may match and `matches` decides on the parsed line: from them,
    `truth` tells what a right answer holds.
    """

    logd: Mapping[str, str]
    logsql: str
    needle: bytes
    matches: Callable[[Mapping[str, Any]], bool]
    offset: int = 0
    oldest: bool = False

    def truth(self, corpus: Corpus) -> list[datetime]:
        """Times of the matching lines, newest first."""
        times: list[datetime] = []
        for line in corpus.lines_oldest_first() if self.oldest else corpus.lines_newest_first():
            if self.needle in line and self.matches(record := orjson.loads(line)):
                times.append(datetime.fromisoformat(record["timestamp"]))
                if len(times) == self.offset + LIMIT:
                    break
        return sorted(times[self.offset :], reverse=True)


@dataclass(frozen=True)
class Counts:
    """How many records there are by `seconds` and level."""

    seconds: int

    def truth(self, corpus: Corpus) -> dict[tuple[int, str], int]:
        """By the start of the interval, in Unix s, and level."""
        counts: Counter[tuple[int, str]] = Counter()
        for line in corpus.lines_oldest_first():
            record = orjson.loads(line)
            second = int(datetime.fromisoformat(record["timestamp"]).timestamp())
            counts[second - second % self.seconds, record["level"]] += 1
        return dict(counts)


Question = Query | Counts


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


def newest_level_service(corpus: Corpus) -> Query:
    """A level of a service: 0.4 % of the lines."""

    def matches(record: Mapping[str, Any]) -> bool:
        return bool(record["level"] == "ERROR" and record["service"] == "payment")

    return Query({"level": "ERROR", "service": "payment"}, '{service="payment"} level:=ERROR', b"ERROR", matches)


def newest_not(corpus: Corpus) -> Query:
    """All lines without a word, which are nearly all."""
    return Query({"q": "NOT timeout"}, "!timeout", b"", lambda record: "timeout" not in record["message"])


def newest_prefix(corpus: Corpus) -> Query:
    """Words that begin so, in 90 % of the lines."""
    return Query({"q": "request_id*"}, "request_id*", b"request_id", lambda record: "request_id" in record["message"])


def newest_inner_wildcard(corpus: Corpus) -> Query:
    """Words with something inside, in 2.5 % of the lines; the peer has only a part of the text for it."""
    return Query({"q": "*imeou*"}, '~"imeou"', b"imeou", lambda record: "imeou" in record["message"])


def newest_raw_regex(corpus: Corpus) -> Query:
    """A regular expression anywhere in the text, in 0.3 % of the lines."""
    found = re.compile(r"line 4[0-9]+")
    return Query(
        {"q": "message.raw:/line 4[0-9]+/"},
        '~"line 4[0-9]+"',
        b"line 4",
        lambda record: found.search(record["message"]) is not None,
    )


def newest_numeric_range(corpus: Corpus) -> Query:
    """A number in the metadata, between two values."""

    def matches(record: Mapping[str, Any]) -> bool:
        return bool(100 <= record["metadata"]["duration_ms"] <= 101)

    bounds = "[100 TO 101]"
    return Query(
        {"q": f"duration_ms:{bounds}"}, f"metadata.duration_ms:range{bounds.replace(' TO ', ', ')}", b"", matches
    )


def absent_word(corpus: Corpus) -> Query:
    """A word in no line."""
    return Query({"q": "zyzzyva"}, "zyzzyva", b"zyzzyva", lambda record: True)


def newest_all(corpus: Corpus) -> Query:
    """No filter at all."""
    return Query({}, "*", b"", lambda record: True)


def deep_page(corpus: Corpus) -> Query:
    """No filter, 5,000 records down."""
    return Query({"offset": "5000"}, "*", b"", lambda record: True, offset=5_000)


def oldest_all(corpus: Corpus) -> Query:
    """No filter, from the other end."""
    return Query({"sort": "oldest"}, "*", b"", lambda record: True, oldest=True)


def oldest_word(corpus: Corpus) -> Query:
    """A word in 2.5 % of the lines, from the other end."""
    return Query({"q": "timeout", "sort": "oldest"}, "timeout", b"timeout", lambda record: True, oldest=True)


def count_10s_level(corpus: Corpus) -> Counts:
    """Some twenty intervals for each million lines."""
    return Counts(10)


def histogram_level(corpus: Corpus) -> Counts:
    """As a chart over all would have it: two hundred intervals for each million lines."""
    return Counts(1)


def one_trace_id(corpus: Corpus) -> Query:
    """The trace id of the line in the middle of the corpus: one hit."""
    trace_id = str(orjson.loads(corpus.line(corpus.lines // 2))["metadata"]["trace_id"])
    return Query(
        {"q": f"trace_id:{trace_id}"}, f'"metadata.trace_id":="{trace_id}"', trace_id.encode(), lambda record: True
    )
