"""The archive looked at by a command, whether servers run or not."""

from __future__ import annotations

from logd.config.schema import Config
from logd.roles.wiring import catalog, open_objects
from logd.tiers import verifying
from logd.tiers.verifying import Verified


async def verify(config: Config, policy: str | None, day: int | None, quarantine: bool) -> Verified:
    """See verifying.verify. Raises ConfigError and Unavailable."""
    found = await catalog(config)
    try:
        objects = await open_objects(config)
        try:
            return await verifying.verify(objects, found.archive, policy, day, quarantine=quarantine)
        finally:
            await objects.close()
    finally:
        await found.close()


async def rebuild(config: Config) -> int:
    """See verifying.rebuild. Raises ConfigError, Unavailable and Corrupt."""
    found = await catalog(config)
    try:
        objects = await open_objects(config)
        try:
            return await verifying.rebuild(objects, found.archive)
        finally:
            await objects.close()
    finally:
        await found.close()
