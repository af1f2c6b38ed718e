"""A log that is rotated as logrotate's copytruncate does it, and its agent."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from tests.support.agent import Driver, append, config_of

#: A line that alone fills the fingerprint.
LONG = "x" * 1100


class Copied:
    """`app.log`, followed, copied and truncated."""

    def __init__(self, folder: Path, paths: tuple[str, ...], **settings: Any) -> None:
        self.folder = folder / "logs"
        self.globbed = any("*" in path for path in paths)
        self.app = self.folder / "app.log"
        self.agent = Driver(config_of(folder, paths, **settings))
        self.written: list[bytes] = []
        self.copies = 0

    def write(self, *texts: str) -> None:
        append(self.app, b"".join(text.encode() + b"\n" for text in texts))
        self.written += [text.encode() for text in texts]

    def shift(self) -> None:
        """Renames the copies, as logrotate does before it makes one."""
        for number in range(self.copies, 0, -1):
            if (path := self.folder / f"app.log.{number}").exists():
                path.rename(self.folder / f"app.log.{number + 1}")
        self.copies += 1

    def copy(self) -> Path:
        """Shifts the copies, and makes one."""
        self.shift()
        shutil.copyfile(self.app, self.folder / "app.log.1")
        return self.folder / "app.log.1"

    def copytruncate(self) -> None:
        self.copy()
        os.truncate(self.app, 0)

    def arrived(self) -> bool:
        """Every line that was written arrived once, each file's in order."""
        found = self.agent.settle()
        assert sorted(found) == sorted(self.written)
        for source_id in {line.source_id for line in self.agent.target.lines}:
            lines = [line for line in self.agent.target.lines if line.source_id == source_id]
            assert [line.text for line in lines] == [text for text in self.written if text in {at.text for at in lines}]
            assert [line.position for line in lines] == sorted({line.position for line in lines})
        if not self.globbed:
            assert {line.source for line in self.agent.target.lines} <= {str(self.app)}
        assert self.agent.follower.counts.lost_bytes == 0
        return True
