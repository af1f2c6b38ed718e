"""Which files may still be read: one that was replaced is unlinked only when every query that may open it has ended."""

from __future__ import annotations

import contextlib
from collections import Counter, deque
from collections.abc import Iterator, Sequence


class Leases:
    """For one loop. A lease covers the files that were in use when it was taken."""

    def __init__(self) -> None:
        self._now = 0
        self._taken: Counter[int] = Counter()
        self._retired: deque[tuple[int, str]] = deque()

    @contextlib.contextmanager
    def lease(self) -> Iterator[None]:
        """Within it, no file that is in use now is given out by `free`."""
        at = self._now
        self._taken[at] += 1
        try:
            yield
        finally:
            self._taken[at] -= 1
            if not self._taken[at]:
                del self._taken[at]

    def retire(self, files: Sequence[str]) -> None:
        """They are not in use from now on."""
        self._retired.extend((self._now, file) for file in files)
        self._now += 1

    def free(self) -> list[str]:
        """Retired files that no lease covers, each given once."""
        oldest = min(self._taken, default=self._now)
        found = []
        while self._retired and self._retired[0][0] < oldest:
            found.append(self._retired.popleft()[1])
        return found
