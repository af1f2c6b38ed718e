"""Numbers of records for /metrics, as Prometheus' own client writes and reads them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from logd.config.shaping import MetricTable
from logd.enrich import meter as module
from logd.enrich.filters import Failed, Filters
from logd.enrich.meter import Meter
from logd.errors import ConfigError
from logd.telemetry import metrics
from tests.support.shaping import table

_Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def samples(meter: Meter) -> _Samples:
    registry = CollectorRegistry()
    registry.register(cast(Collector, meter))
    text = generate_latest(registry).decode()
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def labelled(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return name, frozenset(labels.items())


@pytest.fixture
def meters() -> Iterator[list[Meter]]:
    made: list[Meter] = []
    yield made
    for meter in made:
        meter.close()


def _counted(meters: list[Meter], batches: list[list[dict[str, Any]]], *tables: MetricTable) -> _Samples:
    meters.append(Meter(tables))
    for records in batches:
        meters[-1].add(meters[-1].observe(table(records)))
    return samples(meters[-1])


def test_records_are_counted_by_labels(meters: list[Meter]) -> None:
    batches: list[list[dict[str, Any]]] = [
        [{"service": "web", "metadata": {"status": 200}}, {"service": "web", "metadata": {"status": "200"}}],
        [],
        [{"service": "web", "metadata": {"status": 500}}, {"service": "db"}, {"service": "web", "level": "ERROR"}],
    ]
    found = _counted(
        meters,
        batches,
        MetricTable(name="requests", query="service:web", labels=["service", "metadata.status"]),
        MetricTable(name="all_records", help="Every record."),
        MetricTable(name="errors_total", query="level:ERROR"),
        MetricTable(name="never", query="level:FATAL"),
    )
    assert found == {
        labelled("requests_total", service="web", status="200"): 2,
        labelled("requests_total", service="web", status="500"): 1,
        labelled("requests_total", service="web", status=""): 1,
        labelled("all_records_total"): 5,
        labelled("errors_total"): 1,
    }


def test_values_fall_into_buckets(meters: list[Meter]) -> None:
    values = [0.1, "0.5", 1, 1.5, -3, 1e3, "1e2", None, "x", True, [1], {"a": 1}]
    records: list[dict[str, Any]] = [{"metadata": {"took": value}} for value in values]
    found = _counted(
        meters, [records[:5], records[5:]], MetricTable(name="took", type="histogram", field="took", buckets=[0.5, 1.0])
    )
    assert found == {
        labelled("took_bucket", le="0.5"): 3,
        labelled("took_bucket", le="1.0"): 4,
        labelled("took_bucket", le="+Inf"): 7,
        labelled("took_count"): 7,
        labelled("took_sum"): pytest.approx(0.1 + 0.5 + 1 + 1.5 - 3 + 1e3 + 1e2),
    }


def test_too_many_labels_are_other(meters: list[Meter], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_LABEL_SETS", 3)
    batches: list[list[dict[str, Any]]] = [
        [{"metadata": {"user": number}} for number in numbers] for numbers in ([1, 2], [3, 4, 1], [5, 2])
    ]
    before = metrics.METRIC_OTHER.labels("users")._value.get()
    found = _counted(meters, batches, MetricTable(name="users", labels=["user"]))
    expected = {"1": 2, "2": 2, "3": 1, "other": 2}
    assert found == {labelled("users_total", user=user): count for user, count in expected.items()}
    assert metrics.METRIC_OTHER.labels("users")._value.get() - before == 2


def test_what_cant_be_counted_is_said_and_harms_nobody(
    meters: list[Meter], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    meters.append(Meter([MetricTable(name="n", query="a")]))
    found = meters[-1].observe(table([{"message": "a"}]))
    monkeypatch.setattr(Filters, "match", _fails)
    assert meters[-1].observe(table([{"message": "a"}])) is None
    meters[-1].add(None)
    meters[-1].add(found)
    assert samples(meters[-1]) == {labelled("n_total"): 1}
    assert "metrics miss 1 records, which can't be counted: so it is" in caplog.text


def _fails(*_: object) -> None:
    raise Failed("so it is")


@pytest.mark.parametrize(
    ("metric", "sentence"),
    [
        ({"name": "a b"}, "name isn't one that Prometheus takes"),
        ({"name": "logd_lines"}, "or begins with logd_"),
        ({"name": "a", "query": "("}, "metric[0] 'a': "),
        ({"name": "a", "type": "histogram"}, "field is missing"),
        ({"name": "a", "field": "b"}, "field is for a histogram only"),
        ({"name": "a", "type": "histogram", "field": "b", "buckets": [2.0, 1.0]}, "buckets are not ascending numbers"),
        ({"name": "a", "labels": ["b", "metadata.b"]}, "labels has two of a name"),
        ({"name": "a", "labels": ["le"]}, "or le, which is a histogram's own"),
        ({"name": "a", "labels": ["1x"]}, "labels has a name that begins with a digit"),
        ({"name": "a", "labels": ["__name__"]}, "or with __, which is Prometheus's own"),
        ({"name": "a", "labels": ["timestamp"]}, "labels has 'timestamp', which can't be"),
    ],
)
def test_a_wrong_metric_is_named(metric: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError) as raised:
        Meter([MetricTable(**metric)])
    assert sentence in str(raised.value)
