"""What the bench holds for true, against a naive reading of the corpus line by line."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest

from logd.patterns.templates import templates
from tests.bench.ask_counts import Counts
from tests.bench.ask_export import Export
from tests.bench.ask_figures import Figures
from tests.bench.ask_patterns import Patterns
from tests.bench.corpus import Corpus, generate
from tests.bench.elastic_timer import union_seconds
from tests.bench.question import last
from tests.support.naive_patterns import mask

_LINES = 2_000


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    made = Corpus(tmp_path_factory.mktemp("corpus") / "corpus.ndjson", _LINES, 7)
    made.path.write_bytes(b"".join(generate(_LINES, days=7)))
    return made


@pytest.fixture(scope="module")
def records(corpus: Corpus) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in corpus.lines_oldest_first()]


def _time(record: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(record["timestamp"])


def test_counts_of_the_last_day(corpus: Corpus, records: list[dict[str, Any]]) -> None:
    begin = _time(records[-1]) + timedelta(milliseconds=1) - timedelta(days=1)
    seconds = [(int(_time(one).timestamp()), one["level"]) for one in records if _time(one) >= begin]
    assert 200 < len(seconds) < 400
    expected = Counter((second // 600 * 600, level) for second, level in seconds)
    assert Counts(600, last(corpus, timedelta(days=1))).truth(corpus) == expected


def test_figures(corpus: Corpus, records: list[dict[str, Any]]) -> None:
    of = Counter((one["timestamp"][:13], one["level"]) for one in records)
    assert Figures({}, "", ["level"], hours=True).truth(corpus) == of
    hosts = Counter(one["host"] for one in records if "timeout" in one["message"])
    top = sorted(hosts.values(), reverse=True)[:10]
    assert sorted(Figures({}, "", ["host"], top=10, word="timeout").truth(corpus).values(), reverse=True) == top
    mean = Figures({}, "", ["service"], number="duration_ms").truth(corpus)
    cart = [one["metadata"]["duration_ms"] for one in records if one["service"] == "cart"]
    assert mean["cart",] == pytest.approx(sum(cart) / len(cart))
    p99 = Figures({}, "", ["service"], number="duration_ms", share=0.99).truth(corpus)
    assert sorted(cart).index(p99["cart",]) == pytest.approx(0.99 * len(cart), abs=1)


def test_patterns_of_errors(corpus: Corpus, records: list[dict[str, Any]]) -> None:
    masks = Counter(mask(one["message"]) for one in records if one["level"] == "ERROR")
    of_mask = templates(masks, lambda: None)
    truth = Patterns(level="ERROR", top=10).truth(corpus)
    assert truth == Counter(of_mask[one] for one in masks.elements())
    assert len(truth) > 1
    body = orjson.dumps({"patterns": [{"template": one, "count": count} for one, count in truth.items()]})
    assert Patterns().is_right("logd", body, truth)
    assert not Patterns().is_right("logd", body, Counter(truth) + Counter(["another"]))


def test_an_export_has_the_newest_lines(corpus: Corpus, records: list[dict[str, Any]]) -> None:
    newest = {one["metadata"]["trace_id"].encode() for one in records[-100:]}
    question = Export.of(corpus, 100)
    assert question.truth(corpus) == newest
    body = b"".join(b'{"trace_id":"%b"}\n' % one for one in newest)
    assert question.is_right("logd", body, newest)
    assert not question.is_right("logd", body + body[:50], newest)


def test_waits_that_overlap_count_once() -> None:
    assert union_seconds([(1.0, 2.0), (1.5, 3.0), (2.0, 2.5), (4.0, 9.0)], 0.5, 5.0) == 3.0
    assert union_seconds([(0.0, 1.0)], 0.5, 5.0) == 0.5
    assert union_seconds([], 0.5, 5.0) == 0.0
