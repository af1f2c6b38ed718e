"""Every detector: what it finds, with the exact place between « and », and what it must leave alone."""

from __future__ import annotations

import base64
import json
import re

import pytest

from logd.enrich.detectors import BUILT_IN, own_detector
from logd.enrich.identifiers import IBAN_LENGTHS
from logd.enrich.redact import Redactor, RedactRule
from tests.support.naive_redact import table_of


def _part(fields: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(fields).replace(" ", "").encode()).decode().rstrip("=")


JWT = f"{_part({'alg': 'HS256', 'typ': 'JWT'})}.{_part({'sub': '1'})}.c2ln-_nature"
JWE = f"{_part({'alg': 'RSA-OAEP', 'enc': 'A256GCM'})}.a2V5.aXY.dGV4dA.dGFn"
SECRET = "abcdEFGH0123/+" * 2 + "abcdEFGH0123"
SSH_KEY = "A" * 64

CASES = {
    "credit_card": [
        # The networks' own test numbers, in a row and as they are printed.
        *("«4111111111111111»", "«4222222222222»", "«5555555555554444»", "«2223003122003222»", "«378282246310005»"),
        *("«30569309025904»", "«6011111111111117»", "«3530111333300000»", "«6200000000000005»", "«6304000000000000»"),
        "paid with «4111 1111 1111 1111», then «4111-1111-1111-1111».",
        "«3782 822463 10005» «3056 930902 5904» «6304 0000 0000 0000»",
        *("card=«4111111111111111»&cvv=1", "'«4111111111111111»'", "visa-«4111111111111111»", "é«4111111111111111»é"),
        *("1 «4111 1111 1111 1111» 2", "4000 «4111 1111 1111 1111» 1111", "20 «4111111111111111» 30"),
        "«4111111111111111»,«5555555555554444» «4111111111111111»-x",
        # A wrong check digit, no issuer's, a length that isn't issued, zeros.
        *(
            "4111111111111112",
            "4111111111111116",
            "1234567812345670",
            "9999999999999995",
            "411111111111116",
            "0000000000000000",
        ),
        "5555 5555 5555 4445",
        # In a longer number or word: fractions, hashes, UUIDs, ids with hyphens, times in ns, negative numbers.
        *("0.4111111111111111", "4111111111111111.5", "41111111111111110000", "a4111111111111111", "4111111111111111b"),
        *("x_4111111111111111", "-4111111111111111", "blk_-4111111111111111", "12-4111111111111111-9"),
        "550e8400-4111-1111-1111-111111111111 11111111-4111-1111-1111-111111111111 1700000000000000000",
        # Groups that no card has, and different separators.
        *("41 11 11 11 11 11 11 11", "4111 1111-1111 1111", "4111  1111  1111  1111", "4111.1111.1111.1111"),
    ],
    "email": [
        *("«bob@example.com»", "<«bob@example.com»>", "to «bob@example.com».", "mailto:«bob@example.com»?subject=x"),
        *(
            "user=«bob@example.com»,",
            "«first.last+tag@sub.example.co.uk»",
            "«a_b%c-d@x-y.example»",
            "«BOB@EXAMPLE.COM»",
        ),
        *("«müller@exämple.de»", "«用户@例子.中国»", "«x@xn--fiq228c.xn--fiqs8s»", "“«bob@example.com»”"),
        *(
            "a@«b@example.com»",
            "..«bob@example.com»",
            "«bob@example.com»-x",
            "«bob@example.com»_x",
            "«a..b@docomo.example»",
        ),
        "https://user:«password@host.example»/ «a@b.example»;«c@d.example»",
        *(
            "bob@localhost",
            "bob@example",
            "@example.com",
            "bob@",
            "bob@.com",
            "bob@example.c",
            "bob@example.c0m",
            "a @b.com",
        ),
        *(
            "bob@10.0.0.1",
            "bob@-example.com",
            "a" * 65 + "@example.com",
            "x@" + "a" * 64 + ".com",
            "@Override",
            "@",
            "a@b",
        ),
    ],
    "ipv4": [
        *(
            "«10.0.0.1»",
            "from «192.168.1.10»:8080.",
            "«10.0.0.0»/8",
            "«255.255.255.255»",
            "«010.001.000.002»",
            "[«1.2.3.4»]",
        ),
        *("«10.0.0.1».", "«10.0.0.1»-«10.0.0.9»", "ip=«10.0.0.1»,«10.0.0.2»", "::ffff:«10.0.0.1»", "é«10.0.0.1»é"),
        "http://«10.0.0.1»/x?a=«10.0.0.2»",
        *("256.0.0.1", "1.2.3", "1.2.3.4.5", "1.2.3.4444", "v1.2.3.4", "1.2.3.4a", "10.0.0.1.example.com", "1..2.3.4"),
        *("90.0.4430.212", "1.2.3.4_5", "2024.11.22", "10.0.0", "0001.2.3.4"),
    ],
    "ipv6": [
        *("«2001:db8:0:0:8:800:200c:417a»", "«2001:DB8::8:800:200C:417A»", "«ff01::101»", "«::1»", "«fe80::»", "«1::»"),
        *("«::ffff:129.144.52.38»", "«::13.1.68.3»", "«0:0:0:0:0:ffff:129.144.52.38»", "«64:ff9b::192.0.2.33»"),
        *(
            "[«fe80::1»]:443",
            "«fe80::1»%eth0",
            "«2001:db8::»/32",
            "from «fe80::1».",
            "«fe80::1»: timeout",
            "peer:«fe80::1»",
        ),
        *("addr=«fe80::1»,", "src:ip:«fe80::1»", "«fe80::1»-«fe80::9»"),
        *(
            "12:34:56",
            "12:34:56.789",
            "2026-11-27T09:10:11",
            "00:1a:2b:3c:4d:5e",
            "00:1a:2b:3c:4d:5e:6f:70",
            "::",
            "a :: b",
        ),
        *(
            "std::vector",
            "Foo::bar()",
            "1:2:3:4:5:6:7",
            "1:2:3:4:5:6:7:8:9",
            "1::2::3",
            "12345::1",
            "xfe80::1",
            "fe80::1x",
        ),
        *(
            "::ffff:256.0.0.1",
            "ab:cd:ef:01:23:45:67:89:ab:cd:ef:01:23:45:67:89:ab:cd:ef:01",
            "10.0.0.1:80",
            "a:b",
            "::g",
        ),
    ],
    "jwt": [
        *(
            f"«{JWT}»",
            f"token={JWT}".replace(JWT, f"«{JWT}»"),
            f"Bearer «{JWT}».",
            f"«{JWE}»",
            f"x.«{JWT}»",
            f'"«{JWT}»"',
        ),
        f"«{_part({'alg': 'none'})}.{_part({})}.»",
        f"«{JWT}» «{JWT}»",
        *(
            f"x{JWT}",
            f"_{JWT}",
            JWT.rsplit(".", 2)[0],
            JWT.rsplit(".", 1)[0],
            "eyJhbGc.e30.x",
            "eyJ.a.b",
            "eyJ",
            "eyJx.y",
        ),
        f"{_part({'typ': 'JWT'})}.e30.x",
        f"{_part(['alg'])}.e30.x",
    ],
    "aws_access_key": [
        *(
            "«AKIA0123456789ABCDEF»",
            "key=«ASIAABCDEFGHIJKLMNOP»;",
            "'«ABIA0123456789ABCDEF»'",
            "«ACCA0123456789ABCDEF».",
        ),
        *(
            "AKIA0123456789ABCDE",
            "AKIA0123456789ABCDEFG",
            "xAKIA0123456789ABCDEF",
            "AKIA0123456789abcdef",
            "AROA0123456789ABCDEF",
        ),
    ],
    "aws_secret_key": [
        *(f"aws_secret_access_key = «{SECRET}»", f"AWS_SECRET_ACCESS_KEY=«{SECRET}»", f"SecretAccessKey: '«{SECRET}»'"),
        *(f'{{"secretKey": "«{SECRET}»"}}', f'{{\\"SecretAccessKey\\":\\"«{SECRET}»\\"', f"aws secret «{SECRET}»,"),
        *(f"aws.secretKey=>«{SECRET}»", f"<SecretAccessKey>«{SECRET}»</SecretAccessKey>"),
        *(
            SECRET,
            f"sha1={SECRET}",
            f"secret={SECRET}",
            f"secret_key={SECRET}a",
            f"secret_key={SECRET[1:]}",
            "secret_key=",
        ),
        f"secret_key is {SECRET}",
    ],
    "bearer": [
        *("Authorization: Bearer «abc»", "authorization=bearer «a.b-c_d~e+f/g==»", "AUTHORIZATION: BEARER «x»."),
        *(
            "curl -H 'Authorization: Bearer «s3cr3t»' -v",
            'Authorization": "Bearer «abc»"',
            "Bearer Bearer «mF_9.B5f-4.1JqM»",
        ),
        *("got bearer «mF_9.B5f-4.1JqM».", "Bearer \t«abcdefghijklmnopqrst»"),
        *(
            "the bearer of news",
            "Bearer authentication failed",
            "bearer token",
            "Bearer",
            "bearer: x",
            "forbearer abc12345678",
        ),
        *("bearer 1234567", "Bearer [REDACTED:bearer]", "Authorization: Basic YTpi"),
    ],
    "iban": [
        # The registry's examples.
        *("«DE89370400440532013000»", "«GB29NWBK60161331926819»", "«FR1420041010050500013M02606»", "«NO9386011117947»"),
        *("«MT84MALT011000012345MTLCAST001S»", "«RU0304452522540817810538091310419»", "«BE68539007547034»"),
        *("«LC55HEMM000100010012001200023015»", "«SE4550000000058398257466»", "«CH9300762011623852957»"),
        *("to «DE89 3704 0044 0532 0130 00» EUR", "«NO93 8601 1117 947»", "«GB29 NWBK 6016 1331 9268 19»."),
        *("IBAN:«DE89370400440532013000»,", "AB12 «DE89 3704 0044 0532 0130 00» GB29", "é«DE89370400440532013000»é"),
        "«DE89370400440532013000» «GB29NWBK60161331926819»",
        *("DE89370400440532013001", "DE8937040044053201300", "DE893704004405320130001", "xDE89370400440532013000"),
        *(
            "DE89370400440532013000x",
            "de89370400440532013000",
            "XX89370400440532013000",
            "DE89 370400440532013000",
            "DE89-3704",
        ),
        *("DE89  3704 0044 0532 0130 00", "AB12CD34EF56AB78CD90EF12AB34CD56"),
    ],
    "ssn": [
        *(
            "«123-45-6789»",
            "ssn:«123-45-6789».",
            "SSN=«899-99-9999»,«001-01-0001»",
            "«123-45-6789»-x",
            "x-«123-45-6789»",
        ),
        *(
            "000-45-6789",
            "666-45-6789",
            "900-45-6789",
            "123-00-6789",
            "123-45-0000",
            "123456789",
            "123 45 6789",
            "123-456-789",
        ),
        *(
            "1123-45-6789",
            "123-45-67890",
            "a123-45-6789",
            "123-45-6789a",
            "1-123-45-6789",
            "123-45-6789-1",
            "1.123-45-6789",
        ),
        *("123-45-6789.5", "2026-11-27", "_123-45-6789", "1234-45-6789"),
    ],
}


@pytest.mark.parametrize(("name", "marked"), [(name, text) for name, texts in CASES.items() for text in texts])
def test_places(name: str, marked: str) -> None:
    redactor = Redactor([RedactRule(detectors=[name])])
    text = marked.replace("«", "").replace("»", "")
    expected, count = re.subn("«[^»]*»", f"[REDACTED:{name}]", marked)
    row = {"message": text, "metadata": json.dumps({"k": text}, ensure_ascii=False)}
    redacted = redactor.redact(table_of([row]))
    assert redacted.table["message"].to_pylist() == [expected]
    assert json.loads(redacted.table["metadata"][0].as_py()) == {"k": expected}
    assert redacted.counts == ({name: 2 * count} if count else {})


def test_every_detector_has_cases() -> None:
    assert set(CASES) == set(BUILT_IN)


@pytest.mark.parametrize(
    ("member", "expected"),
    [
        ({"aws_secret_access_key": SECRET}, {"aws_secret_access_key": "[REDACTED:aws_secret_key]"}),
        ({"SecretAccessKey": SECRET}, {"SecretAccessKey": "[REDACTED:aws_secret_key]"}),
        ({"keys": {"secret.key": [SECRET]}}, {"keys": {"secret.key": ["[REDACTED:aws_secret_key]"]}}),
        ({"secret_key_id": SECRET}, {"secret_key_id": SECRET}),
        ({"secret_key": SECRET[1:]}, {"secret_key": SECRET[1:]}),
        ({"sha1": SECRET}, {"sha1": SECRET}),
        ({"authorization": "Bearer abc"}, {"authorization": "Bearer [REDACTED:bearer]"}),
        ({"Proxy-Authorization": "bearer abc"}, {"Proxy-Authorization": "bearer [REDACTED:bearer]"}),
        ({"auth": "Bearer abc"}, {"auth": "Bearer abc"}),
        ({"authorization": "Basic YTpi"}, {"authorization": "Basic YTpi"}),
    ],
)
def test_keys_that_tell(member: object, expected: object) -> None:
    for separators in ((",", ":"), (", ", " \n:\t")):
        metadata = json.dumps(member, separators=separators)
        table = Redactor([RedactRule()]).redact(table_of([{"metadata": metadata}])).table
        assert json.loads(table["metadata"][0].as_py()) == expected


def test_ibans_of_every_country() -> None:
    for country, length in IBAN_LENGTHS.items():
        bban = "A" * (length - 4)
        digits = "".join(str(int(character, 36)) for character in bban + country.decode())
        iban = f"{country.decode()}{98 - int(digits + '00') % 97:02d}{bban}"
        assert BUILT_IN["iban"].check(iban.encode(), False) == [(0, length, iban.encode())]


@pytest.mark.parametrize(
    ("name", "pattern", "reason"),
    [
        ("x", "(?=a)", "pattern x is '(?=a)', which RE2 can't express: invalid perl operator: (?="),
        ("x", r"(a)\1", r"pattern x is '(a)\\1', which RE2 can't express: invalid escape sequence: \1"),
        ("x", "a{2000}", "pattern x is 'a{2000}', which RE2 can't express: invalid repetition size: {2000}"),
        ("x", "(", "pattern x is '(', which RE2 can't express: missing ): (?:()"),
        ("x", r"\Qa", r"pattern x is '\\Qa', which RE2 can't express: missing ): (?:\Qa)"),
        ("x", r"a)\Qb", r"pattern x is 'a)\\Qb', which RE2 can't express: unexpected ): a)\Qb"),
        ("x", "a*", "pattern x is 'a*', which matches the empty text"),
        ("x", "", "pattern x is '', which matches the empty text"),
        ("X", "a", "pattern name 'X', expected lower-case letters, digits and _, and no built-in detector's"),
        ("email", "a", "pattern name 'email', expected lower-case letters, digits and _, and no built-in detector's"),
    ],
)
def test_refused_patterns(name: str, pattern: str, reason: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(reason)}$"):
        own_detector(name, pattern)
