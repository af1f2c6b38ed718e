"""POST /api/v1/alerts/rules/test: when a rule would have fired on the records that are stored.

Of the records those are read that any part of the rule looks for, page by page, each of which waits for a turn of its
own; what is counted of them is counted in another thread. One such request runs at a time: it takes a core.
"""

from __future__ import annotations

import asyncio
import functools
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import msgspec
import orjson
from aiohttp import web
from multidict import MultiDict, MultiMapping

from logd.alerts.backtest import Backtest, Outcome, Series
from logd.alerts.file import FileRule
from logd.alerts.reading import Terms, WrongRule, checked, typed
from logd.alerts.rules import Rule
from logd.alerts.trees import compile_rule, nodes_of
from logd.config.schema import Config
from logd.enrich.filters import Failed
from logd.enrich.rules import tried
from logd.errors import BadRequest, Unavailable
from logd.flow.clock import now_us
from logd.http import alert_schemas, identity
from logd.http.alert_names import Named, RuleNames, by_field
from logd.http.alert_rules import BESIDE, PATH
from logd.http.answers import json_bytes
from logd.http.openapi import Answer, Content, Operation
from logd.http.parameters import shortened, whole_body
from logd.http.records import last_place, records, start_texts
from logd.http.search import MAX_WINDOW
from logd.http.slowest import Watch
from logd.http.turns import Turns
from logd.query.time import MIN_US, parse_time
from logd.query.tree import Everything, Node, Or
from logd.seams import Found, Search, Searches
from logd.tokens import Scope

#: What nobody waits for any more; a week of 10 million lines takes longer.
_MOST_SECONDS = 120.0
_PAGE_BYTES = 8 * 1024 * 1024
_UNLESS_TOLD = "-24h"
_NO_PARAMETERS: MultiMapping[str] = MultiDict()
_NAME = "test"
#: Of a rule that is sent: whom it tells isn't looked at.
_LEFT_OUT = frozenset({"action", "actions", "version", *BESIDE})
T = TypeVar("T")
OPERATION = Operation(
    "POST",
    f"{PATH}/test",
    "When an alert rule would have fired on what is stored",
    (),
    {200: Answer("What fired.", alert_schemas.Backtest)},
    body=Content("Which rule, and from when on.", {"application/json": alert_schemas.RuleToTest}),
    needs=(Scope.SEARCH,),
)


class _Asked(NamedTuple):
    rule_id: str | None
    rule: Rule
    from_us: int
    to_us: int
    now_us: int


class Backtests:
    """The handler. What the catalog or the index can't do now is 503."""

    def __init__(self, config: Config, turns: Turns, searches: Searches, names: RuleNames) -> None:
        self._names = names
        self._searches = searches
        self._terms = Terms(config.search.default_operator, tuple(config.alerts.notify.secrets), config.alerts.notify)
        self._late_seconds = config.alerts.late_seconds
        self._turns = turns
        self._deadline_seconds = config.search.deadline_seconds
        self._one = asyncio.Semaphore(1)

    async def test(self, request: web.Request) -> web.Response:
        """200 with alert_schemas.Backtest."""
        with self._turns.counted() as took_ms:
            asked = await self._read(await whole_body(request))
            await self._wait()
            try:
                parameters = MultiDict(rule=asked.rule.name)
                with self._turns.slowest.watch(identity.of(request), "backtest", parameters) as watch:
                    outcome, missing = await self._run(request, asked, watch)
            finally:
                self._one.release()
            sender = identity.of(request)
            limited = bool(sender.services or sender.hosts)
            took = took_ms()
            body = await asyncio.to_thread(lambda: json_bytes(_body(asked, outcome, missing, limited, took)))
        return web.Response(body=body, content_type="application/json")

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(self._deadline_seconds):
                await self._one.acquire()
        except TimeoutError as error:
            seconds = f"{self._deadline_seconds:g} s"
            raise Unavailable(f"another rule is tested, which has not ended within {seconds}") from error

    async def _run(self, request: web.Request, asked: _Asked, watch: Watch) -> tuple[Outcome, list[str]]:
        """What came of it, and why something may be missing."""
        started, left = time.monotonic(), threading.Event()
        test = await _in_thread(
            lambda: Backtest(
                {_NAME: asked.rule},
                asked.from_us,
                asked.to_us,
                self._late_seconds,
                records,
                self._terms.operator,
                min(asked.to_us + self._late_seconds * 1_000_000, asked.now_us),
            ),
            left,
        )

        def go_on() -> bool:
            return not left.is_set() and time.monotonic() - started < _MOST_SECONDS

        search = Search(
            query=identity.within(request, _any_part(asked.rule, self._terms)),
            from_us=max(test.reads_from_us, MIN_US),
            to_us=asked.to_us,
            newest_first=False,
            limit=MAX_WINDOW,
            count_limit=0,
            max_bytes=_PAGE_BYTES,
        )
        missing: list[str] = []
        try:
            more = True
            while more:
                found = await self._page(search, watch)
                missing += found.missing
                search, more = _next(search, found)
                more &= await _in_thread(functools.partial(test.feed, found.table, go_on), left)
            outcome = await _in_thread(lambda: test.end(go_on), left)
        except Failed as error:
            raise BadRequest("bad_rule", str(error), "rule.condition.query") from error
        finally:
            # Nobody else uses it: who waited for a thread has waited until it ended.
            test.close()
        return outcome, list(dict.fromkeys(missing))

    async def _page(self, search: Search, watch: Watch) -> Found:
        async with self._turns.turn(_NO_PARAMETERS, heavy=True, watch=watch) as seconds:
            return await self._searches.search(msgspec.structs.replace(search, within_seconds=seconds))

    async def _read(self, body: bytes) -> _Asked:
        """Raises BadRequest, and what RuleNames.find does."""
        try:
            wanted = msgspec.json.decode(body, type=_Wanted)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise BadRequest("bad_body", f"the body is wrong: {error}", "body") from error
        if (wanted.rule is None) == (wanted.rule_id is None):
            raise BadRequest("bad_body", "expected one of rule and rule_id", "rule")
        now = now_us()
        from_us = parse_time(str(_UNLESS_TOLD if wanted.from_ is None else wanted.from_), now, "from")
        to_us = now if wanted.to is None else min(now, parse_time(str(wanted.to), now, "to"))
        if from_us >= to_us:
            first, last = start_texts([from_us, to_us])
            raise BadRequest("bad_range", f"from is {first}, expected a time before {last}", "from")
        if wanted.rule_id is not None:
            found = await self._names.find(wanted.rule_id.strip())
            rule = found.rule if isinstance(found, FileRule) else self._kept(found.rule)
            return _Asked(found.id, rule, from_us, to_us, now)
        assert wanted.rule is not None
        return _Asked(None, await self._sent(wanted.rule), from_us, to_us, now)

    def _kept(self, plain: Mapping[str, Any]) -> Rule:
        """Raises BadRequest for one that was right once."""
        try:
            return checked(typed({name: part for name, part in plain.items() if name not in _LEFT_OUT}), self._terms)
        except WrongRule as error:
            raise BadRequest("bad_rule", str(error), "rule_id") from error

    async def _sent(self, plain: object) -> Rule:
        """Raises BadRequest."""
        if not isinstance(plain, dict):
            raise BadRequest("bad_rule", f"rule is {shortened(str(plain))}, expected an object", "rule")
        tree = {"name": _NAME, **{name: part for name, part in plain.items() if name not in _LEFT_OUT}}
        try:
            rule = checked(typed(tree), self._terms)
        except WrongRule as error:
            raise BadRequest("bad_rule", str(error), f"rule.{error.problems[0].where}".rstrip(".")) from error
        nodes = nodes_of(compile_rule(rule, self._terms.operator))
        if (failed := await asyncio.to_thread(tried, nodes)) is not None:
            raise BadRequest("bad_rule", failed[1], "rule.condition.query")
        return rule


class _Wanted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """As alert_schemas.RuleToTest; what is wrong with a rule is told by reading.checked."""

    rule: Any = None
    rule_id: str | None = None
    from_: str | int | float | None = msgspec.field(name="from", default=None)
    to: str | int | float | None = None


async def _in_thread(call: Callable[[], T], left: threading.Event) -> T:
    """What it gives. It is waited for also by who is cancelled meanwhile, once it is told by `left`."""
    running = asyncio.ensure_future(asyncio.to_thread(call))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        left.set()
        await asyncio.wait([running])
        if not running.cancelled():
            running.exception()  # nobody asks for it any more
        raise


def _any_part(rule: Rule, terms: Terms) -> Node:
    """Of records that no part matches nothing is counted."""
    nodes = tuple(dict.fromkeys(part.node for part in compile_rule(rule, terms.operator).parts))
    if any(isinstance(node, Everything) for node in nodes):
        return Everything()
    return nodes[0] if len(nodes) == 1 else Or(nodes)


def _next(search: Search, found: Found) -> tuple[Search, bool]:
    """The page behind this one, and whether there may be one."""
    if not found.more or not (len(found.table) or found.stopped):
        return search, False
    after = found.stopped.place if found.stopped else last_place(found.table)
    return msgspec.structs.replace(search, after=after), True


def _warnings(asked: _Asked, outcome: Outcome, limited: bool) -> Iterator[str]:
    if limited:
        yield "these are the lines that this token may see, of some services or hosts: the rule is of all"
    if outcome.fired > len(outcome.firings):
        yield f"{outcome.fired - len(outcome.firings)} more firings are counted, not listed"
    if outcome.refused:
        count = sum(outcome.refused.values())
        yield f"{count} lines had no room to be counted by their group (max_groups is {asked.rule.max_groups})"
    if outcome.stopped:
        yield f"it was stopped after {_MOST_SECONDS:g} s: ask for less time, or for something rarer"


def _body(asked: _Asked, outcome: Outcome, missing: Sequence[str], limited: bool, took_ms: int) -> dict[str, Any]:
    names = asked.rule.group_names
    shown = outcome.firings
    fired = start_texts([one.fired_us for one in shown])
    resolved = iter(start_texts([one.resolved_us for one in shown if one.resolved_us is not None]))
    from_text, to_text, upto_text = start_texts([asked.from_us, asked.to_us, outcome.upto_us])
    return {
        "rule_id": asked.rule_id,
        "name": asked.rule.name,
        "from": from_text,
        "to": to_text,
        "upto": upto_text,
        "stopped": outcome.stopped,
        "lines": outcome.lines,
        "fired": outcome.fired,
        "firings": [
            {
                "group": _named(names, one.group),
                "fired": fired_text,
                "resolved": None if one.resolved_us is None else next(resolved),
                "value": one.value,
                "peak": one.peak,
                "samples": one.samples,
            }
            for one, fired_text in zip(shown, fired, strict=True)
        ],
        **_series(names, outcome.series[_NAME]),
        "took_ms": took_ms,
        "partial": bool(missing),
        "warnings": [*missing, *_warnings(asked, outcome, limited)],
    }


def _series(names: Sequence[str], series: Series) -> dict[str, Any]:
    return {
        "times": start_texts(series.times_us),
        "series": [
            {"group": _named(names, curve.group), "values": orjson.Fragment(json_bytes(curve.values.tolist()))}
            for curve in series.curves
        ],
    }


def _named(names: Sequence[str], group: tuple[str | None, ...]) -> dict[str, str | None]:
    return by_field(group, Named("", names))
