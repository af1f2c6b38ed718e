"""A catalog that goes away while it is used: who is known stays in for a while, and nobody else comes in."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from logd.errors import Unavailable
from logd.http.known_tokens import OUTAGE_SECONDS, STALE_SECONDS, KnownTokens
from logd.tokens import Scope, Token, digest_of, new_id
from tests.services import running
from tests.support.access import token
from tests.support.catalogs import migrated, mysql_tokens
from tests.support.process import PATIENCE_SECONDS, SEARCH, Server, until

pytestmark = pytest.mark.servers("mysql")


class _Clock:
    """Seconds, which only a test moves on."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.mark.parametrize("fault", ["killed", "paused"])
async def test_known_tokens_outlast_it(tmp_path: Path, fault: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "logd.api")
    with running("mysql", tmp_path) as mysql:
        clock = _Clock()
        tokens = await mysql_tokens(await migrated(mysql), mysql.password)
        known = KnownTokens(tokens, clock)
        made = Token(id=new_id(), name="n", digest=digest_of("s"), scopes=frozenset(Scope), created_us=1)
        await tokens.create(made)
        assert await known.find(made.id) == made
        assert await known.find("0" * 12) is None
        mysql.kill() if fault == "killed" else mysql.pause()
        for seconds in (STALE_SECONDS, STALE_SECONDS, OUTAGE_SECONDS - 2 * STALE_SECONDS - 1):
            clock.seconds += seconds
            assert await known.find(made.id) == made
        with pytest.raises(Unavailable):
            await known.find("0" * 12)
        clock.seconds += STALE_SECONDS
        with pytest.raises(Unavailable):
            await known.find(made.id)
        mysql.start() if fault == "killed" else mysql.resume()
        clock.seconds += 60
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                try:
                    assert await known.find(made.id) == made
                    break
                except Unavailable:  # a busy machine
                    clock.seconds += 60
        assert [record.levelname for record in caplog.records if record.name == "logd.api"] == ["WARNING", "INFO"]
        await tokens.close()


def test_a_server_goes_on_without_it(tmp_path: Path) -> None:
    with running("mysql", tmp_path / "mysql") as mysql:
        catalog = asyncio.run(migrated(mysql))
        environment = {"LOGD_CATALOG_PASSWORD": mysql.password}
        settings = {"catalog.type": "mysql", "catalog.address": catalog.address, "catalog.database": catalog.database}
        folder = tmp_path / "logd"
        with Server(folder, settings=settings, roles="processor,api", environment=environment) as server:
            options = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
            made = token(server.data_dir, "search", *options, environment=environment)
            until(lambda: server.get(SEARCH).status == 401, "the server has noticed")
            assert server.request("GET", SEARCH, headers=made.header).status == 200
            mysql.kill()
            until(lambda: not _in(server, made.header) or "that were known go on" in server.log(), "it is noticed")
            assert _in(server, made.header)
            unknown = {"Authorization": f"Bearer logd_{'0' * 12}_{'0' * 64}"}
            assert server.request("GET", SEARCH, headers=unknown).status == 429
            mysql.start()
            until(lambda: _in(server, made.header) and "tokens can be read again" in server.log(), "it is back")


def _in(server: Server, headers: dict[str, str]) -> bool:
    return server.request("GET", SEARCH, headers=headers).status == 200
