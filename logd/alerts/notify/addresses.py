"""Which addresses may be connected to: those of the public internet, and what the configuration allows beside them.

Rules are written by more people than the configuration: without this, one could make logd ask its own network, the
machine's own services, or a cloud's metadata, and read in the history what they say."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from logd.config.address import Network, is_plain, parse_address, parse_allowed

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
#: What Python's `is_global` lets pass, in one of its versions or in all: the relays of 6to4, Azure's metadata, and what
#: IANA's registries keep for special purposes.
_SPECIAL: Sequence[Network] = [
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "168.63.129.16/32",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",
        "2001::/23",
        "2001:db8::/32",
        "2002::/16",
        "2620:4f:8000::/48",
        "3fff::/20",
    )
]
#: Nothing outside of it is given to networks.
_UNICAST = ipaddress.IPv6Network("2000::/3")
#: An IPv4 address as networks that have IPv6 only see it.
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_VISIBLE = re.compile(r"[!-~]+")


class Target(NamedTuple):
    """Where a URL leads: the host is an address without brackets, or a name in lower case."""

    host: str
    port: int


def parse_target(url: str) -> Target:
    """Of `http://` and `https://` URLs in which nothing is ambiguous. Raises ValueError for others, without the URL
    in it, which may be a secret."""
    if not _VISIBLE.fullmatch(url) or "\\" in url:
        raise ValueError("a URL has visible ASCII characters only, without backslashes")
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ValueError("no host in the URL") from None
    if parts.scheme not in ("http", "https"):
        raise ValueError("a URL begins with http:// or https://")
    if "@" in parts.netloc:
        raise ValueError("a URL names no user; use headers")
    if parts.fragment or url.endswith("#"):
        raise ValueError("a URL of a target has no fragment")
    has_port = parts.netloc.rpartition("]")[2].count(":") == 1
    default = "443" if parts.scheme == "https" else "80"
    try:
        host, port = parse_address(parts.netloc if has_port else f"{parts.netloc}:{default}")
    except ValueError:
        raise ValueError("no host, or no port, in the URL, or an address in an odd form") from None
    if port == 0 or not is_plain(host):
        raise ValueError("port 0, or an address in an odd form, in the URL")
    return Target(host.lower().rstrip("."), port)


def is_public(text: str) -> bool:
    """Whether an address, as the system gives it, is one of the internet that belongs to one host."""
    address = _parsed(text)
    return address is not None and _is_public(address)


def _is_public(address: _Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        if address in _NAT64:
            return _is_public(ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF))
        if address not in _UNICAST:
            return False
    return address.is_global and not any(address in network for network in _SPECIAL)


def _parsed(text: str) -> _Address | None:
    """An IPv4 address within IPv6 is that address; None for what is none."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


class Allowed:
    """What the configuration allows beside public addresses."""

    def __init__(self, entries: Sequence[str]) -> None:
        """Those of `alerts.notify.allow`, see parse_allowed. Raises ValueError."""
        found = [parse_allowed(entry) for entry in entries]
        names = [name for name in found if isinstance(name, str)]
        self._hosts = frozenset(name for name in names if not name.startswith("."))
        self._domains = tuple(name for name in names if name.startswith("."))
        self._networks = [network for network in found if not isinstance(network, str)]

    def host(self, name: str) -> bool:
        """Whether it may have any address."""
        return name in self._hosts or name.endswith(self._domains)

    def address(self, text: str) -> bool:
        """Whether it may be connected to, whatever its name."""
        address = _parsed(text)
        if address is None:
            return False
        return _is_public(address) or any(address in network for network in self._networks)
