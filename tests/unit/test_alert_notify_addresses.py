"""Which addresses may be connected to, however they are written."""

from __future__ import annotations

import ipaddress
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logd.alerts.notify.addresses import Allowed, Target, is_public, parse_target
from logd.config.address import parse_allowed

#: What no target may have: the networks of IANA's registries for special purposes, and of clouds.
FORBIDDEN = [
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24"),
    *("192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"),
    *("224.0.0.0/4", "240.0.0.0/4", "168.63.129.16/32", "100.100.100.200/32"),
    *("::/128", "::1/128", "::/96", "64:ff9b:1::/48", "100::/64", "2001::/32", "2001:db8::/32", "2002::/16"),
    *("fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8", "5f00::/16"),
]
PUBLIC = ["1.1.1.1", "93.184.215.14", "100.63.255.255", "172.32.0.1", "223.255.255.255", "2606:4700::1111", "2a00::1"]
_INSIDE = st.sampled_from(FORBIDDEN).map(ipaddress.ip_network)


@given(_INSIDE.flatmap(lambda network: st.integers(0, network.num_addresses - 1).map(lambda place: network[place])))
def test_nothing_of_a_forbidden_network_is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    assert not is_public(str(address))
    if isinstance(address, ipaddress.IPv4Address):
        number = int(address)
        wrapped = [f"::ffff:{address}", f"::{address}", str(ipaddress.IPv6Address(0x64FF9B << 96 | number))]
        wrapped += [str(ipaddress.IPv6Address(0x2002 << 112 | number << 80 | 1)), f"::ffff:0:{address}"]
        assert not any(map(is_public, wrapped))


@given(st.ip_addresses())
def test_what_is_public_is_so_for_python_as_well(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    assert not is_public(str(address)) or (address.is_global and not address.is_multicast)


@pytest.mark.parametrize("address", PUBLIC)
def test_public(address: str) -> None:
    assert is_public(address)
    if "." in address:
        assert is_public(f"::ffff:{address}")
        assert is_public(f"64:ff9b::{address}")


@pytest.mark.parametrize("address", ["", "x", "fe80::1%eth0", "::1%lo", "127.1", "1.1.1.1%eth0"])
def test_odd_ones_are_not(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://hooks.slack.com/services/T/B/x", Target("hooks.slack.com", 443)),
        ("http://Example.ORG.:8080/a?b=c%20d", Target("example.org", 8080)),
        ("https://[2606:4700::1111]/", Target("2606:4700::1111", 443)),
        ("http://1.1.1.1", Target("1.1.1.1", 80)),
        ("http://xn--bcher-kva.example/", Target("xn--bcher-kva.example", 80)),
    ],
)
def test_a_target(url: str, target: Target) -> None:
    assert parse_target(url) == target


@pytest.mark.parametrize(
    "url",
    [
        *("", "x", "example.org", "ftp://example.org/", "file:///etc/passwd", "gopher://example.org", "//example.org"),
        *("http://user@example.org/", "http://user:secret@example.org/", "http://@example.org/", "http://a@b@c/"),
        *("http://2130706433/", "http://0x7f000001/", "http://017700000001/", "http://0177.0.0.1/", "http://127.1/"),
        *("http://0x7f.0.0.1/", "http://127.0.0.01/", "http://127.0.0.1./", "http://1.2.3.4.5/", "http://0/"),
        *("http://a.0x7f/", "http://example.1/", "http://[::1", "http://[::1]x/", "http://[::FFFF:7f00:1%eth0]/"),
        *(
            "http://１２７.0.0.1/",
            "http://bücher.example/",
            "http://a b/",
            "http://a\\@b/",
            "http://a\tb/",
            "http://a\n/",
        ),
        *(
            "http://:80/",
            "http://a:0/",
            "http://a:99999/",
            "http://a:x/",
            "http://a/#x",
            "http://a/#",
            "http:///x",
            "http://",
        ),
        *("http://a..b/", "http://-a/", "http://%31%32%37.0.0.1/"),
    ],
)
def test_no_target(url: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        parse_target(url)
    assert not url or len(url) < 10 or url not in str(caught.value)


@given(st.text(st.characters(max_codepoint=0x2FF)), st.sampled_from(["http://", "https://", "http:", "//"]))
def test_any_text_is_a_target_or_a_value_error(text: str, begin: str) -> None:
    try:
        host = parse_target(begin + text).host
    except ValueError:
        return
    # What the system would take for an address is one as everybody writes it.
    try:
        address = socket.inet_ntoa(socket.inet_aton(host))
    except OSError:
        return
    assert address == host


@given(st.integers(0, 2**32 - 1), st.sampled_from(["{}", "0x{:x}", "0{:o}", "0X{:X}"]))
def test_no_number_is_a_host(number: int, form: str) -> None:
    with pytest.raises(ValueError, match="URL"):
        parse_target(f"http://{form.format(number)}/")


def test_what_is_allowed() -> None:
    allowed = Allowed(
        ["10.1.0.0/16", "127.0.0.1", "fd00::/8", "::ffff:10.2.0.0/112", "Am.example.org", "*.lan.example.org"]
    )
    for address in ("10.1.2.3", "::ffff:10.1.2.3", "127.0.0.1", "fd00::1", "10.2.0.9", "1.1.1.1"):
        assert allowed.address(address), address
    for address in ("10.3.0.1", "127.0.0.2", "fe80::1", "::1", "169.254.169.254", "x"):
        assert not allowed.address(address), address
    for host in ("am.example.org", "a.lan.example.org", "a.b.lan.example.org"):
        assert allowed.host(host), host
    for host in ("example.org", "lan.example.org", "xlan.example.org", "am.example.org.evil.example", "127.0.0.2"):
        assert not allowed.host(host), host


@pytest.mark.parametrize(
    "text", ["", "*", "*.", "10.0.0.0/33", "10.0.0.1/8", "0x7f.1", "127.1", "a b", "a/b", "a:1", "**.a"]
)
def test_nothing_to_allow(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        parse_allowed(text)
