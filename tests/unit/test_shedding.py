"""What the index does without of a spike: when it begins and ends, of what, and that nothing else is touched."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from logd.enrich import shedding as module
from logd.enrich.rates import OTHERS
from logd.enrich.shedding import SPIKE
from tests.support.shaping import rows
from tests.support.shedding import LEVELS, SECOND, SPIKES, Stream, left


class TestSpike:
    def test_begins_and_goes(self) -> None:
        stream = Stream(SPIKES)
        stream.evenly(20)
        first = stream.second(1_000)
        assert 150 < first < 350
        assert [(one.reason, one.service, one.step) for one in stream.episodes] == [(SPIKE, "web", OTHERS - 1)]
        (episode,) = stream.episodes
        assert episode.value == pytest.approx(1_000, rel=0.01)
        assert episode.usual == pytest.approx(10, rel=0.01)
        last = stream.second(10)
        assert last < 10  # one calm window ends it
        assert stream.second(10) == 10
        assert stream.episodes == []
        assert stream.counts == {("sampled", "spike (shedding)"): 1_010 - first - last}

    def test_goes_when_nothing_comes_after_it(self) -> None:
        stream = Stream(SPIKES)
        stream.evenly(20)
        stream.second(1_000)
        assert len(stream.shedding.idle(stream.now_us)) == 1
        assert list(stream.shedding.idle(stream.now_us + 2 * SECOND)) == []

    def test_goes_when_only_others_come(self) -> None:
        stream = Stream(SPIKES)
        stream.evenly(20)
        stream.second(1_000)
        stream.second(1, service="db")
        assert stream.episodes
        stream.second(1, service="db")
        assert stream.episodes == []

    @pytest.mark.parametrize("level", ["WARN", "ERROR", "FATAL"])
    def test_of_what_matters_is_stored(self, level: str) -> None:
        stream = Stream(SPIKES)
        stream.evenly(20)
        assert stream.second(1_000, level) == 1_000
        assert stream.episodes[0].step == OTHERS
        assert stream.counts == {}

    def test_samples_debug_first(self) -> None:
        stream = Stream(SPIKES)
        stream.evenly(20)
        stream.now_us += SECOND
        records = [
            record for level in LEVELS for record in stream.records(400 if level in ("DEBUG", "TRACE") else 9, level)
        ]
        shed = stream.shed((stream.message(stream.now_us - 1), records))
        kept = rows(shed)
        levels = [record["level"] for record in kept]
        assert {level: levels.count(level) for level in LEVELS[2:]} == dict.fromkeys(LEVELS[2:], 9)
        assert 50 < levels.count("DEBUG") < 150
        assert 50 < levels.count("TRACE") < 150
        for record in kept:
            assert record["metadata"] == ({"sample_rate": 0.25} if record["level"] in ("DEBUG", "TRACE") else None)

    @pytest.mark.parametrize("few_cells", [module._FEW_CELLS, -1_000_000])
    def test_samples_info_and_what_has_no_level_when_these_alone_are_too_many(
        self, few_cells: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "_FEW_CELLS", few_cells)
        stream = Stream(SPIKES)
        stream.evenly(20)
        stream.now_us += SECOND
        records = [record for level in LEVELS for record in stream.records(100, level)]
        kept = rows(stream.shed((stream.message(stream.now_us - 1), records)))
        levels = [record["level"] for record in kept]
        assert {level: levels.count(level) for level in LEVELS[4:]} == dict.fromkeys(LEVELS[4:], 100)
        assert all(5 < levels.count(level) < 50 for level in LEVELS[:4])

    def test_is_none_during_the_warm_up_and_below_the_least(self) -> None:
        stream = Stream(SPIKES)
        assert stream.second(5_000) == 5_000
        stream = Stream(SPIKES)
        stream.evenly(20, 1)
        assert stream.second(19) == 19

    def test_has_more_than_a_window_allows(self) -> None:
        stream = Stream(SPIKES)
        stream.evenly(20)
        assert stream.second(45) == 45
        assert stream.second(60) < 60

    def test_is_no_backlog_of_what_came_evenly(self) -> None:
        """An hour of lines, taken while the processor was away, comes in a moment."""
        stream = Stream(SPIKES)
        stream.evenly(20)
        taken = [stream.now_us + number * SECOND for number in range(1, 3_600)]
        stream.now_us = taken[-1] + SECOND
        for first in range(0, len(taken), 500):
            parts = [(stream.message(at), stream.records(10)) for at in taken[first : first + 500]]
            assert left(stream.shed(*parts)) == sum(len(some) for _, some in parts)

    def test_within_a_backlog_is_found_where_it_was(self) -> None:
        stream = Stream(SPIKES)
        counts = [10] * 30 + [1_000] * 5 + [10] * 30
        parts = [
            (stream.message(stream.now_us + at * SECOND), stream.records(count)) for at, count in enumerate(counts)
        ]
        stream.now_us += 3_600 * SECOND
        shed = stream.shed(*parts)
        assert shed.kept is not None
        kept = np.split(shed.kept.to_numpy(zero_copy_only=False), np.cumsum(counts)[:-1])
        assert all(some.all() for at, some in enumerate(kept) if at < 30 or at > 35)
        assert all(150 < some.sum() < 350 for some in kept[30:35])
        assert stream.episodes == []

    def test_is_of_one_service_alone(self) -> None:
        stream = Stream(SPIKES)
        for _ in range(20):
            for service in ("web", "db", None):
                stream.now_us += SECOND // 3
                stream.shed((stream.message(stream.now_us), stream.records(10, service=service)))
        stream.now_us += SECOND // 3
        parts = [(stream.message(stream.now_us), stream.records(n, "DEBUG", s)) for n, s in ((900, "web"), (10, "db"))]
        kept = [record["service"] for record in rows(stream.shed(*parts))]
        assert kept.count("db") == 10
        assert kept.count("web") < 400
        assert [one.service for one in stream.episodes] == ["web"]

    def test_is_only_of_services_that_are_named(self) -> None:
        stream = Stream(msgspec.structs.replace(SPIKES, services=["we?", "x*"]))
        stream.evenly(20)
        stream.evenly(20, service="db")
        assert stream.second(1_000, service="db") == 1_000
        stream.evenly(20)
        assert stream.second(1_000) < 400

    def test_counts_what_rules_have_left(self) -> None:
        stream = Stream(SPIKES)
        stream.evenly(20)
        stream.now_us += SECOND
        shed = stream.shed((stream.message(stream.now_us), stream.records(1_000)), kept=[n < 15 for n in range(1_000)])
        assert left(shed) == 15
        assert stream.counts == {}
        shed = stream.shed((stream.message(stream.now_us), stream.records(1_000)), kept=[n > 500 for n in range(1_000)])
        assert stream.counts[("sampled", "spike (shedding)")] + left(shed) == 499

    def test_each_partition_has_its_own_time(self) -> None:
        """One of a service's partitions is read an hour later than the other: neither has a spike."""
        stream = Stream(SPIKES)
        start = stream.now_us
        stream.now_us += 10_000 * SECOND
        for at in range(100):
            parts = [
                (stream.message(start + (at + 3_600 * partition) * SECOND, partition), stream.records(10))
                for partition in range(2)
            ]
            assert left(stream.shed(*parts)) == 20
        parts = [(stream.message(start + 100 * SECOND, 0), stream.records(1_000))]
        assert left(stream.shed(*parts)) < 400

    def test_that_moves_to_another_process_is_over_here(self) -> None:
        stream = Stream(SPIKES)
        stream.evenly(20, partition=1)
        stream.second(1_000, partition=1)
        for _ in range(59):
            stream.second(1, service="db", partition=2)
            assert stream.episodes
        stream.second(1, service="db", partition=2)
        stream.second(1, service="db", partition=2)
        assert stream.episodes == []

    def test_times_in_no_order_and_in_the_future_are_none(self) -> None:
        """Other producers write what they like."""
        stream = Stream(SPIKES)
        for at in range(40):
            stream.now_us += SECOND
            for skew in (-3_600, 0, 1 if at else 86_400, -1):
                part = stream.message(max(0, stream.now_us + skew * SECOND)), stream.records(3)
                assert left(stream.shed(part)) == 3
        assert stream.second(40) == 40  # twelve are usual
        assert stream.second(1_000) < 400

    def test_what_is_read_again_or_replayed_is_stored_and_not_counted(self) -> None:
        stream = Stream(SPIKES)
        stream.evenly(20)
        part = stream.message(stream.now_us), stream.records(15)
        stream.shed(part)
        for _ in range(50):
            assert left(stream.shed(part)) == 15
        replayed = stream.message(stream.now_us, replayed="1"), stream.records(5_000)
        assert left(stream.shed(replayed)) == 5_000
        assert stream.episodes == []
        assert 150 < stream.second(1_000) < 400
        assert left(stream.shed((stream.message(stream.now_us, replayed="1"), stream.records(50)))) == 50

    def test_ever_new_services_are_forgotten(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "MAX_RATES", 50)
        stream = Stream(SPIKES)
        stream.evenly(20)
        stream.second(1_000)
        for number in range(200):
            stream.second(1, service=f"new-{number}")
            stream.second(10)
        assert len(stream.shedding._rates) == 50
        assert 150 < stream.second(1_000) < 400
        records = [one for number in range(7_000) for one in stream.records(1, service=f"s{number}")]
        assert left(stream.shed((stream.message(stream.now_us), records))) == 7_000
        assert len(stream.shedding._rates) == 50
        assert stream.episodes == []
