"""The parser: a line a case, then what must hold for any text."""

from __future__ import annotations

import time
from typing import Literal, assert_never

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logd.errors import QueryError
from logd.query.fields import KEYWORDS, TEXT, TIMES
from logd.query.parse import MAX_CHARACTERS, MAX_DEPTH, MAX_WORDS, parse
from logd.query.tokens import tokens
from logd.query.tree import And, Equals, Everything, Node, Not, Or, Words
from logd.record import SCHEMA


def shown(node: Node) -> str:
    """The tree in a line: words of a phrase joined by `_`, fields by `=`."""
    match node:
        case Everything():
            return "*"
        case Words(_, _, words):
            return "_".join(words) or "nothing"
        case Equals(field, value):
            return f"{field}={value}"
        case And(children):
            return f"({' & '.join(map(shown, children))})"
        case Or(children):
            return f"({' | '.join(map(shown, children))})"
        case Not(child):
            return f"!{shown(child)}"
        case _:
            assert_never(node)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", "*"),
        (" \n\u3000", "*"),
        ("*", "*"),
        ("*:*", "*"),
        ("NOT *", "!*"),
        ("Timeout", "timeout"),
        ('"Connection  Timeout"', "connection_timeout"),
        ('"connection timeout"^2 x^0.5', "(connection_timeout | x)"),
        # Precedence.
        ("a b", "(a | b)"),
        ("a OR b AND c", "(a | (b & c))"),
        ("a AND b OR c", "((a & b) | c)"),
        ("a AND NOT b OR c", "((a & !b) | c)"),
        ("NOT a AND b", "(!a & b)"),
        ("a && b || !c", "((a & b) | !c)"),
        ("a AND (b OR c)", "(a & (b | c))"),
        ("a b AND c d", "(a | (b & c) | d)"),
        ("NOT NOT a", "a"),
        ("!(a b)^2", "!(a | b)"),
        ("((a)) OR ((b OR c))", "(a | b | c)"),
        ("and or not", "(and | or | not)"),
        # Marks, side by side.
        ("+a b -c", "(a & !c)"),
        ("a b -c", "((a | b) & !c)"),
        ("error NOT debug", "(error & !debug)"),
        ("-a", "!a"),
        ("-a -b", "(!a & !b)"),
        ("+a b AND c", "(a & b & c)"),
        ("+a (b c)", "a"),
        ("a OR -b", "(a | !b)"),
        ("a AND +b", "(a & b)"),
        ("+-a b", "(b & !a)"),
        ('-"a b" +(c d)', "((c | d) & !a_b)"),
        # Fields.
        ("level:error", "level=error"),
        ("service: payment", "service=payment"),
        ("service:Payment-api", "service=Payment-api"),
        ("level:(ERROR OR WARN)", "(level=ERROR | level=WARN)"),
        ("level:(ERROR service:x NOT WARN)", "((level=ERROR | service=x) & !level=WARN)"),
        ("message:(a b) message:c", "(a | b | c)"),
        ('message:"a b"', "a_b"),
        ("user_id:42", "metadata.user_id=42"),
        ("error:timeout", "metadata.error=timeout"),
        ("http.response.status:500", "metadata.http.response.status=500"),
        ('metadata.a.b:"x y"', "metadata.a.b=x y"),
        ("metadata.x-y:1", "metadata.x-y=1"),
        ("kubernetes.labels.app:web", "metadata.kubernetes.labels.app=web"),
        ("größe:1", "metadata.größe=1"),
        ("t:10:00:01", "metadata.t=10:00:01"),
        ("delta:-5", "metadata.delta=-5"),
        ("host:10.0.0.1:80 source:/var/log/x.log", "(host=10.0.0.1:80 | source=/var/log/x.log)"),
        ("source:C:\\logs\\x.log", "source=C:\\logs\\x.log"),
        ("tags:unparsed log_id:0f-01", "(tags=unparsed | log_id=0f-01)"),
        ("@x:1 host.name:a log.level:b service.name:c", "(metadata.@x=1 | host=a | level=b | service=c)"),
        ("metadata.trace_id:x trace.id:y", "(trace_id=x | trace_id=y)"),
        ("url:http://a/b?c=d", "metadata.url=http://a/b?c=d"),
        ('message:"---" AND host:"---"', "host=---"),
        # What people paste.
        ("10.0.3.17", "10_0_3_17"),
        ("10.0.3.17:8080", "10_0_3_17_8080"),
        ("fe80::1 ::1 [2001:db8::1]:443", "(fe80_1 | 1 | 2001_db8_1_443)"),
        ("aa:bb:cc:dd:ee:ff", "aa_bb_cc_dd_ee_ff"),
        ("http://a.b/c?d=e&f=g#h", "http_a_b_c_d_e_f_g_h"),
        ("/healthz?n=15456", "healthz_n_15456"),
        ("/var/log/x.log /api/v1/orders/ /", "(var_log_x_log | api_v1_orders)"),
        ("/api/", "api"),
        ("~/x.txt", "x_txt"),
        ("C:\\Windows\\x.dll C:/x \\\\server\\share\\", "(c_windows_x_dll | c_x | server_share)"),
        ('"C:\\Program Files\\x"', "c_program_files_x"),
        ("bob@example.com", "bob_example_com"),
        ("123e4567-e89b-12d3-a456-426614174000", "123e4567_e89b_12d3_a456_426614174000"),
        ("2026-11-22T10:00:00.000Z 10:00:01", "(2026_11_22t10_00_00_000z | 10_00_01)"),
        ("java.net.SocketTimeoutException", "java_net_sockettimeoutexception"),
        ("std::vector<int> Foo::Bar", "(std_vector_int | foo_bar)"),
        ("status=200 a,b:c", "(status_200 | a_b_c)"),
        ("src/main.py:42 localhost:80", "(src_main_py_42 | localhost_80)"),
        ("db-3.internal:5432", "(metadata.db-3.internal=5432 | db_3_internal_5432)"),
        ("Order.java:117", "(metadata.Order.java=117 | order_java_117)"),
        ("metadata.Order.java:117", "metadata.Order.java=117"),
        ('"Order.java:117"', "order_java_117"),
        ("--verbose ++i a - b -> c", "((verbose | i | a | b | c))".replace("((", "(").replace("))", ")")),
        ("a != b", "(a | b)"),
        ("[main] {x} a[0]", "(main | x | a_0)"),
        ("SELECT * FROM", "(select | * | from)"),
        ("it's 100% ok!", "(it_s | 100 | ok)"),
        ("日本語", "日_本_語"),
        # Escapes.
        ("foo\\:bar a\\ b", "(foo_bar | a_b)"),
        ("\\*\\? \\(x\\) \\-y", "(x | y)"),
        ("\\AND \\+x", "(and | x)"),
        ('"a \\"b\\" c"', "a_b_c"),
        ("my\\ field:1", "metadata.my field=1"),
        ("service:a\\*", "service=a*"),
        ("foo\\~2 x\\^2 \\/a.c/", "(foo_2 | x_2 | a_c)"),
        ("\\[a TO b\\]", "(a | to | b)"),
        # What has no word says nothing.
        ('a AND "--"', "a"),
        ('a NOT "--"', "a"),
        ('+"--" a', "a"),
        ('"--"', "nothing"),
        ("NOT -- OR ...", "nothing"),
    ],
)
def test_queries(query: str, expected: str) -> None:
    assert shown(parse(query)) == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("a b", "(a & b)"),
        ("a b OR c d", "((a & b) | (c & d))"),
        ("a -b +c", "(a & !b & c)"),
        ("a NOT b", "(a & !b)"),
        ("a (b OR c) level:(x y)", "(a & (b | c) & level=x & level=y)"),
        ("a - b", "(a & b)"),
    ],
)
def test_side_by_side_may_be_and(query: str, expected: str) -> None:
    assert shown(parse(query, default_operator="and")) == expected


@pytest.mark.parametrize(
    ("query", "column", "part"),
    [
        ('a "b c', 3, "a phrase isn't closed"),
        ('"a\\"', 1, "a phrase isn't closed"),
        ("a (b", 3, "a parenthesis isn't closed"),
        ("a) b", 2, "none opened"),
        ("a ()", 3, "an empty group"),
        ("(a AND)", 4, "nothing follows AND"),
        ("a OR", 3, "nothing follows OR"),
        ("a NOT ", 3, "nothing follows NOT"),
        ("AND a", 1, "can't begin with AND"),
        ("a AND OR b", 7, "can't begin with OR"),
        ("a level:", 3, "no value for the field level"),
        ("a AND level:)", 7, "no value for the field level"),
        ("level:AND", 1, "no value for the field level"),
        ("level : x", 7, "a colon that follows no name"),
        ("metadata.:x", 1, "names no field"),
        ("a..b:x", 1, "names no field"),
        ("metadata:x", 1, "names no field"),
        ("a.b.c.d.e.f.g.h.i:x", 1, "names no field"),
        ("a \ud800", 3, "half of a surrogate pair"),
        # The later issue's.
        ("a foo*", 6, "a wildcard is not supported yet"),
        ("te?t", 3, "a wildcard is not supported yet"),
        ("level:*", 7, "a wildcard is not supported yet"),
        ("level:(a *)", 10, "not supported yet"),
        ("a foo~", 6, "a fuzzy term (~) is not supported yet"),
        ("foo~1^2", 4, "a fuzzy term (~) is not supported yet"),
        ('"a b"~3', 6, "a phrase with a distance (~) is not supported yet"),
        ("x:[1 TO 5]", 3, "a range is not supported yet"),
        ('{"a b" TO *}', 1, "a range is not supported yet"),
        ("x:>=5", 3, "a comparison is not supported yet"),
        ("/fo+o/ a", 1, "a regular expression is not supported yet"),
        ("host:/a.b/", 6, "a regular expression is not supported yet"),
        ("_exists_:x", 1, "_exists_ is not supported yet"),
        ("message.raw:x", 1, "message.raw is not supported yet"),
        ("@timestamp:2026", 1, "in a query is not supported yet"),
    ],
)
def test_errors_name_the_column(query: str, column: int, part: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse(query)
    assert (caught.value.column, caught.value.where) == (column, f"q:{column}")
    assert part in str(caught.value)
    assert caught.value.expected


@pytest.mark.parametrize(
    "query",
    [
        *(
            "a " * 50_000,
            "(" * 10_000,
            "(" * 5_000 + "a" + ")" * 5_000,
            "a OR " * 6_000 + "a",
            '"' + "a " * 2_000 + '"',
        ),
        *("x:(" * 100 + "a" + ")" * 100, "x." * 10_000, "db-1:1" + ":1" * 10_000, "* " * 2_000),
    ],
)
def test_limits(query: str) -> None:
    with pytest.raises(QueryError):
        parse(query)


@pytest.mark.parametrize(
    "query",
    [
        *("!" * 30_000 + "a", "+-" * 15_000 + "a", "-" * 30_000, "[ " * 16_000, '"[" ' * 8_000, "~1" * 16_000),
        *("/a?b=" * 6_000, "\\" * 32_000, "x" * 32_000, "/" * 32_000, "^1" * 16_000, "/(" * 16_000, "a~." * 10_000),
        *("(" * MAX_DEPTH + "a" + ")" * MAX_DEPTH, " ".join(["a"] * MAX_WORDS), '"" ' * 10_000, "a:" * 16_000),
    ],
)
def test_no_query_takes_long(query: str) -> None:
    assert len(query) <= MAX_CHARACTERS
    start = time.process_time()
    try:
        parse(query)
    except QueryError:
        pass
    assert time.process_time() - start < 2


_SNIPPETS = st.sampled_from(
    [
        *"()[]{}\"'+-!&|^~*?:/\\<>= \n",
        "AND",
        "OR",
        "NOT",
        " TO ",
        "&&",
        "||",
        "a",
        "Foo",
        "level:",
        "x.y:",
        "\ud800",
        "1",
    ]
)


@given(st.text() | st.lists(_SNIPPETS, max_size=30).map("".join), st.sampled_from(["or", "and"]))
def test_any_text_is_a_tree_or_an_error_with_a_column_in_it(text: str, operator: Literal["or", "and"]) -> None:
    column = 0
    try:
        parse(text, operator)
    except QueryError as error:
        column = error.column
    assert column <= len(text)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _typed(node: Node) -> str:
    """A query that means the tree."""
    match node:
        case Everything():
            return "*"
        case Words(_, text, _):
            return f'"{_escaped(text)}"'
        case Equals(field, value):
            return f'{field}:"{_escaped(value)}"'
        case And(children):
            return f"({' AND '.join(map(_typed, children))})"
        case Or(children):
            return f"({' OR '.join(map(_typed, children))})"
        case Not(child):
            return f"NOT {_typed(child)}"
        case _:
            assert_never(node)


_TEXTS = st.text(st.characters(codec="utf-8"), max_size=10)
_LEAVES = st.one_of(
    st.builds(Everything),
    _TEXTS.filter(tokens).map(lambda text: Words(TEXT, text, tuple(tokens(text)))),
    st.builds(Equals, st.sampled_from([*KEYWORDS, "metadata.a", "metadata.a.b-c"]), _TEXTS),
)


def _several(kind: type[And] | type[Or], nodes: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    other = nodes.filter(lambda node: not isinstance(node, kind))
    return st.lists(other, min_size=2, max_size=3).map(lambda children: kind(tuple(children)))


_TREES: st.SearchStrategy[Node] = st.recursive(
    _LEAVES,
    lambda nodes: st.one_of(
        _several(And, nodes), _several(Or, nodes), nodes.filter(lambda node: not isinstance(node, Not)).map(Not)
    ),
    max_leaves=8,
)


@given(_TREES, st.sampled_from(["or", "and"]))
def test_a_tree_that_is_typed_out_is_parsed_to_the_same_tree(tree: Node, operator: Literal["or", "and"]) -> None:
    assert parse(_typed(tree), operator) == tree


def test_the_fields_are_the_record_s_columns() -> None:
    assert {TEXT, *KEYWORDS, *TIMES, "metadata"} == set(SCHEMA.names)
