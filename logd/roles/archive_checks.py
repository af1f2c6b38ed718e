"""The archive looked at by a command, whether servers run or not."""

from __future__ import annotations

import itertools
import logging

from logd.config.schema import Config
from logd.errors import ConfigError, Corrupt, NotFound, Unavailable
from logd.roles.catalog_wiring import catalog
from logd.roles.wiring import open_objects
from logd.seams import Archive, Objects
from logd.tiers.archive import verifying
from logd.tiers.archive.verifying import Verified

log = logging.getLogger("logd.archiver")
#: Of files that are looked for at a start: damage may have taken one.
_FILES = 5


async def refuse_other_store(config: Config, objects: Objects, archive: Archive) -> None:
    """Raises ConfigError when this store of objects has none of the files that the catalog names: it is another one,
    whose archive would seem to be lost. While it can't be told, it is taken for the right one."""
    try:
        days = await archive.days()
        ends = {(day.policy, day.day) for day in (*days[:1], *days[-1:])}
        names = [file.name for day in sorted(ends) for file in await archive.files(*day) if not file.reason]
        for name in (some := list(itertools.islice(names, _FILES))):
            try:
                await objects.size(name)
                return
            except NotFound:
                pass
    except (Unavailable, Corrupt) as error:
        log.warning("whether the archive is in [objects] can't be told: %s", error)
        return
    if some:
        where = config.objects.path or config.data_dir if config.objects.type == "folder" else config.objects.bucket
        raise ConfigError(
            f"objects.type {config.objects.type!r} ({where}) isn't where the archive is: it has none of the files that "
            f"the catalog names, such as {some[0]}"
        )


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
