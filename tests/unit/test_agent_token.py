"""Where an agent's token comes from."""

from __future__ import annotations

from pathlib import Path

import pytest

from logd.agent.token import TokenSource
from logd.errors import ConfigError, Unavailable


def test_none() -> None:
    source = TokenSource("", {})
    assert not source.there
    assert source.read() == ""


def test_the_environment() -> None:
    source = TokenSource("", {"LOGD_TOKEN": " abc\n"})
    assert source.there
    assert source.read() == "abc"


def test_a_file_that_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("first\n")
    source = TokenSource(str(path), {"LOGD_TOKEN": "another"})
    assert source.read() == "first"
    path.write_text("second")
    assert source.read() == "second"
    path.unlink()
    with pytest.raises(Unavailable, match=r"agent\.token_file .*token' can't be read: no such file"):
        source.read()


@pytest.mark.parametrize("content", [b"", b"two words", b"\xff\xfe", "é".encode(), b"a\r\nX-Header: b"])
def test_what_is_no_token(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "token"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"agent\.token_file") as refused:
        TokenSource(str(path), {})
    assert "words" not in str(refused.value)
    with pytest.raises(ConfigError, match=r"agent\.token_file .* can't be read: no such file"):
        TokenSource(str(tmp_path / "missing"), {})


def test_a_variable_that_is_no_token() -> None:
    with pytest.raises(ConfigError, match=r"\$LOGD_TOKEN is no token") as refused:
        TokenSource("", {"LOGD_TOKEN": "secret words"})
    assert "secret" not in str(refused.value)
