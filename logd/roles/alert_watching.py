"""An alerter's second half: of the rules in its shards, from everybody's pages of counts to alerts and messages.

    pages ── evaluate (in a thread) ── who has to be told what ── catalog: all of it at once ── deliver

What is in the catalog is what holds: who takes a shard goes on from there, and who had it before can't record any more.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import time
from collections import Counter as Tally
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

import msgspec

from logd.alerts.evaluator import Changes, Evaluator
from logd.alerts.pages import CLOCK, kind_of
from logd.alerts.rules import Rule
from logd.alerts.teller import Teller
from logd.alerts.telling import Telling, Told
from logd.config.alerting import Alerts as Settings
from logd.errors import Conflict, Corrupt, Unavailable
from logd.roles.alert_portions import in_portions
from logd.roles.alert_rules import RulesInForce
from logd.roles.waiting import Waiting
from logd.seams import (
    Acknowledgement,
    Acknowledgements,
    Alert,
    AlertHistory,
    Alerts,
    AlertStage,
    Delivery,
    Page,
    Partials,
    Silence,
    Silences,
    Taken,
    shard_of,
)
from logd.telemetry import metrics

log = logging.getLogger("logd.alerter")
_SECOND_US = 1_000_000
_TAKE_SECONDS = 0.25
#: How soon a silence or an acknowledgement holds, and what fires in shards of others holds ours back.
_LOOK_SECONDS = 2.0
#: The clock is kept so often when nothing else is: after a restart, windows since then are decided once more, the same.
_CLOCK_SECONDS = 10.0
#: When it is behind, as after it was down, so much time is decided at once: a group's end and its next firing are two.
_STEP_US = _SECOND_US
_MOST_STEPS = 2_000
_HISTORY_SECONDS = 3_600.0
_DAY_US = 86_400 * _SECOND_US
T = TypeVar("T")
P = ParamSpec("P")


class _Shard:
    """What this process has of a shard."""

    def __init__(self, number: int, epoch: int, evaluator: Evaluator) -> None:
        self.number = number
        self.epoch = epoch
        self.evaluator = evaluator
        self.generation = 0
        self.rules: Mapping[str, Rule] = {}
        #: Of rules that are gone, to be kept with what comes next.
        self.deliveries: Sequence[Delivery] = ()
        self.caught_up = False
        #: When to look again who has to be told, in Unix µs.
        self.again_us: int | None = 0
        self.clock_at = 0.0


class AlertWatching:
    """Of one process."""

    def __init__(
        self,
        settings: Settings,
        partials: Partials,
        rules: RulesInForce,
        alerts: Alerts,
        history: AlertHistory,
        silences: Silences,
        acknowledgements: Acknowledgements,
        teller: Teller,
    ) -> None:
        self._settings = settings
        self._partials = partials
        self._rules = rules
        self._alerts = alerts
        self._history = history
        self._silences = silences
        self._acknowledgements = acknowledgements
        self._teller = teller
        self._waiting = Waiting(log)
        self._thread = ThreadPoolExecutor(1, "alerter.evaluate")
        self._shards: dict[int, _Shard] = {}
        self._telling = Telling(settings, {})
        self._known: tuple[int, Sequence[Silence], Sequence[Acknowledgement]] = (-1, (), ())
        self._elsewhere: Sequence[Alert] = ()
        self._look_at = self._history_at = 0.0
        self._counts: Mapping[str, int] = {}

    @property
    def shards(self) -> Sequence[int]:
        """Those that are ours."""
        return sorted(self._shards)

    def trouble(self) -> str:
        """Why nothing goes on; empty when it does."""
        return self._waiting.trouble()

    def counts(self) -> Mapping[str, int]:
        """How many alerts of our shards were in each state a moment ago."""
        return self._counts

    async def run(self, stop: asyncio.Event) -> None:
        """Watches until `stop`."""
        self._waiting = Waiting(log, stop)
        try:
            await self._has_work(stop)
            while not stop.is_set():
                taken = await self._waiting.until_available("what alerters share", self._partials.take, _TAKE_SECONDS)
                await self._take(taken)
                await self._look()
                for shard in list(self._shards.values()):
                    if shard.caught_up:
                        await self._watch(shard)
                alerts = (alert for shard in self._shards.values() for alert in shard.evaluator.alerts.values())
                self._counts = Tally(str(alert.stage) for alert in alerts)
                for stage in AlertStage:
                    metrics.ALERT_FIRING.labels(stage).set(self._counts.get(stage, 0))
        except Unavailable as error:
            if not stop.is_set():
                raise
            log.warning("not everything that fires is kept, and will be found again: %s", error)
        finally:
            await asyncio.to_thread(self._thread.shutdown)

    async def _has_work(self, stop: asyncio.Event) -> None:
        """Waits for the first rule, or for an alert of one that is gone: who has none needs no catalog."""
        while not (stop.is_set() or self._rules.rules):
            if await self._waiting.until_available("the catalog", self._history.alerts):
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS):
                    await stop.wait()

    async def _take(self, taken: Taken) -> None:
        for number in taken.lost:
            self._lose(number)
        for number in taken.gained:
            watched = await self._waiting.until_available(
                "the catalog", self._alerts.take, number, self._partials.shards
            )
            # A clock that was ahead when it was kept would decide nothing until then.
            clock_us = None if watched.clock_us is None else min(watched.clock_us, _now_us())
            shard = _Shard(number, watched.epoch, Evaluator(watched.alerts, clock_us))
            self._shards[number] = shard
            await self._use_rules(shard)
            self._teller.hold(number, watched.deliveries)
        by_shard: dict[int, list[Page]] = {}
        for page in taken.pages:
            by_shard.setdefault(page.shard, []).append(page)
        for number, pages in by_shard.items():
            for some in _published(pages):
                if (of := self._shards.get(number)) is None:
                    break
                if damaged := await self._in_thread(of.evaluator.put, some):
                    log.error("%d pages of counts are damaged: what they had counted is missing in windows", damaged)
                # What was published next may go on to windows behind which these are forgotten.
                if of.caught_up:
                    await self._watch(of)
        for number in taken.caught_up:
            if number in self._shards:
                self._shards[number].caught_up = True

    def _lose(self, number: int) -> None:
        self._shards.pop(number, None)
        self._teller.drop(number)

    async def _use_rules(self, shard: _Shard) -> None:
        if shard.generation == self._rules.generation:
            return
        shard.generation = self._rules.generation
        ours = {
            rule_id: rule
            for rule_id, rule in self._rules.rules.items()
            if shard_of(rule_id, self._partials.shards) == shard.number
        }
        gauges = {rule_id: self._rules.gauges[rule_id] for rule_id in ours}
        # Of what fires of a rule that is new, people have to be told now.
        if self._known[0] >= 0:
            self._tell_by((self._rules.generation, *self._known[1:]))
        shard.deliveries = [*shard.deliveries, *self._last_words(shard, ours)]
        shard.rules = ours
        await self._in_thread(shard.evaluator.set_rules, ours, gauges, _now_us())

    def _last_words(self, shard: _Shard, ours: Mapping[str, Rule]) -> Sequence[Delivery]:
        """That what fires is over, to those who were told of it, by rules that are gone: nobody else will say so."""
        now_us = _now_us()
        ended = [
            msgspec.structs.replace(alert, stage=AlertStage.RESOLVED, ended_us=now_us)
            for alert in shard.evaluator.alerts.values()
            if alert.stage is AlertStage.FIRING and alert.rule_id in shard.rules.keys() - ours.keys()
        ]
        at_once = msgspec.structs.replace(self._settings, group_interval_seconds=0.0)
        return Telling(at_once, shard.rules, *self._known[1:]).look(ended, now_us).deliveries if ended else ()

    async def _look(self) -> None:
        """At what people have said, and at what fires elsewhere."""
        if time.monotonic() < self._look_at:
            return
        self._look_at = time.monotonic() + _LOOK_SECONDS
        try:
            known = (self._rules.generation, await self._silences.all(), await self._acknowledgements.all())
            if len(self._shards) < self._partials.shards:
                ours = self._shards.keys()
                self._elsewhere = [
                    alert
                    for alert in await self._history.alerts()
                    if alert.stage is AlertStage.FIRING and shard_of(alert.rule_id, self._partials.shards) not in ours
                ]
            else:
                self._elsewhere = ()
            await self._forget_history()
        except (Unavailable, Corrupt) as error:
            log.warning("silences and acknowledgements can't be looked at, those of before hold: %s", error)
            return
        self._tell_by(known)

    def _tell_by(self, known: tuple[int, Sequence[Silence], Sequence[Acknowledgement]]) -> None:
        """Rules, silences and acknowledgements as they are now."""
        if known != self._known:
            self._known = known
            self._telling = Telling(self._settings, self._rules.rules, *known[1:])
            for shard in self._shards.values():
                shard.again_us = 0

    async def _forget_history(self) -> None:
        if self._settings.history_days and time.monotonic() >= self._history_at:
            self._history_at = time.monotonic() + _HISTORY_SECONDS
            await self._history.forget(_now_us() - self._settings.history_days * _DAY_US)

    async def _watch(self, shard: _Shard) -> None:
        """What fires by now, and what is over."""
        await self._use_rules(shard)
        evaluator = shard.evaluator
        changes = await self._in_thread(_looked, evaluator)
        if not await self._keep(shard, changes):
            return
        upto_us = evaluator.upto_us
        if upto_us is None:
            return
        upto_us = min(upto_us, _now_us()) - self._settings.late_seconds * _SECOND_US
        at_us = upto_us if evaluator.clock_us is None else evaluator.clock_us
        step_us = max(_STEP_US, (upto_us - at_us) // _MOST_STEPS)
        while at_us < upto_us or evaluator.clock_us is None:
            at_us = min(at_us + step_us, upto_us)
            changes = await self._in_thread(_decided, evaluator, at_us)
            if not await self._keep(shard, changes):
                return

    async def _keep(self, shard: _Shard, changes: Changes) -> bool:
        """Keeps them, with what has to be told; False when the shard is somebody else's."""
        now_us = _now_us()
        due = shard.again_us is not None and shard.again_us <= now_us
        idle = time.monotonic() < shard.clock_at or not (shard.rules or shard.evaluator.alerts)
        if not (changes or due or shard.deliveries) and idle:
            return True
        evaluator = shard.evaluator
        told = Told((), (), (), (), shard.again_us)
        # Until silences are known nobody is told, and nothing is over.
        if (changes or due) and self._known[0] >= 0:
            others = (one.evaluator.alerts.values() for one in self._shards.values() if one is not shard)
            elsewhere = [alert for some in others for alert in some if alert.stage is AlertStage.FIRING]
            ours = list(evaluator.alerts.values())
            told = await self._in_thread(self._telling.look, ours, now_us, [*elsewhere, *self._elsewhere])
            evaluator.told(told.alerts)
        gone = [*changes.gone, *evaluator.forget(told.gone)]
        alerts = _last(evaluator, [*changes.alerts, *told.alerts], gone)
        deliveries = [*shard.deliveries, *told.deliveries]
        if not (alerts or gone or changes.events or told.events or deliveries) and due:
            shard.again_us = told.again_us
            return True
        portions = list(in_portions(alerts, gone, [*changes.events, *told.events], deliveries))
        try:
            for number, portion in enumerate(portions, 1):
                # What fires, and isn't kept when it ends here, will be found again.
                clock_us = evaluator.clock_us if number == len(portions) else None
                await self._waiting.until_available(
                    "the catalog", self._alerts.record, shard.number, shard.epoch, clock_us, *portion
                )
        except Conflict:
            log.info("another alerter has the rules of shard %d now", shard.number)
            self._lose(shard.number)
            return False
        shard.again_us = told.again_us
        shard.clock_at = time.monotonic() + _CLOCK_SECONDS
        shard.deliveries = ()
        self._teller.hold(shard.number, deliveries)
        return True

    async def _in_thread(self, function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        started = time.perf_counter()
        call = functools.partial(function, *arguments, **named)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, call)
        finally:
            metrics.ALERT_EVALUATE_SECONDS.inc(time.perf_counter() - started)


def _published(pages: Sequence[Page]) -> Iterator[Sequence[Page]]:
    """What alerters have published at a time: each ends with a clock."""
    begin = 0
    for place, page in enumerate(pages):
        if kind_of(page.key) == CLOCK:
            yield pages[begin : place + 1]
            begin = place + 1
    if begin < len(pages):
        yield pages[begin:]


def _looked(evaluator: Evaluator) -> Changes:
    evaluator.look()
    return evaluator.take_changes()


def _decided(evaluator: Evaluator, upto_us: int) -> Changes:
    evaluator.decide(upto_us)
    return evaluator.take_changes()


def _last(
    evaluator: Evaluator, alerts: Iterable[Alert], gone: Sequence[tuple[str, tuple[str | None, ...]]]
) -> Sequence[Alert]:
    """Each alert once, as it is now."""
    keys = {(alert.rule_id, alert.group) for alert in alerts}.difference(gone)
    return [evaluator.alerts[key] for key in keys if key in evaluator.alerts]


def _now_us() -> int:
    return time.time_ns() // 1_000
