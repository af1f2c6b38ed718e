"""What the server knows of tokens for some seconds: new ones, revoked ones, and what is none; bounded."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from logd.backends.catalog.appearing import AppearingFile, AppearingTokens
from logd.errors import Unavailable
from logd.http.known_tokens import OUTAGE_SECONDS, STALE_SECONDS, KnownTokens
from logd.tokens import Scope, Token, digest_of, new_id


def _token() -> Token:
    return Token(id=new_id(), name="n", digest=digest_of("s"), scopes=frozenset({Scope.INGEST}), created_us=1)


class _Clock:
    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def tokens(tmp_path: Path) -> AsyncIterator[AppearingTokens]:
    opened = AppearingTokens(AppearingFile(tmp_path / "catalog.db"))
    yield opened
    await opened.close()


async def test_the_first_token_shows(tokens: AppearingTokens) -> None:
    clock = _Clock()
    known = KnownTokens(tokens, clock)
    assert not await known.ever()
    await tokens.create(_token())
    assert not await known.ever()
    clock.now += STALE_SECONDS
    assert await known.ever()


async def test_new_and_revoked_tokens_show(tokens: AppearingTokens) -> None:
    clock = _Clock()
    known, token = KnownTokens(tokens, clock), _token()
    assert await known.find(token.id) is None
    await tokens.create(token)
    clock.now += STALE_SECONDS
    assert await known.find(token.id) == token
    await tokens.revoke(token.id, 7)
    assert await known.find(token.id) == token
    clock.now += STALE_SECONDS
    found = await known.find(token.id)
    assert found is not None
    assert found.revoked_us == 7


async def test_guesses_are_bounded(tokens: AppearingTokens) -> None:
    known = KnownTokens(tokens, _Clock(), most=10)
    for _ in range(50):
        assert await known.find(new_id()) is None
    assert len(known._known) == 10


class _Away:
    """A catalog that can be read as long as `there`."""

    def __init__(self, tokens: AppearingTokens) -> None:
        self._tokens = tokens
        self.there = True

    async def find(self, token_id: str) -> Token | None:
        if not self.there:
            raise Unavailable("it is away")
        return await self._tokens.find(token_id)

    async def create(self, token: Token) -> None:
        await self._tokens.create(token)

    async def all(self) -> Sequence[Token]:
        return await self._tokens.all()

    async def revoke(self, token_id: str, at_us: int) -> Token:
        return await self._tokens.revoke(token_id, at_us)

    async def ever(self) -> bool:
        return await self._tokens.ever()

    async def close(self) -> None:
        await self._tokens.close()


async def test_what_was_revoked_before_an_outage_stays_so(tokens: AppearingTokens) -> None:
    clock, catalog, token = _Clock(), _Away(tokens), _token()
    known = KnownTokens(catalog, clock)
    await tokens.create(token)
    assert await known.find(token.id) == token
    await tokens.revoke(token.id, 7)
    clock.now += STALE_SECONDS
    for _ in range(3):  # seen, then away, and longer than anybody is let in
        found = await known.find(token.id)
        assert found is not None
        assert found.revoked_us == 7
        catalog.there = False
        clock.now += OUTAGE_SECONDS / 3
    with pytest.raises(Unavailable):
        await known.find(token.id)
