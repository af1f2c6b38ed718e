"""The rules of a folder's files, as they are now: looked at again and again, as no event tells of a mounted folder's.

A file that is broken keeps the rules that it had before, and is named until it is mended; one that is gone has none. A
folder that can't be read keeps everything.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from logd.alerts.file import BrokenFile, FileRule, Problem, RuleFile, failing, read_rule_file
from logd.alerts.reading import USUAL, Terms

log = logging.getLogger("logd.alerts")
#: A look is a call for each file; people wait for what they have changed.
_LOOK_SECONDS = 2.0
#: What has changed within so long is read again: the next change may have the same time.
_SETTLED_NS = 2_000_000_000
#: What has changed just now may be half written, which may well be TOML: it is read once it has been left alone.
_WRITTEN_NS = 250_000_000
_SOON_SECONDS = 0.3
_SUFFIX = ".toml"
_Signature = tuple[int, int, int]


class Rules(NamedTuple):
    """What holds now. `generation` is another one after each change."""

    rules: Sequence[FileRule]
    problems: Sequence[Problem]
    generation: int


class _Seen(NamedTuple):
    signature: _Signature | None
    file: RuleFile
    problems: Sequence[Problem]


_NOTHING = RuleFile((), ())


class RuleFolder:
    """`look` reads what has changed; `now` is what came of it, for any thread."""

    def __init__(self, path: Path | None, terms: Terms = USUAL) -> None:
        """Without a path there are no rules."""
        self._path = path
        self._terms = terms
        self._seen: Mapping[str, _Seen] = {}
        self._rules = Rules((), (), 0)
        self._folder_problem = ""
        self._asked = asyncio.Event()
        self._looked = False
        #: A file was left for later.
        self._waits = False

    @property
    def now(self) -> Rules:
        """As of the last look."""
        return self._rules

    def ask(self) -> None:
        """Has `run` look at once."""
        self._asked.set()

    async def run(self, stop: asyncio.Event, changed: Callable[[], None] = lambda: None) -> None:
        """Looks until `stop`; tells of each change."""
        if self._path is None:
            return
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._end(stop), name="rules.end")
            while not stop.is_set():
                if await asyncio.to_thread(self.look):
                    changed()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_SOON_SECONDS if self._waits else _LOOK_SECONDS):
                        await self._asked.wait()
                self._asked.clear()

    async def _end(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._asked.set()

    def look(self) -> bool:
        """Reads files that have changed; whether anything did. Blocks. What is wrong is logged once."""
        if self._path is None:
            return False
        try:
            there = sorted(files_of(self._path))
        except OSError as error:
            return self._unreadable(f"alerts.rules {str(self._path)!r} can't be read: {(error.strerror or '').lower()}")
        self._waits = False
        seen = {name: self._read(self._path / name, name, tries=False) for name in there}
        fresh = [rule for name, one in seen.items() if one.file != self._file(name) for rule in one.file.rules]
        if failing(fresh, self._terms.operator) is not None:  # only then file by file, as it takes longer
            seen = {name: self._read(self._path / name, name, tries=True) for name in there}
        self._looked = True
        if seen == self._seen and not self._folder_problem:
            return False
        self._tell(seen)
        files = list(seen.values())
        rules = tuple(rule for one in files for rule in one.file.rules)
        problems = tuple(problem for one in files for problem in one.problems)
        changed = (rules, problems) != (self._rules.rules, self._rules.problems)
        self._seen, self._folder_problem = seen, ""
        if changed:
            self._rules = Rules(rules, problems, self._rules.generation + 1)
        return changed

    def _file(self, name: str) -> RuleFile:
        """What was taken of it before."""
        before = self._seen.get(name)
        return _NOTHING if before is None else before.file

    def _read(self, path: Path, name: str, *, tries: bool) -> _Seen:
        """What was seen of it before, unless it has changed."""
        before = self._seen.get(name)
        signature = _signature(path)
        if before is not None and signature is not None and before.signature == signature:
            return before
        if self._looked and signature is None and _is_new(path):
            self._waits = True
            return _Seen(None, _NOTHING, ()) if before is None else before
        try:
            return _Seen(signature, read_rule_file(path, name, self._terms, tries=tries), ())
        except BrokenFile as error:
            return _Seen(signature, self._file(name), tuple(error.problems))

    def _tell(self, seen: Mapping[str, _Seen]) -> None:
        for name, one in seen.items():
            before = self._seen.get(name)
            if one.problems and (before is None or before.problems != one.problems):
                kept = f"its {len(one.file.rules)} rules of before go on" if one.file.rules else "it has no rules"
                log.error("alert rules not loaded, %s: %s", kept, "; ".join(map(str, one.problems)))
            elif not one.problems and (before is None or before.file != one.file):
                log.info("%d alert rules of %s", len(one.file.rules), name)
        for name in self._seen.keys() - seen.keys():
            log.info("alert rules of %s are gone with it", name)

    def _unreadable(self, problem: str) -> bool:
        if problem == self._folder_problem:
            return False
        log.error("%s; the rules of before go on", problem)
        self._folder_problem = problem
        problems = (Problem(str(self._path), 0, problem),)
        self._rules = Rules(self._rules.rules, problems, self._rules.generation + 1)
        return True


def files_of(folder: Path) -> list[str]:
    """Paths within the folder, and in folders within it; hidden ones are an editor's, or a mount's, and what isn't
    UTF-8 has no name that could be told. Raises OSError."""
    found = []

    def fail(error: OSError) -> None:
        raise error

    for root, folders, names in os.walk(folder, onerror=fail):
        folders[:] = [name for name in folders if not name.startswith(".")]
        here = Path(root).relative_to(folder)
        found += [(here / name).as_posix() for name in names if name.endswith(_SUFFIX) and not name.startswith(".")]
    return [name for name in found if name.isprintable()]


def _signature(path: Path) -> _Signature | None:
    """None while it may change without showing it."""
    with contextlib.suppress(OSError):
        found = os.stat(path)
        if time.time_ns() - found.st_mtime_ns > _SETTLED_NS:
            return found.st_mtime_ns, found.st_size, found.st_ino
    return None


def _is_new(path: Path) -> bool:
    with contextlib.suppress(OSError):
        return 0 <= time.time_ns() - os.stat(path).st_mtime_ns < _WRITTEN_NS
    return False
