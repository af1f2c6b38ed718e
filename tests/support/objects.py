"""Every implementation of seams.Objects over a store that outlives it."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol

from aiobotocore.session import AioSession

from logd.backends.objects.folder import FolderObjects
from logd.backends.objects.s3 import S3Objects
from logd.config.schema import Objects as Settings
from logd.seams import Objects
from tests.services import Running
from tests.services.s3 import ask


class Store(Protocol):
    """Where objects lie."""

    async def open(self) -> Objects:
        """As a starting process opens it."""
        ...


class Folder:
    """A folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    async def open(self) -> Objects:
        return await FolderObjects.open(self.root)


class Bucket:
    """A bucket, with another object in it that is none of ours."""

    def __init__(self, s3: Running, folder: Path) -> None:
        bucket = f"logd-{uuid.uuid4().hex[:12]}"
        for path in (f"/{bucket}", f"/{bucket}/other"):
            status, body = ask(s3.port, s3.password, "PUT", path)
            assert status == 200, body
        self.settings = Settings(
            type="s3",
            bucket=bucket,
            prefix="archive/",
            endpoint=f"http://127.0.0.1:{s3.port}",
            path_style=True,
            credentials_file=str(credentials(folder / "credentials", s3.password)),
            profile="logd",
        )

    async def open(self) -> Objects:
        return await S3Objects.open(self.settings)

    async def uploads(self) -> int:
        """Of many parts, that are neither complete nor given up."""
        session = AioSession(profile=self.settings.profile)
        session.set_config_variable("credentials_file", self.settings.credentials_file)
        place = {"region_name": self.settings.region, "endpoint_url": self.settings.endpoint}
        async with session.create_client("s3", **place) as client:
            found = await client.list_multipart_uploads(Bucket=self.settings.bucket)
        return len(found.get("Uploads", ()))


def credentials(path: Path, password: str) -> Path:
    """A file as AWS's tools have it."""
    path.write_text(f"[logd]\naws_access_key_id = logd\naws_secret_access_key = {password}\n")
    return path


async def content(*blocks: bytes) -> AsyncIterator[bytes]:
    for block in blocks:
        yield block


async def read(objects: Objects, name: str, start: int = 0, end: int | None = None) -> bytes:
    """The whole part at once."""
    async with objects.get(name, start, end) as blocks:
        return b"".join([block async for block in blocks])


async def names(objects: Objects, prefix: str = "", after: str = "") -> list[str]:
    return [one.name async for one in objects.list(prefix, after)]
