"""How many lines each parser and each of its steps took, and some that none understood."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from itertools import islice

from logd.cli.expectations import shortened
from logd.cli.fields import fate
from logd.parse.columns import AS_TEXT, UNPARSED, Parsed

_SAMPLES = 5
#: Of a sample so many bytes are looked at: what is shown of it is less.
_SAMPLE_BYTES = 1024


class Tally:
    """Counts over any number of files. A text is what the parsers `keeping` were made to take for one."""

    def __init__(self, keeping: Collection[str]) -> None:
        self._keeping = keeping
        self._counts: Counter[tuple[str, str]] = Counter()
        self._shaped: Counter[tuple[str, str]] = Counter()
        self._lines: Counter[str] = Counter()
        self._samples: list[str] = []

    def count(self, name: str, parsed: Parsed, text: bytes) -> None:
        """What was parsed of `text`, the next lines of the file `name`."""
        unknown: list[int] = []
        for share in parsed.shares:
            if len(share.rows):
                self._counts[share.parser, share.step] += len(share.rows)
            if share.step == UNPARSED or (share.step == AS_TEXT and share.parser not in self._keeping):
                unknown += share.rows.tolist()
        self._shaped.update(parsed.shaped)
        if unknown and len(self._samples) < _SAMPLES:
            self._sample(name, sorted(unknown), text.split(b"\n"))
        self._lines[name] += len(parsed.table)

    def _sample(self, name: str, rows: Sequence[int], lines: Sequence[bytes]) -> None:
        """The first of the rows; a blank one says nothing."""
        told = ((row, line) for row in rows if (line := lines[row][:_SAMPLE_BYTES].strip()))
        for row, line in islice(told, _SAMPLES - len(self._samples)):
            shown = shortened(line.decode("utf-8", "replace"))
            self._samples.append(f"  {shortened(name)}:{self._lines[name] + row + 1}: {shown}")

    def text(self) -> str:
        """A line for each step, those of most lines first, then for each rule, then the samples."""
        named = {_name(parser, step): count for (parser, step), count in self._counts.most_common()}
        named |= {fate(what, rule): count for (what, rule), count in self._shaped.most_common()}
        width = max(map(len, named), default=0)
        shown = [f"{name.ljust(width)}  {count:,}" for name, count in named.items()]
        if self._samples:
            shown += ["not understood, the first of them:", *self._samples]
        return "\n".join(shown) if shown else "no lines"


def _name(parser: str, step: str) -> str:
    return f"{parser}: {step}" if parser else step if step in (AS_TEXT, UNPARSED) else f"auto: {step}"
