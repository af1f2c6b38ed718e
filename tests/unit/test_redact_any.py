"""Redaction gives what the naive one does for any records, finds what is put into them, and takes linear time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from logd.enrich.detectors import BUILT_IN
from logd.enrich.redact import Action, Redactor, RedactRule
from tests.support.naive_redact import naive_redact, read, table_of
from tests.support.strategies import TEXTS

EXAMPLES = 1_500 if os.environ.get("TEST_LONG") else 150
KEY = b"sixteen bytes or more"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln"
VALUES = {
    "credit_card": ["4111111111111111", "4111 1111 1111 1111", "3782-822463-10005", "6304000000000000"],
    "email": ["bob@example.com", "müller@exämple.de", "a.b+c@d-e.example"],
    "ipv4": ["10.0.0.1", "255.255.255.255"],
    "ipv6": ["fe80::1", "::1", "::ffff:10.0.0.1", "2001:db8:0:0:8:800:200c:417a"],
    "jwt": [JWT],
    "aws_access_key": ["AKIA0123456789ABCDEF"],
    "aws_secret_key": ["secret_key=" + "a0/+" * 10],
    "bearer": ["Authorization: Bearer abc", "bearer abcdefg1"],
    "iban": ["DE89370400440532013000", "GB29 NWBK 6016 1331 9268 19"],
    "ssn": ["123-45-6789"],
}
#: Values, their beginnings and ends, and what may stand between.
PIECES = st.sampled_from(
    [
        *(value for values in VALUES.values() for value in values),
        *(
            "4111",
            "1111",
            "411111111111111",
            "1",
            "0",
            "bob@",
            "@",
            "a@b",
            "example.com",
            ".com",
            "10.0",
            ".0.1",
            "256",
        ),
        *("::", ":", "fe80", "eyJ", "eyJhbGciOiJIUzI1NiJ9.", "AKIA", "bearer ", "DE89", "DE89 3704 0044 ", "123-45-"),
        *(" ", " ", " ", "-", ".", "_", "/", "=", "x", "é", "日", "😀", '"', "\\", "\n", "\t", "\x00", "'", "[", "]"),
        *("[REDACTED:email]", "[email:0123456789abcdef]", "[own:0123", "usr-1", "\u200d", "\ufffd"),
    ]
)
TEXT = st.lists(PIECES, max_size=7).map("".join) | TEXTS
KEYS = st.sampled_from(
    ["a", "b", "a b", "", "x@y.de", 'q"', "é", "authorization", "secret_key", "\\", "4111111111111111"]
)
SCALARS = (
    st.none()
    | st.booleans()
    | TEXT
    | st.sampled_from(["\ud800", "\ude00 bob@example.com"])
    | st.sampled_from([0, -1, 4111111111111111, -4111111111111111, 41111111111111110, 0.5, 1e300, 4111111111111111.5])
)
OBJECTS = st.dictionaries(
    KEYS,
    st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3)),
    max_size=4,
)
SEPARATORS = st.sampled_from([(",", ":"), (", ", ": "), (" ,\t", " :\n")])
METADATA = st.builds(
    lambda fields, separators, ascii_only: (
        json.dumps(fields, separators=separators, ensure_ascii=ascii_only).encode("utf-8", "replace").decode()
    ),
    OBJECTS,
    SEPARATORS,
    st.booleans(),
)
ROWS = st.lists(
    st.fixed_dictionaries(
        {"service": st.sampled_from(["s", "t"]), "message": st.none() | TEXT, "metadata": st.none() | METADATA}
    ),
    max_size=5,
)
PATTERNS = {"own": r"usr-[0-9]+|[0-9a-f]{3}", "line": "^x|[.]$", "wide": "bob.*[0-9]", "mark": r"\[?RED[A-Z]+"}
RULES = st.lists(
    st.builds(
        RedactRule,
        services=st.sampled_from([["*"], ["s"], ["[t-z]"]]),
        detectors=st.sampled_from([tuple(BUILT_IN), ("email", "ipv4"), ("ssn", "credit_card", "iban"), ()]),
        patterns=st.sampled_from([{}, {}, PATTERNS, {"own": "[0-9]+"}]),
        action=st.sampled_from(Action),
        fields=st.sampled_from([("message", "metadata"), ("metadata",), ("message", "metadata.a", "metadata.é")]),
    ),
    min_size=1,
    max_size=2,
)


def _same(found: Any, expected: Any) -> None:
    assert json.dumps(found, sort_keys=True) == json.dumps(expected, sort_keys=True)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(ROWS, RULES)
def test_as_the_naive_one(rows: list[dict[str, Any]], rules: list[RedactRule]) -> None:
    redacted = Redactor(rules, KEY).redact(table_of(rows))
    redacted.table.validate(full=True)
    expected, counts = naive_redact(rows, rules, KEY)
    found = redacted.table.select(["message", "metadata"]).to_pylist()
    _same([row["message"] for row in found], [row["message"] for row in expected])
    for before, after, parsed in zip(rows, found, expected, strict=True):
        if parsed["metadata"] is not None:
            _same(read(after["metadata"]), parsed["metadata"])
            if read(before["metadata"]) == parsed["metadata"]:
                assert after["metadata"] == before["metadata"]
    assert redacted.counts == counts


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(ROWS, st.sampled_from(Action))
def test_again_changes_nothing(rows: list[dict[str, Any]], action: Action) -> None:
    redactor = Redactor([RedactRule(action=action, patterns={"own": "usr-[0-9]+"})], KEY)
    once = redactor.redact(table_of(rows))
    assert redactor.redact(once.table).counts == {}


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_what_stands_apart_is_found(data: st.DataObject) -> None:
    """Whatever is around it, as long as it isn't directly beside it."""
    name = data.draw(st.sampled_from(sorted(VALUES)))
    value = data.draw(st.sampled_from(VALUES[name]))
    around = TEXTS.map(lambda text: text.replace("x", "").replace("bearer", ""))
    text = f"{data.draw(around)} ; {value} ; {data.draw(around)}"
    row = {"message": text, "metadata": json.dumps({"k": text})}
    table = Redactor([RedactRule(detectors=[name])]).redact(table_of([row])).table
    hidden = (
        value.rpartition("=" if name == "aws_secret_key" else " ")[2] if name in ("aws_secret_key", "bearer") else value
    )
    assert hidden not in table["message"][0].as_py()
    assert hidden not in json.loads(table["metadata"][0].as_py())["k"]


@pytest.mark.parametrize(
    "piece",
    [
        *("1", "4", "@", "a.", "1:", "::", "a@", "a@b.", "a@b.cc ", "1.", "10.0.0.1 ", "10.0.0.1-123-45-6789-", "eyJ"),
        *("eyJ-", "eyJ.", "eyJhbGciOjF9.", "eyJhbGciOjF9.a.", "4111-", "4111 1111 1111 1111 ", "bearer ", "Bearer  "),
        *("DE89", "DE89 3704 ", "AKIA", "123-45-6789", "secret_key=", "authorization: bearer ", "\\", '"', "é", "日"),
        *("[REDACTED:email]", "[own:0123456789abcdef]", "fe80::1:", "f:", "{", "_-.", "ab", "A1 "),
    ],
)
def test_a_long_line_takes_linear_time(piece: str) -> None:
    """Four times the text, not more than twelve times as long (plus what noise may be): quadratic would be sixteen, and
    at a megabyte minutes."""
    redactor = Redactor([RedactRule(patterns={"own": "(a+)+b"}, action=Action.HASH)], KEY)
    taken = []
    for size in (250_000, 1_000_000):
        text = piece * (size // len(piece.encode()))
        metadata = json.dumps({"authorization": text, "secret_key": [text]}, ensure_ascii=False)
        table = table_of([{"message": text, "metadata": metadata}])
        began = time.process_time()
        redactor.redact(table)
        taken.append(time.process_time() - began)
    assert taken[1] < 12 * taken[0] + 20


def test_a_long_line_takes_bounded_memory() -> None:
    """Some dozen times the line, whatever is in it: of 2 MB three times (message, a value, one with escapes)."""
    script = """
import json, resource, sys
from logd.enrich.redact import Redactor, RedactRule
from tests.support.naive_redact import table_of
redactor = Redactor([RedactRule()])
redactor.redact(table_of([{"message": "bob@example.com", "metadata": '{"a":"10.0.0.1"}'}]))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for piece in ("1", "@", "a.", "1:", "bob@example.com ", "10.0.0.1 ", "eyJ.", "A1 ", "4111 ", '"', "\\\\"):
    text = piece * (2_000_000 // len(piece))
    metadata = json.dumps({"a": text, "b": text + chr(10)})
    redactor.redact(table_of([{"message": text, "metadata": metadata}]))
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert int(ran.stdout) < 900
