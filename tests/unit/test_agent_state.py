"""What the agent remembers on disk."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from logd.agent.batches import Batch, Event, Labels
from logd.agent.identity import anchor, fingerprint
from logd.agent.rows import Source
from logd.agent.state import State
from logd.chunk import REMEMBER_SECONDS
from logd.errors import ConfigError, Unavailable


def source(name: str = "a" * 16, position: int = 0) -> Source:
    found = Source(
        source_id=name,
        source="/var/log/a-\udcff.log",
        path="/var/log/a.log.1",
        device=2**64 - 1,
        inode=2**64 - 2,
        generation=3,
        fingerprint=fingerprint(b"hello"),
        position=position,
        anchor=anchor(b"lo", 5),
    )
    found.anchor.settle()
    return found


def batch(start: int, end: int, name: str = "a" * 16, events: tuple[Event, ...] = ()) -> Batch:
    labels = Labels("service", "host", "/var/log/ä.log", ("one", "two"), {"n": 1, "deep": {"x": [True, None]}})
    return Batch(
        source_id=name, start=start, end=end, lines=2, observed_us=1_700_000_000_000_001, labels=labels, events=events
    )


def test_everything_comes_back(tmp_path: Path) -> None:
    state = State(tmp_path / "deep" / "agent.db")
    batches = [batch(0, 10), batch(10, 20, events=(Event(10, 3), Event(15, 2)))]
    state.commit([source()], batches, entries=[b"/var/log/*"])
    state.close()
    state = State(tmp_path / "deep" / "agent.db")
    remembered = state.read(0)
    assert [vars_of(found) for found in remembered.sources] == [vars_of(source())]
    assert remembered.pending == batches
    assert remembered.entries == {b"/var/log/*"}
    found = state.by_id("a" * 16)
    assert found is not None
    assert vars_of(found) == vars_of(source())
    assert state.by_id("b" * 16) is None
    state.close()


def vars_of(found: Source) -> list[object]:
    return [getattr(found, name) for name in found.__struct_fields__]


def test_an_acknowledgement_forgets_what_was_pending(tmp_path: Path) -> None:
    state = State(tmp_path / "agent.db")
    other = "b" * 16
    state.commit([source(), source(other)], [batch(0, 10), batch(10, 20), batch(0, 10, other)])
    state.commit([source(position=10)])
    assert state.read(0).pending == [batch(10, 20), batch(0, 10, other)]
    state.commit([], dropped=[other])
    assert state.read(0).pending == [batch(10, 20)]
    state.close()


def test_sources_that_are_gone_are_forgotten_after_a_while(tmp_path: Path) -> None:
    state = State(tmp_path / "agent.db")
    gone = source()
    gone.gone_us, gone.ended = 1_000_000, True
    state.commit([gone], [batch(0, 10)])
    remembered = state.read(0)
    assert (remembered.sources, remembered.pending) == ([], [batch(0, 10)])
    assert state.by_inode(gone.inode)
    assert state.read((REMEMBER_SECONDS + 2) * 1_000_000).pending == []
    assert not state.by_inode(gone.inode)
    state.close()


def test_a_commit_is_whole_or_nothing(tmp_path: Path) -> None:
    state = State(tmp_path / "agent.db")
    bad = source("c" * 16)
    bad.generation = 2**70
    with pytest.raises(OverflowError):
        state.commit([source(), bad], [batch(0, 10)])
    assert state.read(0).sources == []
    state.close()


def test_a_locked_state_is_unavailable(tmp_path: Path) -> None:
    state = State(tmp_path / "agent.db", busy_seconds=0)
    other = sqlite3.connect(tmp_path / "agent.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable, match="can't be written: database is locked"):
        state.commit([source()])
    other.execute("ROLLBACK")
    state.commit([source()])
    assert len(state.read(0).sources) == 1
    other.close()
    state.close()


def test_a_newer_state_is_refused(tmp_path: Path) -> None:
    State(tmp_path / "agent.db").close()
    db = sqlite3.connect(tmp_path / "agent.db")
    db.execute("PRAGMA user_version = 5")
    db.close()
    with pytest.raises(ConfigError, match=r"agent\.db has version 5, this logd knows 4: .* read again"):
        State(tmp_path / "agent.db")


def test_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "agent.db").write_bytes(b"no database" * 500)
    with pytest.raises(ConfigError, match="is damaged or is none: file is not a database; without this file"):
        State(tmp_path / "agent.db")


def test_it_survives_a_power_cut(tmp_path: Path) -> None:
    state = State(tmp_path / "agent.db")
    modes = [state.db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")]
    assert modes == ["wal", 2]
    state.close()
