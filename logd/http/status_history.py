"""GET /api/v1/status/history: how this process did in the last hour, from samples of every ten seconds.

All of it is in memory: 360 samples of some 30 numbers. Rates are of this process; lags are of all, as the transport
says.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, NamedTuple

from aiohttp import web
from msgspec import Meta
from prometheus_client import Counter

from logd.errors import LogdError
from logd.flow.stage import Stage
from logd.flow.timer import Clock, SystemClock
from logd.http import schemas
from logd.http.answers import json_answer
from logd.http.openapi import Answer, Operation
from logd.http.parameters import Parameter, whole_number
from logd.http.records import start_texts
from logd.seams import RAW_LOGS, Transport
from logd.telemetry import agent_metrics, metrics
from logd.tokens import Scope

log = logging.getLogger("logd.api")
INTERVAL_SECONDS = 10
_SAMPLES = 360
#: What the transport doesn't say by then isn't known.
_ASK_SECONDS = 5.0
#: What is counted in all, whose growth is a rate. Chunks are compressed, bodies aren't.
_RATES: Mapping[str, Sequence[Counter]] = {
    "ingest.lines_per_second": (metrics.INGEST_LINES, metrics.SHIPMENT_LINES),
    "ingest.bytes_per_second": (metrics.INGEST_BYTES, metrics.SHIPMENT_BYTES),
    "agent.lines_per_second": (agent_metrics.AGENT_SENT_LINES,),
    "agent.bytes_per_second": (agent_metrics.AGENT_SENT_BYTES,),
    "index.lines_per_second": (metrics.INDEX_ROWS,),
    "index.bytes_per_second": (metrics.INDEX_MESSAGE_BYTES,),
}
#: Parts of the process whose group has another name.
_GROUPS = {"archive": "archiver"}
OPERATION = Operation(
    "GET",
    "/api/v1/status/history",
    "How the process did in the last hour",
    (
        Parameter(
            "seconds", "Only so much of it, up to now.", Annotated[int, Meta(ge=1, le=INTERVAL_SECONDS * _SAMPLES)]
        ),
    ),
    {200: Answer("Samples, the oldest first.", schemas.StatusHistory)},
    needs=(Scope.ADMIN, Scope.SEARCH),
)


class _Sample(NamedTuple):
    at_us: int
    values: Mapping[str, float]


class _Before(NamedTuple):
    """What the next sample is compared with."""

    at_seconds: float
    counted: Mapping[str, float]
    blocked_seconds: Mapping[str, float]


class StatusHistory:
    """`run` takes the samples; `get` is the handler."""

    def __init__(
        self,
        transport: Transport,
        stages: Callable[[], Sequence[Stage]],
        parts: Mapping[str, Callable[[], Mapping[str, Any]]],
        clock: Clock | None = None,
    ) -> None:
        """`parts` are as in /api/v1/status."""
        self._transport = transport
        self._parts = parts
        self._stages = stages
        self._clock: Clock = clock or SystemClock()
        self._samples: deque[_Sample] = deque(maxlen=_SAMPLES)
        self._before: _Before | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """A sample now, and every ten seconds, until `stop`."""
        while not stop.is_set():
            began = self._clock.monotonic()
            try:
                await self.sample()
            except Exception:  # what only looks on mustn't end the process
                log.exception("how the process does can't be told")
            await self._clock.wait(max(0.0, INTERVAL_SECONDS - (self._clock.monotonic() - began)), stop)

    async def sample(self) -> None:
        """Takes one."""
        at_us, now = self._clock.now_us(), self._clock.monotonic()
        counted = {name: sum(map(_total, counters)) for name, counters in _RATES.items()}
        stages = {stage.name: stage for stage in self._stages()}
        blocked = {name: stage.blocked_seconds for name, stage in stages.items()}
        values = {f"stage.{name}.fill": round(stage.held / stage.capacity, 4) for name, stage in stages.items()}
        before, self._before = self._before, _Before(now, counted, blocked)
        if before is not None and (passed := now - before.at_seconds) > 0:
            rates = {name: (total - before.counted[name]) / passed for name, total in counted.items()}
            shares = {
                f"stage.{name}.blocked": min(1.0, (total - before.blocked_seconds.get(name, 0.0)) / passed)
                for name, total in blocked.items()
            }
            values |= {name: round(value, 4) for name, value in (rates | shares).items()}
        values |= await self._lags(at_us)
        self._samples.append(_Sample(at_us, values))

    async def get(self, request: web.Request) -> web.Response:
        """200 with StatusHistory."""
        longest = INTERVAL_SECONDS * _SAMPLES
        seconds = whole_number(request.query, "seconds", longest, 1, longest)
        shown = list(self._samples)[-math.ceil(seconds / INTERVAL_SECONDS) :]
        names = sorted({name for sample in shown for name in sample.values})
        return json_answer(
            {
                "interval_seconds": INTERVAL_SECONDS,
                "times": start_texts([sample.at_us for sample in shown]),
                "series": {name: [sample.values.get(name) for sample in shown] for name in names},
            }
        )

    async def _lags(self, now_us: int) -> Mapping[str, float]:
        """Of each group of the stream; nothing where nobody says it."""
        try:
            async with asyncio.timeout(_ASK_SECONDS):
                topic: Mapping[str, Any] = (await self._transport.status()).get(RAW_LOGS) or {}
        except (LogdError, TimeoutError):
            return {}
        values: dict[str, float] = {}
        own = self._own() if "ledger" in topic else {}
        for name, group in topic.get("groups", {}).items():
            if "lag" not in group:
                continue
            lag = values[f"{name}.lag_messages"] = own.get(name, group["lag"])
            if "waiting_us" in group:
                waiting_us = group["waiting_us"] if lag else None
                oldest = 0.0 if waiting_us is None else (now_us - waiting_us) / 1e6
                values[f"{name}.oldest_seconds"] = max(0.0, round(oldest, 3))
        return values

    def _own(self) -> Mapping[str, int]:
        """On one machine the roles know better: what the embedded index has in memory is searchable, and its group
        isn't done with it."""
        said = {_GROUPS.get(name, name): of().get("lag_messages") for name, of in self._parts.items()}
        return {name: lag for name, lag in said.items() if lag is not None}


def _total(counter: Counter) -> float:
    return sum(
        sample.value for metric in counter.collect() for sample in metric.samples if sample.name[-6:] == "_total"
    )
