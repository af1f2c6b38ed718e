"""Pages that were never built, and which paths are pages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from logd.http.pages import OWN, Pages
from logd.web import __file__ as web_package


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


def test_the_pages_are_those_of_the_front_end() -> None:
    shell = Path(web_package).with_name("src") / "app.tsx"
    assert {*re.findall(r"path: '(/[a-z]+)'", shell.read_text())} == {*OWN}


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("accept", [None, "*/*", "text/html"])
@pytest.mark.parametrize("path", ["/", "/explore?q=a", "/alerts/history"])
async def test_a_link_leads_to_the_page_whoever_looks(
    tmp_path: Path, method: str, accept: str | None, path: str
) -> None:
    (tmp_path / "index.html").write_text("page")
    async with _client(tmp_path) as client:
        headers = {} if accept is None else {"Accept": accept}
        async with client.request(method, path, headers=headers) as answer:
            assert (answer.status, answer.content_length) == (200, 4)


@pytest.mark.parametrize("path", ["/explorer", "/services/collector", "/api", "/x/explore", "/loki/api/v1/labels"])
async def test_what_is_no_page_of_the_front_end_stays_an_error(tmp_path: Path, path: str) -> None:
    (tmp_path / "index.html").write_text("page")
    async with _client(tmp_path) as client, client.get(path) as answer:
        assert answer.status == 404


def _client(folder: Path | None) -> TestClient[web.Request, web.Application]:
    return TestClient(TestServer(web.Application(middlewares=[Pages(folder).serve])))
