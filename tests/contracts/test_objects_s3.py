"""Objects in a bucket: what is wrong is named, and a server that goes away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from logd.backends.objects.s3 import S3Objects
from logd.config.schema import Objects as Settings
from logd.errors import ConfigError, Conflict, Unavailable
from tests.services import Running, running
from tests.support.objects import Bucket, content, credentials, names, read
from tests.support.process import PATIENCE_SECONDS, free_port


async def _refused(settings: Settings) -> str:
    with pytest.raises(ConfigError) as refused:
        await S3Objects.open(settings)
    assert "\n" not in str(refused.value)
    return str(refused.value)


async def test_what_is_wrong_is_named(s3: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    bucket = Bucket(s3, tmp_path)

    def changed(**given: str) -> Settings:
        return msgspec.structs.replace(bucket.settings, **given)

    said = await _refused(changed(bucket="absent"))
    assert said == f"objects.bucket 'absent' doesn't exist at http://127.0.0.1:{s3.port}"
    wrong = credentials(tmp_path / "wrong", "wrong")
    said = await _refused(changed(credentials_file=str(wrong)))
    assert said.startswith(
        f"objects.bucket '{bucket.settings.bucket}' at http://127.0.0.1:{s3.port} isn't for these cred"
    )
    said = await _refused(changed(profile="nobody"))
    assert said == "objects.profile 'nobody' is not in the credentials file"
    said = await _refused(changed(profile="", credentials_file=str(tmp_path / "absent")))
    assert said.startswith("no credentials were found for http://127.0.0.1")
    nowhere = f"http://127.0.0.1:{free_port()}"
    said = await _refused(changed(endpoint=nowhere))
    assert said.startswith(f"objects.endpoint '{nowhere}' can't be used: ")


@pytest.mark.parametrize("page", ["<html><body>It works!</body></html>", "<!DOCTYPE html><p>It works!", ""])
async def test_a_web_server_is_no_bucket(tmp_path: Path, page: str) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(page)}\r\nConnection: close\r\n\r\n"
        writer.write((head + page).encode())
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as other:
        endpoint = f"http://127.0.0.1:{other.sockets[0].getsockname()[1]}"
        file = credentials(tmp_path / "c", "p")
        settings = Settings(type="s3", bucket="b", endpoint=endpoint, credentials_file=str(file), profile="logd")
        settings = msgspec.structs.replace(settings, path_style=True)
        assert (await _refused(settings)).startswith(f"objects.endpoint {endpoint!r} ")


async def test_credentials_of_the_environment(s3: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "logd")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3.password)
    settings = msgspec.structs.replace(Bucket(s3, tmp_path).settings, profile="", credentials_file="")
    objects = await S3Objects.open(settings)
    await objects.put("a", content(b"1"))
    await objects.close()


async def test_an_upload_that_was_given_up_leaves_no_parts(s3: Running, tmp_path: Path) -> None:
    bucket = Bucket(s3, tmp_path)
    objects = await bucket.open()
    whole = bytes(9 * 1024 * 1024)
    await objects.put("taken", content(b"1"))
    with pytest.raises(Conflict):
        await objects.put("taken", content(whole))
    begun = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        yield whole
        yield whole
        begun.set()
        await asyncio.Event().wait()

    putting = asyncio.create_task(objects.put("large", endless()))
    await begun.wait()
    assert await bucket.uploads() == 1
    putting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await putting
    assert await bucket.uploads() == 0
    await objects.close()


@pytest.mark.servers("s3")
async def test_a_server_that_comes_back(tmp_path: Path) -> None:
    with running("s3", tmp_path / "s3") as s3:
        objects = await Bucket(s3, tmp_path).open()
        await objects.put("a", content(b"1"))
        s3.kill()
        with pytest.raises(Unavailable, match="can't read object 'a'"):
            await read(objects, "a")
        with pytest.raises(Unavailable, match="can't write object 'b'"):
            await objects.put("b", content(b"1"))
        with pytest.raises(Unavailable, match="can't list"):
            await names(objects)
        s3.start()
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert await read(objects, "a") == b"1"
            assert await names(objects) == ["a"]
        await objects.close()
