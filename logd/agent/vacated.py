"""Paths that their files have left. What took one and left it again before it was looked at was never seen under it: it
is a newcomer beside the path, see rotated.py.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from logd.agent import rotated
from logd.agent.rotated import Siblings
from logd.config.schema import Files

#: A path from which a file was rotated is watched for so long if there is no new file: many never get one.
VACANT_SECONDS = 86_400.0


class Vacated:
    """See the module."""

    def __init__(self, siblings: Siblings) -> None:
        self._siblings = siblings
        self._left: list[tuple[str, Files]] = []
        #: Paths at which there is no file at the moment, with their entry, and since when; and those at the last look.
        self._vacant: dict[str, tuple[Files, float]] = {}
        self._before: set[str] = set()

    def __bool__(self) -> bool:
        """A file has left its path since newcomers were asked for."""
        return bool(self._left)

    def leave(self, path: str, entry: Files) -> None:
        """The file that was at the path isn't there any more, or isn't what it was."""
        self._left.append((path, entry))

    def miss(self, path: str, entry: Files, now: float) -> None:
        """There is nothing at the path."""
        self._vacant[path] = (entry, now)

    def expect(self, path: str, entry: Files) -> None:
        """The file at the path, empty before, was written to: if it was copied and truncated meanwhile, newcomers show
        that."""
        if self._siblings.newcomers(path):
            self.leave(path, entry)

    def look(self, followed: set[str]) -> None:
        """To be called before a scan, with the paths that files are followed at."""
        self._before = set(self._vacant)
        self._siblings.look(followed | self._before)

    def remember(self, followed: set[str]) -> None:
        """To be called after it: what was there at the look isn't new any more."""
        taken, self._before = self._before - self._vacant.keys(), set()
        self._siblings.remember(followed | self._vacant.keys(), taken)

    def newcomers(self, now: float) -> Iterator[tuple[str, Files, str]]:
        """The files that may have taken a path and left it since the last scan, each with the path's entry, and the
        path. What is found is to be taken in before the next one is asked for."""
        for path, entry in self._left:
            self.miss(path, entry, now)
        self._left = []
        for path, (entry, since) in list(self._vacant.items()):
            for _ in rotated.looks(os.path.dirname(path)):
                for found in self._siblings.newcomers(path):
                    yield found, entry, path
            if now - since > VACANT_SECONDS or os.path.exists(path):
                del self._vacant[path]
