"""Every case runs, on a tiny corpus and against the real process; what it measures there means nothing."""

from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from tests.bench.bench import Bench, Peers, bench
from tests.bench.cases import CASES, GROUPS
from tests.bench.corpus import Corpus, generate
from tests.services import Running
from tests.services.elasticsearch import ask

#: Enough for more than one tick (10 ms) of CPU.
_LINES = 5_000
_PROBES = 5
#: They wait for a minute of quiet by their nature.
_SLOW = {"cpu_until_quiet", "bytes_a_line"}
#: With tests of their own below.
_ELSEWHERE = {name for group in ("cluster", "agent", "tiers", "web") for name in GROUPS[group]}
_HERE = [name for name in CASES if name not in _SLOW | _ELSEWHERE]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    made = Corpus(tmp_path_factory.mktemp("corpus") / "corpus.ndjson", _LINES)
    made.path.write_bytes(b"".join(generate(_LINES)))
    return made


@pytest.fixture(scope="module")
def run(corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with bench(corpus, tmp_path_factory.mktemp("bench"), Peers(), _PROBES) as started:
        yield started


@pytest.fixture(scope="module")
def cluster_run(
    corpus: Corpus, tmp_path_factory: pytest.TempPathFactory, kafka: Running, elasticsearch: Running
) -> Iterator[Bench]:
    servers = {"kafka": kafka, "elasticsearch": elasticsearch}
    with bench(corpus, tmp_path_factory.mktemp("bench"), Peers(), _PROBES, servers) as started:
        yield started
    _, indices = ask(elasticsearch.port, "GET", "/logs-*")
    for name in orjson.loads(indices):
        ask(elasticsearch.port, "DELETE", f"/{name}")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", _HERE)
def test_case_runs(run: Bench, name: str) -> None:
    _check(name, run)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", GROUPS["cluster"])
def test_case_of_the_cluster_runs(cluster_run: Bench, name: str) -> None:
    _check(name, cluster_run)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", GROUPS["tiers"])
def test_case_of_tiers_runs(corpus: Corpus, tmp_path_factory: pytest.TempPathFactory, s3: Running, name: str) -> None:
    with bench(corpus, tmp_path_factory.mktemp("bench"), Peers(), _PROBES, {"s3": s3}) as started:
        _check(name, started)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", GROUPS["agent"])
def test_case_of_the_agent_runs(run: Bench, name: str) -> None:
    shown = _check(name, run)
    assert shown["shippers"]["logd"]["lines_missing"] == shown["shippers"]["logd"]["lines_double"] == 0


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", GROUPS["web"])
def test_case_of_the_web_runs(run: Bench, chromium: str, name: str) -> None:
    assert chromium
    _check(name, run)


def _check(name: str, run: Bench) -> dict[str, Any]:
    line = CASES[name](run)
    shown: dict[str, Any] = orjson.loads(line.json())
    assert shown["case"] == name
    assert shown["value"] > 0
    assert {"unit", "goal", "met", "peer", "peer_value", "ratio", "lines"} <= shown.keys()
    assert shown["peer"] is None
    assert "note" in shown
    return shown
