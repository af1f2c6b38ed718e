"""The elements of `logs`, compared with json.loads."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from logd.errors import BadRequest
from logd.http.elements import split_elements

#: What split_elements scans at a time.
_BLOCK_BYTES = 1024 * 1024
_TEXT = st.text(st.sampled_from('"\\[]{},:ab /\n\r\t\0é🦆\ud800'), max_size=12)
_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=12,
)
_BLANKS = st.text(st.sampled_from(" \t\r\n"), max_size=3)
_STRUCTURE = st.lists(
    st.sampled_from([b"{", b"}", b"[", b"]", b'"', b"\\", b",", b":", b" ", b"\n", b"1", b'"logs"', b'{"logs":['])
)


@st.composite
def _spaced(draw: st.DrawFn, value: Any) -> str:
    """The value as JSON, with blanks wherever they may be."""
    match value:
        case dict():
            inner = ",".join(
                f"{draw(_BLANKS)}{draw(_string(key))}{draw(_BLANKS)}:{draw(_BLANKS)}{draw(_spaced(item))}{draw(_BLANKS)}"
                for key, item in value.items()
            )
            return "{" + (inner or draw(_BLANKS)) + "}"
        case list():
            inner = ",".join(f"{draw(_BLANKS)}{draw(_spaced(item))}{draw(_BLANKS)}" for item in value)
            return "[" + (inner or draw(_BLANKS)) + "]"
        case str():
            return draw(_string(value))
        case _:
            return json.dumps(value)


def _string(text: str) -> st.SearchStrategy[str]:
    """With or without escapes for what isn't ASCII; a surrogate can only be escaped."""
    escaped = json.dumps(text)
    try:
        text.encode()
    except UnicodeEncodeError:
        return st.just(escaped)
    return st.sampled_from([escaped, json.dumps(text, ensure_ascii=False), escaped.replace("/", "\\/")])


@st.composite
def _bodies(draw: st.DrawFn) -> tuple[str, list[Any]]:
    """A body, and what its `logs` are; other members stand before and behind."""
    logs = draw(st.lists(_VALUES, max_size=5))
    others = draw(st.dictionaries(_TEXT.filter(lambda key: key != "logs"), _VALUES, max_size=3))
    place = draw(st.integers(0, len(others)))
    members = list(others.items())
    members.insert(place, ("logs", logs))
    return draw(_BLANKS) + draw(_spaced(dict(members))) + draw(_BLANKS), logs


def _same(found: list[Any], expected: list[Any]) -> bool:
    # By text, since NaN isn't NaN.
    return json.dumps(found) == json.dumps(expected)


def _parsed(lines: bytes) -> list[Any]:
    return [json.loads(line) for line in lines.decode().split("\n") if line.strip()]


@settings(deadline=None)
@given(_bodies())
def test_elements_are_those_of_json(body: tuple[str, list[Any]]) -> None:
    text, logs = body
    assert _same(json.loads(text)["logs"], logs)
    lines = split_elements(bytearray(text.encode()))
    assert _same(_parsed(lines), logs)
    assert len(lines.split(b"\n")) == max(len(logs), 1)


@settings(deadline=None)
@given(_bodies(), st.integers(-200, 30))
def test_elements_across_blocks(body: tuple[str, list[Any]], shift: int) -> None:
    """The same, with the body over the edge of a block: an escape, a string, an element may be cut in two."""
    text, logs = body
    encoded = text.lstrip().encode()
    pad = b'{"pad":"' + b"x" * (_BLOCK_BYTES + shift - 20) + b'",'
    members = encoded[1:].lstrip()
    assert _same(_parsed(split_elements(bytearray(pad + members))), logs)


@settings(deadline=None)
@given(st.integers(0, 12), st.integers(0, 9))
def test_backslashes_across_blocks(backslashes: int, before: int) -> None:
    """A run of backslashes over the edge, before a quote that they may escape."""
    head = b'{"logs":["'
    filler = b"x" * (_BLOCK_BYTES - len(head) - before)
    escaped = backslashes % 2 == 1
    value = filler + b"\\" * backslashes + (b'",1"' if escaped else b'"') + b',"last"'
    lines = split_elements(bytearray(head + value + b"]}")).split(b"\n")
    assert lines[-1] == b'"last"'
    assert [json.loads(line) for line in lines] == json.loads(b"[" + head[9:] + value + b"]")


@settings(deadline=None)
@given(st.one_of(_STRUCTURE.map(b"".join), st.binary(max_size=40), _bodies().map(lambda body: body[0].encode()[:-1])))
@example(b"")
@example(b"{}")
@example(b'{"logs"}')
@example(b'{"logs":}')
@example(b'{"logs":[}')
@example(b'{"logs":]}')
@example(b'{"logs":"[]"}')
@example(b'{,"logs":[1]}')
@example(b'{"logs":[1]\\')
@example(b'\\{"logs":[1]}')
def test_anything_is_split_or_refused(body: bytes) -> None:
    """JSON with an array `logs` is split as JSON says; whatever else is refused, or kept as text a line each."""
    lines = _split_or_refused(body)
    if _has_logs(body):
        assert lines is not None
        assert _same(_parsed(lines), json.loads(body)["logs"])


def _split_or_refused(body: bytes) -> bytes | None:
    """None when it was refused; nothing else may be raised."""
    try:
        return split_elements(bytearray(body))
    except BadRequest as refusal:
        if refusal.code == "bad_body" and refusal.status == 400 and refusal.where:
            return None
        raise


def _has_logs(body: bytes) -> bool:
    """It is JSON, with one array `logs`."""
    try:
        pairs = json.loads(body, object_pairs_hook=lambda pairs: pairs)
    except (ValueError, RecursionError):
        return False
    if not body.strip().startswith(b"{"):
        return False
    lists = [value for key, value in pairs if key == "logs"]
    return len(lists) == 1 and body.count(b'"logs"') == 1 and isinstance(json.loads(body)["logs"], list)


def test_elements_that_are_no_json_harm_no_other() -> None:
    elements = [
        b'{"a": NaN}',
        b"{'a'}",
        b"nonsense",
        b'"\xff\xfe"',
        b"[" * 9 + b"]" * 9,
        b'{"a": 1}}{',
        b"\0",
        b'"\\u12"',
    ]
    lines = split_elements(bytearray(b'{"logs":[' + b",".join([b"1", *elements, b"2"]) + b"]}"))
    assert lines == b"\n".join([b"1", *elements, b"2"])


def test_line_endings_in_elements_become_blanks() -> None:
    assert split_elements(bytearray(b'{"logs":[{"a":\r\n1},\n"b\nc"]}')) == b'{"a":  1}\n "b c"'


@pytest.mark.parametrize("count", [0, 1, 2, 100_000])
def test_many_elements(count: int) -> None:
    body = bytearray(b'{"logs":[' + b",".join([b'{"a":[1,2]}'] * count) + b'],"more":[1,2]}')
    assert split_elements(body) == b"\n".join([b'{"a":[1,2]}'] * count)
