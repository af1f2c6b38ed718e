"""Up to where each source was counted: who sends a chunk again sends the same one, which counts once.

For a transport that knows no sources, Kafka; one of our own leaves out itself what was sent twice.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

from logd.chunk import Message

#: Of a part of the stream, those that sent last; who sends again does so within minutes.
_MOST_SOURCES = 20_000


class Sources:
    """By part of the stream, in which all chunks of a source are, in order."""

    def __init__(self) -> None:
        self._ends: dict[int, OrderedDict[str, int]] = {}

    def is_new(self, message: Message) -> bool:
        """Whether its source hasn't sent it before; from now on it has."""
        source, end = message.headers.get("source-id"), message.headers.get("end", "")
        if source is None or not (end.isascii() and end.isdigit()):
            return True
        known = self._ends.setdefault(message.partition, OrderedDict())
        if int(end) <= known.get(source, -1):
            return False
        known[source] = int(end)
        known.move_to_end(source)
        if len(known) > _MOST_SOURCES:
            known.popitem(last=False)
        return True

    def ends(self, part: int) -> Mapping[str, int]:
        """What is known of a part."""
        return self._ends.get(part, {})

    def forget(self, part: int, ends: Mapping[str, int] | None = None) -> None:
        """Nothing of this part was counted, but for what `ends` says."""
        self._ends.pop(part, None)
        if ends:
            self._ends[part] = OrderedDict(ends)
