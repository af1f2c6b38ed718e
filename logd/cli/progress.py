"""How far a command is, on standard error: a bar on a terminal, else a line now and then."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from logd.cli.hits import printable
from logd.cli.tables import size

if TYPE_CHECKING:
    from tqdm import tqdm

_LINE_SECONDS = 10.0


class Bar:
    """Counts bytes of files and lines. As a context manager it takes its bar away at the end."""

    def __init__(self, files: Sequence[str] = ()) -> None:
        """The files to be read tell how much there is; without them only lines are counted."""
        self._total = sum(os.path.getsize(file) for file in files if os.path.isfile(file)) or None
        self._before = self._file = self._lines = 0
        self._bar: tqdm[Any] | None = None
        self._began = self._said = time.monotonic()

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            from tqdm import tqdm

            tqdm.monitor_interval = 0  # no thread of its own
            unit = "B" if self._total else " lines"
            self._bar = tqdm(
                total=self._total, unit=unit, unit_scale=True, leave=False, dynamic_ncols=True, file=sys.stderr
            )
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.close()

    def at(self, file_bytes: int, lines: int) -> None:
        """So many bytes of the file are done, and so many more lines."""
        self._file = file_bytes
        self._lines += lines
        now = time.monotonic()
        if self._bar is not None:
            if self._total:
                self._bar.set_postfix_str(f"{self._lines / (now - self._began or 1):,.0f} lines/s", refresh=False)
            self._bar.update((self._before + file_bytes if self._total else self._lines) - self._bar.n)
        elif now - self._said >= _LINE_SECONDS:
            self._said = now
            print(self._sentence(now), file=sys.stderr, flush=True)

    def ended(self, file_bytes: int) -> None:
        """The file is done; the next one begins."""
        self.at(file_bytes, 0)
        self._before, self._file = self._before + file_bytes, 0

    def say(self, sentence: str) -> None:
        """Prints a line above the bar."""
        if self._bar is not None:
            self._bar.write(printable(sentence), file=sys.stderr)
        else:
            print(printable(sentence), file=sys.stderr, flush=True)

    def _sentence(self, now: float) -> str:
        rate = f"{self._lines:,} lines, {self._lines / (now - self._began or 1):,.0f} lines/s"
        if not self._total:
            return rate
        done = self._before + self._file
        left = (self._total - done) * (now - self._began) / max(1, done)
        return f"{size(done)} of {size(self._total)}, {rate}, {left:,.0f} s left"
