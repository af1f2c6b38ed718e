"""The parser: a line a case."""

from __future__ import annotations

import time
from typing import assert_never

import pytest

from logd.errors import QueryError
from logd.query.fields import KEYWORDS, TEXT, TIMES
from logd.query.parse import MAX_CHARACTERS, MAX_DEPTH, MAX_WORDS, parse
from logd.query.tree import And, Equals, Everything, Exists, Fuzzy, Node, Not, Or, Range, Regex, Wildcard, Words
from logd.record import SCHEMA

#: 1970-01-02T00:00:01Z.
_NOW_US = 86_401_000_000


def shown(node: Node) -> str:
    """The tree in a line: words of a phrase joined by `_`, fields by `=`; patterns have their field before them, unless
    it is the message."""
    match node:
        case Wildcard(field, pattern):
            return f"{_of(field)}{pattern}"
        case Regex(field, pattern):
            return f"{_of(field)}/{pattern}/"
        case Fuzzy(field, word, edits):
            return f"{_of(field)}{word}~{edits}"
        case Range(field, low, high, low_included, high_included):
            bounds = " TO ".join("*" if bound is None else str(bound) for bound in (low, high))
            return f"{field}{'[' if low_included else '{'}{bounds}{']' if high_included else '}'}"
        case Exists(field):
            return f"{field}?"
        case Everything():
            return "*"
        case Words(_, _, words, slop):
            return ("_".join(words) or "nothing") + (f"~{slop}" if slop else "")
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


def _of(field: str) -> str:
    return "" if field == TEXT else f"{field}="


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
        # One that is no text is in the metadata.
        ("metadata.trace_id:x", "(trace_id=x | metadata.trace_id=x)"),
        ("trace.id:y AND NOT trace_id:z", "((trace_id=y | metadata.trace_id=y) & !(trace_id=z | metadata.trace_id=z))"),
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
        # Wildcards.
        ("request_id* *inside* wo?d", "(request_id* | *inside* | wo?d)"),
        ("10.0.3.* AND /api/*/items", "(10.0.3.* & /api/*/items)"),
        ("service:pay* host:ip-10-0-?-1 x:a*b", "(service=pay* | host=ip-10-0-?-1 | metadata.x=a*b)"),
        ("x:a\\*b* a\\**", "(metadata.x=a\\*b* | a\\**)"),
        ("level:(a *) AND x:* AND message:* AND host:**", "((level=a | level?) & metadata.x? & message? & host?)"),
        ("_exists_:x AND NOT _exists_:level AND _exists_:metadata.a.b", "(metadata.x? & !level? & metadata.a.b?)"),
        ("_exists_:timestamp _exists_:message.raw", "(timestamp? | message?)"),
        ("why? te*t^2 ??", "(why? | te*t | ??)"),
        ("http://a/b?c=d*", "http://a/b\\?c=d*"),
        # Fuzzy words, phrases with a distance.
        ("ab~ abc~ abcde~ abcdef~", "(ab | abc~1 | abcde~1 | abcdef~2)"),
        (
            "Foo~2 foo~0 foo~1^2 x:Foo~ service:payment~1",
            "(foo~2 | foo | foo~1 | metadata.x=Foo~1 | service=payment~1)",
        ),
        ('"a b"~3 "a b"~0 "a"~2 "a b c"~1^2', "(a_b~3 | a_b | a | a_b_c~1)"),
        # Regular expressions.
        ("/fo+/ a", "(/fo+/ | a)"),
        (
            "host:/a.b/ url:/a b\\/c+/^2 (path:/[a-z]+/)",
            "(host=/a.b/ | metadata.url=/a b\\/c+/ | metadata.path=/[a-z]+/)",
        ),
        ("message.raw:/took [0-9]+ ms/", "message.raw=/took [0-9]+ ms/"),
        ("message.raw:(/a b/ AND NOT /c/)", "(message.raw=/a b/ & !message.raw=/c/)"),
        ('message.raw:"a-b" message.raw:x', "(message.raw=/a\\-b/ | message.raw=/x/)"),
        ("source:/tmp/ source:/var/log/.*", "(source=/tmp/ | source=/var/log/.*)"),
        # Ranges.
        (
            "x:[1 TO 5] x:{1 TO 5] x:[a TO *} x:{* TO b}",
            "(metadata.x[1 TO 5] | metadata.x{1 TO 5] | metadata.x[a TO *} | metadata.x{* TO b})",
        ),
        ('x:["a b" TO "c d"]^2 x:[* TO *]', "(metadata.x[a b TO c d] | metadata.x?)"),
        (
            'x:>5 x:>=5 x:<5 x:<=-5.5 x:> 5 x:>"a b"',
            "(metadata.x{5 TO *} | metadata.x[5 TO *} | metadata.x{* TO 5} | metadata.x{* TO -5.5] | "
            "metadata.x{5 TO *} | metadata.x{a b TO *})",
        ),
        ("x:(>=1 AND <2) level:>=warn", "((metadata.x[1 TO *} & metadata.x{* TO 2}) | level[warn TO *})"),
        ("host:[10.0.0.1 TO 10.0.0.9]", "host[10.0.0.1 TO 10.0.0.9]"),
        ("message:(a -> b) x > 5", "(a | b | x | 5)"),
        ("timestamp:1970-01-01", "timestamp[0 TO 86399999999]"),
        ("@timestamp:[1970-01-01 TO 1970-01-01]", "timestamp[0 TO 86399999999]"),
        ("timestamp:{1970-01-01 TO 1970-01-02}", "timestamp{86399999999 TO 86400000000}"),
        (
            "timestamp:>=1970-01-01T00:00:01 ingested_at:<1970-02",
            "(timestamp[1000000 TO *} | ingested_at{* TO 2678400000000})",
        ),
        (
            "timestamp:[now-1s TO now] timestamp:>now/d",
            "(timestamp[86400000000 TO 86401000000] | timestamp{172799999999 TO *})",
        ),
        (
            "timestamp:<=1970-01-01||+1d/d timestamp:<-1s",
            "(timestamp{* TO 172799999999] | timestamp{* TO 86400000000})",
        ),
        ("timestamp:1970-01-01T00:00:01.5Z", "timestamp[1500000 TO 1500000]"),
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
    assert shown(parse(query, now_us=_NOW_US)) == expected


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
        # Patterns.
        ("a foo~3", 6, "~3 asks for no number of edits"),
        ("foo~0.8", 4, "~0.8 asks for no number of edits"),
        ("foo*~", 5, "a pattern with wildcards is fuzzy"),
        ("a foo-bar~", 3, "a fuzzy term has 2 words"),
        ('a "b c"~', 8, "~ is no distance"),
        ('"a b"~1.5', 6, "~1.5 is no distance"),
        ('host:"a b"~2', 6, "host has no words"),
        ('"a b"~101', 1, "~101 is too far"),
        (f'"{"a " * 33}"~2', 1, "a phrase with a distance has 33 words"),
        ("?" * 101, 1, "a pattern has 101 wildcards"),
        ("http.*:500", 1, "a field's name has wildcards"),
        ("_exists_:a*", 1, "_exists_ asks for no field"),
        ("_exists_:(a b)", 1, "_exists_ asks for no field"),
        ("_exists_:a..b", 10, "names no field"),
        ("message.raw:a*", 13, "message.raw takes no wildcards"),
        ("message.raw:a~", 13, "message.raw takes no fuzzy words"),
        ("message.raw:/a/b/", 13, "doesn't end where the value does"),
        ("timestamp:2026*", 11, "timestamp takes no wildcards"),
        ("timestamp:/2026.*/", 11, "timestamp takes no regular expressions"),
        # Ranges.
        ("[a TO b]", 1, "message has no order"),
        ("a message:>5", 11, "message has no order"),
        ("x:[a TO ", 3, "a range isn't complete"),
        ("x:[a TO b", 3, "a range isn't complete"),
        ("x:>", 3, "nothing is compared with"),
        ("x:>= AND a:>*", 12, "nothing is compared with"),
        ("level:[loud TO *]", 7, "'loud' is no level"),
        ("timestamp:[yesterday TO now]", 11, "'yesterday' is no time"),
        ("@timestamp:2026-13", 12, "'2026-13' is no time"),
        ("timestamp:now-1q", 11, "'now-1q' is no time"),
        ("timestamp:0001||-1d", 11, "is no time"),
        # Regular expressions: what backtracking alone can do, what is too large, what is no expression.
        ("/fo(o/", 4, "a parenthesis isn't closed"),
        ("xyz:/fo)+/", 8, "closed that none opened"),
        ("a /[a/", 4, "a set of characters isn't closed"),
        ("/+a/", 2, "there is nothing to repeat"),
        ("xyz:/a**/", 8, "what is repeated is repeated again"),
        ("xyz:/a{1000}{1000}/", 13, "what is repeated is repeated again"),
        ("xyz:/(a{100}){100}/", 14, "repetitions make too much"),
        ("xyz:/a{1001}/", 7, "is no repetition"),
        ("xyz:/a{3,2}/", 7, "is no repetition"),
        ("xyz:/(a{50}b){21}/", 14, "repetitions make too much"),
        ("/.{101}/", 3, "repetitions make too much"),
        ("message.raw:/(?=a)/", 14, "looking around"),
        ("message.raw:/(?<!a)b/", 14, "looking around"),
        ("message.raw:/(?>a)/", 14, "looking around"),
        ("message.raw:/(a)\\1/", 17, "refers back to a group"),
        ("message.raw:/\\pL/", 14, "means nothing"),
        ("message.raw:/[b-a]/", 16, "backwards"),
        ("message.raw:/[[:foo:]]/", 15, "a named set isn't known"),
        ("message.raw:/\\x4/", 14, "a character's number"),
        ("/foo-[0-9]+/", 5, "- is in no word"),
        ("/a\\s?/", 3, "is in no word"),
        ("/a\\b.?/", 3, "a place in the text"),
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
        *(
            "[a TO " * 5_000,
            '["a' * 10_000,
            "x:/(" * 8_000,
            "x:/a" * 8_000,
            "message.raw:/" + "(a" * 16_000,
            "*a" * 16_000,
        ),
        *("xy:/" + "a?" * 900 + "/", "/" + "[^a" * 8_000 + "]/", "x:>" * 10_000, "a*~" * 10_000, "x:[1 TO 2] " * 2_900),
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


def test_the_fields_are_the_record_s_columns() -> None:
    assert {TEXT, *KEYWORDS, *TIMES, "metadata"} == set(SCHEMA.names)


def test_a_deep_path_counts_as_the_many_spellings_that_it_has() -> None:
    shallow, deep = (" ".join(f"{path}.k{number}:1" for number in range(100)) for path in ("a.b", "a.b.c.d.e.f.g"))
    parse(shallow)
    with pytest.raises(QueryError, match="more than 1024 words and values"):
        parse(deep)
