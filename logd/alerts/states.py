"""What becomes of a rule's group as its condition is true and no more: pure, and by the records' own times.

    inactive ── true ──> pending ── true for `for` ──> firing ── false ──> resolved (inactive again)
                         └── false ──> inactive

A window that isn't over yet can only make a condition true whose number rises with each record (`rises`): it fires at
once, and whether it goes on is decided when the window is over.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from enum import StrEnum
from typing import NamedTuple

import msgspec

Group = tuple[str | None, ...]


class Stage(StrEnum):
    """Of a group that isn't inactive."""

    PENDING = "pending"
    FIRING = "firing"


class State(msgspec.Struct, frozen=True, kw_only=True):
    """Since when its condition is true, and since when it fires; the last value, and when that was. Unix µs."""

    stage: Stage
    since_us: int
    fired_us: int | None = None
    value: float
    at_us: int


class Change(NamedTuple):
    """A group fires, or is resolved, with its state then."""

    group: Group
    fires: bool
    state: State


class States:
    """Of one rule."""

    def __init__(self, for_us: int, known: Mapping[Group, State] = {}) -> None:
        self._for_us = for_us
        self._states = dict(known)
        self._dirty: set[Group] = set()

    def take_dirty(self) -> Set[Group]:
        """The groups that have become pending, have fired, or are neither any more, since the last call."""
        dirty, self._dirty = self._dirty, set()
        return dirty

    @property
    def known(self) -> Mapping[Group, State]:
        """Of the groups that aren't inactive."""
        return self._states

    def true(self, group: Group, at_us: int, value: float) -> Change | None:
        """Its condition is true at a time, which is no earlier than any before, or in the window that ends then."""
        before = self._states.get(group)
        since_us = at_us if before is None else before.since_us
        fires = at_us - since_us >= self._for_us
        fired_us = None if not fires else at_us if before is None or before.fired_us is None else before.fired_us
        stage = Stage.FIRING if fires else Stage.PENDING
        now = State(stage=stage, since_us=since_us, fired_us=fired_us, value=value, at_us=at_us)
        self._states[group] = now
        if before is None or before.stage is not stage:
            self._dirty.add(group)
        began = fires and (before is None or before.stage is Stage.PENDING)
        return Change(group, True, now) if began else None

    def false(self, group: Group, at_us: int, value: float) -> Change | None:
        """It is false."""
        before = self._states.pop(group, None)
        if before is not None:
            self._dirty.add(group)
        if before is None or before.stage is Stage.PENDING:
            return None
        return Change(group, False, msgspec.structs.replace(before, value=value, at_us=at_us))
