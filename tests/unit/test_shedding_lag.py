"""What the index does without while it lags or its disk is full, and that nothing else is touched."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logd.config.shaping import ShapeTable, SheddingTable
from logd.enrich import shedding as module
from logd.enrich.rates import OTHERS, QUIET
from logd.enrich.shedding import LAG
from tests.support.shaping import rows, shape
from tests.support.shedding import LAGS, LEVELS, SECOND, SPIKES, Stream, left, rates


class TestLag:
    def _after(self, stream: Stream, seconds: int, level: str | None = "DEBUG", partition: int = 0) -> int:
        return left(
            stream.shed((stream.message(stream.now_us - seconds * SECOND, partition), stream.records(1_000, level)))
        )

    def test_begins_over_its_limit_and_ends_at_half_of_it(self) -> None:
        stream = Stream(LAGS)
        got = []
        for seconds in (0, 99, 101, 60, 49, 60, 99):
            stream.now_us += 3_600 * SECOND
            got.append(self._after(stream, seconds) == 1_000)
        assert got == [True, True, False, False, True, True, True]
        assert stream.episodes == []
        assert set(stream.counts) == {("sampled", "lag (shedding)")}

    @pytest.mark.parametrize(("level", "from_seconds"), [("DEBUG", 101), ("TRACE", 101), ("INFO", 201), (None, 201)])
    def test_info_follows_at_twice_the_limit(self, level: str | None, from_seconds: int) -> None:
        stream = Stream(LAGS)
        assert self._after(stream, from_seconds - 2, level) == 1_000
        assert 150 < self._after(Stream(LAGS), from_seconds, level) < 350

    def test_never_of_what_matters(self) -> None:
        stream = Stream(LAGS)
        assert [self._after(stream, 10_000, level) for level in LEVELS[4:]] == [1_000] * 3
        assert stream.episodes[0].reason == LAG
        assert stream.episodes[0].step == OTHERS

    def test_is_each_partition_s_own(self) -> None:
        stream = Stream(LAGS)
        late = stream.message(stream.now_us - 150 * SECOND, 1), stream.records(500)
        live = stream.message(stream.now_us, 2), stream.records(500)
        shed = stream.shed(late, live)
        assert shed.kept is not None
        assert shed.kept.slice(500).true_count == 500
        assert shed.kept.slice(0, 500).true_count < 200
        assert [(one.reason, one.step, round(one.value)) for one in stream.episodes] == [(LAG, QUIET, 150)]
        assert list(stream.shedding.idle(stream.now_us)) == []

    def test_after_a_spike_samples_no_record_twice(self) -> None:
        both = msgspec.structs.replace(SPIKES, lag_seconds=1_000)
        stream = Stream(both)
        stream.evenly(20)
        at_us = stream.now_us + SECOND
        spike, lag = stream.records(1_000), stream.records(1_000, service="db")
        stream.now_us += 5_000 * SECOND
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
        assert [stream.second(10, level) for level in LEVELS] == [10] * 7
        stream.shedding.emergency = True
        assert [stream.second(10, level) for level in LEVELS] == [0, 0, 10, 10, 10, 10, 10]
        assert stream.counts == {("dropped", "emergency (shedding)"): 20}
        stream.shedding.emergency = False
        assert stream.second(10) == 10

    def test_what_is_dropped_is_not_sampled(self) -> None:
        stream = Stream(SheddingTable(lag_seconds=1, keep=0.5))
        stream.shedding.emergency = True
        parts = [(stream.message(stream.now_us - 60 * SECOND), stream.records(500, level)) for level in LEVELS]
        kept = [record["level"] for record in rows(stream.shed(*parts))]
        assert set(kept) == set(LEVELS[2:])
        assert stream.counts[("dropped", "emergency (shedding)")] == 1_000
        assert stream.counts[("sampled", "lag (shedding)")] + len(kept) == 2_500


def test_a_rate_that_is_there_is_multiplied() -> None:
    stream = Stream(LAGS)
    records = [{**one, "metadata": {"a": 1, "sample_rate": 0.5}} for one in stream.records(400)]
    shed = stream.shed((stream.message(stream.now_us - 150 * SECOND), records))
    assert 50 < left(shed) < 150
    assert {str(record["metadata"]) for record in rows(shed)} == {"{'a': 1, 'sample_rate': 0.125}"}


@pytest.mark.parametrize(
    "rate",
    ["1" + "0" * 400, "-1" + "0" * 400, "1" * 5_000, "1e400", "2", "0", "-1", "5e-324", "true", '"0.5"', "[1]", "null"],
    ids=lambda rate: rate[:8],
)
def test_what_is_no_rate_is_none(rate: str) -> None:
    """It's the line's own, which may hold anything: a batch with it is sampled like any other."""
    stream = Stream(LAGS)
    records = [{**one, "metadata": f'{{"sample_rate":{rate}}}'} for one in stream.records(40)]
    shed = stream.shed((stream.message(stream.now_us - 150 * SECOND), records))
    assert 0 < left(shed) < 40
    assert set(rates(shed)) == {0.25}


def test_a_rule_of_the_same_part_keeps_others() -> None:
    """Else what a rule has left would all be left again."""
    stream = Stream(LAGS)
    sampled = rows(shape(stream.records(4_000), ShapeTable(type="sample", name="debug", keep=0.25)))
    shed = stream.shed((stream.message(stream.now_us - 150 * SECOND), sampled))
    assert 150 < left(shed) < 350
    assert set(rates(shed)) == {0.0625}


def test_an_empty_batch_says_what_goes_on() -> None:
    stream = Stream(msgspec.structs.replace(SPIKES, lag_seconds=1))
    shed = stream.shed()
    assert (left(shed), shed.counts, shed.episodes) == (0, {}, [])


_PART = st.tuples(
    st.integers(0, 3),  # partition
    st.sampled_from([0, 0, 1, 30, 500]),  # seconds ago
    st.lists(
        st.tuples(st.integers(0, 40), st.sampled_from(LEVELS), st.sampled_from([None, "web", "db", "x"])), max_size=4
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
            stream.now_us += seconds * SECOND
            stream.shedding.emergency = emergency
            made = [
                (
                    stream.message(stream.now_us - ago * SECOND, partition, **headers),
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
            assert all(one["log_id"] in found for one in came if one["level"] in LEVELS[4:])
            if not shed.counts:
                assert len(found) == len(came)
            for record in found.values():
                assert record["metadata"] in (None, {"sample_rate": 0.5})
                assert record["level"] not in LEVELS[4:] or record["metadata"] is None
            assert shed.counts.keys() <= {
                ("dropped", "emergency (shedding)"),
                ("sampled", "spike (shedding)"),
                ("sampled", "lag (shedding)"),
            }
    finally:
        module._FEW_CELLS = before
