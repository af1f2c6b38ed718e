"""Appends to Kafka: what waits is bounded, and every caller hears of it within a deadline.

    append ── a slot in `pending` ── the driver's batch for a partition ── one request a broker ── acknowledged

With acks = all the driver numbers its batches (idempotence), so that one that it has to send again is stored once; it
tries for ever. A caller doesn't wait for ever: what it is told to be unavailable may yet be stored, as its resend will.
A batch that fails for good leaves a hole in those numbers, and the producer is made anew.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from functools import partial
from typing import Any

from aiokafka import AIOKafkaProducer, errors

from logd.backends.transport.kafka_client import Connection
from logd.backends.transport.kafka_records import Record, partition_of
from logd.errors import BadRequest, Unavailable
from logd.flow.stage import Stage

log = logging.getLogger("logd.transport")
#: A broker that dies is noticed by the others after nine seconds, and each partition has a leader again soon after.
APPEND_SECONDS = 30.0
#: What brokers take by default, batch and record alike, without the frame.
_MAX_BYTES = 1_000_000
#: Of what is a letter for having been too large, among others; the rest is for what tells where it was.
LETTER_BYTES = 990_000
_TOO_LARGE = 413
#: What may wait for acknowledgements: a second's worth at the highest rate, less than a broker takes in one request.
_PENDING_BYTES = 64 * 1024 * 1024
#: For requests that are under way when it is closed; every caller has left by then.
_STOP_SECONDS = 5.0
#: For so long the driver waits for more before it sends a batch that isn't full; what comes meanwhile goes along.
_LINGER_MS = 5


class Producer:
    """One of the driver's producers at a time, made when it is first needed. `ends` are, by topic and partition, the
    positions behind what was acknowledged. `acks` are transport.kafka.acks, unless others are given."""

    def __init__(
        self,
        connection: Connection,
        ends: dict[str, dict[int, int]],
        stage: str = "transport.append",
        acks: str | None = None,
    ) -> None:
        self.pending = Stage(stage, _PENDING_BYTES, "bytes")
        self._connection = connection
        self._acks = acks or connection.settings.acks
        self._ends = ends
        self._hot = frozenset(service.encode() for service in connection.settings.hot_services)
        self._driver: AIOKafkaProducer | None = None
        self._one = asyncio.Lock()

    async def send(self, topic: str, records: Sequence[Record]) -> None:
        """Returns once all are acknowledged. Raises BadRequest for one that no broker takes, before any is sent, and
        Unavailable, at once where too much waits."""
        pending, size = self.pending, sum(record.size for record in records)
        if pending.held and pending.held + size > pending.capacity:
            pending.block()
            raise Unavailable(f"{pending.held} bytes wait to be taken by Kafka")
        for record in records:
            if record.size > _MAX_BYTES:
                raise BadRequest("too_large", f"{record.size} bytes are over {_MAX_BYTES}", status=_TOO_LARGE)
        driver: AIOKafkaProducer | None = None
        try:
            async with asyncio.timeout(APPEND_SECONDS):
                driver = await self._started()
                await self._send(driver, topic, records)
        except TimeoutError:
            what = f"Kafka has not acknowledged {len(records)} records for {topic} within {APPEND_SECONDS:g} s"
            raise await self._connection.explained(what) from None
        except errors.KafkaError as error:
            await self._replace(driver)
            raise self._connection.failure(f"Kafka doesn't take records for {topic}", error) from error

    async def close(self) -> None:
        await self._replace(self._driver)

    async def _send(self, driver: AIOKafkaProducer, topic: str, records: Sequence[Record]) -> None:
        settings = self._connection.settings
        partitions = sorted(await driver.partitions_for(topic))
        waiting: list[asyncio.Future[Any]] = []
        for record in records:
            partition = partition_of(record, self._hot, settings.hot_partitions, partitions)
            future = await driver.send(topic, record.value, record.key, partition, None, record.headers)
            self.pending.add(record.size)
            # The driver holds it until then, whether the caller still waits or not.
            future.add_done_callback(partial(self._done, record.size))
            waiting.append(future)
        await asyncio.wait(waiting)
        ends = self._ends.setdefault(topic, {})
        for one in waiting:
            done = one.result()
            ends[done.partition] = max(ends.get(done.partition, 0), done.offset + 1)

    def _done(self, size: int, future: asyncio.Future[Any]) -> None:
        self.pending.add(-size)
        if not future.cancelled():
            future.exception()  # where the caller has left, nobody else looks at it

    async def _started(self) -> AIOKafkaProducer:
        async with self._one:
            if self._driver is None:
                acks: dict[str, Any] = {"acks": "all", "enable_idempotence": True}
                if self._acks == "1":
                    acks = {"acks": 1}
                driver = AIOKafkaProducer(
                    **self._connection.options,
                    **acks,
                    linger_ms=_LINGER_MS,
                    max_batch_size=_MAX_BYTES,
                    max_request_size=_MAX_BYTES,
                )
                try:
                    await driver.start()
                except BaseException:
                    await _stop(driver)
                    raise
                self._driver = driver
            return self._driver

    async def _replace(self, broken: AIOKafkaProducer | None) -> None:
        """The next append makes a new one, unless another append has."""
        async with self._one:
            if broken is not None and broken is self._driver:
                self._driver = None
                await _stop(broken)


async def _stop(driver: AIOKafkaProducer) -> None:
    # By itself it would wait until the brokers have taken what nobody waits for any more. First ends who sends, as it
    # can't have its batches taken away; what it raises is what it had under way.
    with contextlib.suppress(Exception):
        async with asyncio.timeout(_STOP_SECONDS):
            await driver._sender.close()
    _give_up(driver)
    try:
        with contextlib.suppress(errors.KafkaError):
            await driver.stop()
    finally:
        await driver.client.close()


def _give_up(driver: AIOKafkaProducer) -> None:
    """Fails what the driver still holds, so that nothing of it is waited for, and nothing of it is told to nobody."""
    accumulator = driver._message_accumulator
    held = [batch for batches in accumulator._batches.values() for batch in batches]
    # A batch that was sent before, and waits to be sent again, takes itself out of these when it ends.
    accumulator._pending_batches.update(held)
    accumulator.fail_all(errors.ProducerClosed())
    for batch in held:
        batch._drain_waiter.exception()
