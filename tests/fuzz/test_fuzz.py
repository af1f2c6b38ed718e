"""The fuzzers find nothing: for a minute all together, and by --long for an hour."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.__main__ import TARGETS
from tests.support.process import environment_of_a_process

_SECONDS, _LONG_SECONDS = 20, 1_200


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.timeout(_LONG_SECONDS + 300)
def test_nothing_is_found(target: str, tmp_path: Path, long: bool) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for number, seed in enumerate(importlib.import_module(f"tests.fuzz.target_{target}").SEEDS):
        (corpus / str(number)).write_bytes(seed)
    seconds = _LONG_SECONDS if long else _SECONDS
    fuzzing = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", target, str(seconds), str(corpus)],
        cwd=tmp_path,
        env=environment_of_a_process(),
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    found = [path.read_bytes() for path in tmp_path.glob("*-*") if path.is_file()]
    assert fuzzing.returncode == 0, f"{found!r}\n{fuzzing.stderr[-4_000:]}"
    runs = [line for line in fuzzing.stderr.splitlines() if "number_of_executed_units" in line]
    assert runs, fuzzing.stderr[-4_000:]
    assert int(runs[0].split()[-1]) > 20, runs  # the slowest take 30 ms a run
    print(target, runs[0])
