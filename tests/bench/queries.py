"""The searches that are timed: the same question in logd's and in VictoriaLogs' language, with its true answer."""

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
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


@dataclass(frozen=True)
class Figures:
    """A figure of groups: how many records they have, or of a number the mean or a percentile. VictoriaLogs is asked to
    call it `n`, and may estimate percentiles. `needle` stands in the bytes of every line that matches."""

    logd: Mapping[str, str]
    logsql: str
    by: Sequence[str]
    hours: bool = False
    number: str | None = None
    share: float | None = None
    top: int | None = None
    needle: bytes = b""

    def truth(self, corpus: Corpus) -> dict[tuple[str, ...], float]:
        """By the hour, if it is by hours, and the values of `by`."""
        groups: dict[tuple[str, ...], list[float]] = {}
        for line in corpus.lines_oldest_first():
            if self.needle not in line:
                continue
            record = orjson.loads(line)
            hour = (record["timestamp"][:13],) if self.hours else ()
            number = 0 if self.number is None else record["metadata"][self.number]
            values = (str(record["metadata"][name] if name in record["metadata"] else record[name]) for name in self.by)
            groups.setdefault((*hour, *values), []).append(number)
        found: dict[tuple[str, ...], float] = {}
        for group, numbers in groups.items():
            if self.number is None:
                found[group] = len(numbers)
            elif self.share is None:
                found[group] = math.fsum(numbers) / len(numbers)
            else:
                found[group] = sorted(numbers)[int(len(numbers) * self.share)]
        return dict(sorted(found.items(), key=lambda one: (-one[1], one[0]))[: self.top])

    def is_right(self, answer: Mapping[tuple[str, ...], float], truth: Mapping[tuple[str, ...], float]) -> bool:
        """The same groups, with figures within 2 % where they may be estimated; of equals others may be on top."""
        if self.top is not None:
            return sorted(answer.values()) == sorted(truth.values())
        near = 0.02 if self.share is not None else 1e-9
        return answer.keys() == truth.keys() and all(
            abs(answer[group] - figure) <= near * figure for group, figure in truth.items()
        )


Question = Query | Counts | Figures


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


def top_services(corpus: Corpus) -> Figures:
    """The seven services, by how many lines they have."""
    logsql = "* | stats by (service) count() n | sort by (n desc) limit 10"
    return Figures({"by": "service", "top": "10"}, logsql, ["service"])


def top_hosts_word(corpus: Corpus) -> Figures:
    """Of the lines with a word, which are 2.5 %, the hosts with the most, of 410."""
    logsql = "timeout | stats by (host) count() n | sort by (n desc, host) limit 10"
    return Figures({"q": "timeout", "by": "host"}, logsql, ["host"], top=10, needle=b"timeout")


def levels_by_hour(corpus: Corpus) -> Figures:
    """A table of hours and levels."""
    logsql = "* | stats by (_time:1h, level) count() n"
    return Figures({"by": "level", "interval": "1h"}, logsql, ["level"], hours=True)


def p99_by_service(corpus: Corpus) -> Figures:
    """Of a number in the metadata, with two decimals."""
    logsql = '* | stats by (service) quantile(0.99, "metadata.duration_ms") n'
    asked = {"by": "service", "aggregate": "p99(duration_ms)"}
    return Figures(asked, logsql, ["service"], number="duration_ms", share=0.99)


def mean_by_service(corpus: Corpus) -> Figures:
    """Of the same number."""
    logsql = '* | stats by (service) avg("metadata.duration_ms") n'
    asked = {"by": "service", "aggregate": "avg(duration_ms)"}
    return Figures(asked, logsql, ["service"], number="duration_ms")


def top_users(corpus: Corpus) -> Figures:
    """Of 50,000 in the metadata those with the most lines."""
    logsql = '* | stats by ("metadata.user_id") count() n | sort by (n desc) limit 10'
    return Figures({"by": "user_id"}, logsql, ["user_id"], top=10)


def one_trace_id(corpus: Corpus) -> Query:
    """The trace id of the line in the middle of the corpus: one hit."""
    trace_id = str(orjson.loads(corpus.line(corpus.lines // 2))["metadata"]["trace_id"])
    return Query(
        {"q": f"trace_id:{trace_id}"}, f'"metadata.trace_id":="{trace_id}"', trace_id.encode(), lambda record: True
    )
