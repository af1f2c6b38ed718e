"""The bench's corpus is that of shared/data/make_logs.py, byte for byte."""

import hashlib
import os
import subprocess
import sys
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import orjson
import pytest

from tests.bench import corpus

LINES = 1_000


def test_the_first_lines_have_the_pinned_checksum() -> None:
    text = b"".join(corpus.generate(LINES))
    assert text.count(b"\n") == LINES
    assert hashlib.sha256(text).hexdigest() == corpus.PINNED_SHA256[LINES]


def test_equals_the_output_of_make_logs(tmp_path: Path) -> None:
    default = Path(__file__).parents[3] / "shared" / "data"
    script = Path(os.environ.get("TEST_DATA", default)) / "make_logs.py"
    if not script.exists():
        pytest.skip(f"no {script}: set $TEST_DATA to the folder of make_logs.py")
    theirs = tmp_path / "theirs.ndjson"
    subprocess.run([sys.executable, str(script), str(LINES), str(theirs)], check=True)
    assert b"".join(corpus.generate(LINES)) == theirs.read_bytes()


def test_is_cached_outside_the_checkout_and_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    first = corpus.corpus(LINES)
    written = first.path.stat().st_mtime_ns
    assert first.path.is_relative_to(tmp_path)
    assert first.path.read_bytes() == b"".join(corpus.generate(LINES))
    assert corpus.corpus(LINES) == first
    assert first.path.stat().st_mtime_ns == written
    assert [file.name for file in first.path.parent.iterdir()] == [first.path.name]


def test_a_wrong_checksum_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setitem(corpus.PINNED_SHA256, 5, "another")
    with pytest.raises(RuntimeError, match="corpus of 5 lines"):
        corpus.corpus(5)
    assert list((tmp_path / "logd-bench").iterdir()) == []


@pytest.mark.parametrize("body_bytes", [10, 1_000, 100_000, 10_000_000])
def test_bodies_cover_the_file_in_whole_lines(tmp_path: Path, body_bytes: int) -> None:
    path = tmp_path / "corpus"
    text = b"".join(corpus.generate(500))
    path.write_bytes(text)
    spans = corpus.Corpus(path, 500).body_spans(body_bytes)
    bodies = [text[start : start + length] for start, length in spans]
    assert b"".join(bodies) == text
    assert all(body.endswith(b"\n") for body in bodies)
    assert all(len(body) <= body_bytes or body.count(b"\n") == 1 for body in bodies)


def test_reads_backwards_and_by_number(tmp_path: Path) -> None:
    path = tmp_path / "corpus"
    lines = [line.rstrip(b"\n") for line in corpus.generate(9_000)]
    path.write_bytes(b"\n".join(lines) + b"\n")
    small = corpus.Corpus(path, len(lines))
    assert list(small.lines_newest_first()) == lines[::-1]
    assert list(small.lines_newest_first(b"timeout")) == [line for line in lines[::-1] if b"timeout" in line]
    assert list(small.lines_newest_first(lines[4_321][-60:])) == [lines[4_321]]
    assert small.middle() in lines[4_400:4_600]
    assert small.line(4_321) == lines[4_321]
    with pytest.raises(IndexError, match="no line 9000"):
        small.line(9_000)


def test_over_days_only_the_times_differ() -> None:
    lines = list(map(orjson.loads, corpus.generate(LINES, days=7)))
    usual = list(map(orjson.loads, corpus.generate(LINES)))
    times = [datetime.fromisoformat(line.pop("timestamp")) for line in lines]
    for line in usual:
        del line["timestamp"]
    assert lines == usual
    assert times[0] == corpus.START - timedelta(days=7)
    step = timedelta(days=7) / LINES
    assert {later - earlier for earlier, later in pairwise([*times, corpus.START])} == {step}


def test_days_have_a_file_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert corpus.corpus(5).path.read_bytes() == b"".join(corpus.generate(5))
    assert corpus.corpus(5, days=7).path.read_bytes() == b"".join(corpus.generate(5, days=7))
