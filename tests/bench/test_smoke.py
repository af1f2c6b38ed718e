"""Every case runs, on a tiny corpus and against the real process; what it measures there means nothing."""

from collections.abc import Iterator

import orjson
import pytest

from tests.bench.bench import Bench, bench
from tests.bench.cases import CASES
from tests.bench.corpus import Corpus, generate

#: Enough for more than one tick (10 ms) of CPU.
_LINES = 5_000
_PROBES = 5
#: They wait for a minute of quiet by their nature.
_SLOW = {"cpu_until_quiet", "bytes_a_line"}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("bench")
    corpus = Corpus(folder / "corpus.ndjson", _LINES)
    corpus.path.write_bytes(b"".join(generate(_LINES)))
    with bench(corpus, folder, peer=None, probes=_PROBES) as started:
        yield started


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", [name for name in CASES if name not in _SLOW])
def test_case_runs(run: Bench, name: str) -> None:
    line = CASES[name](run)
    shown = orjson.loads(line.json())
    assert shown["case"] == name
    assert shown["value"] > 0
    assert {"unit", "goal", "met", "peer", "peer_value", "ratio", "lines"} <= shown.keys()
    assert shown["peer"] is None
    assert "note" in shown
