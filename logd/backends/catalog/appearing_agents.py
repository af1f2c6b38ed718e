"""What agents say of themselves, in a catalog that may not be there yet; see appearing.py. It isn't made for this."""

from __future__ import annotations

from collections.abc import Sequence

from logd.backends.catalog.appearing import AppearingFile
from logd.seams import SeenAgent


class AppearingAgents:
    """See Agents."""

    def __init__(self, file: AppearingFile) -> None:
        self._file = file

    async def put(self, seen: Sequence[SeenAgent]) -> bool:
        """See Agents."""
        found = await self._file.if_there()
        return found is not None and await found.agents.put(seen)

    async def all(self) -> Sequence[SeenAgent]:
        """See Agents."""
        found = await self._file.if_there()
        return [] if found is None else await found.agents.all()

    async def forget(self, before_us: int) -> int:
        """See Agents."""
        found = await self._file.if_there()
        return 0 if found is None else await found.agents.forget(before_us)
