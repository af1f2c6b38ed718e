"""`host:port` as settings write it."""

from __future__ import annotations

import ipaddress
import re

_NAME = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(\.(?!-)[A-Za-z0-9_-]{1,63})*\.?")
_NUMERIC = re.compile(r"[0-9.]+")


def parse_address(text: str) -> tuple[str, int]:
    """`127.0.0.1:8080`, `localhost:0`, `[::1]:8080` as host and port, an IPv6 host without its brackets.
    Raises ValueError for anything else; the name isn't looked up."""
    host, colon, port = text.rpartition(":")
    if not colon or not (port.isascii() and port.isdigit()) or len(port) > 5 or int(port) > 65_535:
        raise ValueError(f"no port from 0 to 65535 in {text!r}")
    if host.startswith("[") and host.endswith("]"):
        return str(ipaddress.IPv6Address(host[1:-1])), int(port)
    if _NUMERIC.fullmatch(host):
        return str(ipaddress.IPv4Address(host)), int(port)
    if not _NAME.fullmatch(host):
        raise ValueError(f"no host in {text!r}")
    return host, int(port)
