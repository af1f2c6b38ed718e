"""When a gauge makes a rule's condition true of a group, for each window: pure.

threshold     the measure's value, compared
spike         how many times as many there are as in the window before, or a week before
absence       there are none, and there were some before; of who is alive, who wrote something else in the window
new_value,    there are some in the window's last bucket, and there were none in a whole window before it, though
new_pattern   something was counted by then
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from logd.alerts.gauges import Gauge, Store
from logd.alerts.measures import MEASURES
from logd.alerts.sketches import Sketches
from logd.alerts.windows import Floats, Group, Windows, slid

Bools = npt.NDArray[np.bool_]
COMPARED: Mapping[str, np.ufunc] = {">": np.greater, ">=": np.greater_equal, "<": np.less, "<=": np.less_equal}
_NEW = ("new_value", "new_pattern")
_WEEK_US = 7 * 86_400 * 1_000_000


class Judged(NamedTuple):
    """Of groups × windows that end with each of `ends`: the value, nan for none, and whether it is true."""

    ends: range
    values: Floats
    true: Bools


class Judge:
    """Of one gauge."""

    def __init__(self, gauge: Gauge, store: Store) -> None:
        self.gauge = gauge
        self.store = store
        self._condition = gauge.part.condition
        self._aggregation = gauge.part.aggregation

    @property
    def early(self) -> bool:
        """Records that come can only make a window true, so it may be said before it is over."""
        if self._aggregation in _NEW:
            return True
        if self._condition.compare not in (">", ">="):
            return False
        if self._aggregation == "spike":
            return True
        return self._aggregation in MEASURES and MEASURES[self._aggregation].rises

    @property
    def of_few(self) -> bool:
        """It is true of those that have too few records, or none."""
        few = self._aggregation in ("count", "rate") and self._condition.compare in ("<", "<=")
        return few or self._aggregation == "absence"

    @property
    def groups(self) -> Collection[Group]:
        """Of which something is known."""
        return self.store.groups

    def judge(self, groups: Sequence[Group], first: int) -> Judged:
        """Of windows that end with bucket `first`, or later. Something must have been seen."""
        ends = self.store.ends()
        first = max(first, ends.start)
        if isinstance(self.store, Sketches):
            values = self.store.values(groups, first)
            true = self._compared(values)
        else:
            values, true = self._windows(self.store, groups)
        skipped = min(first, ends.stop) - ends.start
        return Judged(range(ends.start + skipped, ends.stop), values[:, skipped:], true[:, skipped:])

    def _windows(self, windows: Windows, groups: Sequence[Group]) -> tuple[Floats, Bools]:
        match self._aggregation:
            case "spike":
                return self._spike(windows, groups)
            case "absence":
                return self._absence(windows, groups)
            case "new_value" | "new_pattern":
                return self._new(windows, groups)
        measure = MEASURES[self.gauge.measure]
        values = measure.value(windows.of(groups), self.gauge.part.window_seconds)
        true = self._compared(values)
        if self.of_few and self.gauge.watch.group_by:
            # Who has just come had nothing before.
            known = np.cumsum(windows.series(groups)[..., 0], axis=1)[:, : true.shape[1]] > 0
            true = np.asarray(true & known)
        return values, true

    def _compared(self, values: Floats) -> Bools:
        """Without a value it is false."""
        assert self._condition.threshold is not None
        return np.asarray(COMPARED[self._condition.compare](values, self._condition.threshold))

    def _spike(self, windows: Windows, groups: Sequence[Group]) -> tuple[Floats, Bools]:
        counts = windows.of(groups)[..., 0]
        span = self.gauge.span
        back = _WEEK_US // span.width_us if self._condition.against == "last_week" else span.window
        before = np.full_like(counts, np.nan)
        before[:, back:] = counts[:, :-back]
        least = max(self._condition.at_least or 0.0, 1.0)
        values = np.where(before >= least, counts / np.maximum(before, 1.0), np.nan)
        return values, self._compared(values)

    def _absence(self, windows: Windows, groups: Sequence[Group]) -> tuple[Floats, Bools]:
        series = windows.series(groups)
        numbers = slid(series, self.gauge.span.window)
        counts = numbers[..., 0]
        before = np.cumsum(series[..., 0], axis=1)[:, self.gauge.span.window - 1 :] - counts
        # The last number is how many records there are of all that show that a group is alive, if that is asked.
        alive = (numbers[..., 1] > 0) if self.gauge.watch.match is not None else True
        return counts, np.asarray((counts == 0) & (before > 0) & alive)

    def _new(self, windows: Windows, groups: Sequence[Group]) -> tuple[Floats, Bools]:
        window = self.gauge.span.window
        series = windows.series(groups)[..., 0]
        last = series[:, window - 1 :]
        upto = np.cumsum(np.pad(series, ((0, 0), (window + 1, 0))), axis=1)
        before = (upto[:, window:-1] - upto[:, : -window - 1])[:, window - 1 :]
        everything = np.cumsum(windows.total()[..., 0])
        learned = np.zeros(len(everything), bool)
        learned[window:] = everything[:-window] > 0
        return last, (last > 0) & (before == 0) & learned[window - 1 :]
