"""Rules of shaping over records: what each type does, in their order, and to whom; and what is said of a wrong one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logd.config.shaping import ShapeTable
from logd.enrich import filters
from logd.enrich.rules import compile_rules
from logd.enrich.shaping import grouped
from logd.errors import ConfigError
from logd.query.sql import Condition
from tests.support.naive_query import matches
from tests.support.naive_shape import shaped
from tests.support.shaping import rows, shape, shaping, table

_NAMES = ["a", "b", "a.b", "metadata.c", "d.e.f", "level", "service", "host", "trace_id", "message"]
_MEMBERS = ["a", "b", "c", "a.b", "d", "e", "e.f", "f", 'q"\n']
_TEXTS = st.sampled_from(["", "x", "ERROR", "warn", "web", 'é\n"\\', "0123456789" * 20])
_SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-5, 5), _TEXTS)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(st.sampled_from(_MEMBERS), inner, max_size=3)),
    max_leaves=6,
)
_METADATA = st.one_of(st.none(), st.dictionaries(st.sampled_from(_MEMBERS), _VALUES, min_size=1, max_size=5))
_WORDS = st.sampled_from([None, "web", "db", "x"])
_RECORDS = st.fixed_dictionaries(
    {
        "level": st.sampled_from([None, "INFO", "ERROR"]),
        "service": _WORDS,
        "host": _WORDS,
        "source": _WORDS,
        "trace_id": _WORDS,
        "message": st.sampled_from([None, "", "hello"]),
        "metadata": _METADATA,
    }
)


def _differs(pair: tuple[str, str]) -> bool:
    return pair[0].removeprefix("metadata.") != pair[1].removeprefix("metadata.")


def _moves(type_: str, names: list[str]) -> st.SearchStrategy[ShapeTable]:
    pairs = st.tuples(st.sampled_from(names), st.sampled_from(_NAMES)).filter(_differs)
    fields = st.lists(pairs, min_size=1, max_size=3).map(dict)
    return st.builds(ShapeTable, type=st.just(type_), fields=fields, overwrite=st.booleans())


_REMOVABLE = ["a", "b", "a.b", "metadata.c", "d.e.f", "level", "host", "source", "trace_id"]
_SETS = st.dictionaries(st.sampled_from(["a", "a.b", "metadata.c", "d.e.f"]), _VALUES.filter(lambda v: v is not None))
_RULES = st.one_of(
    st.builds(
        ShapeTable,
        type=st.just("set"),
        fields=st.builds(
            lambda members, columns: {**members, **columns, "last": 1},
            _SETS,
            st.dictionaries(
                st.sampled_from(["service", "host", "level", "message"]), st.sampled_from(["INFO", "warn"])
            ),
        ),
        overwrite=st.booleans(),
    ),
    _moves("rename", _REMOVABLE),
    _moves("copy", [*_NAMES, "source"]),
    st.builds(
        ShapeTable,
        type=st.just("remove"),
        names=st.lists(st.sampled_from([*_REMOVABLE, "a*", "*e*"]), min_size=1, max_size=3),
    ),
)


@settings(deadline=None, max_examples=200)
@given(st.lists(_RECORDS, min_size=1, max_size=5), st.lists(_RULES, min_size=1, max_size=4))
def test_fields_as_one_record_at_a_time(records: list[dict[str, Any]], rules: list[ShapeTable]) -> None:
    expected = []
    for record in records:
        for rule in rules:
            record = shaped(record, rule)
        expected.append(record)
    found = rows(shape(records, *rules))
    assert [{name: row[name] for name in expected[0]} for row in found] == expected


_QUERIES = ["level:ERROR", "service:web", "a:*", "NOT host:x", "metadata.d.e:x OR hello", "last:1", ""]


@settings(deadline=None, max_examples=60)
@given(
    st.lists(_RECORDS, min_size=1, max_size=6),
    st.lists(
        st.tuples(_RULES, st.sampled_from(_QUERIES), st.sampled_from([[], ["w*"], ["db", "x"]]), st.booleans()),
        min_size=1,
        max_size=5,
    ),
)
def test_to_whom_and_in_which_order(
    records: list[dict[str, Any]], rules: list[tuple[ShapeTable, str, list[str], bool]]
) -> None:
    import fnmatch

    import msgspec

    from logd.query.parse import parse

    tables = []
    for rule, query, services, drops in rules:
        drops = drops and query != ""
        rule = ShapeTable(type="drop") if drops else rule
        tables.append(msgspec.structs.replace(rule, query=query, services=services))
    expected: list[dict[str, Any]] = []
    for record in records:
        for rule in tables:
            mine = not rule.services or any(fnmatch.fnmatchcase(record["service"] or "", one) for one in rule.services)
            if not mine or not matches(parse(rule.query), record):
                continue
            if rule.type == "drop":
                break
            record = shaped(record, rule)
        else:
            expected.append(record)
    got = shape(records, *tables)
    assert [{name: row[name] for name in records[0]} for row in rows(got)] == expected
    assert sum(got.counts.values()) == len(records) - len(expected)
    assert all(what == "dropped" for what, _ in got.counts)


class TestSet:
    def test_tags_are_added(self) -> None:
        records: list[dict[str, Any]] = [{"tags": None}, {"tags": ["x"]}, {"tags": ["b", "x", "a"]}]
        added = rows(shape(records, ShapeTable(type="set", fields={"tags": ["a", "b"]})))
        assert [row["tags"] for row in added] == [["a", "b"], ["x", "a", "b"], ["b", "x", "a"]]
        replaced = rows(shape(records, ShapeTable(type="set", fields={"tags": ["a", "b"]}, overwrite=True)))
        assert [row["tags"] for row in replaced] == [["a", "b"]] * 3

    def test_values_are_as_they_are_written(self) -> None:
        fields = {"n": 1, "f": 1.5, "yes": True, "list": ["x", 1], "deep": {"a": 'é"'}, "t": "x"}
        assert rows(shape([{}], ShapeTable(type="set", fields=fields)))[0]["metadata"] == fields


class TestLeaving:
    def test_dropped_records_are_counted_by_rule(self) -> None:
        records = [{"level": level, "service": "web"} for level in ("DEBUG", "INFO", "DEBUG", "ERROR")]
        found = shape(
            records,
            ShapeTable(type="drop", name="noise", query="level:DEBUG"),
            ShapeTable(type="drop", name="more", query="level:(DEBUG OR INFO)"),
        )
        assert [row["level"] for row in rows(found)] == ["ERROR"]
        assert found.counts == {("dropped", "noise"): 2, ("dropped", "more"): 1}
        assert found.kept is not None
        assert found.kept.to_pylist() == [False, False, False, True]
        assert len(found.table) == 4

    def test_a_part_is_kept_the_same_each_time_in_any_company(self) -> None:
        rule = ShapeTable(type="sample", name="s", keep=0.1)
        records = [{"log_id": f"{number % 7:016x}-{number:012x}", "level": "INFO"} for number in range(20_000)]
        with shaping(rule) as made:
            whole = rows(made.shape(table(records)))
            again = [
                row for start in range(0, 20_000, 3_001) for row in rows(made.shape(table(records[start:][:3_001])))
            ]
        assert whole == again
        assert 0.09 < len(whole) / 20_000 < 0.11
        assert all(row["metadata"] == {"sample_rate": 0.1} for row in whole)

    def test_rules_after_one_another_multiply(self) -> None:
        records: list[dict[str, Any]] = [{"metadata": {"sample_rate": 0.5, "n": number}} for number in range(20_000)]
        found = rows(
            shape(records, ShapeTable(type="sample", keep=0.5), ShapeTable(type="sample", query="n:*", keep=0.2))
        )
        assert 0.09 < len(found) / 20_000 < 0.11
        assert {row["metadata"]["sample_rate"] for row in found} == {0.05}

    @pytest.mark.parametrize("already", ['"x"', "0", "2", "true", "null", "[]"])
    def test_what_is_no_rate_counts_as_none(self, already: str) -> None:
        records = [{"metadata": f'{{"sample_rate":{already}}}'} for _ in range(50)]
        found = rows(shape(records, ShapeTable(type="sample", keep=0.5)))
        assert found
        assert all(row["metadata"] == {"sample_rate": 0.5} for row in found)

    @pytest.mark.parametrize("level", ["WARN", "ERROR", "FATAL"])
    def test_warnings_and_above_are_always_kept(self, level: str) -> None:
        found = shape([{"level": level}] * 500, ShapeTable(type="sample", keep=1e-9))
        assert len(rows(found)) == 500
        assert all(row["metadata"] is None for row in rows(found))
        assert found.counts == {}

    def test_which_are_kept_is_the_same_for_ever(self) -> None:
        """A change here leaves out lines that come again, and were kept when they came first."""
        records = [{"log_id": f"{number:016x}-{7 * number:012x}"} for number in range(40)]
        found = rows(shape(records, ShapeTable(type="sample", name="fixed", keep=0.2)))
        assert [int(row["log_id"][:16], 16) for row in found] == [2, 7, 9, 10, 17, 23, 24, 26]


_PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
_TRACE, _SPAN = _PARENT.split("-")[1:3]


class TestTrace:
    _RULE = ShapeTable(type="trace", trace_id=["x", "y.z"], span_id=["s"], traceparent=["tp"])

    @pytest.mark.parametrize(
        ("metadata", "trace_id", "left"),
        [
            ({"tp": _PARENT}, _TRACE, {"tp": _PARENT, "span_id": _SPAN}),
            ({"tp": f"cc-{_TRACE}-{_SPAN}-00-more"}, _TRACE, {"tp": f"cc-{_TRACE}-{_SPAN}-00-more", "span_id": _SPAN}),
            ({"tp": f"ff-{_TRACE}-{_SPAN}-00"}, None, {"tp": f"ff-{_TRACE}-{_SPAN}-00"}),
            ({"tp": f"00-{'0' * 32}-{_SPAN}-00"}, None, {"tp": f"00-{'0' * 32}-{_SPAN}-00", "span_id": _SPAN}),
            ({"tp": "nonsense"}, None, {"tp": "nonsense"}),
            ({"x": "abc", "tp": _PARENT}, "abc", {"tp": _PARENT, "span_id": _SPAN}),
            ({"x": "", "y": {"z": 17, "n": 1}}, "17", {"x": "", "y": {"n": 1}}),
            ({"x": "abc", "s": "span", "span_id": "own"}, "abc", {"s": "span", "span_id": "own"}),
            ({"s": "span"}, None, {"span_id": "span"}),
        ],
    )
    def test_lifts(self, metadata: dict[str, Any], trace_id: str | None, left: dict[str, Any]) -> None:
        row = rows(shape([{"metadata": metadata}], self._RULE))[0]
        assert (row["trace_id"], row["metadata"]) == (trace_id, left)

    def test_the_records_own_id_counts(self) -> None:
        row = rows(shape([{"trace_id": "own", "metadata": {"x": "other"}}], self._RULE))[0]
        assert (row["trace_id"], row["metadata"]) == ("own", {"x": "other"})


def test_rules_that_read_nothing_new_are_asked_together() -> None:
    drops = [ShapeTable(type="drop", query=f"service:s{number}") for number in range(20)]
    rules = compile_rules(
        [
            *drops,
            ShapeTable(type="sample", query="level:DEBUG"),
            ShapeTable(type="sample", query="level:INFO"),
            ShapeTable(type="set", fields={"service": "x"}, query="n:1"),
            ShapeTable(type="remove", names=["a"], services=["x"]),
        ]
    )
    assert [len(group) for group in grouped(rules)] == [22, 1, 1]


def test_a_batch_of_others_is_left_alone() -> None:
    given = table([{"service": "web"}])
    with shaping(
        ShapeTable(type="set", fields={"a": 1}, services=["db"]), ShapeTable(type="drop", query="service:db AND a:1")
    ) as made:
        found = made.shape(given)
    assert found.table is given
    assert (found.kept, found.counts) == (None, {})


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        ({"type": "drop"}, "shape[0] 'drop-1' (drop): query is missing"),
        ({"type": "drop", "query": "a:(", "name": "n"}, "shape[0] 'n' (drop): "),
        ({"type": "drop", "query": "timestamp:>now-1h"}, "query has a time that is relative to now"),
        ({"type": "drop", "query": "a", "keep": 0.5}, "keep is nothing that this type looks at"),
        ({"type": "set"}, "fields is missing"),
        ({"type": "set", "fields": {"level": "loud"}}, "fields.level is 'loud', expected one of TRACE, DEBUG"),
        ({"type": "set", "fields": {"service": 1}}, "fields.service is 1, expected a text"),
        ({"type": "set", "fields": {"tags": "x"}}, "fields.tags is 'x', expected a list of texts"),
        ({"type": "set", "fields": {"source": "x"}}, "fields has 'source', which can't be, expected level, service"),
        ({"type": "set", "fields": {"f": float("inf")}}, "fields.f is inf, which JSON can't have"),
        (
            {"type": "set", "fields": {"f": {"a": [1, float("nan")]}}},
            "fields.f is {'a': [1, nan]}, which JSON can't have",
        ),
        (
            {"type": "drop", "query": "a", "services": ["shop", "["]},
            "services has '[', expected a glob whose [ has its ]",
        ),
        ({"type": "remove", "names": ["a[z-a]"]}, "names has 'a[z-a]', expected a glob that something can match"),
        ({"type": "rename", "fields": {"service": "x"}}, "fields has 'service', which can't be, expected level, host"),
        ({"type": "rename", "fields": {"a": 1}}, "fields has 'a' = 1, expected the new name"),
        ({"type": "copy", "fields": {"a": "metadata.a"}}, "fields has 'a' = 'metadata.a', expected another name"),
        ({"type": "remove", "names": ["message"]}, "names has 'message', which can't be"),
        (
            {"type": "lookup", "file": "/nowhere.csv", "key": "a", "field": "b"},
            "file '/nowhere.csv' can't be read: no ",
        ),
        ({"type": "lookup", "file": "x", "key": "a"}, "field is missing"),
        ({"type": "trace"}, "one of them says where ids are"),
    ],
)
def test_a_wrong_rule_is_named(rule: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError) as raised:
        compile_rules([ShapeTable(**rule)])
    assert sentence in str(raised.value)


def test_two_rules_of_a_name() -> None:
    with pytest.raises(ConfigError, match=r"shape\[1\] 'x' \(drop\): there is another rule of that name"):
        compile_rules([ShapeTable(type="drop", name="x", query="a")] * 2)


def test_a_query_that_the_engine_cant_take_is_refused_before_the_first_record(monkeypatch: pytest.MonkeyPatch) -> None:
    failing = Condition("regexp_matches(message, '(')", [], frozenset(["message"]))
    monkeypatch.setattr(filters, "compile_sql", lambda node: failing)
    with pytest.raises(ConfigError, match=r"shape\[0\] 'drop-1' \(drop\): query can't be evaluated: .*missing"):
        compile_rules([ShapeTable(type="drop", query="a")])
