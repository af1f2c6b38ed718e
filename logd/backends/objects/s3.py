"""Objects in a bucket of S3, or of a server that speaks it and knows If-None-Match."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from typing import Any

import aiohttp
from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, ProfileNotFound

from logd.backends.objects.names import check
from logd.config.schema import Objects
from logd.errors import ConfigError, Conflict, NotFound, Unavailable
from logd.seams import StoredObject

#: S3 takes 10,000 parts of 5 MiB and more: so an object has up to 80 GB, of which this much is in memory.
_PART_BYTES = 8 * 1024 * 1024
_BLOCK_BYTES = 1024 * 1024
_CONNECT_SECONDS, _READ_SECONDS = 5.0, 30.0
#: More requests than that at once wait for one another: searches of the archive read many short ranges.
_CONNECTIONS = 48
#: Of one request; after that the caller is told.
_ATTEMPTS = 4
#: An upload is given up within so long, else it is left for the bucket's own rules.
_ABORT_SECONDS = 10.0
#: Tells our own object from another's when an answer was lost and the request was sent again.
_MARK = "logd-put"


class S3Objects:
    """See seams.Objects."""

    def __init__(self, config: Objects, client: Any, closing: contextlib.AsyncExitStack) -> None:
        self._bucket = config.bucket
        self._prefix = config.prefix
        self._client = client
        self._closing = closing

    @classmethod
    async def open(cls, config: Objects) -> S3Objects:
        """Looks whether the bucket can be used. Raises ConfigError that names the setting."""
        async with contextlib.AsyncExitStack() as stack:
            with _said_at_start(config):
                client = await stack.enter_async_context(_client(config))
                found = await client.list_objects_v2(Bucket=config.bucket, Prefix=config.prefix, MaxKeys=1)
            if found.get("Name") != config.bucket:  # a web server, which answers everything with a page
                raise ConfigError(f"objects.endpoint {config.endpoint!r} doesn't answer as S3 does")
            return cls(config, client, stack.pop_all())

    async def put(self, name: str, content: AsyncIterable[bytes]) -> int:
        """See Objects."""
        parts = _parts(content)
        place = {**self._place(name), "Metadata": {_MARK: uuid.uuid4().hex}}
        with _said("write", name):
            first = await anext(parts, b"")
            second = await anext(parts, b"")
            if second:
                return await self._put_large(place, first, second, parts)
            await self._created(place, self._client.put_object(**place, Body=first, IfNoneMatch="*"))
            return len(first)

    @contextlib.asynccontextmanager
    async def get(self, name: str, start: int = 0, end: int | None = None) -> AsyncIterator[AsyncIterator[bytes]]:
        """See Objects."""
        if end is not None and end <= start:
            await self.size(name)
            yield _nothing()
            return
        part = {} if start == 0 and end is None else {"Range": f"bytes={start}-{'' if end is None else end - 1}"}
        with _said("read", name):
            try:
                answer = await self._client.get_object(**self._place(name), **part)
            except ClientError as error:
                if _status(error) != 416:  # it ends before `start`
                    raise
                answer = None
        if answer is None:
            yield _nothing()
            return
        async with answer["Body"] as body:
            yield _blocks(body, name)

    async def list(self, prefix: str = "", after: str = "") -> AsyncIterator[StoredObject]:
        """See Objects."""
        pages = self._client.get_paginator("list_objects_v2")
        begin = {"StartAfter": self._prefix + after} if after else {}
        with _said("list", prefix):
            async for page in pages.paginate(Bucket=self._bucket, Prefix=self._prefix + prefix, **begin):
                for one in page.get("Contents", ()):
                    yield StoredObject(one["Key"].removeprefix(self._prefix), one["Size"])

    async def delete(self, name: str) -> None:
        """See Objects."""
        with _said("delete", name):
            await self._client.delete_object(**self._place(name))

    async def size(self, name: str) -> int:
        """See Objects."""
        with _said("read", name):
            found: int = (await self._client.head_object(**self._place(name)))["ContentLength"]
            return found

    async def close(self) -> None:
        """See Objects."""
        await self._closing.aclose()

    def _place(self, name: str) -> dict[str, Any]:
        check(name)
        return {"Bucket": self._bucket, "Key": self._prefix + name}

    async def _put_large(self, place: dict[str, Any], first: bytes, second: bytes, rest: AsyncIterator[bytes]) -> int:
        upload_id = (await self._client.create_multipart_upload(**place))["UploadId"]
        upload = {"Bucket": place["Bucket"], "Key": place["Key"], "UploadId": upload_id}
        done: list[dict[str, Any]] = []
        size = 0
        try:
            async for part in _chained(first, second, rest):
                answer = await self._client.upload_part(**upload, PartNumber=len(done) + 1, Body=part)
                done.append({"PartNumber": len(done) + 1, "ETag": answer["ETag"]})
                size += len(part)
            whole = {"Parts": done}
            completing = self._client.complete_multipart_upload(**upload, MultipartUpload=whole, IfNoneMatch="*")
            await self._created(place, completing)
        except BaseException:
            await self._abort(upload)
            raise
        return size

    async def _created(self, place: dict[str, Any], request: Any) -> None:
        try:
            if "ETag" not in await request:
                raise Unavailable(f"can't write object {place['Key']!r}: what answers is not S3")
            return
        except ClientError as error:
            if _status(error) not in (404, 412):  # 404: the upload that an answer we never saw has completed
                raise
            found = await self._client.head_object(Bucket=place["Bucket"], Key=place["Key"])
            if found["Metadata"].get(_MARK) == place["Metadata"][_MARK]:
                return
            name = place["Key"].removeprefix(self._prefix)
            raise Conflict(f"there is an object {name!r} in bucket {self._bucket} already") from error

    async def _abort(self, upload: dict[str, Any]) -> None:
        """Parts that stay cost money, and nobody sees them."""
        with contextlib.suppress(ClientError, BotoCoreError, aiohttp.ClientError, OSError, TimeoutError):
            async with asyncio.timeout(_ABORT_SECONDS):
                await self._client.abort_multipart_upload(**upload)


def _client(config: Objects) -> Any:
    session = AioSession(profile=config.profile or None)
    if config.credentials_file:
        session.set_config_variable("credentials_file", config.credentials_file)
    settings = AioConfig(
        signature_version="s3v4",
        s3={"addressing_style": "path" if config.path_style else "auto"},
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
        max_pool_connections=_CONNECTIONS,
        retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
    )
    return session.create_client(
        "s3", region_name=config.region or None, endpoint_url=config.endpoint or None, config=settings
    )


async def _parts(content: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    """All of one size but the last."""
    held = bytearray()
    async for block in content:
        held += block
        while len(held) > _PART_BYTES:
            yield bytes(held[:_PART_BYTES])
            del held[:_PART_BYTES]
    if held:
        yield bytes(held)


async def _chained(first: bytes, second: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    yield second
    async for part in rest:
        yield part


async def _blocks(body: Any, name: str) -> AsyncIterator[bytes]:
    with _said("read", name):
        while block := await body.read(_BLOCK_BYTES):
            yield block


async def _nothing() -> AsyncIterator[bytes]:
    nothing: tuple[bytes, ...] = ()
    for block in nothing:
        yield block


@contextlib.contextmanager
def _said(doing: str, name: str) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        if _status(error) == 404:
            raise NotFound(f"there is no object {name!r}: {_text(error)}") from error
        raise Unavailable(f"can't {doing} object {name!r}: {_text(error)}") from error
    except (BotoCoreError, aiohttp.ClientError, OSError) as error:
        raise Unavailable(f"can't {doing} object {name!r}: {_text(error)}") from error


@contextlib.contextmanager
def _said_at_start(config: Objects) -> Iterator[None]:
    place = config.endpoint or f"S3 in {config.region}"
    try:
        yield
    except ProfileNotFound as error:
        raise ConfigError(f"objects.profile {config.profile!r} is not in the credentials file") from error
    except NoCredentialsError as error:
        how = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or objects.credentials_file and objects.profile"
        raise ConfigError(f"no credentials were found for {place}: {how}") from error
    except ClientError as error:
        match _status(error):
            case 404:
                said = f"objects.bucket {config.bucket!r} doesn't exist at {place}"
            case 401 | 403:
                said = f"objects.bucket {config.bucket!r} at {place} isn't for these credentials: {_text(error)}"
            case 301 | 400:
                said = f"objects.region {config.region!r} isn't that of bucket {config.bucket!r}: {_text(error)}"
            case _:
                said = f"objects.endpoint {config.endpoint!r} can't be used: {_text(error)}"
        raise ConfigError(said) from error
    except (BotoCoreError, aiohttp.ClientError, OSError, ValueError) as error:
        raise ConfigError(f"objects.endpoint {config.endpoint!r} can't be used: {_text(error)}") from error


def _status(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _text(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
