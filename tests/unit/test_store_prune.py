"""A hit is never pruned: whatever the SQL finds lies in a row group that the marks don't rule out."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from logd.query.parse import parse
from logd.query.sql import compile_sql
from logd.query.tokens import tokens
from logd.query.tree import And, Equals, Node, Or, Words
from logd.record import SCHEMA
from logd.store import marks, prune
from logd.store.skip_index import Groups
from tests.support.rows import DAY, row
from tests.support.strategies import RECORDS, TREES, leaves, of_text, of_value

_DUCKDB = duckdb.connect(config={"threads": 1})


def _table(records: Sequence[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist([row(DAY, f"{n:04}") | record for n, record in enumerate(records)], SCHEMA)


def _having(groups: Sequence[pa.Table]) -> prune.Having:
    """As a skip index that never reports a row group for nothing."""
    known = [set(marks.of_rows(group).tolist()) for group in groups]

    def having(mark: int) -> Groups:
        return np.array([mark in one for one in known])

    return having


def _hits(node: Node, table: pa.Table) -> list[int]:
    """The numbers of the rows for which the SQL is true."""
    condition = compile_sql(node)
    _DUCKDB.register("rows", table.append_column("n", pa.array(range(len(table)))))
    found = _DUCKDB.execute(f"SELECT n FROM rows WHERE {condition.sql}", condition.parameters).fetchall()
    return [n for (n,) in found]


def _check(nodes: Sequence[Node], table: pa.Table, size: int) -> None:
    """No node has a hit in a row group, of so many rows, that is pruned for it."""
    having = _having([table.slice(start, size) for start in range(0, len(table), size)])
    for node in nodes:
        may = prune.may_match(node, having)
        if may is not None and not may.all():
            lost = [n for n in _hits(node, table) if not may[n // size]]
            assert not lost, (node, table.take(lost).to_pylist())
        if (left := prune.left_of(node, having)) is not node:
            assert _hits(left, table) == _hits(node, table), node


def spelled(value: Any, chance: random.Random) -> str:
    """JSON for a value, in one of its many spellings."""
    blank = chance.choice(["", "", " ", "\n"])
    match value:
        case dict():
            members = (f"{_string(key, chance)}{blank}:{spelled(inner, chance)}" for key, inner in value.items())
            return f"{{{blank}{','.join(members)}}}"
        case list():
            return f"[{blank}{f',{blank}'.join(spelled(inner, chance) for inner in value)}]"
        case str():
            return _string(value, chance)
        case bool() | None:
            return json.dumps(value)
        case int() | float():
            return chance.choice(list(_numbers(value)))
        case _:
            raise TypeError(value)


def _string(text: str, chance: random.Random) -> str:
    return f'"{"".join(chance.choice(list(_characters(char))) for char in text)}"'


def _characters(char: str) -> Iterator[str]:
    whole = json.dumps(char, ensure_ascii=False)[1:-1]
    yield from [whole] * 8
    pair = char.encode("utf-16-be").hex()
    escaped = "".join(f"\\u{pair[at : at + 4]}" for at in range(0, len(pair), 4))
    if not char.isascii():
        yield from [escaped, escaped.replace("\\u", "\\U").upper().replace("\\U", "\\u")]
    if char == "/":
        yield "\\/"
    if char < " " or char in "aK0\\":  # not of all, or hardly any text would be without
        yield escaped


def _numbers(value: float) -> Iterator[str]:
    text = repr(value)
    yield from [text, text]
    if "e" in text or value != int(value):
        return
    digits = f"{int(value)}"
    sign, digits = ("-", digits[1:]) if digits.startswith("-") else ("", digits)
    shifted = f"{digits[0]}.{digits[1:] or '0'}"
    yield from (f"{sign}{digits}{end}" for end in [".0", ".000", "e0", "E+0", ".0e0", "0e-1", "0E-01"])
    yield f"{sign}{shifted}e{len(digits) - 1}"
    yield f"{sign}{digits}.{'0' * 40}{'0' * 300 if value == 7 else ''}1"
    if value > 0:
        yield f"{int(value) - 1}.{'9' * 30}"
    if value == 0:
        yield f"0.{'0' * 330}1e0"
        yield "1e-999"


_EXTRA = st.fixed_dictionaries(
    {},
    optional={
        "a": st.sampled_from([0, 1, -1, 2, 7, 42, -42, 2**53 - 1, 2**53, 2**63, 10**30, 10**270, "42", "42.0", ""]),
        "b": st.text(max_size=6),
        "n": st.recursive(
            st.sampled_from([42, "café\nbar", "a\\nb", "\\u0041", "x" * 300]),
            lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.just("n"), inner, max_size=1),
            max_leaves=3,
        ),
    },
)
_IDS = st.one_of(
    st.text("0123abcdef-", min_size=1, max_size=4),
    st.builds("{:016x}-{:012x}".format, st.integers(0, 2), st.integers(0, 3)),
    st.sampled_from(["\u212a" * 9 + "-x", "0123456789abcdefg123456789-12", "é" * 8 + "-" + "1" * 12]),
)
_QUERIES = st.sampled_from(
    [
        *("timeout", "time AND NOT out", '"foo_bar baz"', "* AND a", "a b", "service:a OR timeout"),
        *("a:42", "a:-42", "a:42.0", "b:x OR a:0", "n.n:42", "NOT a:1", "a:9007199254740992"),
        *(
            "foo.bar*",
            "*.foo.bar",
            "foo.*.日本",
            'message.raw:"a timeout b"',
            "message.raw:/ foo_bar. é /",
            '"a foo_bar"~3',
        ),
        *("日本", "kelvin", "k", "straße", "level:info", "level:loud", "level:42", 'host:"é\'"', "_id:a"),
    ]
)


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_a_hit_is_never_pruned(data: st.DataObject) -> None:
    chance = data.draw(st.randoms(use_true_random=False))
    drawn = data.draw(st.lists(st.tuples(RECORDS, _EXTRA, _IDS), min_size=1, max_size=10))
    metadata = [(record["metadata"] or {}) | extra for record, extra, _ in drawn]
    records = [
        record | {"log_id": log_id, "metadata": spelled(values, chance) if values else None}
        for (record, _, log_id), values in zip(drawn, metadata, strict=True)
    ]
    nodes = data.draw(st.lists(TREES | _QUERIES.map(parse), min_size=1, max_size=4))
    nodes += _that_hit(chance, records, metadata)
    nodes.append(Or(tuple(chance.choices(nodes, k=3))))
    nodes.append(And((chance.choice(nodes), Or(tuple(chance.choices(nodes, k=2))))))
    with pytest.MonkeyPatch.context() as patch:
        window, longest = data.draw(st.sampled_from([(24, 3), (24, 20), (300, 256), (marks._WINDOW_BYTES, 256)]))
        patch.setattr(marks, "_WINDOW_BYTES", window)
        patch.setattr(marks, "MAX_BYTES", longest)
        _check(nodes, _in_chunks(_table(records), chance), chance.randint(1, 4))


def _that_hit(chance: random.Random, records: Sequence[dict[str, Any]], metadata: Sequence[Any]) -> Iterator[Node]:
    """Queries for what is there."""
    for record, values in zip(records, metadata, strict=True):
        there = tokens(record["message"] or "")
        start = chance.randint(0, len(there))
        yield Words("message", "", tuple(there[start : start + chance.randint(1, 3)]))
        for field in ("log_id", "level", "service", "host", "trace_id"):
            if record[field]:
                yield Equals(field, record[field])
        yield from (Equals("tags", tag) for tag in record["tags"] or ())
        if found := list(leaves(values)):
            yield Equals(*chance.choice(found))
            yield from of_value(chance, *chance.choice(found))
        yield from of_text(chance, record["message"] or "")


def _in_chunks(table: pa.Table, chance: random.Random) -> pa.Table:
    """The same as a writer may have it: in several chunks with offsets, and more than one dictionary."""
    padded = pa.concat_tables([table.slice(0, 1), table, table.slice(0, 2)]).combine_chunks()
    first = padded.slice(1, chance.randint(0, len(table)))
    whole = pa.concat_tables([first, padded.slice(1 + len(first), len(table) - len(first))])
    return whole.unify_dictionaries() if chance.random() < 0.5 else whole


_ZEROS, _LONG = "0" * 300, "9" * 300


@pytest.mark.parametrize(
    ("query", "metadata"),
    [
        *(("a:42", f'{{"a":{number}}}') for number in ["42", "42.0", "4.2e1", "4.2E+01", "420e-1", "0.42e2", "42e0"]),
        *(("a:42", f'{{"a":{text}}}') for text in ['"42"', "[1,42]", "[ 42.00 ]", '"\\u00342"']),
        *(("a:42", f'{{"a":{number}}}') for number in [f"42.{_ZEROS}1", f"41.{_LONG}", "42.0000000000000000001"]),
        *(("a:0", f'{{"a":{number}}}') for number in ["0", "-0", "0.0", "0e7", f"0.{_ZEROS}{_ZEROS}7", "7e-999"]),
        *(("a:-0", f'{{"a":{number}}}') for number in ["0", "-0.0"]),
        *(("a:-42", f'{{"a":{number}}}') for number in ["-42", "-42.0", "-4.2e1", '"-42"']),
        ("a:9007199254740991", '{"a":9007199254740991.4}'),
        ("a:9007199254740993", '{"a":9007199254740993}'),
        (f"a:{_LONG}", f'{{"a":"{_LONG}"}}'),
        ("a:042", '{"a":"042"}'),
        ('a:"x1 y"', '{"a":"x1\\u0020y"}'),
        ('a:"x\\\\n"', '{"a":"x\\\\n"}'),
        ('a:"x\ny"', '{"a":"x\\ny"}'),
        ("a:café", '{"a":"caf\\u00e9"}'),
        ("a:abc", '{"a":"\\u0061\\u0062c"}'),
        ('a:"x/y"', '{"a":"x\\/y"}'),
        ("a:true", '{"a":true}'),
        ("a.b:x", '{"a.b":"x"}'),
        ("a.b:x", '{"a":{"b":"x"}}'),
        ("a.1.b:x", '{"a":["y",{"b":"x"}]}'),
        (r"a\"\ b:4.5", r'{"a\"\u0020b":4.5}'),
        ("\u0130d:>4", '{"\u0130d":4.5}'),
        ("_exists_:abc", r'{"\u0061bc":0}'),
        ("level:loud", '{"level":"loud"}'),
    ],
)
def test_values_in_every_spelling(query: str, metadata: str) -> None:
    table = _table([{"metadata": metadata}])
    assert _hits(parse(query), table) == [0]
    _check([parse(query)], table, 1)


@pytest.mark.parametrize(
    "query",
    [
        *(
            'message.raw:"out, re"',
            'message.raw:"out"',
            "message.raw:/(a|b)? time[a-z]+, refuse/",
            "message.raw:/t, refused/",
        ),
        *("time*.refused", "*.timeout.refus*", '"refused timeout"~2', "a.timeout.*"),
    ],
)
def test_words_that_go_on_beyond_a_pattern(query: str) -> None:
    table = _table([{"message": "a timeout, refused"}])
    assert _hits(parse(query), table) == [0]
    _check([parse(query)], table, 1)


@pytest.mark.parametrize(
    "query",
    [
        "absent",
        "timeou",
        '"timeout absent"',
        "timeout AND absent",
        "absent OR a:43",
        "日",
        "é",
        "service:webs",
        "level:WARN",
        "tags:u",
        "_id:0123456789abcdee-000000000001",
        "trace_id:T",
        "host:h",
        "a:43",
        "a:4",
        "a:-420",
        "a:other",
        'a:"with other"',
        "absent.time*",
        "*.absent.*",
        'message.raw:" absent "',
        "message.raw:/, absent, [a-z]+/",
        'message.raw:"é"',
        '"timeout absent"~2',
        *("absent:42", "a.absent:4.3", "absent:43*", "absent:/4.*/", "absent:43~1", "absent:>43", "_exists_:b.absent"),
    ],
)
def test_what_is_absent_is_pruned(query: str) -> None:
    """For numbers in other spellings, or letters with more of them, nothing could be pruned."""
    record = {
        "log_id": "0123456789abcdef-000000000001",
        "message": "a timeout, 本",
        "tags": ["t"],
        "trace_id": "t",
        "metadata": '{"a":42,"b":"with \\"text\\"","c":-1.5,"d":0.99,"e":100.25,"f":[true,"2.0x"]}',
    }
    may = prune.may_match(parse(query), _having([_table([record])]))
    assert may is not None
    assert not may.any()


@pytest.mark.parametrize(
    "query",
    [
        *("*", "NOT absent", "absent OR NOT timeout", "metadata.42:4.3", '"---"', f"trace_id:{'x' * 300}"),
        *("absent*", "*absent*", "absent~", "/absent.*/", "message.raw:absent", "message.raw:/absent absent/"),
        *("metadata.4.2:43*", "_exists_:service", "service:/absent+/", "service:>a", "timestamp:>2026"),
    ],
)
def test_nothing_can_be_said_of(query: str) -> None:
    assert prune.may_match(parse(query), _having([_table([{}])])) is None
