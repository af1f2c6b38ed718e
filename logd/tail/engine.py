"""Messages into the events of each filter: parsed and shaped once, filtered at once, each line's JSON made once.

What nobody is sent costs no Python statement. Of what somebody is sent, only the newest lines of a batch are made into
JSON: a client's queue would not hold more.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from logd.chunk import Message
from logd.enrich.filters import Bools, Failed, Filters
from logd.parse.parsing import Parses, Parsing
from logd.query.services import services_of
from logd.query.tree import Node
from logd.tail import events
from logd.tail.events import Part
from logd.tail.places import Places, ids_after, seen_rows

log = logging.getLogger("logd.tail")
#: What is sent or dropped together: enough that a part costs nothing beside its lines.
_PART_BYTES = 64 * 1024
_PART_EVENTS = 500
#: Of one batch and for one filter: 50 ms of work (⏱).
NEWEST_EVENTS = 2_000


class Matched(msgspec.Struct, frozen=True):
    """Of one batch, what a filter lets through, oldest first; or why it can't be evaluated."""

    parts: Sequence[Part] = ()
    failure: str = ""


class Engine:
    """Not thread-safe. `records` makes rows of record.SCHEMA into what stands in answers. `keeps_services`: the parser
    gives no chunk's records another service than the chunk, or they, say."""

    def __init__(
        self,
        make_parser: Callable[[], Parses],
        records: Callable[[pa.Table], Sequence[Any]],
        keeps_services: bool = True,
    ) -> None:
        self._parsing = Parsing(make_parser)
        self._filters = Filters()
        self._records = records
        self._keeps_services = keeps_services

    def run(
        self, messages: Sequence[Message], places: Places, nodes: Sequence[Node], newest: int = NEWEST_EVENTS
    ) -> Mapping[Node, Matched]:
        """What each of `nodes`, which are all different, lets through of the messages, of which all before `places` was
        seen. More than `newest` lines for one filter are missed."""
        if self._keeps_services:
            messages = _worth_parsing(messages, nodes)
        parsed, refused = self._parsing.parse(messages)
        counts = iter(parsed.chunk_lines)
        lost = {id(one.message) for one in refused}  # the processor tells of them
        lines = [0 if id(message) in lost else next(counts) for message in messages]
        unseen = np.ones(len(parsed.table), bool)
        if parsed.kept is not None:
            unseen &= parsed.kept.to_numpy(zero_copy_only=False)
        for first, end in seen_rows(places, messages, lines):
            unseen[first:end] = False
        matches, failures = self._match(parsed.table, nodes)
        rows = {node: np.flatnonzero(mask & unseen) for node, mask in matches.items()}
        sent = np.unique(np.concatenate([some[-newest:] for some in rows.values()] or [np.zeros(0, np.int64)]))
        values = self._records(parsed.table.take(pa.array(sent)))
        ids = list(ids_after(places, messages, lines, sent.tolist()))
        frames = [events.record(value, after) for value, after in zip(values, ids, strict=True)]
        matched = {node: Matched(failure=failure) for node, failure in failures.items()}
        for node, some in rows.items():
            shown = np.searchsorted(sent, some[-newest:]).tolist()
            parts = list(_parts([(frames[place], ids[place]) for place in shown]))
            if missed := len(some) - len(shown):
                last_missed = some[: -len(shown)][-1:].tolist()
                parts.insert(0, Part(b"", 0, next(ids_after(places, messages, lines, last_missed)), missed))
            matched[node] = Matched(parts)
        return matched

    def close(self) -> None:
        """Gives all memory back."""
        self._filters.close()
        self._parsing.close()

    def _match(self, table: pa.Table, nodes: Sequence[Node]) -> tuple[dict[Node, Bools], dict[Node, str]]:
        """By tree the rows that match, or why it can't be evaluated: one harms no other."""
        try:
            return self._filters.match(table, nodes), {}
        except Failed as error:
            log.warning("a filter of %d can't be evaluated: %s", len(nodes), error)
        matches: dict[Node, Bools] = {}
        failures: dict[Node, str] = {}
        for node in nodes:
            try:
                matches |= self._filters.match(table, [node])
            except Failed as error:
                failures[node] = str(error)
        return matches, failures


def _worth_parsing(messages: Sequence[Message], nodes: Sequence[Node]) -> Sequence[Message]:
    """Without the chunks none of whose lines anybody asks for. Only of a locked service that is known before they are
    parsed: else each line may say that it is another's."""
    asked: set[str] = set()
    for node in nodes:
        services = services_of(node)
        if services is None:
            return messages
        asked |= services
    return [
        message
        for message in messages
        if message.headers.get("service-locked") != "1" or (message.headers.get("service") or "unknown") in asked
    ]


def _parts(frames: Sequence[tuple[bytes, str]]) -> Iterator[Part]:
    bodies: list[bytes] = []
    size = 0
    for number, (body, after) in enumerate(frames, 1):
        bodies.append(body)
        size += len(body)
        if size >= _PART_BYTES or len(bodies) == _PART_EVENTS or number == len(frames):
            yield Part(b"".join(bodies), len(bodies), after)
            bodies, size = [], 0
