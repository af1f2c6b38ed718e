"""Addresses and URLs as settings write them."""

from __future__ import annotations

import pytest

from logd.config.address import parse_address, parse_url


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:8080", ("127.0.0.1", 8080)),
        ("0.0.0.0:0", ("0.0.0.0", 0)),
        ("localhost:65535", ("localhost", 65535)),
        ("log-1.example.org.:80", ("log-1.example.org.", 80)),
        ("[::1]:80", ("::1", 80)),
        ("", None),
        ("8080", None),
        (":8080", None),
        ("localhost", None),
        ("localhost:", None),
        ("localhost:65536", None),
        ("localhost:-1", None),
        ("localhost:٣", None),
        ("::1:80", None),
        ("[::1]", None),
        ("[x]:80", None),
        ("256.0.0.1:80", None),
        ("http://a:80", None),
        ("a b:80", None),
        ("a\n:80", None),
    ],
)
def test_addresses(text: str, address: tuple[str, int] | None) -> None:
    if address is None:
        with pytest.raises(ValueError, match=r"."):
            parse_address(text)
    else:
        assert parse_address(text) == address


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://logs:8080", (False, "logs", 8080, "")),
        ("http://logs", (False, "logs", 80, "")),
        ("https://logs.example.org/", (True, "logs.example.org", 443, "")),
        ("https://10.0.0.1:1/behind/a-proxy/", (True, "10.0.0.1", 1, "/behind/a-proxy")),
        ("http://[::1]", (False, "::1", 80, "")),
        ("HTTP://[::1]:8080/", (False, "::1", 8080, "")),
        ("", None),
        ("logs:8080", None),
        ("//logs:8080", None),
        ("ftp://logs", None),
        ("http://", None),
        ("http://:8080", None),
        ("http://logs:", None),
        ("http://logs:0", None),
        ("http://logs:65536", None),
        ("http://logs:x", None),
        ("http://user@logs", None),
        ("http://user:word@logs:80", None),
        ("http://logs?a=b", None),
        ("http://logs/#a", None),
        ("http://logs/a b", None),
        ("http://logs/\x80", None),
        ("http://a:b:80", None),
        ("http://[::1", None),
        ("http://[x]:80", None),
    ],
)
def test_urls(text: str, url: tuple[bool, str, int, str] | None) -> None:
    if url is None:
        with pytest.raises(ValueError, match=r"."):
            parse_url(text)
    else:
        assert parse_url(text) == url
