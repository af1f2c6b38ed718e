"""One rule's groups, from what was counted to what fires: pure, by the records' own times.

A window is decided once, when it and the lateness are over by the stream's clock (`decide`): then each group's
condition is true or false for good. Where more records can only make it true (Judge.early), and nothing has to last, a
group fires as soon as it is true of any window (`look`), also of one that was decided, when late records make it so. A
window that ended before a group was resolved makes it fire no more: late records never tell the same twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set

import numpy as np

from logd.alerts.gauges import Gauge
from logd.alerts.judging import Judge, Judged
from logd.alerts.rules import Rule
from logd.alerts.states import Change, Group, State, States

#: For so long people are told that something is missing.
_ABSENT_US = 7 * 86_400 * 1_000_000

#: So many groups are judged at a time: of each all windows, some 50 kB.
_PORTION = 2_000


class Watching:
    """Of one rule, which has a judge, or one for each of its conditions. `known` are the states of groups, `resolved`
    since when others are resolved (Unix µs), `clock_us` up to when windows were decided. What was before `made_us`
    wasn't all counted, so that no window from before it can have too few."""

    def __init__(
        self,
        rule: Rule,
        judges: Sequence[Judge],
        known: Mapping[Group, State],
        resolved: Mapping[Group, int],
        clock_us: int | None,
        made_us: int | None = None,
    ) -> None:
        self.rule = rule
        self._judges = judges
        self._any = rule.condition.match == "any"
        self._states = States(rule.for_seconds * 1_000_000, known)
        self._lasts = len(judges) == 1 and judges[0].of_few
        self._early = not rule.for_seconds and all(judge.early for judge in judges)
        self._width_us = judges[0].gauge.span.width_us
        self._always: Sequence[Group] = () if judges[0].gauge.watch.group_by else ((),)
        #: The last bucket with which a decided window ends.
        self._decided = None if clock_us is None else clock_us // self._width_us - 1
        counted_us = made_us if any(judge.of_few for judge in judges) else None
        self._first = 0 if counted_us is None else counted_us // self._width_us + judges[0].gauge.span.window
        #: Of groups that were resolved, the bucket with which the window ends that did it.
        self._resolved = {group: ended_us // self._width_us - 1 for group, ended_us in resolved.items()}
        self._ended: dict[Group, State] = {}

    @property
    def gauges(self) -> Sequence[Gauge]:
        """What it goes by."""
        return [judge.gauge for judge in self._judges]

    @property
    def states(self) -> Mapping[Group, State]:
        """Of the groups that aren't inactive."""
        return self._states.known

    def take_dirty(self) -> Set[Group]:
        """As of States."""
        return self._states.take_dirty()

    def ended(self, group: Group) -> State:
        """The last state of a group that was resolved since the last look."""
        return self._ended.pop(group)

    @property
    def decided_us(self) -> int:
        """Up to when windows were decided."""
        return 0 if self._decided is None else self._end_us(self._decided)

    @property
    def kept_us(self) -> int:
        """For so long what was resolved has to be known."""
        return self._width_us * max(gauge.span.kept for gauge in self.gauges)

    def look(self, groups: Iterable[Group]) -> list[Change]:
        """At groups of which something new was counted."""
        asked = [group for group in dict.fromkeys(groups) if group not in self._states.known]
        if not self._early or not asked or not self._seen():
            return []
        changes = []
        for some in _portions(asked):
            judged = self._judged(some, 0)
            for number, group in enumerate(some):
                late = self._resolved.get(group, judged.ends.start - 1)
                true = judged.true[number] & (np.array(judged.ends) > late)
                if true.any():
                    place = int(np.argmax(true))
                    at_us = self._end_us(judged.ends[place])
                    changes.append(self._states.true(group, at_us, float(judged.values[number, place])))
        return [change for change in changes if change is not None]

    def decide(self, upto_us: int) -> list[Change]:
        """All windows that end by then, for each group in order."""
        last = upto_us // self._width_us - 1
        if self._decided is not None and last <= self._decided:
            return []
        first = last if self._decided is None else self._decided + 1
        self._decided = last
        # Of what fires as soon as it is true the others are known to be false.
        known = () if self._early else (group for judge in self._judges for group in judge.groups)
        asked = list(dict.fromkeys((*self._states.known, *known, *self._always)))
        if not asked or not self._seen(last):
            return []
        changes: list[Change | None] = []
        for some in _portions(asked):
            judged = self._judged(some, max(first, self._first))
            for place, end in enumerate(judged.ends):
                if end > last:
                    break
                values, true = judged.values[:, place].tolist(), judged.true[:, place].tolist()
                for group, value, is_true in zip(some, values, true, strict=True):
                    changes.append(self._settle(group, end, value, is_true))
        self._forget(min(judge.store.ends().start for judge in self._judges))
        return [change for change in changes if change is not None]

    def _seen(self, bucket: int | None = None) -> bool:
        """Whether there is anything to look at; all go on to the newest bucket, and to this one."""
        seen = [judge.store.newest for judge in self._judges if judge.store.newest is not None]
        newest = max(seen, default=None) if bucket is None else max([bucket, *seen])
        if newest is None:
            return False
        for judge in self._judges:
            judge.store.move_on(newest)
        return True

    def _judged(self, groups: Sequence[Group], first: int) -> Judged:
        each = [judge.judge(groups, first) for judge in self._judges]
        if len(each) == 1:
            return each[0]
        ends = range(max(one.ends.start for one in each), each[0].ends.stop)
        true = np.stack([one.true[:, one.true.shape[1] - len(ends) :] for one in each])
        values = each[0].values[:, each[0].values.shape[1] - len(ends) :]
        return Judged(ends, values, np.asarray(true.any(axis=0) if self._any else true.all(axis=0)))

    def _settle(self, group: Group, end: int, value: float, true: bool) -> Change | None:
        known = self._states.known.get(group)
        if known is not None and self._end_us(end) < known.at_us:
            return None  # it fired early, in a window that ends later
        if known is not None and self._lasts and not value:
            # Nothing is known any more of what there was before; it may never come back.
            true = self._end_us(end) - known.since_us < _ABSENT_US
        if true:
            if end <= self._resolved.get(group, end - 1):
                return None
            return self._states.true(group, self._end_us(end), value)
        change = self._states.false(group, self._end_us(end), value)
        if change is not None:
            self._resolved[group] = end
            self._ended[group] = change.state
        return change

    def _forget(self, oldest: int) -> None:
        """What no window that is kept can ask for."""
        for group in [group for group, end in self._resolved.items() if end < oldest]:
            del self._resolved[group]

    def _end_us(self, end: int) -> int:
        return (end + 1) * self._width_us


def _portions(groups: Sequence[Group]) -> Iterator[Sequence[Group]]:
    for start in range(0, len(groups), _PORTION):
        yield groups[start : start + _PORTION]
