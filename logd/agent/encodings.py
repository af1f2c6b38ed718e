"""Bytes of files that aren't UTF-8: where their lines end, and what they are as UTF-8.

UTF-16's newline is two bytes, which count only where a character begins: U+0A00 to U+0AFF have the same byte. What
can't be decoded becomes U+FFFD. All lengths and positions are those of the file's bytes; data begins with a character.
Nothing here is a statement of Python for each line.
"""

from __future__ import annotations

import codecs
import re

import msgspec

_BOM = "\ufeff".encode()


class Encoding(msgspec.Struct, frozen=True):
    """`name` is Python's. `line` matches a line with its newline, or what is there without one, and at the end nothing:
    so that it is never looked for within a character."""

    name: str
    newline: bytes
    line: re.Pattern[bytes]

    @property
    def unit(self) -> int:
        """How many bytes a newline has; positions of characters are multiples of it."""
        return len(self.newline)

    def first_end(self, data: bytes) -> int:
        """The position behind the first newline; 0 when there is none."""
        at = data.find(self.newline)
        while at > 0 and at % self.unit:
            at = data.find(self.newline, at + 1)
        return at + self.unit if at >= 0 else 0

    def last_end(self, data: bytes) -> int:
        """The position behind the last newline; 0 when there is none."""
        at = data.rfind(self.newline)
        while at > 0 and at % self.unit:
            at = data.rfind(self.newline, 0, at + self.unit - 1)
        return at + self.unit if at >= 0 else 0

    def line_ending(self, data: bytes) -> int:
        """The length of the line ending that `data` begins with; 0 when it begins with another character."""
        endings = (self.newline, "\r".encode(self.name) + self.newline)
        return next((len(ending) for ending in endings if data.startswith(ending)), 0)

    def starts(self, data: bytes) -> list[int]:
        """Where each line of `data` begins, and at last the length of `data`."""
        starts = [0, *map(re.Match.end, self.line.finditer(data))]
        while len(starts) > 1 and starts[-1] == starts[-2]:
            starts.pop()
        return starts

    def texts(self, data: bytes, position: int) -> list[bytes]:
        """The lines of `data`, which is from `position` in its file, as UTF-8 without their newlines. The mark that a
        file may begin with is no text."""
        texts = data.decode(self.name, "replace").encode().split(b"\n")
        if not texts[-1]:
            texts.pop()
        if position == 0 and texts and self is not UTF_8:
            texts[0] = texts[0].removeprefix(_BOM)
        return texts


UTF_8 = Encoding("utf-8", b"\n", re.compile(rb"[^\n]*+(?:\n|\Z)"))
LATIN_1 = Encoding("latin-1", b"\n", re.compile(rb"[^\n]*+(?:\n|\Z)"))
UTF_16_LE = Encoding("utf-16-le", b"\n\0", re.compile(rb"(?s)(?:[^\n].|\n[^\0])*+(?:\n\0|.?\Z)"))
UTF_16_BE = Encoding("utf-16-be", b"\0\n", re.compile(rb"(?s)(?:[^\0].|\0[^\n])*+(?:\0\n|.?\Z)"))
BY_NAME = {encoding.name: encoding for encoding in (UTF_8, LATIN_1, UTF_16_LE, UTF_16_BE)}


def of_file(name: str, prefix: bytes) -> Encoding | None:
    """The encoding of a file that begins with `prefix` and is configured as `name`: of "utf-16" its byte order mark
    says which, and without one it is what Windows writes. None when that can't be known yet."""
    if name != "utf-16":
        return BY_NAME[name]
    if len(prefix) < len(codecs.BOM_UTF16_BE):
        return None
    return UTF_16_BE if prefix.startswith(codecs.BOM_UTF16_BE) else UTF_16_LE
