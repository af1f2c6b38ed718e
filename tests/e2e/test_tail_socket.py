"""The live tail by WebSocket, against the real process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from tests.support.process import PATIENCE_SECONDS, Server
from tests.support.tails import TAIL


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("socket"), settings={"parse.join_seconds": 0.02}) as running:
        yield running


@asynccontextmanager
async def connected(
    server: Server, origin: str | None = None, **parameters: str
) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    async with asyncio.timeout(PATIENCE_SECONDS), aiohttp.ClientSession() as session:
        url = f"http://127.0.0.1:{server.port}{TAIL}"
        async with session.ws_connect(url, params=parameters, origin=origin) as socket:
            yield socket


async def events(socket: aiohttp.ClientWebSocketResponse, name: str, count: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while len(found) < count:
        event = json.loads(await socket.receive_str())
        if event["event"] == name:
            found.append(event)
    return found


async def test_lines_come_as_a_search_shows_them_and_go_on_behind_an_id(server: Server) -> None:
    async with connected(server, service="a", q="wanted") as socket:
        await events(socket, "open", 1)
        await asyncio.to_thread(
            server.ingest, "a", [{"message": f"wanted {n} \r\n", "n": n} for n in range(500)] + [{"message": "other"}]
        )
        lines = await events(socket, "line", 300)
    async with connected(server, service="a", q="wanted", last_event_id=lines[-1]["id"]) as socket:
        lines += await events(socket, "line", 200)
    assert [line["data"]["metadata"]["n"] for line in lines] == list(range(500))
    await asyncio.to_thread(server.settle)
    found = await asyncio.to_thread(server.records, "a", q="wanted")
    by_id = {record["log_id"]: record for record in found}
    assert all(by_id[line["data"]["log_id"]] == line["data"] for line in lines)


async def test_a_page_of_another_site_is_refused(server: Server) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        async with connected(server, origin="https://elsewhere.example"):
            pass
    assert caught.value.status == 403
    async with connected(server, origin=f"http://127.0.0.1:{server.port}") as socket:
        await events(socket, "open", 1)


async def test_what_is_wrong_is_said_before_the_socket_opens(server: Server) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        async with connected(server, q="a AND"):
            pass
    assert caught.value.status == 400


async def test_a_client_that_leaves_is_gone_and_a_stop_is_said(server: Server) -> None:
    async with connected(server) as socket:
        await events(socket, "open", 1)
        await socket.close()
    async with connected(server) as socket:
        await events(socket, "open", 1)
        status = await asyncio.to_thread(lambda: server.get("/api/v1/status").json())
        assert status["tail"]["clients"] == 1
        stopping = asyncio.create_task(asyncio.to_thread(server.terminate))
        (end,) = await events(socket, "end", 1)
        assert end["data"]["reason"]
        assert (await socket.receive()).type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)
        assert await stopping == 0
