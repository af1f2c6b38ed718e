"""However a file is read, a byte at a time or all at once, its events are the same."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logd.agent.batches import Batch, Labels, fill
from logd.agent.encodings import UTF_8
from logd.agent.framing import Close, Framing, framing_of
from logd.chunk import MAX_CHUNK_LINES
from logd.config.schema import Files
from tests.support.agent import Line, lines_of
from tests.support.naive_framing import NaiveFraming
from tests.unit.test_agent_containers import cri, docker
from tests.unit.test_agent_multiline import TRACES

_PIECES = [line for events in TRACES.values() for event in events for line in event.split(b"\n")]
_TEXT = st.sampled_from([*_PIECES, b"x", b" y", b"z" * 900, b"z" * 1100])
_RECORDS = st.builds(
    lambda record, text, stream, tag, second: record(text.decode(errors="replace"), stream, tag, second)[:-1],
    st.sampled_from([cri, docker]),
    _TEXT,
    st.sampled_from(["stdout", "stderr"]),
    st.sampled_from("PFFF"),
    st.integers(0, 1),
)
#: Where an event ends because it is full, the lines after it don't see those before it, and here they look at them.
_LOOK_AROUND = {"python", "go", "ruby"}
_ENTRIES = st.builds(
    lambda multiline, format, encoding: Files(
        paths=["x"],
        multiline=multiline,
        format=format,
        encoding="utf-8" if format != "lines" else encoding,
        multiline_lines=1_000 if multiline in _LOOK_AROUND else 8,
        multiline_bytes=500_000 if multiline in _LOOK_AROUND else 4_096,
    ),
    st.sampled_from(["", "java", "python", "go", "dotnet", "ruby"]),
    st.sampled_from(["lines", "docker", "cri"]),
    st.sampled_from(["utf-8", "utf-16-le", "utf-16-be", "latin-1"]),
)
LIMIT = 1024


def framed(framing: Framing, data: bytes, cuts: list[int]) -> list[Line]:
    """What arrives of whole lines in `data`, looked at whenever one of `cuts` is read."""
    labels = Labels("s", "h", "x", content_type=framing.content_type, encoding=framing.encoding.name)
    found: list[Line] = []
    start = 0
    for end in [*cuts, len(data)]:
        whole = start + framing.encoding.last_end(data[start:end])
        held = data[start:whole]
        at = 0
        for piece in framing.cut(held, start, Close.COMPLETE if end < len(data) else Close.ALL):
            assert piece.start == at < piece.end
            assert piece.lines <= MAX_CHUNK_LINES
            at = piece.end
            batch = Batch(
                source_id="0" * 16,
                start=start + piece.start,
                end=start + piece.end,
                lines=piece.lines,
                observed_us=0,
                labels=labels,
                events=piece.events,
            )
            if piece.kept is not None:
                found.append(Line(b"CUT", "", batch.start, ""))
            else:
                found += lines_of(fill(batch, held, start).chunk())
        start += at
    assert start == len(data)
    return found


@settings(max_examples=300, deadline=None)
@given(_ENTRIES, st.lists(st.one_of(_TEXT, _RECORDS), min_size=1, max_size=60), st.data())
def test_any_split_gives_the_same_events(entry: Files, lines: list[bytes], data: st.DataObject) -> None:
    framing = framing_of(entry, b"", LIMIT)
    assert framing is not None
    codec = framing.encoding.name
    text = b"".join(line + b"\n" for line in lines)
    raw = text if framing.encoding is UTF_8 else text.decode("utf-8", "replace").encode(codec, "replace")
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=12)))
    at_once = framed(framing, raw, [])
    by_line = list(itertools.accumulate(map(len, raw.split(framing.encoding.newline)), lambda a, b: a + b + 1))
    assert framed(framing, raw, cuts) == at_once
    assert framed(framing, raw, [cut for cut in by_line if cut <= len(raw)]) == at_once
    # Nothing is lost and nothing doubled: each line is in one event.
    if framing.encoding is UTF_8 and all(len(line) <= LIMIT for line in lines):
        assert sorted(b"\n".join([line.text for line in at_once]).split(b"\n")) == sorted(text[:-1].split(b"\n"))


#: What is no record, or whose time can't be compared with others'.
_ODD = st.sampled_from(
    [
        b"",
        b"2026-03-14T09:26:53Z stdout P",
        b"2026-03-14T09:26:53 stderr F no zone",
        b"2026-03-14T09:26:53.5+02:00 stdout P:x other tags",
        b"yesterday stderr P x",
        b"\xff stdout P \xff",
        b"2026-03-14T09:26:53Z stdin F x stdout P y",
        b'{"log":"part","stream":"stderr"}',
        b'{"log":"a\\nb\\n","stream":"other","time":"2026-03-14T09:26:01Z"}',
        b'{"log":"two\\n"} {"log":"values\\n"}',
        b'{"log":"two\\n"}],[{"log":"values\\n"}',
        b'{"log":"begins',
        b'","stream":"ends"}',
    ]
)
_WRITTEN = st.builds(
    lambda record, text, stream, tag, second: record(text, stream, tag, second)[:-1],
    st.sampled_from([cri, docker]),
    st.sampled_from(["x", "\tat a.B", "java.io.IOException: no", "y" * 300, " stdout P z", "\\n", "é", ""]),
    st.sampled_from(["stdout", "stdout", "stderr"]),
    st.sampled_from("PFFFF"),
    st.sampled_from([0, 0, 1, 1, 2, 3]),
)
_CRI_WRITTEN = st.builds(cri, st.sampled_from(["x", "\tat a.B"]), st.sampled_from(["stdout", "stderr"])).map(
    lambda line: line[:-1]
)
_BLOCKS = st.lists(
    st.one_of(
        *(_WRITTEN,) * 3,
        _ODD,
        # Many lines alike: blocks of which most is plain.
        st.tuples(_CRI_WRITTEN, st.integers(1, 30)).map(lambda run: b"\n".join([run[0]] * run[1])),
    ),
    max_size=40,
)
_SMALL = st.builds(
    lambda multiline, format, lines, encoding: Files(
        paths=["x"],
        format=format,
        encoding="utf-8" if format != "lines" else encoding,
        multiline_lines=lines,
        multiline_bytes=1024,
        multiline_seconds=2.0,
        **multiline,
    ),
    st.sampled_from(
        [
            {},
            {},
            *({"multiline": name} for name in ("java", "python", "go")),
            {"multiline_start": "2|x"},
            {"multiline_continuation": "x"},
        ]
    ),
    st.sampled_from(["docker", "cri", "cri", "lines"]),
    st.sampled_from([2, 5, 500]),
    st.sampled_from(["utf-8", "utf-16-le", "latin-1"]),
)


@settings(max_examples=600, deadline=None)
@given(_SMALL, _BLOCKS, st.sampled_from(Close), st.integers(0, 5_000), st.data())
def test_blocks_are_cut_as_by_looking_at_each_line(
    entry: Files, block: list[bytes], close: Close, base: int, data: st.DataObject
) -> None:
    framing = framing_of(entry, b"", LIMIT)
    assert framing is not None
    text = b"".join(line + b"\n" for line in block)
    if framing.encoding is not UTF_8:
        text = text.decode("utf-8", "replace").encode(framing.encoding.name, "replace")
    unit = framing.encoding.unit
    # Only at the end may a line lack its newline.
    end = data.draw(st.integers(0, len(text) // unit)) * unit
    text = text[: end if close is Close.ALL else framing.encoding.last_end(text[:end])]
    wanted = NaiveFraming(entry, framing, LIMIT).cut(text, base * unit, close)
    assert framing.cut(text, base * unit, close) == wanted


@pytest.mark.parametrize("head", ["2026-03-14T09:26:53Z stdout F", "2026-03-14T09:26:53Z stdout F "])
def test_a_record_without_text_or_newline(head: str) -> None:
    framing = framing_of(Files(paths=["x"], format="cri", multiline="java"), b"", LIMIT)
    assert framing is not None
    data = cri("x") + head.encode()
    (piece,) = framing.cut(data, 0, Close.ALL)
    assert [event.position for event in piece.events] == [0, len(cri("x"))]
    assert piece.events[-1].end == piece.end == len(data)


@pytest.mark.parametrize(("first", "parts"), [(990, 30), (0, 1_500), (999, 2), (500, 1_200)])
def test_no_chunk_ends_within_an_event(first: int, parts: int) -> None:
    # From event `first` on one stream's long line is written, a part after each line of the other.
    lines = [cri("x")] * first + [cri("y", "stderr", "P"), cri("x")] * parts + [cri("y", "stderr"), cri("x")] * 1_200
    entry = Files(paths=["x"], format="cri", multiline_lines=1_000_000, multiline_bytes=512 * 1024)
    framing = framing_of(entry, b"", LIMIT)
    assert framing is not None
    data = b"".join(lines)
    at, found = 0, []
    for piece in framing.cut(data, 0, Close.ALL):
        assert piece.start == at < piece.end
        at = piece.end
        assert piece.lines == len(piece.events) <= MAX_CHUNK_LINES
        for event in piece.events:
            assert piece.start <= event.position < event.end <= piece.end
            found += [(event.position, event.length), *event.more]
    assert at == len(data)
    text = b"".join(data[start : start + length].removesuffix(b"\n") + b"\n" for start, length in sorted(found))
    assert text == data
    if parts < MAX_CHUNK_LINES:
        assert len(found) - parts == sum(piece.lines for piece in framing.cut(data, 0, Close.ALL))
