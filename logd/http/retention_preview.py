"""What a change of policies would delete, for people: `this would delete 12 segments, 340 GB`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aiohttp import web

from logd.config.schema import Config
from logd.flow.clock import now_us
from logd.http.answers import json_answer
from logd.http.retention_names import day_text
from logd.http.saved import catalog_call
from logd.seams import Holding, Holdings, LegalHolds, RetentionPolicy
from logd.tiers.policy import Retention, today_of
from logd.tiers.preview import Doomed, Preview, preview, shortens

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")
_FOR_PEOPLE = {"segments": "segments", "elasticsearch": "indices"}


class Previews:
    """Of changes of the catalog's policies, over what is stored."""

    def __init__(self, config: Config, holds: LegalHolds, stored: Sequence[Holdings]) -> None:
        self._config = config
        self._holds = holds
        self._stored = stored
        self._parts = _FOR_PEOPLE[config.index.type]

    def retention(self, latest: Sequence[RetentionPolicy]) -> Retention:
        """Everybody's policies, when these are the catalog's."""
        return Retention(self._config.policies, latest, self._config.archiver.retention_days)

    async def of(self, before: Sequence[RetentionPolicy], after: Sequence[RetentionPolicy]) -> Preview:
        """What becomes of what is stored when these are the catalog's policies. What nothing shortens isn't looked at.
        Raises Unavailable."""
        was, becomes = self.retention(before), self.retention(after)
        if not shortens(was, becomes):
            return Preview()
        with catalog_call():
            holds = [hold for hold in await self._holds.all() if hold.released_us is None]
            by_service = any(hold.services for hold in holds)
            found: list[Holding] = []
            for stored in self._stored:
                found += await stored.holdings(by_service)
        return preview(found, was, becomes, today_of(now_us()), holds)

    def shown(self, found: Preview) -> dict[str, Any]:
        """As retention_schemas.Preview."""
        return {
            "message": self.message(found),
            "deletes": [_shown(one) for one in found.now],
            "later": [_shown(one) for one in found.later],
        }

    def message(self, found: Preview) -> str:
        """In one sentence."""
        if not found.now and not found.later:
            return "this would delete nothing that is stored"
        now = f"this would delete {self._sum(found.now)}" if found.now else "this would delete nothing at once"
        return f"{now}; {self._sum(found.later)} would go sooner than now" if found.later else now

    def refusal(self, found: Preview) -> web.Response:
        """409 with retention_schemas.Refused."""
        message = f"{self.message(found)}: confirm=true does it"
        error = {"code": "would_delete", "message": message, "where": "confirm"}
        return json_answer({"error": error, "preview": self.shown(found)}, 409)

    def _sum(self, found: Sequence[Doomed]) -> str:
        files = sum(one.parts for one in found if one.tier == "cold")
        others = sum(one.parts for one in found) - files
        counts = [(others, self._parts), (files, "archived files")]
        said = " and ".join(f"{count:,} {_plural(count, word)}" for count, word in counts if count)
        return f"{said or 'nothing'}, {_size(sum(one.size_bytes for one in found))}"


def _shown(one: Doomed) -> dict[str, Any]:
    return {
        "tier": one.tier,
        "policy": one.policy,
        "parts": one.parts,
        "rows": one.rows,
        "bytes": one.size_bytes,
        "first_day": day_text(one.first_day),
        "last_day": day_text(one.last_day),
        "held_by": list(one.holds),
    }


def _plural(count: int, word: str) -> str:
    return word if count != 1 else "index" if word == "indices" else word.removesuffix("s")


def _size(count: float) -> str:
    for unit in _UNITS[:-1]:
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 100 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} {_UNITS[-1]}"
