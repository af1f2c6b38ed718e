"""What the index does without, over records and messages of made-up times: when it begins and ends, of what, and that
nothing else is touched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logd.chunk import Message
from logd.config.shaping import ShapeTable, SheddingTable
from logd.enrich import shedding as module
from logd.enrich.rates import OTHERS, QUIET
from logd.enrich.shedding import LAG, SPIKE, Episode, Shed, Shedding
from tests.support.shaping import rows, shape, table

_SECOND = 1_000_000
_START = 1_700_000_000 * _SECOND
_LEVELS = ("TRACE", "DEBUG", "INFO", None, "WARN", "ERROR", "FATAL")
#: A window a second, known after five, five times what is usual and over 20 a second.
_SPIKES = SheddingTable(
    spike_factor=5,
    spike_lines_per_second=20,
    window_seconds=1,
    baseline_seconds=600,
    warm_up_seconds=5,
    keep=0.25,
)
_LAG = SheddingTable(lag_seconds=100, keep=0.25)


class Stream:
    """Messages one after another, each of some records, and what is left of them."""

    def __init__(self, settings: SheddingTable) -> None:
        self.shedding = Shedding(settings)
        self.now_us = _START
        self._positions: dict[int, int] = {}
        self._numbers = 0
        self.counts: dict[tuple[str, str], int] = {}
        self.episodes: Sequence[Episode] = ()

    def records(self, count: int, level: str | None = "DEBUG", service: str | None = "web") -> list[dict[str, Any]]:
        """With a log_id each."""
        self._numbers += count
        numbers = range(self._numbers - count, self._numbers)
        return [
            {"log_id": f"{7:016x}-{number:012x}", "level": level, "service": service, "message": "m"}
            for number in numbers
        ]

    def message(self, taken_us: int, partition: int = 0, **headers: str) -> Message:
        """The next one of a partition."""
        position = self._positions.get(partition, 0)
        self._positions[partition] = position + 1
        return Message(partition, position, taken_us, "", headers, b"")

    def shed(self, *parts: tuple[Message, Sequence[Mapping[str, Any]]], kept: Sequence[bool] | None = None) -> Shed:
        """A batch of messages, now."""
        records = [record for _, some in parts for record in some]
        mask = None if kept is None else pa.array(kept, pa.bool_())
        found = self.shedding.shed(
            table(records), mask, [one for one, _ in parts], [len(some) for _, some in parts], self.now_us
        )
        for key, count in found.counts.items():
            self.counts[key] = self.counts.get(key, 0) + count
        self.episodes = found.episodes
        return found

    def second(self, count: int, level: str | None = "DEBUG", service: str | None = "web", partition: int = 0) -> int:
        """A second passes, in which so many records come; how many of them are left."""
        self.now_us += _SECOND
        return left(self.shed((self.message(self.now_us - 1, partition), self.records(count, level, service))))

    def evenly(self, seconds: int, count: int = 10, **record: Any) -> None:
        """So long nothing is special."""
        for _ in range(seconds):
            assert self.second(count, **record) == count
        assert self.episodes == []


def left(shed: Shed) -> int:
    """How many are stored."""
    return len(shed.table) if shed.kept is None else int(shed.kept.true_count)


def rates(shed: Shed) -> list[Any]:
    """The sample_rate of each kept record."""
    return [(record["metadata"] or {}).get("sample_rate") for record in rows(shed)]


class TestSpike:
    def test_begins_and_goes(self) -> None:
        stream = Stream(_SPIKES)
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
        stream = Stream(_SPIKES)
        stream.evenly(20)
        stream.second(1_000)
        assert len(stream.shedding.idle(stream.now_us)) == 1
        assert list(stream.shedding.idle(stream.now_us + 2 * _SECOND)) == []

    def test_goes_when_only_others_come(self) -> None:
        stream = Stream(_SPIKES)
        stream.evenly(20)
        stream.second(1_000)
        stream.second(1, service="db")
        assert stream.episodes
        stream.second(1, service="db")
        assert stream.episodes == []

    @pytest.mark.parametrize("level", ["WARN", "ERROR", "FATAL"])
    def test_of_what_matters_is_stored(self, level: str) -> None:
        stream = Stream(_SPIKES)
        stream.evenly(20)
        assert stream.second(1_000, level) == 1_000
        assert stream.episodes[0].step == OTHERS
        assert stream.counts == {}

    def test_samples_debug_first(self) -> None:
        stream = Stream(_SPIKES)
        stream.evenly(20)
        stream.now_us += _SECOND
        records = [
            record for level in _LEVELS for record in stream.records(400 if level in ("DEBUG", "TRACE") else 9, level)
        ]
        shed = stream.shed((stream.message(stream.now_us - 1), records))
        kept = rows(shed)
        levels = [record["level"] for record in kept]
        assert {level: levels.count(level) for level in _LEVELS[2:]} == dict.fromkeys(_LEVELS[2:], 9)
        assert 50 < levels.count("DEBUG") < 150
        assert 50 < levels.count("TRACE") < 150
        for record in kept:
            assert record["metadata"] == ({"sample_rate": 0.25} if record["level"] in ("DEBUG", "TRACE") else None)

    @pytest.mark.parametrize("few_cells", [module._FEW_CELLS, -1_000_000])
    def test_samples_info_and_what_has_no_level_when_these_alone_are_too_many(
        self, few_cells: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "_FEW_CELLS", few_cells)
        stream = Stream(_SPIKES)
        stream.evenly(20)
        stream.now_us += _SECOND
        records = [record for level in _LEVELS for record in stream.records(100, level)]
        kept = rows(stream.shed((stream.message(stream.now_us - 1), records)))
        levels = [record["level"] for record in kept]
        assert {level: levels.count(level) for level in _LEVELS[4:]} == dict.fromkeys(_LEVELS[4:], 100)
        assert all(5 < levels.count(level) < 50 for level in _LEVELS[:4])

    def test_is_none_during_the_warm_up_and_below_the_least(self) -> None:
        stream = Stream(_SPIKES)
        assert stream.second(5_000) == 5_000
        stream = Stream(_SPIKES)
        stream.evenly(20, 1)
        assert stream.second(19) == 19

    def test_has_more_than_a_window_allows(self) -> None:
        stream = Stream(_SPIKES)
        stream.evenly(20)
        assert stream.second(45) == 45
        assert stream.second(60) < 60

    def test_is_no_backlog_of_what_came_evenly(self) -> None:
        """An hour of lines, taken while the processor was away, comes in a moment."""
        stream = Stream(_SPIKES)
        stream.evenly(20)
        taken = [stream.now_us + number * _SECOND for number in range(1, 3_600)]
        stream.now_us = taken[-1] + _SECOND
        for first in range(0, len(taken), 500):
            parts = [(stream.message(at), stream.records(10)) for at in taken[first : first + 500]]
            assert left(stream.shed(*parts)) == sum(len(some) for _, some in parts)

    def test_within_a_backlog_is_found_where_it_was(self) -> None:
        stream = Stream(_SPIKES)
        counts = [10] * 30 + [1_000] * 5 + [10] * 30
        parts = [
            (stream.message(stream.now_us + at * _SECOND), stream.records(count)) for at, count in enumerate(counts)
        ]
        stream.now_us += 3_600 * _SECOND
        shed = stream.shed(*parts)
        assert shed.kept is not None
        kept = np.split(shed.kept.to_numpy(zero_copy_only=False), np.cumsum(counts)[:-1])
        assert all(some.all() for at, some in enumerate(kept) if at < 30 or at > 35)
        assert all(150 < some.sum() < 350 for some in kept[30:35])
        assert stream.episodes == []

    def test_is_of_one_service_alone(self) -> None:
        stream = Stream(_SPIKES)
        for _ in range(20):
            for service in ("web", "db", None):
                stream.now_us += _SECOND // 3
                stream.shed((stream.message(stream.now_us), stream.records(10, service=service)))
        stream.now_us += _SECOND // 3
        parts = [(stream.message(stream.now_us), stream.records(n, "DEBUG", s)) for n, s in ((900, "web"), (10, "db"))]
        kept = [record["service"] for record in rows(stream.shed(*parts))]
        assert kept.count("db") == 10
        assert kept.count("web") < 400
        assert [one.service for one in stream.episodes] == ["web"]

    def test_is_only_of_services_that_are_named(self) -> None:
        stream = Stream(SheddingTable(**{**_table(_SPIKES), "services": ["we?", "x*"]}))
        stream.evenly(20)
        stream.evenly(20, service="db")
        assert stream.second(1_000, service="db") == 1_000
        stream.evenly(20)
        assert stream.second(1_000) < 400

    def test_counts_what_rules_have_left(self) -> None:
        stream = Stream(_SPIKES)
        stream.evenly(20)
        stream.now_us += _SECOND
        shed = stream.shed((stream.message(stream.now_us), stream.records(1_000)), kept=[n < 15 for n in range(1_000)])
        assert left(shed) == 15
        assert stream.counts == {}
        shed = stream.shed((stream.message(stream.now_us), stream.records(1_000)), kept=[n > 500 for n in range(1_000)])
        assert stream.counts[("sampled", "spike (shedding)")] + left(shed) == 499

    def test_each_partition_has_its_own_time(self) -> None:
        """One of a service's partitions is read an hour later than the other: neither has a spike."""
        stream = Stream(_SPIKES)
        start = stream.now_us
        stream.now_us += 10_000 * _SECOND
        for at in range(100):
            parts = [
                (stream.message(start + (at + 3_600 * partition) * _SECOND, partition), stream.records(10))
                for partition in range(2)
            ]
            assert left(stream.shed(*parts)) == 20
        parts = [(stream.message(start + 100 * _SECOND, 0), stream.records(1_000))]
        assert left(stream.shed(*parts)) < 400

    def test_that_moves_to_another_process_is_over_here(self) -> None:
        stream = Stream(_SPIKES)
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
        stream = Stream(_SPIKES)
        for at in range(40):
            stream.now_us += _SECOND
            for skew in (-3_600, 0, 1 if at else 86_400, -1):
                part = stream.message(max(0, stream.now_us + skew * _SECOND)), stream.records(3)
                assert left(stream.shed(part)) == 3
        assert stream.second(40) == 40  # twelve are usual
        assert stream.second(1_000) < 400

    def test_what_is_read_again_or_replayed_is_stored_and_not_counted(self) -> None:
        stream = Stream(_SPIKES)
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
        stream = Stream(_SPIKES)
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


class TestLag:
    def _after(self, stream: Stream, seconds: int, level: str | None = "DEBUG", partition: int = 0) -> int:
        return left(
            stream.shed((stream.message(stream.now_us - seconds * _SECOND, partition), stream.records(1_000, level)))
        )

    def test_begins_over_its_limit_and_ends_at_half_of_it(self) -> None:
        stream = Stream(_LAG)
        got = []
        for seconds in (0, 99, 101, 60, 49, 60, 99):
            stream.now_us += 3_600 * _SECOND
            got.append(self._after(stream, seconds) == 1_000)
        assert got == [True, True, False, False, True, True, True]
        assert stream.episodes == []
        assert set(stream.counts) == {("sampled", "lag (shedding)")}

    @pytest.mark.parametrize(("level", "from_seconds"), [("DEBUG", 101), ("TRACE", 101), ("INFO", 201), (None, 201)])
    def test_info_follows_at_twice_the_limit(self, level: str | None, from_seconds: int) -> None:
        stream = Stream(_LAG)
        assert self._after(stream, from_seconds - 2, level) == 1_000
        assert 150 < self._after(Stream(_LAG), from_seconds, level) < 350

    def test_never_of_what_matters(self) -> None:
        stream = Stream(_LAG)
        assert [self._after(stream, 10_000, level) for level in _LEVELS[4:]] == [1_000] * 3
        assert stream.episodes[0].reason == LAG
        assert stream.episodes[0].step == OTHERS

    def test_is_each_partition_s_own(self) -> None:
        stream = Stream(_LAG)
        late = stream.message(stream.now_us - 150 * _SECOND, 1), stream.records(500)
        live = stream.message(stream.now_us, 2), stream.records(500)
        shed = stream.shed(late, live)
        assert shed.kept is not None
        assert shed.kept.slice(500).true_count == 500
        assert shed.kept.slice(0, 500).true_count < 200
        assert [(one.reason, one.step, round(one.value)) for one in stream.episodes] == [(LAG, QUIET, 150)]
        assert list(stream.shedding.idle(stream.now_us)) == []

    def test_after_a_spike_samples_no_record_twice(self) -> None:
        both = SheddingTable(**{**_table(_SPIKES), "lag_seconds": 1_000})
        stream = Stream(both)
        stream.evenly(20)
        at_us = stream.now_us + _SECOND
        spike, lag = stream.records(1_000), stream.records(1_000, service="db")
        stream.now_us += 5_000 * _SECOND
        shed = stream.shed((stream.message(at_us), [*spike, *lag]))
        assert set(rates(shed)) == {0.25}
        assert set(stream.counts) == {("sampled", "spike (shedding)"), ("sampled", "lag (shedding)")}
        again = Stream(both)
        again.now_us = stream.now_us
        twice = again.shed((again.message(at_us), [*spike, *lag]))
        assert [one["log_id"] for one in rows(twice)] == [one["log_id"] for one in rows(shed)]


class TestEmergency:
    def test_drops_debug_and_trace_while_it_lasts(self) -> None:
        stream = Stream(SheddingTable(disk_percent=80))
        assert [stream.second(10, level) for level in _LEVELS] == [10] * 7
        stream.shedding.emergency = True
        assert [stream.second(10, level) for level in _LEVELS] == [0, 0, 10, 10, 10, 10, 10]
        assert stream.counts == {("dropped", "emergency (shedding)"): 20}
        stream.shedding.emergency = False
        assert stream.second(10) == 10

    def test_what_is_dropped_is_not_sampled(self) -> None:
        stream = Stream(SheddingTable(lag_seconds=1, keep=0.5))
        stream.shedding.emergency = True
        parts = [(stream.message(stream.now_us - 60 * _SECOND), stream.records(500, level)) for level in _LEVELS]
        kept = [record["level"] for record in rows(stream.shed(*parts))]
        assert set(kept) == set(_LEVELS[2:])
        assert stream.counts[("dropped", "emergency (shedding)")] == 1_000
        assert stream.counts[("sampled", "lag (shedding)")] + len(kept) == 2_500


def test_a_rate_that_is_there_is_multiplied() -> None:
    stream = Stream(_LAG)
    records = [{**one, "metadata": {"a": 1, "sample_rate": 0.5}} for one in stream.records(400)]
    shed = stream.shed((stream.message(stream.now_us - 150 * _SECOND), records))
    assert 50 < left(shed) < 150
    assert {str(record["metadata"]) for record in rows(shed)} == {"{'a': 1, 'sample_rate': 0.125}"}


@pytest.mark.parametrize(
    "rate",
    ["1" + "0" * 400, "-1" + "0" * 400, "1" * 5_000, "1e400", "2", "0", "-1", "5e-324", "true", '"0.5"', "[1]", "null"],
    ids=lambda rate: rate[:8],
)
def test_what_is_no_rate_is_none(rate: str) -> None:
    """It's the line's own, which may hold anything: a batch with it is sampled like any other."""
    stream = Stream(_LAG)
    records = [{**one, "metadata": f'{{"sample_rate":{rate}}}'} for one in stream.records(40)]
    shed = stream.shed((stream.message(stream.now_us - 150 * _SECOND), records))
    assert 0 < left(shed) < 40
    assert set(rates(shed)) == {0.25}


def test_a_rule_of_the_same_part_keeps_others() -> None:
    """Else what a rule has left would all be left again."""
    stream = Stream(_LAG)
    sampled = rows(shape(stream.records(4_000), ShapeTable(type="sample", name="debug", keep=0.25)))
    shed = stream.shed((stream.message(stream.now_us - 150 * _SECOND), sampled))
    assert 150 < left(shed) < 350
    assert set(rates(shed)) == {0.0625}


def test_an_empty_batch_says_what_goes_on() -> None:
    stream = Stream(SheddingTable(**{**_table(_SPIKES), "lag_seconds": 1}))
    shed = stream.shed()
    assert (left(shed), shed.counts, shed.episodes) == (0, {}, [])


_PART = st.tuples(
    st.integers(0, 3),  # partition
    st.sampled_from([0, 0, 1, 30, 500]),  # seconds ago
    st.lists(
        st.tuples(st.integers(0, 40), st.sampled_from(_LEVELS), st.sampled_from([None, "web", "db", "x"])), max_size=4
    ),
    st.sampled_from([{}, {}, {}, {"replayed": "1"}]),
)


@given(
    st.lists(st.tuples(st.integers(-2, 9), st.lists(_PART, max_size=4), st.booleans(), st.booleans()), max_size=12),
    st.booleans(),
)
def test_all_that_comes_is_kept_sampled_or_dropped(batches: list[Any], few_cells: bool) -> None:
    """And is what it was, but for the rate; and what matters is kept."""
    settings = SheddingTable(
        spike_factor=2, spike_lines_per_second=3, window_seconds=1, warm_up_seconds=2, lag_seconds=20, keep=0.5
    )
    stream = Stream(settings)
    before = module._FEW_CELLS
    module._FEW_CELLS = before if few_cells else -1_000_000
    try:
        for seconds, parts, emergency, masked in batches:
            stream.now_us += seconds * _SECOND
            stream.shedding.emergency = emergency
            made = [
                (
                    stream.message(stream.now_us - ago * _SECOND, partition, **headers),
                    [record for count, level, service in some for record in stream.records(count, level, service)],
                )
                for partition, ago, some, headers in parts
            ]
            records = [record for _, some in made for record in some]
            kept = [at % 3 != 0 for at in range(len(records))] if masked else None
            shed = stream.shed(*made, kept=kept)
            came = [one for one, stays in zip(records, kept or [True] * len(records), strict=True) if stays]
            assert len(came) == left(shed) + sum(shed.counts.values())
            found = {record["log_id"]: record for record in rows(shed)}
            assert all(one["log_id"] in found for one in came if one["level"] in _LEVELS[4:])
            if not shed.counts:
                assert len(found) == len(came)
            for record in found.values():
                assert record["metadata"] in (None, {"sample_rate": 0.5})
                assert record["level"] not in _LEVELS[4:] or record["metadata"] is None
            assert shed.counts.keys() <= {
                ("dropped", "emergency (shedding)"),
                ("sampled", "spike (shedding)"),
                ("sampled", "lag (shedding)"),
            }
    finally:
        module._FEW_CELLS = before


def _table(settings: SheddingTable) -> dict[str, Any]:
    return {name: getattr(settings, name) for name in settings.__struct_fields__}
