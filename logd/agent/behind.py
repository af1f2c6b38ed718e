"""How far the followed files are behind: bytes that are there and aren't acknowledged, and since when."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from logd.agent.tail import Tail


class Behind:
    """See the module. Times are the monotonic clock's. All but `note` may be called by other threads."""

    def __init__(self, tails: Mapping[tuple[int, int], Tail]) -> None:
        """`tails` are the followed files, as they change."""
        self._tails = tails
        #: Those that may not be acknowledged whole.
        self._late = list(tails.values())
        #: By source-id: when its file had how many bytes, of which not all have been acknowledged since.
        self._since: dict[str, tuple[float, int]] = {}

    def note(self, active: Iterable[Tail], now: float) -> None:
        """To be called in each round with the files that may have changed."""
        before, self._since = self._since, {}
        late = dict.fromkeys(tail for tail in (*self._late, *active) if self._tails.get(tail.key) is tail)
        self._late = [tail for tail in late if tail.size > tail.source.position]
        for tail in self._late:
            source = tail.source
            since = before.get(source.source_id, (now, 0))
            self._since[source.source_id] = since if source.position < since[1] else (now, tail.size)

    def bytes(self) -> int:
        """Of all files, as they were last looked at."""
        return sum(tail.behind_bytes for tail in self._late)

    def seconds(self, now: float) -> float | None:
        """How long ago a file had bytes that aren't acknowledged yet, the longest; None when all are."""
        since = list(self._since.values())
        return None if not since else round(max(0.0, now - min(since)[0]), 3)

    def files(
        self,
        unreadable: Mapping[str, str],
        watched: Callable[[Tail], bool],
        pod_of: Callable[[Tail], dict[str, Any] | None] | None,
        now: float,
    ) -> list[dict[str, Any]]:
        """For people: each file that is followed, or is `unreadable`, and why. `offset` is acknowledged;
        `behind_seconds` is how long ago the file had bytes that aren't yet; `pod` is as Labelling.pod_of says."""
        wrong = dict(unreadable)
        found: list[dict[str, Any]] = []
        for tail in list(self._tails.values()):
            source = tail.source
            behind_bytes = max(0, tail.size - source.position)
            # An acknowledgement is settled between two rounds, and `note` knows of it after the second.
            since, _ = self._since.get(source.source_id, (now, 0)) if behind_bytes else (now, 0)
            found.append(
                {
                    "path": tail.path,
                    "source": source.source,
                    "source_id": source.source_id,
                    "device": source.device,
                    "inode": source.inode,
                    "size": tail.size,
                    "offset": source.position,
                    "behind_bytes": behind_bytes,
                    "behind_seconds": round(now - since, 3),
                    "watch": "inotify" if watched(tail) and tail.path not in wrong else "poll",
                    "pod": pod_of(tail) if pod_of is not None else None,
                    "error": wrong.pop(tail.path, None),
                }
            )
        return [*found, *({"path": path, "error": error} for path, error in wrong.items())]
