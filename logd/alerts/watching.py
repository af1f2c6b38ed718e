"""One rule's groups, from what was counted to what fires: pure, by the records' own times.

A window is decided once, when it and the lateness are over by the stream's clock (`decide`): then each group's
condition is true or false for good. Where more records can only make it true (`rises`), and nothing has to last, a
group fires as soon as it is true of any window (`look`), also of one that was decided, when late records make it so. A
window that ended before a group was resolved makes it fire no more: late records never tell the same twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from logd.alerts.measures import Measure
from logd.alerts.states import Change, Group, State, States
from logd.alerts.windows import Span, Windows

COMPARED: Mapping[str, np.ufunc] = {">": np.greater, ">=": np.greater_equal, "<": np.less, "<=": np.less_equal}
Floats = npt.NDArray[np.float64]


class Threshold(msgspec.Struct, frozen=True, eq=False):
    """When a window's value makes the condition true."""

    measure: Measure
    compare: str
    threshold: float
    window_seconds: float
    for_us: int = 0

    @property
    def early(self) -> bool:
        """It can be true before the window is over, and stays so."""
        return self.measure.rises and self.compare in (">", ">=") and not self.for_us

    def values(self, numbers: Floats) -> Floats:
        """Of windows × numbers."""
        return self.measure.value(numbers, self.window_seconds)

    def true(self, values: Floats) -> npt.NDArray[np.bool_]:
        """Without a value it is false."""
        return np.asarray(COMPARED[self.compare](values, self.threshold))


class Watching:
    """Of one rule. `windows` are what is counted, from the parts of the stream `parts`."""

    def __init__(self, threshold: Threshold, span: Span, windows: Windows, known: Mapping[Group, State]) -> None:
        self._threshold = threshold
        self._span = span
        self._windows = windows
        self._states = States(threshold.for_us, known)
        #: The last bucket with which a decided window ends.
        self._decided: int | None = None
        #: Of groups that were resolved, the bucket with which the window ends that did it.
        self._resolved: dict[Group, int] = {}

    @property
    def states(self) -> Mapping[Group, State]:
        """Of the groups that aren't inactive."""
        return self._states.known

    def look(self, groups: Sequence[Group], parts: Sequence[int]) -> list[Change]:
        """At groups of which something new was counted."""
        if not self._threshold.early or not groups or self._windows.newest is None:
            return []
        ends = np.array(self._windows.ends())
        values = self._threshold.values(self._windows.of(groups, parts))
        true = self._threshold.true(values)
        changes = []
        for number, group in enumerate(groups):
            some = true[number] & (ends > self._resolved.get(group, ends[0] - 1))
            if group not in self._states.known and some.any():
                end = int(np.argmax(some))
                changes.append(self._states.true(group, self._end_us(int(ends[end])), float(values[number, end])))
        return [change for change in changes if change is not None]

    def decide(self, now_us: int, groups: Iterable[Group], parts: Sequence[int]) -> list[Change]:
        """All windows that end, with the lateness, before `now_us`, in order; of these groups and those that fire."""
        if self._windows.newest is None:
            return []
        last = now_us // self._span.width_us - 1
        self._windows.move_on(last)
        first = last if self._decided is None else self._decided + 1
        asked = list(dict.fromkeys((*self._states.known, *groups)))
        known = self._windows.ends()
        self._decided = max(last, self._decided or last)
        if not asked or first > last:
            return []
        values = self._threshold.values(self._windows.of(asked, parts))
        true = self._threshold.true(values)
        changes: list[Change | None] = []
        for end in range(max(first, known.start), last + 1):
            column = end - known.start
            for group, value, is_true in zip(asked, values[:, column].tolist(), true[:, column].tolist(), strict=True):
                changes.append(self._settle(group, end, value, is_true))
        self._forget(known.start)
        return [change for change in changes if change is not None]

    def _settle(self, group: Group, end: int, value: float, true: bool) -> Change | None:
        if true:
            if end <= self._resolved.get(group, end - 1):
                return None
            return self._states.true(group, self._end_us(end), value)
        change = self._states.false(group, self._end_us(end), value)
        if change is not None:
            self._resolved[group] = end
        return change

    def _forget(self, oldest: int) -> None:
        """What no window that is kept can ask for."""
        for group in [group for group, end in self._resolved.items() if end < oldest]:
            del self._resolved[group]

    def _end_us(self, end: int) -> int:
        return (end + 1) * self._span.width_us
