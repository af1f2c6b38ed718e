"""The live tail of one process: all clients share one reader of the stream, one parser, and one query.

    transport.follow ── joined for _JOIN_SECONDS ── engine, a thread of its own ──┬─> subscriber ──> client
                                                                                  └─> subscriber ──> client
    a client that resumes first reads what lies between its place and theirs, by a reader of its own

The shared reader starts with the first client, and stays for a while after the last one: while there is one, the
transport keeps what came last, so that a client that comes back soon misses nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from logd.chunk import Message
from logd.errors import LogdError, Unavailable
from logd.parse.joining import joined, parts
from logd.query.tree import Node
from logd.seams import RAW_LOGS, Follower, Transport
from logd.tail import events
from logd.tail.catch_up import catch_up
from logd.tail.engine import Engine, Matched
from logd.tail.places import Places, at, past, past_missing, resume_id
from logd.tail.rate import Rate
from logd.tail.subscriber import Subscriber, sent
from logd.telemetry import metrics

log = logging.getLogger("logd.tail")
#: Small chunks share a batch: shorter costs more CPU, longer is noticed by people.
_JOIN_SECONDS = 0.15
_JOIN_LINES = 8_000
#: While the reader keeps up, a burst comes to the clients in steps of so many lines, each of which a client may take so
#: long for: only one that is slower misses some.
_STEP_LINES = 1_000
_STEP_SECONDS = 0.1
#: After the last client: as long as one that lost its connection may take to come back.
_GRACE_SECONDS = 60.0
#: Proxies cut connections off on which nothing happens for a minute, or for half of one.
_HEARTBEAT_SECONDS = 15.0
#: A client waits so long for the shared reader: it starts within one.
_START_SECONDS = 10.0
_RETRY_SECONDS = 1.0
#: Clients whose missed lines are in the engine's queue at the same time: the shared batches wait for them.
_CATCHING_UP = 2
#: A refused client is told to come again after so long.
_REFUSED_SECONDS = 10.0
_STOPPING = "the server is stopping"


class Tailing:
    """Clients `join`, while `run` runs. `make_engine` is called in the engine's thread."""

    def __init__(
        self,
        transport: Transport,
        make_engine: Callable[[], Engine],
        max_clients: int,
        grace_seconds: float = _GRACE_SECONDS,
    ) -> None:
        self._transport = transport
        self._make_engine = make_engine
        self._max_clients = max_clients
        self._grace_seconds = grace_seconds
        self._ended = False
        self._joined = 0
        self._changed = asyncio.Event()
        self._live = asyncio.Event()
        self._session: _Session | None = None
        self._catching_up = asyncio.Semaphore(_CATCHING_UP)

    def status(self) -> dict[str, object]:
        """For people: clients, and of the shared reader whether it runs, and its lag in messages."""
        session = self._session
        return {
            "clients": self._joined,
            "max_clients": self._max_clients,
            "following": session is not None,
            "lag_messages": session.lag() if session else 0,
        }

    async def run(self) -> None:
        """Follows the stream whenever there are clients; returns once it has ended."""
        while not self._ended:
            if not self._joined:
                self._changed.clear()
                await self._changed.wait()
                continue
            try:
                await self._follow()
            except LogdError as error:
                log.error("the live tail can't follow the stream: %s", error)
                await self._pause()
            except Exception:
                log.exception("the live tail failed")
                await self._pause()

    def end(self) -> None:
        """Ends all clients, and takes no more. May be called twice."""
        self._ended = True
        self._changed.set()
        self._live.set()  # who waits to join sees that it has ended
        if self._session is not None:
            self._session.end(_STOPPING)

    @contextlib.asynccontextmanager
    async def join(self, node: Node, resume: Places, rate: int = 0) -> AsyncIterator[Tail]:
        """A client's own tail, from its place `resume`, or from now on if that is empty, of at most `rate` new lines a
        second. Raises Unavailable when there are too many tails, or the stream can't be followed."""
        if self._joined >= self._max_clients:
            raise Unavailable(f"{self._joined} tails are open, which is search.tails", _REFUSED_SECONDS)
        self._joined += 1
        metrics.TAIL_CLIENTS.set(self._joined)
        self._changed.set()
        try:
            session = await self._started()
            subscriber = session.subscribe(node, rate)
            try:
                yield Tail(self._transport, session, subscriber, resume, self._catching_up)
            finally:
                session.subscribers.discard(subscriber)
        finally:
            self._joined -= 1
            metrics.TAIL_CLIENTS.set(self._joined)

    async def _started(self) -> _Session:
        if not self._ended:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_START_SECONDS):
                    await self._live.wait()
        if self._ended:
            raise Unavailable(_STOPPING)
        if self._session is None:
            raise Unavailable("the stream can't be followed now")
        return self._session

    async def _follow(self) -> None:
        """From the first client until a while after the last one."""
        async with contextlib.AsyncExitStack() as stack:
            follower = await self._transport.follow(RAW_LOGS)
            stack.push_async_callback(follower.close)
            thread = ThreadPoolExecutor(1, "api.tail")
            stack.push_async_callback(asyncio.to_thread, thread.shutdown)
            engine = await asyncio.get_running_loop().run_in_executor(thread, self._make_engine)
            stack.push_async_callback(asyncio.get_running_loop().run_in_executor, thread, engine.close)
            session = _Session(follower, thread, engine)
            if self._ended:
                return
            self._session = session
            self._live.set()
            try:
                left_at = time.monotonic()
                while not session.ended:
                    if self._joined:
                        left_at = time.monotonic()
                    elif time.monotonic() - left_at >= self._grace_seconds:
                        break
                    await session.step()
            finally:
                self._live.clear()
                self._session = None
                session.end("the stream can't be followed now")

    async def _pause(self) -> None:
        if not self._ended:
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_RETRY_SECONDS):
                    await self._changed.wait()


class _Session:
    """The shared reader and its engine, and those for whom they work. `places` is up to where messages were taken:
    a client that joins gets all that comes after them."""

    def __init__(self, follower: Follower, thread: ThreadPoolExecutor, engine: Engine) -> None:
        self.places: Places = at(follower.positions)
        self.subscribers: set[Subscriber] = set()
        self.ended = False
        self.lag = follower.lag
        self._follower = follower
        self._thread = thread
        self._engine = engine

    def subscribe(self, node: Node, rate: int) -> Subscriber:
        """From `places` on."""
        subscriber = Subscriber(node, self.places, Rate(rate))
        self.subscribers.add(subscriber)
        return subscriber

    def end(self, reason: str) -> None:
        """Of all subscribers."""
        self.ended = True
        for subscriber in self.subscribers:
            subscriber.end(reason)

    async def step(self) -> None:
        """What came in a moment, for all subscribers. Raises Corrupt when no more can be read."""
        messages = await joined(self._fetch, _JOIN_LINES, _JOIN_SECONDS)
        begin = past_missing(self.places, messages, self._follower.positions if not messages else {})
        if begin != self.places:
            gap = events.gap(resume_id(self.places), resume_id(begin))
            self.places = begin
            for subscriber in self.subscribers:
                subscriber.put([gap], begin)
        if messages:
            for number, part in enumerate(parts(messages, None if self.lag() else _STEP_LINES)):
                if number:
                    await self._taken()
                if not self.ended:
                    await self._deliver(part)

    async def _taken(self) -> None:
        """Until nothing waits for any client, or it has taken too long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_STEP_SECONDS):
                for subscriber in list(self.subscribers):
                    await subscriber.taken()

    async def _fetch(self, max_lines: int, wait_seconds: float) -> Sequence[Message]:
        try:
            return await self._follower.fetch(max_lines, wait_seconds)
        except Unavailable as error:
            log.warning("the live tail waits %g s: %s", _RETRY_SECONDS, error)
            await asyncio.sleep(_RETRY_SECONDS)
            return ()

    async def _deliver(self, messages: Sequence[Message]) -> None:
        begin, subscribers = self.places, list(self.subscribers)
        self.places = end = past(begin, messages)  # those who join meanwhile begin there
        if not subscribers:
            return
        matched = await self.match(messages, begin, list(dict.fromkeys(one.node for one in subscribers)))
        for subscriber in subscribers:
            found = matched[subscriber.node]
            if found.failure:
                subscriber.end(f"the query failed: {found.failure}")
            subscriber.put(found.parts, end)

    async def match(self, messages: Sequence[Message], places: Places, nodes: Sequence[Node]) -> Mapping[Node, Matched]:
        """See Engine.run; in the engine's thread. Raises Unavailable once the session has ended."""
        if self.ended:
            raise Unavailable("the stream can't be followed now")
        run = functools.partial(self._engine.run, messages, places, nodes)
        return await asyncio.get_running_loop().run_in_executor(self._thread, run)


class Tail:
    """What one client gets."""

    def __init__(
        self,
        transport: Transport,
        session: _Session,
        subscriber: Subscriber,
        resume: Places,
        catching_up: asyncio.Semaphore,
    ) -> None:
        #: For whoever writes what this gives.
        self.writing = subscriber.writing
        self._transport = transport
        self._session = session
        self._subscriber = subscriber
        self._resume = resume
        self._joined_at = subscriber.places  # what comes after it waits in the queue
        self._catching_up = catching_up

    async def bodies(self) -> AsyncGenerator[bytes]:
        """Pieces of the response's body, until the tail ends; the last one says why. A heartbeat is among them when
        nothing else has been for a while."""
        subscriber = self._subscriber
        begin, joined_at = self._resume or self._joined_at, self._joined_at
        yield events.opened(resume_id(begin))
        if begin != joined_at:
            missed = catch_up(self._transport, self._match, begin, joined_at, lambda: bool(subscriber.ended))
            try:
                async with contextlib.aclosing(missed):
                    async for part in missed:
                        yield sent(part)
            except LogdError as error:
                subscriber.end(str(error))
        while body := await subscriber.take(_HEARTBEAT_SECONDS):
            yield body
        yield events.ended(subscriber.ended)

    async def _match(self, messages: Sequence[Message], places: Places) -> Matched:
        node = self._subscriber.node
        async with self._catching_up:
            return (await self._session.match(messages, places, [node]))[node]
