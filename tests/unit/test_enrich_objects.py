"""Members of JSON objects, read and changed without reading the rest: as json does it, all other bytes as they were."""

from __future__ import annotations

import json
import re
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logd.enrich import objects
from tests.support.naive_shape import member, place, taken_out

_NAMES = st.one_of(
    st.sampled_from(["a", "b", "a.b", "a.b.c", "b.a", 'q"', "\\", "é", "\x00", "a.", "."]), st.text(max_size=4)
)
_SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_NAMES, inner, max_size=3)),
    max_leaves=8,
)
_OBJECTS = st.dictionaries(_NAMES, _VALUES, max_size=5)


@st.composite
def written(draw: st.DrawFn) -> str:
    """An object as anybody may write it: escaped or not, with white space or without."""
    found = draw(_OBJECTS)
    separators = draw(st.sampled_from([(",", ":"), (", ", ": "), (" ,\n", "\t:  ")]))
    return json.dumps(found, ensure_ascii=draw(st.booleans()), separators=separators)


_COLUMNS = st.lists(st.one_of(st.none(), written()), max_size=6)


def _column(texts: list[str | None]) -> pa.StringArray:
    """Not at the beginning of its buffer, as a slice of a larger one."""
    return pa.array(['{"before":1}', *texts, '{"after":1}'], pa.string()).slice(1, len(texts))


def _read(column: pa.StringArray) -> list[Any]:
    return [None if text is None else json.loads(text, strict=False) for text in column.to_pylist()]


@settings(deadline=None)
@given(_COLUMNS)
def test_split_and_joined_they_are_the_same(texts: list[str | None]) -> None:
    given = [text for text in texts if text is not None]
    members = objects.split(_column(list(given)))
    assert _read(objects.join(members, len(given))) == [found or None for found in map(json.loads, given)]


@settings(deadline=None)
@given(_COLUMNS, _NAMES.filter(bool))
def test_a_value_is_found(texts: list[str | None], name: str) -> None:
    expected = [None if text is None else member(json.loads(text), name) for text in texts]
    assert _read(objects.value_at(_column(texts), name)) == [None if found is None else found[0] for found in expected]


@settings(deadline=None)
@given(_COLUMNS, _NAMES.filter(bool))
def test_a_member_is_taken_out(texts: list[str | None], name: str) -> None:
    expected = [None if text is None else taken_out(json.loads(text), name) for text in texts]
    found = _read(objects.without(_column(texts), name))
    assert [one or None for one in found] == [one or None for one in expected]


@settings(deadline=None)
@given(_COLUMNS, st.sampled_from(["a*", "*", "?", "*.b", "[ab]"]))
def test_members_are_taken_out_by_a_glob(texts: list[str | None], glob: str) -> None:
    import fnmatch

    pattern = re.compile(fnmatch.translate(glob))
    expected = []
    for text in texts:
        found = {} if text is None else json.loads(text)
        expected.append({name: value for name, value in found.items() if not pattern.fullmatch(name)} or None)
    assert [one or None for one in _read(objects.without_all(_column(texts), pattern))] == expected


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.one_of(st.none(), written()), st.one_of(st.none(), _VALUES)), max_size=6), _NAMES.filter(bool)
)
def test_a_member_is_put(rows: list[tuple[str | None, Any]], name: str) -> None:
    values = pa.array([None if value is None else json.dumps(value) for _, value in rows], pa.string())
    expected = [place(None if text is None else json.loads(text), name, value) for text, value in rows]
    assert _read(objects.with_member(_column([text for text, _ in rows]), name, values)) == expected


@pytest.mark.parametrize(
    "rest",
    [
        '"n":1.0',
        '"n":1e400',
        '"n":123456789012345678901234567890',
        '"n":"\\u00e9\\/"',
        '"n":{"x" :  [1 , 2]}',
        '"n":-0',
    ],
)
def test_other_members_stay_byte_for_byte(rest: str) -> None:
    column = pa.array([f'{{"a":1,{rest},"z":{{"b":true,{rest}}}}}'])
    assert objects.without(column, "a").to_pylist() == [f'{{{rest},"z":{{"b":true,{rest}}}}}']
    assert objects.without(column, "z.b").to_pylist() == [f'{{"a":1,{rest},"z":{{{rest}}}}}']
    changed = objects.with_member(column, "a", pa.array(["2"]))
    assert changed.to_pylist() == [f'{{"a":2,{rest},"z":{{"b":true,{rest}}}}}']
    longer = objects.with_member(column, "new", pa.array(["2"]))
    assert longer.to_pylist() == [f'{{"a":1,{rest},"z":{{"b":true,{rest}}},"new":2}}']


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('"a"', "a"),
        ('"\\u00e9\\n"', "é\n"),
        ('"\\ud800"', "\ufffd"),
        ('""', ""),
        ("1.50", "1.50"),
        ("-1", "-1"),
        ("true", "true"),
        ("null", None),
        ("{}", None),
        ('["a"]', None),
        (None, None),
    ],
)
def test_scalars_are_texts(text: str | None, found: str | None) -> None:
    assert objects.text_of(pa.array([text], pa.string())).to_pylist() == [found]


def test_what_is_no_object_is_not_taken_for_one() -> None:
    for text in ("", "[]", '{"a":1', '"{}"', '{"a":"}', "{}{}"):
        with pytest.raises(ValueError, match="no JSON object"):
            objects.split(pa.array(['{"a":1}', text, '{"b":2}']))


@given(st.lists(st.one_of(st.none(), st.text()), max_size=4))
def test_texts_are_json(texts: list[str | None]) -> None:
    assert _read(objects.json_of(_column(texts))) == texts
    assert objects.text_of(objects.json_of(_column(texts))).to_pylist() == texts
