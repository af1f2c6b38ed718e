"""How many lines a second a client gets: people can't read more, and a browser can't show them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from logd.tail.events import Part, id_of

_FRAME_END = b"\n\n"


class Rate:
    """At most so many lines a second, where a second's may come at once; 0 is any number. Of what comes together the
    newest are let through, the others are missed."""

    def __init__(self, lines_per_second: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._lines_per_second = lines_per_second
        self._clock = clock
        self._left = float(lines_per_second)
        self._at = clock()

    def of(self, parts: Sequence[Part]) -> Sequence[Part]:
        """What of the parts, which come together, is sent."""
        if not self._lines_per_second:
            return parts
        now = self._clock()
        self._left = min(self._lines_per_second, self._left + (now - self._at) * self._lines_per_second)
        self._at = now
        lines = sum(part.events for part in parts)
        over = lines - int(self._left)
        self._left -= min(lines, int(self._left))
        return _without(parts, over) if over > 0 else parts


UNLIMITED = Rate(0)


def _without(parts: Sequence[Part], over: int) -> list[Part]:
    """Without the oldest lines, so many of them; what else there is stays."""
    kept: list[Part] = []
    for part in parts:
        dropped = min(over, part.events)
        over -= dropped
        if not dropped:
            kept.append(part)
            continue
        frames = part.body.split(_FRAME_END)[:-1]
        missed = dropped
        if kept and kept[-1].missed:
            missed += kept.pop().missed
        kept.append(Part(b"", 0, id_of(frames[dropped - 1]), missed))
        if left := frames[dropped:]:
            kept.append(Part(b"".join(frame + _FRAME_END for frame in left), len(left), part.after))
    return kept
