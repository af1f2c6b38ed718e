"""How many lines come of something, and whether that is a spike: by windows of the stream's time, without a clock.

    window   …  before │ now ──► place      rate: lines of `now`, and the part of `before` that a window up to now has
    mean     of whole windows: plain while it warms up, then exponentially weighted

A spike is over `factor` times the mean, and over the floor. It begins as soon as that is so, and ends with a whole
window well below. What one window has over the limit teaches the mean nothing: so a spike isn't usual at once, but what
stays is, after about as long as the mean remembers.
"""

from __future__ import annotations

import math

import msgspec

#: Which lines are too many: the quiet ones, which are worth least, or also others, as these alone are too many.
CALM, QUIET, OTHERS = 0, 1, 2
#: A spike that wavers about its limit doesn't begin and end with each window.
_LEAVE = 0.8


class Limits(msgspec.Struct, frozen=True):
    """`floor` is in lines a window, `warm` and `remembered` are in windows: so many are looked at before anything is a
    spike, and about so many the mean is made of."""

    factor: float
    floor: float
    warm: int
    remembered: float

    @property
    def weight(self) -> float:
        """Of a new window in the mean."""
        return -math.expm1(-1 / self.remembered)

    @property
    def plain(self) -> int:
        """So many windows have the same weight: those of the warm-up, as far as they are remembered."""
        return min(self.warm, int(1 / self.weight))


class Rate:
    """Of one service in one partition. Windows are numbers that rise with the stream's time; `quiet` lines are those
    that are worth least."""

    __slots__ = ("_before", "_before_others", "_learned", "_lines", "_others", "mean", "step", "window")

    def __init__(self, window: int) -> None:
        #: Lines a window, as is usual.
        self.mean = 0.0
        self._learned = 0
        self._begin(window)

    def _begin(self, window: int) -> None:
        self.window = window
        #: CALM, or which lines are too many.
        self.step = CALM
        self._lines = self._others = self._before = self._before_others = 0

    def add(self, limits: Limits, window: int, place: float, lines: int, others: int) -> None:
        """Lines, of which `others` aren't quiet, that came until `place` of a window, from 0 to 1."""
        self.go_to(limits, window)
        self._lines += lines
        self._others += others
        if self._learned < limits.warm:
            return
        limit = self.limit(limits)
        if self._others + self._before_others * (1 - place) > limit:
            self.step = OTHERS
        elif self.estimate(place) > limit:
            self.step = max(self.step, QUIET)

    def go_to(self, limits: Limits, window: int) -> None:
        """Closes the windows before this one. Where time goes back, as clocks do, it begins again there, and keeps what
        is usual; after a silence that is longer than what is remembered it knows nothing."""
        passed = window - self.window
        if not passed:
            return
        if passed < 0 or passed > limits.remembered:
            if passed > 0:
                self.mean, self._learned = 0.0, 0
            self._begin(window)
            return
        self._close(limits)
        self._before, self._before_others = (self._lines, self._others) if passed == 1 else (0, 0)
        self._lines = self._others = 0
        if passed > 1:
            self._learn_nothing(limits, passed - 1)
        self.window = window

    def limit(self, limits: Limits) -> float:
        """In lines a window."""
        return max(limits.factor * self.mean, limits.floor)

    def estimate(self, place: float) -> float:
        """Lines of the window that ends at `place` of the one that is open."""
        return self._lines + self._before * (1 - place)

    def _close(self, limits: Limits) -> None:
        lines: float = self._lines
        if self._learned >= limits.warm:
            limit = self.limit(limits)
            lines = min(lines, limit)
            if self.step == OTHERS and self._others < _LEAVE * limit:
                self.step = QUIET
            if self.step == QUIET and self._lines < _LEAVE * limit:
                self.step = CALM
        self._learned += 1
        self.mean += (lines - self.mean) * (1 / self._learned if self._learned <= limits.plain else limits.weight)

    def _learn_nothing(self, limits: Limits, windows: int) -> None:
        """Windows without a line."""
        self.step = CALM
        plain = min(windows, max(0, limits.plain - self._learned))
        self.mean *= self._learned / (self._learned + plain)
        self.mean *= (1 - limits.weight) ** (windows - plain)
        self._learned += windows
