"""`host:port` and URLs as settings write them."""

from __future__ import annotations

import ipaddress
import re
import socket
from typing import NamedTuple
from urllib.parse import urlsplit

_NAME = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(\.(?!-)[A-Za-z0-9_-]{1,63})*\.?")
_PATH = re.compile(r"(/[A-Za-z0-9._~%!$&'()*+,;=:@-]*)*")
_NUMERIC = re.compile(r"[0-9.]+")
#: Of a name whose last part is a number some take it for an address.
_NUMBER_AT_END = re.compile(r"(?i)(^|\.)(0x[0-9a-f]*|[0-9]+)\.?$")
_MAIL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@(?!-)[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


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


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens there; a name other than localhost may be anybody's."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.rstrip(".").lower() == "localhost"


def is_plain(host: str) -> bool:
    """Whether it is an address as everybody writes it, or a name that nobody takes for one, as some do with 0x7f.1,
    127.1 and 2130706433."""
    try:
        return str(ipaddress.ip_address(host)) == host and "%" not in host
    except ValueError:
        pass
    try:
        socket.inet_aton(host)
    except OSError:
        return not _NUMBER_AT_END.search(host)
    return False


def parse_allowed(text: str) -> Network | str:
    """An address or a network; else a host's name in lower case, or a domain: `*.example.org` is `.example.org`. An
    IPv4 network within IPv6 is that network. Raises ValueError."""
    try:
        network = ipaddress.ip_network(text)
    except ValueError:
        name = text.removeprefix("*.")
        host, _ = parse_address(f"{name}:1")
        if not is_plain(host) or _NUMERIC.fullmatch(host):
            raise ValueError(f"{text!r} is no host, domain, address or network") from None
        return ("" if name == text else ".") + host.lower().rstrip(".")
    inner = getattr(network.network_address, "ipv4_mapped", None)
    if inner is not None and network.prefixlen >= 96:
        return ipaddress.ip_network((inner, network.prefixlen - 96))
    return network


class Url(NamedTuple):
    """An address of HTTP: `path` is what comes before an endpoint's, without a slash at its end."""

    https: bool
    host: str
    port: int
    path: str


def parse_url(text: str) -> Url:
    """`http://host:8080`, `https://[::1]/behind/a/proxy`: the port is that of the scheme when it isn't given. Raises
    ValueError for anything else, a query or a user's name among them."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or parts.query or parts.fragment or not _PATH.fullmatch(parts.path):
        raise ValueError(f"no http:// or https:// address in {text!r}")
    default = "443" if parts.scheme == "https" else "80"
    has_port = parts.netloc.rpartition("]")[2].count(":") == 1
    host, port = parse_address(parts.netloc if has_port else f"{parts.netloc}:{default}")
    if port == 0:
        raise ValueError(f"port 0 in {text!r}")
    return Url(parts.scheme == "https", host, port, parts.path.rstrip("/"))


def is_origin(text: str) -> bool:
    """Whether a browser would send this as an Origin: scheme and host, in lower case, and a port only where it isn't
    the scheme's."""
    try:
        url = parse_url(text)
    except ValueError:
        return False
    default = 443 if url.https else 80
    named = f"[{url.host}]" if ":" in url.host else url.host
    port = "" if url.port == default else f":{url.port}"
    return text == f"{'https' if url.https else 'http'}://{named.lower()}{port}"


def is_mail_address(text: str) -> bool:
    """Whether mail can be sent there, and nothing else be said with it: without a name, of letters that need no
    quotes."""
    return len(text) <= 254 and _MAIL.fullmatch(text) is not None


class Listen(NamedTuple):
    """Where to listen; `address` is a path or a host and a port."""

    family: socket.AddressFamily
    kind: socket.SocketKind
    address: str | tuple[str, int]


def parse_listen(text: str) -> Listen:
    """Raises ValueError, with what is wrong."""
    scheme, _, rest = text.partition(":")
    kind = socket.SOCK_DGRAM if scheme in ("udp", "unixgram") else socket.SOCK_STREAM
    if scheme in ("tcp", "udp") and rest.startswith("//"):
        host, port = parse_address(rest[2:])
        return Listen(socket.AF_INET6 if ":" in host else socket.AF_INET, kind, (host, port))
    if scheme in ("unix", "unixgram") and rest.startswith("/"):
        return Listen(socket.AF_UNIX, kind, rest)
    raise ValueError(f"{text!r} is none of tcp://HOST:PORT, udp://HOST:PORT, unix:/PATH and unixgram:/PATH")
