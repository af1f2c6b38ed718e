"""What says that files may have changed, so that nobody has to look. A hint: everything is looked at now and then."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable
from typing import NamedTuple, Protocol

import msgspec

from logd.config.schema import Agent

logger = logging.getLogger("logd.agent")


class Hints(msgspec.Struct):
    """What may have changed since the last ones. `written`: the contents or attributes of these paths; `named`: these
    came, went, or are a folder whose own place changed. `everything`: more than could be said."""

    written: set[str]
    named: set[str]
    everything: bool = False


class Watched(NamedTuple):
    """Of the folders that were to be watched: those that `hints` has only said everything of from now on, and those
    that it can say nothing of."""

    fresh: set[str]
    polled: set[str]


class Watch(Protocol):
    """Watches folders. Calls block, but not for events, and must come one at a time."""

    @property
    def fd(self) -> int | None:
        """Readable while there are hints; it may be another one after `follow`. None: there never are any."""
        ...

    def follow(self, folders: Iterable[str]) -> Watched:
        """Watches these folders, absolute paths, from now on and no others. A folder that has taken another's path is
        fresh."""
        ...

    def hints(self) -> Hints:
        """Those that there are by now."""
        ...

    def close(self) -> None:
        """Watches nothing any more."""
        ...


class NoWatch:
    """Every file has to be polled."""

    fd: int | None = None

    def follow(self, folders: Iterable[str]) -> Watched:
        """See Watch."""
        return Watched(set(), set(folders))

    def hints(self) -> Hints:
        """See Watch."""
        return Hints(set(), set())

    def close(self) -> None:
        """See Watch."""


def open_watch(settings: Agent) -> Watch:
    """inotify, where it is, unless `agent.watch` says otherwise."""
    if settings.watch == "poll" or not settings.files:
        return NoWatch()
    if sys.platform == "linux":
        try:
            from logd.agent.inotify import InotifyWatch

            return InotifyWatch()
        except (OSError, ImportError, RuntimeError) as error:
            logger.warning("files are polled, as there is no inotify: %s", error)
    return NoWatch()
