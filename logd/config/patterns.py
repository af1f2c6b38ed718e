"""Regular expressions that people configure: RE2's, which take time in proportion to the text, whatever they are.

Python's own would be as good for most, but one that backtracks without end (`(a+)+b`) stops the agent, and no list of
what is forbidden finds all of those. RE2 takes 3 MB of memory and 2 ms to load, so it is loaded only for a pattern.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

#: What a pattern's automata may take; RE2 starts them anew when they are full. Its own default is 8 MB.
_MEMORY_BYTES = 1024 * 1024


class Pattern(Protocol):
    """What is used of a compiled one. `.` and classes don't match a newline."""

    @property
    def groupindex(self) -> Mapping[str, int]:
        """The named groups."""
        ...

    def finditer(self, text: bytes) -> Iterator[Any]:
        """The matches in `text`, with their `start()`."""
        ...

    def fullmatch(self, text: bytes) -> Any:
        """The match of the whole text, or None."""
        ...


def compile_pattern(text: str) -> Pattern:
    """The pattern, for bytes. Raises ValueError, with what is wrong."""
    import re2

    options = re2.Options()
    options.never_nl = True
    options.log_errors = False
    options.max_mem = _MEMORY_BYTES
    try:
        pattern: Pattern = re2.compile(text, options)
    except re2.error as error:
        reason = error.args[0] if error.args else "it can't be read"
        raise ValueError(reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)) from None
    return pattern
