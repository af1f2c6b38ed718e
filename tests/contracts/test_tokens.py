"""What every keeper of tokens guarantees: see seams.Tokens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import msgspec
import pytest

from logd.backends.catalog.appearing import AppearingFile, AppearingTokens
from logd.errors import Conflict, NotFound
from logd.seams import Tokens
from logd.tokens import Scope, Token, digest_of, new_id, new_secret
from tests.support.catalogs import migrated, mysql_tokens, sqlite_tokens

Open = Callable[[], Awaitable[Tokens]]


async def _appearing(path: Path) -> Tokens:
    file = AppearingFile(path)
    await file.open_if_there()
    return AppearingTokens(file)


_FILES: dict[str, Callable[[Path], Awaitable[Tokens]]] = {"sqlite": sqlite_tokens, "sqlite, lazily": _appearing}


@pytest.fixture(params=[*sorted(_FILES), pytest.param("mysql", marks=pytest.mark.servers("mysql"))])
async def open_tokens(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Opens the same tokens each time, as another process would."""
    if request.param == "mysql":
        mysql = request.getfixturevalue("mysql")
        catalog = await migrated(mysql)
        return lambda: mysql_tokens(catalog, mysql.password)
    keeper = _FILES[request.param]
    return lambda: keeper(tmp_path / "catalog.db")


@pytest.fixture
async def tokens(open_tokens: Open) -> AsyncIterator[Tokens]:
    opened = await open_tokens()
    yield opened
    await opened.close()


def _token(created_us: int = 1, **given: object) -> Token:
    plain = Token(
        id=new_id(), name="n", digest=digest_of(new_secret()), scopes=frozenset({Scope.INGEST}), created_us=created_us
    )
    return msgspec.structs.replace(plain, **given)


_FULL = _token(
    name="ünïcode 'quotes' \"and\" %s",
    scopes=frozenset(Scope),
    services=("a", "b c", "d,e"),
    hosts=("h",),
    created_us=2**53 + 1,
    expires_us=2**60 + 1,
    requests_per_second=0.1,
    bytes_per_second=0.0,
)


async def test_nothing_at_first(tokens: Tokens) -> None:
    assert list(await tokens.all()) == []
    assert not await tokens.ever()
    assert await tokens.find("0" * 12) is None
    with pytest.raises(NotFound, match="000000000000"):
        await tokens.revoke("0" * 12, 1)


async def test_what_is_kept_is_found(tokens: Tokens, open_tokens: Open) -> None:
    plain = _token(1)
    for token in (_FULL, plain):
        await tokens.create(token)
    others = await open_tokens()
    for asked in (tokens, others):
        assert list(await asked.all()) == [plain, _FULL]
        assert [await asked.find(token.id) for token in (plain, _FULL)] == [plain, _FULL]
        assert await asked.find("0" * 12) is None
        assert await asked.ever()
    await others.close()


async def test_an_id_is_taken_once(tokens: Tokens) -> None:
    token = _token()
    await tokens.create(token)
    with pytest.raises(Conflict, match=token.id):
        await tokens.create(msgspec.structs.replace(token, name="another"))
    assert list(await tokens.all()) == [token]


async def test_a_revoked_token_stays_so(tokens: Tokens, open_tokens: Open) -> None:
    await tokens.create(_FULL)
    revoked = msgspec.structs.replace(_FULL, revoked_us=7)
    others = await open_tokens()
    assert await others.revoke(_FULL.id, 7) == revoked
    await others.close()
    assert await tokens.revoke(_FULL.id, 8) == revoked
    assert await tokens.find(_FULL.id) == revoked
    assert list(await tokens.all()) == [revoked]
    assert await tokens.ever()


async def test_many_at_the_same_time(tokens: Tokens, open_tokens: Open) -> None:
    others = await open_tokens()
    made = [_token(n) for n in range(40)]
    await asyncio.gather(*((tokens, others)[n % 2].create(token) for n, token in enumerate(made)))
    await asyncio.gather(*((tokens, others)[n % 2].revoke(token.id, 5) for n, token in enumerate(made[:20])))
    found = await others.all()
    assert [token.id for token in found] == [token.id for token in made]
    assert [token.revoked_us for token in found] == [5] * 20 + [None] * 20
    await others.close()
