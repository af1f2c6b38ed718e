"""Pages that were never built."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from logd.http.pages import Pages


@pytest.mark.parametrize("accept", ["text/html", "*/*"])
async def test_without_files_the_page_says_how_to_build_them(accept: str) -> None:
    async with _client(None) as client, client.get("/", headers={"Accept": accept}) as answer:
        assert (answer.status, answer.content_type) == (503, "text/html")
        assert answer.headers["Cache-Control"] == "no-store"
        assert "scripts/run" in await answer.text()


async def test_files_are_those_of_the_start(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("before")
    async with _client(tmp_path) as client:
        (tmp_path / "index.html").write_text("after")
        (tmp_path / "later.txt").write_text("later")
        async with client.get("/") as answer:
            assert await answer.text() == "before"
        async with client.get("/later.txt") as answer:
            assert answer.status == 404


def _client(folder: Path | None) -> TestClient[web.Request, web.Application]:
    return TestClient(TestServer(web.Application(middlewares=[Pages(folder).serve])))
