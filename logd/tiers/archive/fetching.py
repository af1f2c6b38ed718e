"""Objects of the archive in a local folder, checked on their way."""

from __future__ import annotations

import zlib
from pathlib import Path

from logd.errors import Corrupt, NotFound, Unavailable
from logd.flow.threads import finished, opened
from logd.seams import ArchivedFile, Objects
from logd.tiers import names


async def fetch(objects: Objects, file: ArchivedFile, path: Path) -> None:
    """The file at this path. Raises Unavailable, and Corrupt when it is damaged or missing."""
    try:
        with await opened(lambda: path.open("wb")) as local:
            crc, size = 0, 0
            async with objects.get(file.name) as blocks:
                async for block in blocks:
                    crc, size = zlib.crc32(block, crc), size + len(block)
                    await finished(lambda block=block: local.write(block))  # type: ignore[misc]
    except NotFound:
        raise Corrupt(f"{file.name} is missing") from None
    except OSError as error:
        raise Unavailable(f"{file.name} can't be kept in {path.parent}: {error}") from error
    await _is(objects, file.name, (size, crc), (file.size_bytes, file.crc))


async def check_skip_index(objects: Objects, file: ArchivedFile) -> None:
    """Raises Unavailable, and Corrupt when the file's skip index is damaged or missing."""
    if not file.skip_bytes:
        return
    name = names.skip_of(file.name)
    crc, size = 0, 0
    try:
        async with objects.get(name) as blocks:
            async for block in blocks:
                crc, size = zlib.crc32(block, crc), size + len(block)
    except NotFound:
        raise Corrupt(f"{name} is missing") from None
    await _is(objects, name, (size, crc), (file.skip_bytes, file.skip_crc))


async def _is(objects: Objects, name: str, found: tuple[int, int], told: tuple[int, int]) -> None:
    """An answer that ends too early isn't the object's fault."""
    if found == told:
        return
    if found[0] < told[0] and await objects.size(name) == told[0]:
        raise Unavailable(f"{name} was read only up to {found[0]} of {told[0]} bytes")
    raise Corrupt(f"{name} isn't what was written: {found[0]} bytes with CRC {found[1]}, not {told[0]} with {told[1]}")
