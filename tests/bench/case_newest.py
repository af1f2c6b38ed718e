"""Pages of hits: how long 100 records of a filter take, see `timing`."""

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import orjson

from tests.bench.ask_hits import Hits
from tests.bench.bench import Bench
from tests.bench.corpus import Corpus
from tests.bench.report import GOAL_LINES, Line
from tests.bench.timing import timed

_Record = Mapping[str, Any]
_PHRASE = "upstream 503 from"
_CODE = re.compile(r"line 4[0-9]+")
_404 = re.compile(r"\b404\b")
_402 = re.compile(r"\b402\b")
_TIMEOUT = Hits({"q": "timeout"}, "timeout", b"timeout")
#: A fifth of the peer's time is the goal of those that most people ask most, from so many lines on.
_MANY_LINES = 50_000_000
_FIFTH = frozenset(["newest100_word", "newest100_all", "newest100_absent"])
_TRACE_MS = 10.0
#: Or the peer's, beyond GOAL_LINES.
_TRACE_OF_MANY_MS = 20.0


def _has(text: str) -> Callable[[_Record], bool]:
    return lambda record: text in record["message"]


def _is(level: str, service: str) -> Callable[[_Record], bool]:
    return lambda record: record["level"] == level and record["service"] == service


def _is_put_404(record: _Record) -> bool:
    return record["message"].startswith("PUT ") and _404.search(record["message"]) is not None


def _is_declined_402(record: _Record) -> bool:
    return "declined" in record["message"] and _402.search(record["message"]) is not None


def _is_near_100(record: _Record) -> bool:
    return bool(100 <= record["metadata"]["duration_ms"] <= 101)


_QUESTIONS: Mapping[str, Hits] = {
    # A word in 2.5 % of the lines.
    "newest100_word": _TIMEOUT,
    # With a stream filter, VictoriaLogs' fast form.
    "newest100_word_service": Hits(
        {"q": "timeout", "service": "payment"},
        '{service="payment"} timeout',
        b"timeout",
        lambda record: record["service"] == "payment",
    ),
    # Both, in 6 % of the lines.
    "newest100_two_words": Hits({"q": "PUT AND 404"}, "PUT 404", b"PUT", _is_put_404),
    # Both in one line of 40,000, each in many more.
    "newest100_two_rare": Hits({"q": "declined AND 402"}, "declined 402", b"declined", _is_declined_402),
    # Three words in a row, in 2.5 %.
    "newest100_phrase": Hits({"q": f'"{_PHRASE}"'}, f'"{_PHRASE}"', _PHRASE.encode(), _has(_PHRASE)),
    # 3 %, and 0.4 %.
    "newest100_level": Hits({"level": "ERROR"}, "level:=ERROR", b"ERROR", lambda record: record["level"] == "ERROR"),
    "newest100_level_service": Hits(
        {"level": "ERROR", "service": "payment"},
        '{service="payment"} level:=ERROR',
        b"ERROR",
        _is("ERROR", "payment"),
    ),
    # Nearly all lines.
    "newest100_not": Hits({"q": "NOT timeout"}, "!timeout", matches=lambda record: "timeout" not in record["message"]),
    # 90 %.
    "newest100_prefix": Hits({"q": "request_id*"}, "request_id*", b"request_id", _has("request_id")),
    # 2.5 %; the peer has only a part of the text for it.
    "newest100_inner_wildcard": Hits({"q": "*imeou*"}, '~"imeou"', b"imeou", _has("imeou")),
    # Anywhere in the text, in 0.3 %.
    "newest100_raw_regex": Hits(
        {"q": "message.raw:/line 4[0-9]+/"},
        '~"line 4[0-9]+"',
        b"line 4",
        lambda record: _CODE.search(record["message"]) is not None,
    ),
    # A number in the metadata, in 0.5 %.
    "newest100_numeric_range": Hits(
        {"q": "duration_ms:[100 TO 101]"}, "metadata.duration_ms:range[100, 101]", matches=_is_near_100
    ),
    # In no line.
    "newest100_absent": Hits({"q": "zyzzyva"}, "zyzzyva", b"zyzzyva"),
    "newest100_all": Hits({}, "*"),
    # Of all, 5,000 records down.
    "page_5000": Hits({"offset": "5000"}, "*", offset=5_000),
    "oldest100_all": Hits({"sort": "oldest"}, "*", oldest=True),
    "oldest100_word": Hits({"q": "timeout", "sort": "oldest"}, "timeout", b"timeout", oldest=True),
}


def _newest(case: str, bench: Bench) -> Line:
    fifth = case in _FIFTH and bench.corpus.lines >= _MANY_LINES
    return timed(bench, case, _QUESTIONS[case], goal_ratio=0.2 if fifth else 1.0)


def newest100_word_total(bench: Bench) -> Line:
    """A word, with the default total: a second figure, without a goal."""
    question = Hits(_TIMEOUT.parameters, _TIMEOUT.query, _TIMEOUT.needle, total=True)
    return timed(bench, "newest100_word_total", question, goal_ratio=None)


def trace_id(bench: Bench) -> Line:
    """One trace id, of a line in the middle of the corpus: one hit. At most 10 ms at 1 M lines; beyond that 20 ms."""
    question = one_trace_id(bench.corpus)
    goal = _TRACE_MS if bench.corpus.lines <= GOAL_LINES else _TRACE_OF_MANY_MS
    return timed(bench, "one_trace_id", question, goal=goal)


def one_trace_id(corpus: Corpus) -> Hits:
    """The question."""
    trace = str(orjson.loads(corpus.middle())["metadata"]["trace_id"])
    return Hits({"q": f"trace_id:{trace}"}, f'"metadata.trace_id":="{trace}"', trace.encode())


CASES: Mapping[str, Callable[[Bench], Line]] = {
    **{name: partial(_newest, name) for name in _QUESTIONS},
    "newest100_word_total": newest100_word_total,
    "one_trace_id": trace_id,
}
