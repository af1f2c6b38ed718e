"""Grok patterns into RE2's: what they become, what they capture, what is refused; and any pieces, by Hypothesis."""

from __future__ import annotations

import re

import pytest
import re2
from hypothesis import given, settings
from hypothesis import strategies as st

from logd.errors import ConfigError
from logd.parse.grok import Field, Grok, compile_grok
from logd.parse.grok_patterns import PATTERNS


def found(pattern: str, text: str, custom: dict[str, str] | None = None) -> dict[str, str] | None:
    """The fields of the first match, those that aren't empty; None where there is none."""
    grok = compile_grok(pattern, custom or {})
    match = re2.search(grok.regex, text)
    if match is None:
        return None
    texts = {field.name: next((match[group] for group in field.groups if match[group]), "") for field in grok.fields}
    return {name: value for name, value in texts.items() if value}


@pytest.mark.parametrize(
    ("pattern", "fields"),
    [
        ("%{INT}", ()),
        ("(a)(?:b)", ()),
        ("%{INT:a}", (Field("a", "text", ("g0",)),)),
        ("%{INT:a:int}", (Field("a", "int", ("g0",)),)),
        ("%{INT:a:long} %{INT:b:integer}", (Field("a", "int", ("g0",)), Field("b", "int", ("g1",)))),
        ("%{NUMBER:a:float} %{NUMBER:b:double}", (Field("a", "float", ("g0",)), Field("b", "float", ("g1",)))),
        ("%{WORD:a:boolean} %{WORD:b:bool}", (Field("a", "bool", ("g0",)), Field("b", "bool", ("g1",)))),
        ("%{WORD:a:string} %{WORD:b:text}", (Field("a", "text", ("g0",)), Field("b", "text", ("g1",)))),
        ("%{IP:source.ip}", (Field("source.ip", "text", ("g0",)),)),
        ("%{IP:[source][ip]}", (Field("source.ip", "text", ("g0",)),)),
        ("%{IP:[ip]}", (Field("ip", "text", ("g0",)),)),
        ("%{INT:[a][b]:int}", (Field("a.b", "int", ("g0",)),)),
        ("%{INT:@x-1_}", (Field("@x-1_", "text", ("g0",)),)),
        ("(?<a>x)(?P<b>y)(?'c'z)", tuple(Field(name, "text", (f"g{at}",)) for at, name in enumerate("abc"))),
        ("(?<[a][b]>x)", (Field("a.b", "text", ("g0",)),)),
        ("(?<a>x(?<b>y))", (Field("a", "text", ("g0",)), Field("b", "text", ("g1",)))),
        # the same name twice
        ("%{INT:a}|%{WORD:a}", (Field("a", "text", ("g0", "g1")),)),
        ("%{INT:a:int}|(?<a>x)|%{INT:[a]:long}", (Field("a", "int", ("g0", "g1", "g2")),)),
        # of patterns in patterns
        (
            "%{SYSLOGPROG:p}",
            (
                Field("p", "text", ("g0",)),
                Field("process.name", "text", ("g1",)),
                Field("process.pid", "int", ("g2",)),
            ),
        ),
    ],
)
def test_fields(pattern: str, fields: tuple[Field, ...]) -> None:
    grok = compile_grok(pattern, {})
    assert grok.fields == fields
    assert sorted(re2.compile(grok.regex).groupindex) == sorted(group for field in fields for group in field.groups)
    assert re2.compile(grok.regex).groups == sum(len(field.groups) for field in fields)


@pytest.mark.parametrize(
    ("pattern", "regex"),
    [
        ("", ""),
        ("a.b", "a.b"),
        ("%{INT}", r"(?:[+-]?\d+)"),
        ("%{INT:a}x", r"(?P<g0>[+-]?\d+)x"),
        ("%{INT}{2}", r"(?:[+-]?\d+){2}"),
        ("(a|b)", "(?:a|b)"),
        ("^a$", "^a(?m:$)"),
        ("a|^b", "a|(?m:^)b"),
        ("(?m)a.b", "(?s)a.b"),
        ("(?i-m:a)", "(?i-s:a)"),
        (r"\h\H\Z", r"[0-9A-Fa-f][^0-9A-Fa-f](?:\n?\z)"),
        (r"[\h_\]\\h]", r"[0-9A-Fa-f_\]\\h]"),
        ("[()$^|%{]", "[()$^|%{]"),
        ("[]a][^]a][[:alpha:]-]", "[]a][^]a][[:alpha:]-]"),
        (r"\(\[\^\$", r"\(\[\^\$"),
        ("a{,3}b{2,}c{1}", "a{0,3}b{2,}c{1}"),
        (r"\x{41}\pL\p{Greek}\d", r"\x{41}\pL\p{Greek}\d"),
        # what is no reference
        (r"\%{INT}", r"\%{INT}"),
        (r"%\{INT}", r"%\{INT}"),
        ("%%{INT}", r"%(?:[+-]?\d+)"),
        ("100%", "100%"),
    ],
)
def test_translation(pattern: str, regex: str) -> None:
    assert compile_grok(pattern, {}).regex == regex


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("^(?<a>.*)$", "one\ntwo", {"a": "one"}),
        ("(?<a>\\w+)$", "one\ntwo", {"a": "one"}),
        ("x|^(?<a>t.*)", "one\ntwo", {"a": "two"}),
        ("^(?<a>t.*)", "one\ntwo", None),
        ("(?m)^(?<a>o.*)t", "one\ntwo", {"a": "one\n"}),
        ("%{GREEDYDATA:a}", "one\ntwo", {"a": "one"}),
        (r"(?<a>\h+)\Z", "x1f\n", {"a": "1f"}),
        ("(?<a>x)?%{INT:a}", "x7", {"a": "x"}),
        ("(?<a>x)?%{INT:a}", "7", {"a": "7"}),
        ("%%{WORD:a}", "50%b", {"a": "b"}),
        ("%{PORT:p:int}", "port 80", {"p": "80"}),
        ("%{NAME}", "name=bob port 80", {"name": "bob", "p": "80"}),
        # a custom pattern counts before the library's, also in the library's
        ("%{INT:a}", "5 x", {"a": "x"}),
        ("%{HOSTPORT:a}", "10.0.0.1:80 h:y", {"a": "10.0.0.1:80"}),
        ("%{NUMBER:a}", "12", {"a": "2"}),
    ],
)
def test_matches(pattern: str, text: str, expected: dict[str, str] | None) -> None:
    custom = {"PORT": r"\d{2,5}", "NAME": "name=(?<name>\\w+) port %{PORT:p}", "INT": "[x7]"}
    if pattern == "%{NUMBER:a}":
        custom["BASE10NUM"] = "2"  # the library's may not follow a digit
    assert found(pattern, text, custom) == expected


def test_the_end_of_the_beginning() -> None:
    grok = compile_grok("a|%{INT:x}", {})
    assert re2.search(grok.at_start, "7a")["g0"] == "7"
    assert re2.search(grok.at_start, "x7") is None


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("%{NUMBR:x}", "grok: there is no pattern NUMBR, did you mean NUMBER?"),
        ("%{number}", "grok: there is no pattern number, did you mean NUMBER?"),
        ("%{XQZW}", "grok: there is no pattern XQZW"),
        ("%{MINE2}", "grok: there is no pattern MINE2, did you mean MINE?"),
        ("%{ITSELF}", "grok: in %{ITSELF}: the pattern ITSELF contains itself"),
        ("%{ROUND:x}", "grok: in %{ABOUT}, in %{ROUND}: the pattern ROUND contains itself"),
        ("%{INT:x:date}", "grok: 'date' is no type of a field: int, long, float, double, boolean and string are"),
        ("%{INT:x:int} %{INT:x:float}", "grok: the field x is both int and float"),
        ("%{INT:a..b}", "grok: 'a..b' can't be a field's name: it is written a.b or [a][b]"),
        ("%{INT:[a]b}", "grok: '[a]b' can't be a field's name: it is written a.b or [a][b]"),
        ("(?<a b>x)", "grok: 'a b' can't be a field's name: it is written a.b or [a][b]"),
        ("(?<>x)", "grok: '' can't be a field's name: it is written a.b or [a][b]"),
        ("%{", "grok: '%{' begins no reference: %{NAME:field:type} is one, %\\{ is the text itself"),
        ("%{a b}", "grok: '%{' begins no reference: %{NAME:field:type} is one, %\\{ is the text itself"),
        ("%{INT=x}", "grok: '%{' begins no reference: %{NAME:field:type} is one, %\\{ is the text itself"),
        ("[%{INT}]", "grok: a reference in a class of characters, [%{INT}]"),
        ("[a[b]]", "grok: a class of characters in another, [a[b]: a bracket in one is written \\["),
        ("[a&&b]", "grok: a class of characters in another, [a&&b]: a bracket in one is written \\["),
        ("a(?=b)", "grok: a lookaround can't be matched in linear time, RE2 says: invalid perl operator: (?="),
        ("a(?!b)", "grok: a lookaround can't be matched in linear time, RE2 says: invalid perl operator: (?!"),
        ("(?<=a)b", "grok: a lookaround can't be matched in linear time, RE2 says: invalid perl operator: (?<="),
        ("(?<!a)b", "grok: a lookaround can't be matched in linear time, RE2 says: invalid perl operator: (?<!"),
        (
            "%{DEEP}",
            "grok: in %{AHEAD}, in %{DEEP}: a lookaround can't be matched in linear time, RE2 says: "
            "invalid perl operator: (?=",
        ),
        (
            "(?>a)",
            "grok: an atomic group can't be matched in linear time, (?:…) matches at least the same, RE2 says: "
            "invalid perl operator: (?>",
        ),
        (
            "a++",
            "grok: a possessive quantifier can't be matched in linear time, one without + matches at least the same, "
            "RE2 says: bad repetition operator: ++",
        ),
        ("(a)\\1", "grok: a backreference can't be matched in linear time, RE2 says: invalid escape sequence: \\1"),
        ("\\k<a>", "grok: a backreference can't be matched in linear time, RE2 says: invalid escape sequence: \\k"),
        ("(?P=a)", "grok: a backreference can't be matched in linear time, RE2 says: invalid perl operator: (?P"),
        ("(?x) a", "grok: it can't be read, RE2 says: invalid perl operator: (?x"),
        ("(a", "grok: it can't be read, RE2 says: missing ): (?:a"),
        ("a)", "grok: it can't be read, RE2 says: unexpected ): a)"),
        ("x[a", "grok: a class of characters without its end: [a"),
        ("[" * 90_000, "grok: a class of characters without its end: " + "[" * 80),
        ("a{2}{3}", "grok: it can't be read, RE2 says: bad repetition operator: {2}{3}"),
        ("%{APART}", "grok: in %{APART}: it can't be read, RE2 says: unexpected ): a)(?:b"),
        ("\\Qa", "grok: \\Q has no meaning that is Ruby's and RE2's"),
        ("a\\C", "grok: \\C has no meaning that is Ruby's and RE2's"),
        ("\\", "grok: it can't be read, RE2 says: trailing \\"),
        ("a{1001}", "grok: it takes too much memory, RE2 says: invalid repetition size: {1001}"),
        (r"\pL{1000}" * 9, "grok: it takes too much memory, RE2 says: pattern too large - compile failed"),
        ("%{BIG}", "grok: in %{BIGGER}, in %{BIG}: the pattern has more than 100000 characters"),
        ("x" * 100_001, "grok: the pattern has more than 100000 characters"),
        ("%{C0}", "grok: in %{C0}: patterns in patterns, more than 50 deep"),
        ("\ud800", "grok: the pattern isn't valid Unicode"),
    ],
)
def test_refusals(pattern: str, reason: str) -> None:
    custom = {
        "MINE": "x",
        "ITSELF": "%{ITSELF}",
        "ROUND": "%{ABOUT}",
        "ABOUT": "%{ROUND}",
        "AHEAD": "x(?=y)",
        "DEEP": "%{AHEAD}",
        "APART": "a)(b",
        "BIG": "%{BIGGER}" * 1000,
        "BIGGER": "x" * 100,
        **{f"C{depth}": f"%{{C{depth + 1}}}" for depth in range(1000)},
    }
    with pytest.raises(ConfigError) as raised:
        compile_grok(pattern, custom)
    assert str(raised.value) == reason


def test_a_custom_name() -> None:
    with pytest.raises(
        ConfigError, match=r"^grok: 'MY-NAME' can't be a pattern's name: letters, digits and underscores can$"
    ):
        compile_grok("a", {"MY-NAME": "x"})


def test_definitions_that_double_themselves() -> None:
    custom = {f"D{depth}": f"%{{D{depth + 1}}}%{{D{depth + 1}}}" for depth in range(40)} | {"D40": ""}
    with pytest.raises(ConfigError, match="more than 100000 characters"):
        compile_grok("%{D0}", custom)


_TOKENS = r"""
( ) (?: (?<a> (?P<b> (?'c' (?i) (?m) (?i: (?= (?! (?<= (?<! (?> (?# (?P= (?P> (?( (? |
. .* .+? * + ? ?? ++ *+ {2} {,3} {1,} {3,1} {1001} ^ $
\ \d \h \H \Z \z \A \b \B \G \K \R \X \Q \E \C \1 \k<a> \g<a> \pL \p{Greek} \p{x \x{41} \x4 \[ \]
[ ] [^ [a-z] [z-a] [[:alpha:]] [[:x:]] [\h] [\H] [\d-z] [] [^] ]a] && % %% %{ } { < > ' a é - , \%{INT} #
"""
_NAMES = st.sampled_from([*PATTERNS, "A", "B", "C", "NO", "A"])
_PIECES = st.one_of(
    st.builds("%{{{}}}".format, _NAMES),
    st.builds(
        "%{{{}:{}{}}}".format,
        _NAMES,
        st.sampled_from(["a", "b.c", "[d][e]", "[", "é"]),
        st.sampled_from(["", ":int", ":x"]),
    ),
    st.sampled_from(_TOKENS.split()),
    st.sampled_from([" ", "\n", "\0", "\ud800", "\U0001f600"]),
    st.text(max_size=3),
)
_PATTERNS = st.lists(_PIECES, max_size=12).map("".join)


@settings(max_examples=200, deadline=None)
@given(
    _PATTERNS, st.dictionaries(st.sampled_from(["A", "B", "C", "INT", "BASE10NUM"]), _PATTERNS, max_size=3), st.text()
)
def test_any_pattern_is_re2s_or_refused(pattern: str, custom: dict[str, str], text: str) -> None:
    try:
        grok = compile_grok(pattern, custom)
    except ConfigError as refusal:
        reason = str(refusal)
    else:
        reason = ""
    if reason:
        assert re.fullmatch(r"grok: \S.*", reason, re.DOTALL)
        return
    compiled = re2.compile(grok.regex)
    groups = [group for field in grok.fields for group in field.groups]
    assert dict(compiled.groupindex) == {group: place for place, group in enumerate(sorted(groups, key=_number), 1)}
    assert compiled.groups == len(groups)
    assert len({field.name for field in grok.fields}) == len(grok.fields)
    text = text.encode("utf-8", "replace").decode()
    first = re2.search(grok.at_start, text)
    if first is not None:
        again = compiled.search(text)
        assert (again.span(), again.groups()) == (first.span(), first.groups())


def _number(group: str) -> int:
    return int(group.removeprefix("g"))


def test_a_pattern_costs_little() -> None:
    """Twenty fields are a program that RE2 keeps in its budget, and a text that any line of log can have."""
    grok: Grok = compile_grok(
        " ".join(f"%{{IPORHOST:host{at}}} %{{TIMESTAMP_ISO8601:time{at}}}" for at in range(10)), {}
    )
    line = " ".join(["10.0.0.1 2024-11-22T10:00:00.123Z"] * 10)
    assert re2.fullmatch(grok.regex, line)
    assert len(grok.fields) == 20
