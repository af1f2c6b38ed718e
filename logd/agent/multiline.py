"""Which lines begin an event, of blocks of lines: by a pattern of what begins one, or of what goes on with it.

A pattern is matched with the beginning of a line, and one regular expression looks at a whole block. People's own are
RE2's (see config/patterns.py); the built-in ones are Python's, which is eight times as fast and may be, since each
takes time in proportion to the line.

Whether a line begins an event never changes when more lines come behind it: one that depends on the next is no
beginning as long as there is none. So it makes no difference how a file was read.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

import msgspec

from logd.config.patterns import Pattern, compile_pattern
from logd.config.schema import Files

#: Of lines, the offsets at which events begin, in order, the first line's apart. With True no more lines will come:
#: then nothing waits for the next one.
Starts = Callable[[bytes, bool], list[int]]

_NEWLINE = re.compile(rb"\n")
_INDENTED = rb"[ \t]"
#: `java.io.IOException: …`, `System.Exception: …`: what is thrown, on a line of its own below the line that logs it.
_THROWN = rb"(?:[\w$]++\.)++[\w$]*?(?:Exception|Error|Throwable)(?![\w$.])"


class _Trace(msgspec.Struct, frozen=True):
    """A language's traces: what lines begin with that go on with an event, and, where a line shows only by those before
    it that it does, a pattern of all of them whose group is that line."""

    continuation: bytes
    last_line: bytes = b""


TRACES = {
    "java": _Trace(rb"|".join([_INDENTED, rb"Caused by: ", rb"Suppressed: ", rb"\.\.\. \d+ ", _THROWN])),
    "dotnet": _Trace(rb"|".join([_INDENTED, rb"--- End of ", rb"---> ", _THROWN])),
    "python": _Trace(
        rb"|".join(
            [
                _INDENTED,
                rb"Traceback \(most recent call last\):",
                rb"During handling of the above exception, another",
                rb"The above exception was the direct cause",
                rb"\r?(?:\n|\Z)(?=\Z|During handling|The above exception|Traceback )",
            ]
        ),
        rb"^[^\n]*Traceback \(most recent call last\):\r?\n(?:[ \t][^\n]*+\n)++([^\n]++)",
    ),
    "go": _Trace(
        rb"|".join(
            [
                _INDENTED,
                rb"goroutine \d+ ",
                rb"created by ",
                rb"\[signal ",
                rb"exit status \d",
                rb"\r?(?:\n|\Z)(?=\Z|goroutine |\[signal )",
                # A function of the stack, whose place in its file is on the next line.
                rb"[\w./*\xc2\xb7%\[\]-]++(?:\.\(\*?\w++\)[\w.]*+)?\([^\n]*\)\r?(?:\n|\Z)(?=\Z|\t)",
            ]
        )
    ),
    "ruby": _Trace(
        rb"|".join(
            [
                _INDENTED,
                rb"[^\s:]++:\d++:in [`'][^\n]*'\r?(?:\n|\Z)",
                rb"\r?(?:\n|\Z)(?=\Z|[^\s:]++:\d++:in )",
            ]
        )
    ),
}


def starts_of(entry: Files) -> Starts | None:
    """How the events of the entry's files begin; None when every line is one. Raises ValueError for a pattern that is
    none."""
    if entry.multiline:
        return _of_trace(entry.multiline)
    if entry.multiline_start:
        return _of_start(entry.multiline_start)
    if entry.multiline_continuation:
        return _of_continuation(entry.multiline_continuation)
    return None


# One for all files of an entry, which can be thousands.
@lru_cache(maxsize=64)
def _of_trace(name: str) -> Starts:
    trace = TRACES[name]
    begins = re.compile(rb"\n(?!\Z|" + trace.continuation + rb")")
    begins_for_good = re.compile(begins.pattern.replace(rb"(?=\Z|", rb"(?="))
    last_line = re.compile(trace.last_line, re.MULTILINE) if trace.last_line else None

    def starts(lines: bytes, final: bool) -> list[int]:
        found = [match.start() + 1 for match in (begins_for_good if final else begins).finditer(lines)]
        if last_line is None:
            return found
        last_lines = {match.start(1) for match in last_line.finditer(lines)}
        return [start for start in found if start not in last_lines] if last_lines else found

    return starts


@lru_cache(maxsize=64)
def _of_start(text: str) -> Starts:
    pattern = compile_pattern(_at_a_line(text))

    def starts(lines: bytes, final: bool) -> list[int]:
        return sorted(_matches(pattern, lines) - {0, len(lines)})

    return starts


@lru_cache(maxsize=64)
def _of_continuation(text: str) -> Starts:
    pattern = compile_pattern(_at_a_line(text))

    def starts(lines: bytes, final: bool) -> list[int]:
        every = set(map(re.Match.end, _NEWLINE.finditer(lines)))
        return sorted(every - _matches(pattern, lines) - {len(lines)})

    return starts


def _at_a_line(text: str) -> str:
    return f"(?m)^(?:{text})"


def _matches(pattern: Pattern, lines: bytes) -> set[int]:
    # A set: RE2's gives a match that is empty twice.
    return {match.start() for match in pattern.finditer(lines)}
