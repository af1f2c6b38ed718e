"""Which lines become one event: traces of languages, patterns, limits, and what happens to an event that may grow."""

from __future__ import annotations

import os
import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from logd.agent import follow
from logd.agent.multiline import starts_of
from logd.config.schema import Files
from logd.errors import Unavailable
from tests.support.agent import Driver, Start, append

#: Events as they are in a file; each is followed by another, which a new event begins.
TRACES = {
    "java": [
        b"""2026-03-14 09:26:53 ERROR shop: order 7 failed
java.lang.IllegalStateException: no stock
\tat com.example.Shop.order(Shop.java:12)
\tat com.example.Main.main(Main.java:3)
Caused by: java.sql.SQLException: closed
\tat com.example.Db.query(Db.java:99)
\t... 12 more
\tSuppressed: java.io.IOException""",
        b"2026-03-14 09:26:54 INFO shop: fine",
        b"""Exception in thread "main" java.lang.NullPointerException
\tat Main.main(Main.java:5)\r""",
        b"org.example.Shop is up",
    ],
    "python": [
        b"""ERROR:root:failed
Traceback (most recent call last):
  File "/srv/app.py", line 3, in f
    g()
    ~^^
KeyError: 'x'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/srv/app.py", line 9, in <module>
    f()
mypackage.errors.Unhappy: no""",
        b"INFO:root:next",
        b"",
        b"""WARNING:root:after an empty line
Traceback (most recent call last):
  File "<stdin>", line 1, in <module>
KeyboardInterrupt""",
        b"KeyError: on a line of its own",
    ],
    "go": [
        b"2026/03/14 09:26:53 listening on (8080)",
        b"""panic: runtime error: index out of range [5] with length 3

goroutine 1 [running]:
main.(*Shop).order(...)
\t/srv/shop.go:8
main.main()
\t/srv/shop.go:4 +0x1d
created by main.start in goroutine 6
\t/srv/shop.go:2 +0x5
exit status 2""",
        b"2026/03/14 09:26:54 served(1)",
        b"2026/03/14 09:26:55 next",
    ],
    "dotnet": [
        b"""fail: Shop[0]
      Unhandled exception.
System.InvalidOperationException: no stock
 ---> System.Exception: inner
   at Shop.Order() in /src/Shop.cs:line 5
   --- End of inner exception stack trace ---
   at Shop.Main()
--- End of stack trace from previous location ---
   at Shop.Start()""",
        b"info: Shop[0]",
    ],
    "ruby": [
        b"""app.rb:3:in `order': no stock (RuntimeError)
\tfrom app.rb:7:in `<main>'""",
        b"""RuntimeError (no stock):

app/models/shop.rb:4:in 'Shop#order'
app/controllers/shop.rb:9:in 'index'""",
        b"I, [2026-03-14T09:26:53] INFO -- : next",
    ],
}


def events_of(entry: Files, data: bytes, final: bool = True) -> list[bytes]:
    starts = starts_of(entry)
    assert starts is not None
    bounds = [0, *starts(data, final), len(data)]
    return [data[start:end].removesuffix(b"\n") for start, end in pairwise(bounds)]


@pytest.mark.parametrize("language", TRACES)
def test_traces(language: str) -> None:
    entry = Files(paths=["x"], multiline=language)  # type: ignore[arg-type]
    events = TRACES[language] * 2
    data = b"\n".join((*events, b""))
    assert events_of(entry, data) == events
    # As long as more may come, no event is complete that isn't.
    for end in range(len(data)):
        if data[end - 1 : end] == b"\n":
            early = events_of(entry, data[:end], final=False)
            assert early[:-1] == events[: len(early) - 1]


@pytest.mark.parametrize(
    ("setting", "pattern", "data", "events"),
    [
        ("multiline_start", r"\d+ ", b"1 a\nb\n\n2 c\n", [b"1 a\nb\n", b"2 c"]),
        ("multiline_start", r"^\d", b"x\n1\n1\n", [b"x", b"1", b"1"]),
        ("multiline_start", r"\[|<", b"[a\nb\n<c\n", [b"[a\nb", b"<c"]),
        ("multiline_start", "", b"a\n", []),
        ("multiline_start", r"x*", b"a\n\nxx\n", [b"a", b"", b"xx"]),
        ("multiline_start", r".*ERROR", b"a\nb ERROR\nc\n", [b"a", b"b ERROR\nc"]),
        ("multiline_start", r"\s*b", b"a\n \n b\n", [b"a\n ", b" b"]),
        ("multiline_start", r"a$", b"a\nab\na\n", [b"a\nab", b"a"]),
        (
            "multiline_start",
            r"é",
            "é\n\xff".encode() + b"\xff\n\xc3\xa9x\n",
            ["é\nÿ".encode() + b"\xff", "éx".encode()],
        ),
        ("multiline_continuation", r"\s", b"a\n b\n\nc\n", [b"a\n b", b"", b"c"]),
        ("multiline_continuation", r"\s|$", b"a\n b\n\nc\n", [b"a\n b\n", b"c"]),
        ("multiline_continuation", r"", b"a\n", []),
        ("multiline_continuation", r".", b"a\nb\n\nc\n", [b"a\nb", b"\nc"]),
    ],
)
def test_patterns(setting: str, pattern: str, data: bytes, events: list[bytes]) -> None:
    entry = msgspec.structs.replace(Files(paths=["x"]), **{setting: pattern})
    if pattern:
        assert events_of(entry, data) == events
    else:
        assert starts_of(entry) is None


def test_a_pattern_that_would_never_end(app: Path, start: Start) -> None:
    data = b"a" * 5_000 + b"!\n"
    append(app, data * 20 + b"ab\n")
    agent = start(multiline_start="(a+)+b")
    agent.settle()
    assert agent.settle() == [(data * 20)[:-1], b"ab"]


@pytest.fixture
def start(start: Start) -> Start:
    """With lines that go on after white space, unless told otherwise."""

    def begin(**settings: Any) -> Driver:
        usual = {} if {"multiline", "multiline_start"} & settings.keys() else {"multiline_continuation": r"\s"}
        return start(**{**usual, **settings})

    return begin


def test_an_event_waits_for_the_next_one(app: Path, start: Start) -> None:
    agent = start(multiline_seconds=1e6)
    append(app, b"a\n b\n")
    assert agent.settle() == []
    append(app, b" c\nd\n")
    assert agent.settle() == [b"a\n b\n c"]
    assert [(line.position, line.text) for line in agent.target.lines] == [(0, b"a\n b\n c")]
    assert [(item.offset, item.end, item.lines) for item in agent.target.chunks] == [(0, 8, 1)]


def test_an_event_waits_no_longer_than_its_time(app: Path, start: Start) -> None:
    agent = start(multiline_seconds=2.0, batch_seconds=0.5)
    for _ in range(4):
        append(app, b"a\n")
        agent.round(0.6)
        append(app, b" b\n")
        agent.round(1.9)
    append(app, b" c\n")
    agent.round(1.9)
    assert agent.target.texts == [b"a\n b"] * 3
    agent.round(1.9)
    assert agent.target.texts == [b"a\n b"] * 3
    agent.round(0.2)
    assert agent.target.texts == [*[b"a\n b"] * 3, b"a\n b\n c"]
    append(app, b" late\nx\n")
    agent.round(0.6)
    agent.round(0.6)
    assert agent.target.texts[4:] == [b" late"]


def test_an_unfinished_line_may_go_on_with_an_event(app: Path, start: Start) -> None:
    agent = start(multiline_seconds=1.0, partial_line_seconds=5.0)
    append(app, b"a\nb\n c")
    agent.settle()
    assert agent.target.texts == [b"a"]
    agent.round(5.0)
    assert agent.target.texts == [b"a", b"b\n c"]
    append(app, b" and more\nd\n")
    agent.settle()
    assert agent.settle() == [b"a", b"b\n c", b" and more", b"d"]


@pytest.mark.parametrize("cut", ["rename", "truncate", "delete", "memory"])
def test_what_is_held_is_sent_when_no_more_can_come(
    app: Path, start: Start, cut: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = start(multiline_seconds=1e6)
    append(app, b"a\n b\n")
    agent.settle()
    match cut:
        case "rename":
            app.rename(app.with_name("app.log.1"))
            agent.settle()
            append(app.with_name("app.log.1"), b" c\nd\n")
            append(app, b"new\n")
            agent.settle()
            assert agent.target.texts == [b"a\n b\n c"]
        case "truncate":
            os.truncate(app, 0)
            append(app, b"new\nx\n")
            assert agent.settle() == [b"a\n b", b"new"]
        case "delete":
            agent.follower._roster.handles.close_all()
            app.unlink()
            assert agent.settle() == [b"a\n b"]
        case _:
            monkeypatch.setattr(follow, "HELD_BYTES", 4)
            assert agent.settle() == [b"a\n b"]
    assert agent.follower.counts.lost_bytes == 0


@pytest.mark.parametrize("how", ["renamed", "copied"])
def test_an_event_is_not_joined_across_a_rotation(app: Path, start: Start, how: str) -> None:
    agent = start(multiline_seconds=5.0)
    append(app, b"a\n b\n")
    agent.settle()
    append(app, b" c\n")
    if how == "renamed":
        app.rename(app.with_name("app.log.1"))
    else:
        shutil.copyfile(app, app.with_name("app.log.1"))
        os.truncate(app, 0)
    append(app, b" d\nnext\n")
    agent.settle()
    agent.round(6.0)
    assert sorted(agent.settle()) == [b" d", b"a\n b\n c", b"next"]
    assert agent.follower.counts.lost_bytes == 0


def test_a_stop_leaves_an_event_that_may_grow_in_its_file(app: Path, start: Start) -> None:
    agent = start(multiline_seconds=1e6, batch_seconds=1e6)
    append(app, b"a\n b\nc\n")
    agent.round(2.0)
    agent.ship(agent.follower.drain())
    assert agent.target.texts == [b"a\n b"]
    append(app, b" d\ne\n")
    agent.restart()
    agent.round()
    agent.ship(agent.follower.drain())
    assert agent.target.texts == [b"a\n b", b"c\n d"]


@pytest.mark.parametrize(
    ("settings", "sizes"),
    [
        ({"multiline_lines": 4}, [4, 4, 3, 1, 4, 1]),
        ({"multiline_bytes": 1024}, [10, 1, 1, 5]),
        ({}, [11, 1, 5]),
    ],
)
def test_events_have_limits(app: Path, start: Start, settings: dict[str, int], sizes: list[int]) -> None:
    line = b" " + b"x" * 98 + b"\n"
    data = b"a" + line[:-2] + b"\n" + line * 10 + b"b\nc\n" + b" y\n" * 4 + b"end\n"
    append(app, data)
    agent = start(multiline_seconds=1e6, **settings)
    texts = agent.settle()
    assert [text.count(b"\n") + 1 for text in texts] == sizes
    assert b"\n".join((*texts, b"end\n")) == data
    # A line at a time it is the same.
    slow = app.with_name("slow.log")
    for part in data.splitlines(keepends=True):
        append(slow, part)
        agent.round(0.6)
    assert [line.text for line in agent.target.lines if line.source == str(slow)] == texts


def test_a_line_over_the_limit_is_an_event_of_its_own(app: Path, start: Start) -> None:
    append(app, b"a\n b\n " + b"x" * 2000 + b"\n c\nd\n e\nf\n")
    agent = start(max_line_bytes=1024, multiline_seconds=1e6)
    assert agent.settle() == [b"a\n b", b" " + b"x" * 1023, b" c", b"d\n e"]
    assert [item.tags for item in agent.target.chunks] == [(), ("cut",), ()]


def test_many_events(app: Path, start: Start) -> None:
    events = [b"%d\n %s" % (number, b"x" * (number % 900)) for number in range(5_000)]
    append(app, b"\n".join((*events, b"last\n")))
    agent = start(multiline_seconds=1e6)
    assert agent.settle() == events
    assert all(item.events for item in agent.target.chunks)
    assert len(agent.target.chunks) < 12


def test_a_resend_is_the_same_whatever_the_configuration_is_by_then(app: Path, start: Start) -> None:
    agent = start()
    append(app, b"a\n b\nc\n \xff\n d\n" + b"".join(b"%d\n x\n" % number for number in range(3_000)))
    agent.target.forget = 1
    with pytest.raises(Unavailable):
        agent.settle()
    agent.crash()
    first = list(agent.target.attempts)
    entry = msgspec.structs.replace(
        agent.config.agent.files[0], multiline_continuation="", encoding="latin-1", format="auto", service="other"
    )
    agent.config = msgspec.structs.replace(
        agent.config, agent=msgspec.structs.replace(agent.config.agent, files=[entry])
    )
    agent.start()
    assert agent.target.attempts[len(first) :] == first
    assert agent.target.duplicates == len(first)
    agent.settle()
    assert agent.target.texts[:2] == [b"a\n b", b"c\n \xff\n d"]
    last = agent.target.lines[-1]
    assert last.position + len(last.text) + 1 == os.path.getsize(app)
