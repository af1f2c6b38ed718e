"""Passwords of other servers: where they come from."""

from __future__ import annotations

from pathlib import Path

import pytest

from logd.config.secrets import read_password
from logd.errors import ConfigError


@pytest.mark.parametrize(
    ("content", "password"), [("a b\n", "a b"), ("a\r\n", "a"), (" ü'\"%", " ü'\"%"), ("", ""), ("a\nb\n", "a\nb")]
)
def test_a_file(tmp_path: Path, content: str, password: str) -> None:
    (tmp_path / "p").write_text(content, newline="")
    assert read_password("cache", str(tmp_path / "p"), {"LOGD_CACHE_PASSWORD": "other"}) == password


def test_the_environment() -> None:
    environ = {"LOGD_CACHE_PASSWORD": "a b"}
    assert read_password("cache", "", environ) == "a b"
    assert read_password("catalog", "", environ) == ""


@pytest.mark.parametrize(("content", "reason"), [(None, "no such file or directory"), (b"\xff", "it is no text")])
def test_a_file_that_will_not_do(tmp_path: Path, content: bytes | None, reason: str) -> None:
    path = tmp_path / "p"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=f"catalog.password_file '{path}' can't be read: {reason}"):
        read_password("catalog", str(path), {})
