"""Names of sources, fingerprints, and what is remembered by which inode."""

from __future__ import annotations

from pathlib import Path

import pytest

from logd.agent.batches import Batch, Labels
from logd.agent.identity import (
    ANCHOR_BYTES,
    FINGERPRINT_BYTES,
    Anchor,
    Fingerprint,
    anchor,
    fingerprint,
    lasting_id,
    source_id,
    span,
)
from logd.agent.sources import Sources
from logd.agent.state import State

PREFIX = bytes(range(256)) * 8


def test_a_source_id_depends_on_all_that_a_file_is() -> None:
    first = fingerprint(b"one")
    ids = [
        source_id(1, 2, first, 0, 0, "host"),
        source_id(2, 2, first, 0, 0, "host"),
        source_id(1, 3, first, 0, 0, "host"),
        source_id(1, 2, fingerprint(b"two"), 0, 0, "host"),
        source_id(1, 2, first, 0, 1, "host"),
        source_id(1, 2, first, 0, 0, "other"),
        source_id(1, 2, fingerprint(b""), 0, 0, "host"),
        source_id(1, 2, fingerprint(b""), 1, 0, "host"),
    ]
    assert len(set(ids)) == len(ids)
    assert all(len(name) == 16 and int(name, 16) >= 0 for name in ids)
    # A file with content has its id from that alone: with its state lost, the same file is the same source.
    assert ids[0] == source_id(1, 2, first, 99, 0, "host")


@pytest.mark.parametrize("seen", [0, 1, 100, FINGERPRINT_BYTES - 1, FINGERPRINT_BYTES, 2000])
@pytest.mark.parametrize("now", [0, 1, 100, FINGERPRINT_BYTES, 2048])
def test_a_fingerprint_matches_a_file_that_has_grown(seen: int, now: int) -> None:
    known = fingerprint(PREFIX[:seen])
    assert known.length == min(seen, FINGERPRINT_BYTES)
    assert known.full == (seen >= FINGERPRINT_BYTES)
    assert known.matches(PREFIX[:now]) == (now >= known.length)
    if known.length:
        assert not known.matches(b"?" + PREFIX[1:])


def test_an_empty_fingerprint_matches_everything() -> None:
    assert fingerprint(b"") == Fingerprint(b"", 0)
    assert fingerprint(b"").matches(b"anything")


@pytest.mark.parametrize("end", [1, 700, ANCHOR_BYTES, 5000, 16_384, 16_385, 20_000])
@pytest.mark.parametrize("settled", [False, True])
def test_an_anchor_matches_what_was_read(end: int, settled: bool) -> None:
    data = bytes(range(256)) * 90
    length, at = span(end)
    assert at + length == end
    known = anchor(data[:end], end)
    stored = known.digest
    if settled:
        known.settle()
    assert known.digest == stored
    before = data[at:end]
    assert known.matches(before)
    assert not known.matches(before[:-1])
    assert not known.matches(b"?" + before[1:])
    # A file that is longer than any heading may end otherwise.
    assert known.matches(before[:-1] + b"?") == (end > 16_384)
    assert known.matches(before[:-64] + b"?" * 64) == (end > 16_384)
    assert not known.matches(before[:-65] + b"?" * 65)


def test_without_an_anchor_any_file_matches() -> None:
    assert Anchor().matches(b"")
    assert Anchor().matches(b"anything")


def nothing(length: int, position: int) -> bytes:
    """Of a file that is only a prefix."""
    return b""


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path / "agent.db")


@pytest.mark.parametrize("stored", [False, True])
@pytest.mark.parametrize(
    ("device", "inode", "prefix", "size", "path", "same"),
    [
        (1, 7, PREFIX[:50], 50, "/a", True),
        (1, 7, PREFIX[:900], 900, "/a.1", True),
        (1, 7, PREFIX[:50], 39, "/a", False),  # shorter than what was acknowledged
        (1, 7, PREFIX[1:51], 50, "/a", False),
        (1, 8, PREFIX[:50], 50, "/a", False),
        (2, 7, PREFIX[:50], 50, "/a", True),  # a reboot renumbers devices
        (2, 7, PREFIX[:50], 50, "/b", False),
    ],
)
def test_recognising(
    state: State, stored: bool, device: int, inode: int, prefix: bytes, size: int, path: str, same: bool
) -> None:
    sources = Sources(state, [], "host")
    source = sources.begin("/a", "/a", 1, 7, PREFIX[:50], 40, 0)
    if stored:
        sources.commit([], [])
        sources = Sources(state, state.read(0).sources, "host")
    found = sources.recognise(path, device, inode, prefix, size, nothing)
    assert (found is not None and found.source_id == source.source_id) == same
    state.close()


def test_another_device_is_forgiven_a_full_fingerprint(state: State) -> None:
    sources = Sources(state, [], "host")
    source = sources.begin("/a", "/a", 1, 7, PREFIX, 0, 0)
    assert sources.recognise("/b", 2, 7, PREFIX, 3000, nothing) is source
    assert source.device == 2
    state.close()


def test_each_beginning_of_an_inode_has_its_own_id(state: State) -> None:
    ids: set[str] = set()
    for now_us in range(5):
        sources = Sources(state, state.read(now_us).sources, "host")
        ids |= {sources.begin("/a", "/a", 1, 7, b"same", 0, 0).source_id for _ in range(3)}
        sources.commit([], [])
    assert len(ids) == 15
    assert len(state.read(0).sources) == 1
    assert max(source.generation for source in state.by_inode(7)) == 14
    assert len(state.by_inode(7)) < 20
    state.close()


LINE = b"2026-11-27T12:00:00Z INFO a line\n"


@pytest.mark.parametrize(
    ("prefix", "grown"),
    [
        (LINE, LINE * 3),
        (LINE.decode().encode("utf-16-le"), (LINE * 2).decode().encode("utf-16-le")),
        (b"Nov  7 12:00:00 web1 su: x\n", b"Nov  7 12:00:00 web1 su: x\ny\n"),
        (b"[07/Nov/2026:12:00:00 +0000] GET\n", b"[07/Nov/2026:12:00:00 +0000] GET\ny\n"),
        (b"I1107 12:00:00.123 1 a.go:1] x\n", b"I1107 12:00:00.123 1 a.go:1] x\ny\n"),
        (b"[Fri Nov 27 12:00:00.123 2026] [error] x\n", b"[Fri Nov 27 12:00:00.123 2026] [error] x\ny\n"),
        (b"27-Nov-2026 12:00:00.123 INFO x\n", b"27-Nov-2026 12:00:00.123 INFO x\ny\n"),
        (b"\xef\xbb\xbfINFO  [main] 2026/11/27 12:00:00 x\n", b"\xef\xbb\xbfINFO  [main] 2026/11/27 12:00:00 x\ny\n"),
        (b"level=info ts=2026-11-27T12:00:00.1Z x\n", b"level=info ts=2026-11-27T12:00:00.1Z x\ny\n"),
        (b"a.com:80 ::1 - u [27/Nov/2026:12:00:00 +0000] x\n", b"a.com:80 ::1 - u [27/Nov/2026:12:00:00 +0000] x\ny"),
        (b'{"log":"x","time":"2026-11-27T12:00:00.1Z"}\n', b'{"log":"x","time":"2026-11-27T12:00:00.1Z"}\ny\n'),
        (b'{"level":30,"time":1764244800123}\n', b'{"level":30,"time":1764244800123}\ny\n'),
        (b"<34>1 2026-11-27T12:00:00Z web1 su - - - x\n", b"<34>1 2026-11-27T12:00:00Z web1 su - - - x\ny\n"),
        (b"type=DAEMON_START msg=audit(1764244800.123:1): x\n", b"type=DAEMON_START msg=audit(1764244800.123:1): x\ny"),
        (b"1764244800 " + b"x" * 2000, b"1764244800 " + b"x" * 3000 + b"\n"),
    ],
)
def test_a_lasting_id_stays_as_the_file_grows(prefix: bytes, grown: bytes) -> None:
    name = lasting_id(1, 2, prefix, "host")
    assert name is not None
    assert name == lasting_id(1, 2, grown, "host")
    others = [lasting_id(2, 2, prefix, "host"), lasting_id(1, 3, prefix, "host"), lasting_id(1, 2, prefix, "other")]
    assert len({name, *others, lasting_id(1, 2, LINE.replace(b"12", b"13"), "host")}) == 5


@pytest.mark.parametrize(
    "prefix",
    [
        b"",
        LINE[:-1],
        b"a banner 1.2.3\n" + LINE,
        b"x" * 2000 + LINE,
        b"12:00:00 every day\n",
        b"2026-11-27 12:00 backup\n",
        # The same at each start of a program, or of the host: not its own time, but when it was built.
        b"OpenJDK 64-Bit Server VM (25.252-b09) for linux-amd64 JRE, built on Apr 22 2020 11:17:16 by x\n",
        b"[    0.000000] Linux version 5.15.0 (x@y) #46-Ubuntu SMP Fri Jul 10 00:24:02 UTC 2020\n",
        b"shop 1.2.3, 2026-01-05T10:22:33Z\n",
        b"Build 2026-01-05 10:22:33\n",
        b"license 4711 1764244800\n",
        b"memory: 17179869184 bytes\n",
        b"10.12.14.15 12:00:00\n",
    ],
)
def test_no_lasting_id_without_a_first_line_that_begins_with_its_time(prefix: bytes) -> None:
    assert lasting_id(1, 2, prefix, "host") is None


@pytest.mark.parametrize("stored", [False, True])
def test_a_file_that_was_empty_at_first_has_its_lasting_id_before_its_first_batch(state: State, stored: bool) -> None:
    sources = Sources(state, [], "host")
    source = sources.begin("/a", "/a", 1, 7, b"", 0, 99)
    if stored:
        sources.commit([], [])
    before = source.source_id
    sources.name(source, LINE[:9])
    assert source.source_id == before
    sources.name(source, LINE)
    assert source.source_id == lasting_id(1, 7, LINE, "host")
    assert sources.recognise("/a", 1, 7, LINE, 99, nothing) is source
    sources.commit([], [])
    assert [found.source_id for found in state.by_inode(7)] == [source.source_id]
    assert state.by_id(before) is None
    state.close()


def test_a_lasting_id_is_given_once(state: State) -> None:
    """Whatever else the inode was in between; with too many of these to remember, no other is given."""
    other = LINE.replace(b"12", b"13")
    ids = []
    sources = Sources(state, [], "host")
    for n in range(60):
        ids.append(sources.begin("/a", "/a", 1, 7, other if n % 3 == 1 else LINE, 0, n).source_id)
        sources.commit([], [])
    assert len(set(ids)) == len(ids)
    assert ids[:2] == [lasting_id(1, 7, LINE, "host"), lasting_id(1, 7, other, "host")]
    assert sources.begin("/a", "/a", 1, 7, LINE.replace(b"12", b"14"), 0, 0).source_id != lasting_id(
        1, 7, LINE.replace(b"12", b"14"), "host"
    )
    state.close()


def test_an_id_is_given_once_also_where_its_first_source_goes_on_in_another_file(state: State) -> None:
    """Inode 7 was copied and deleted, and is given to a file with the same banner."""
    ids = []
    for n in range(3):
        sources = Sources(state, state.read(n).sources, "host")
        ids.append(sources.begin("/a", "/a", 1, 7, PREFIX, 0, n))
        if n % 2:
            sources.commit([], [])
        sources.move(ids[-1], f"/a.{n}", 1, 8 + n, n)
        sources.commit([], [])
    assert len({source.source_id for source in ids}) == 3
    assert len({source.source_id for inode in (8, 9, 10) for source in state.by_inode(inode)}) == 3
    state.close()


def test_a_source_of_which_a_batch_was_sent_keeps_its_id(state: State) -> None:
    sources = Sources(state, [], "host")
    source = sources.begin("/a", "/a", 1, 7, LINE[:9], 0, 0)
    labels = Labels("service", "host", "/a")
    sent = Batch(source_id=source.source_id, start=0, end=9, lines=1, observed_us=0, labels=labels)
    sources.commit([sent], [])
    remembered = state.read(0)
    sources = Sources(state, remembered.sources, "host", remembered.pending)
    sources.drop_pending(source.source_id)
    (source,) = sources.live()
    sources.name(source, LINE)
    assert source.source_id == sent.source_id != lasting_id(1, 7, LINE, "host")
    state.close()
