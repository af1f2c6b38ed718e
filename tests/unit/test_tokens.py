"""Tokens as texts, and when one is good."""

from __future__ import annotations

import pytest

from logd.tokens import Scope, Token, digest_of, new_id, new_secret, parts_of, text_of


def _token(secret: str, expires_us: int | None = None, revoked_us: int | None = None) -> Token:
    return Token(
        id=new_id(),
        name="n",
        digest=digest_of(secret),
        scopes=frozenset({Scope.SEARCH}),
        created_us=0,
        expires_us=expires_us,
        revoked_us=revoked_us,
    )


def test_what_is_made_is_read() -> None:
    token_id, secret = new_id(), new_secret()
    assert parts_of(text_of(token_id, secret)) == (token_id, secret)
    assert len(bytes.fromhex(secret)) * 8 == 256
    assert new_secret() != secret


def test_its_own_secret_and_no_other() -> None:
    secret = new_secret()
    token = _token(secret)
    assert token.matches(secret)
    assert not token.matches(new_secret())
    assert not token.matches("")
    assert secret not in repr(token)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "logd",
        "logd__",
        "logd_0123456789ab_",
        f"logd_0123456789AB_{'0' * 64}",
        f"logd_0123456789ab_{'0' * 65}",
        f"logd_0123456789ab_{'0' * 64}\n",
        f"logd_0123456789ab_{'0' * 63}é",
        f"xlogd_0123456789ab_{'0' * 64}",
    ],
)
def test_what_is_no_token(text: str) -> None:
    assert parts_of(text) is None


def test_states() -> None:
    assert _token("s").state(10**18) == "active"
    assert _token("s", expires_us=10).state(9) == "active"
    assert _token("s", expires_us=10).state(10) == "expired"
    assert _token("s", expires_us=10, revoked_us=5).state(4) == "revoked"
