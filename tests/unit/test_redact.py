"""Redaction by rules: whose records, which fields, what comes in place of a value, what stays as it is, and counts."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

import pyarrow as pa
import pytest

from logd.enrich.redact import Action, Redactor, RedactRule
from logd.record import SCHEMA
from tests.support.naive_redact import Row, table_of

KEY = b"sixteen bytes or more"
CARD = "4111111111111111"


def redact(rows: Sequence[Row], *rules: RedactRule, key: bytes = KEY) -> tuple[list[Row], dict[str, int]]:
    redacted = Redactor(rules or [RedactRule()], key).redact(table_of(rows))
    assert redacted.table.schema == SCHEMA
    redacted.table.validate(full=True)
    return redacted.table.to_pylist(), dict(redacted.counts)


def message_of(text: str, *rules: RedactRule, key: bytes = KEY) -> str:
    (row,), _ = redact([{"message": text}], *rules, key=key)
    message: str = row["message"]
    return message


def metadata_of(text: str, *rules: RedactRule) -> str:
    (row,), _ = redact([{"metadata": text}], *rules)
    metadata: str = row["metadata"]
    return metadata


class TestMetadata:
    @pytest.mark.parametrize(
        ("metadata", "expected"),
        [
            # Everything else is the same bytes: numbers, white space, escapes, doubled keys.
            ('{"a":1.50,"b":"x@y.de","c":-0.0,"d":1E5}', '{"a":1.50,"b":"[REDACTED:email]","c":-0.0,"d":1E5}'),
            (
                '{ "a" : "x@y.de" ,\t"b": [ 1, "\\u00e9\\/" ] }',
                '{ "a" : "[REDACTED:email]" ,\t"b": [ 1, "\\u00e9\\/" ] }',
            ),
            ('{"a":"x@y.de","a":"z"}', '{"a":"[REDACTED:email]","a":"z"}'),
            ('{"a":"\\ud800","b":"x@y.de"}', '{"a":"\\ud800","b":"[REDACTED:email]"}'),
            # Numbers become strings, also in lists; what only has such digits doesn't.
            (f'{{"a":{CARD}}}', '{"a":"[REDACTED:credit_card]"}'),
            (f'{{"a":[1,{CARD},{{"b":{CARD}}}]}}', '{"a":[1,"[REDACTED:credit_card]",{"b":"[REDACTED:credit_card]"}]}'),
            (f'{{"a":0.{CARD},"b":-{CARD},"c":{CARD}00000}}', None),
            # Keys stay, whatever is in them.
            (f'{{"x@y.de":1,"{CARD}":{{"10.0.0.1":"a"}}}}', None),
            ('{"x@y.de":"x@y.de"}', '{"x@y.de":"[REDACTED:email]"}'),
            # Behind, before and within escapes.
            ('{"a":"\\nx@y.de\\t10.0.0.1\\""}', '{"a":"\\n[REDACTED:email]\\t[REDACTED:ipv4]\\""}'),
            ('{"a":"x\\u0040y.de"}', '{"a":"[REDACTED:email]"}'),
            ('{"a":"\\\\","b":"x@y.de"}', '{"a":"\\\\","b":"[REDACTED:email]"}'),
            (
                '{"a":"\\\\\\"x@y.de","b\\"":"x@y.de\\u0000"}',
                '{"a":"\\\\\\"[REDACTED:email]","b\\"":"[REDACTED:email]\\u0000"}',
            ),
            ('{"a":"\\ud800 x@y.de","b":"\\n"}', '{"a":"\ufffd [REDACTED:email]","b":"\\n"}'),
            ('{"a":"\\ud83d\\ude00 x@y.de"}', '{"a":"😀 [REDACTED:email]"}'),
            # Nothing there, nothing found, no value over several.
            ("{}", None),
            ('{"a":"","b":null,"c":true,"d":[],"e":{}}', None),
            ('{"a":"4111","b":"1111","c":"1111","d":"1111"}', None),
            ('{"a":"x@","b":"y.de"}', None),
            # No JSON: hidden as text.
            ('x@y.de "', '[REDACTED:email] "'),
            ('{"a":"x@y.de', '{"a":"[REDACTED:email]'),
        ],
    )
    def test_values(self, metadata: str, expected: str | None) -> None:
        assert metadata_of(metadata) == (metadata if expected is None else expected)
        # What stands beside it in the column changes nothing.
        rows, _ = redact([{"metadata": text} for text in ('{"q":"\\"10.0.0.1"}', metadata, None, metadata, '{"a":1}')])
        expected = metadata if expected is None else expected
        assert [row["metadata"] for row in rows] == ['{"q":"\\"[REDACTED:ipv4]"}', expected, None, expected, '{"a":1}']

    @pytest.mark.parametrize("pattern", ["^[a-z]+$", r"\A[a-z]+\z", "(?m)^[a-z]+$", "^[^ ]+$", "[^x]y$"])
    def test_own_patterns_with_anchors(self, pattern: str) -> None:
        rule = RedactRule(detectors=[], patterns={"own": pattern})
        assert metadata_of('{"a":"zy","b":"x y z"}', rule) == '{"a":"[REDACTED:own]","b":"x y z"}'

    def test_own_patterns_see_each_value_alone(self) -> None:
        rule = RedactRule(detectors=[], patterns={"own": "^[a-z]+$|[0-9]+.*"})
        assert metadata_of('{"a":"xy","b":"x y","c":"z 1 ,","d":12,"e":true}', rule) == (
            '{"a":"[REDACTED:own]","b":"x y","c":"z [REDACTED:own]","d":"[REDACTED:own]","e":true}'
        )


class TestRules:
    @pytest.mark.parametrize(
        ("globs", "expected"),
        [
            (["*"], [1, 1, 1, 1]),
            (["pay*"], [1, 0, 0, 0]),
            (["pay*", "c?rt"], [1, 1, 0, 0]),
            (["[!p]*"], [0, 1, 1, 0]),
            (["PAYMENT"], [0, 0, 0, 0]),
            ([], [0, 0, 0, 0]),
        ],
    )
    def test_services(self, globs: list[str], expected: list[int]) -> None:
        services = ["payment", "cart", "Pay", None]
        rows, counts = redact(
            [{"service": name, "message": "x@y.de", "metadata": '{"a":"x@y.de"}'} for name in services],
            RedactRule(services=globs),
        )
        assert ["REDACTED" in row["message"] for row in rows] == [bool(one) for one in expected]
        assert ["REDACTED" in row["metadata"] for row in rows] == [bool(one) for one in expected]
        assert counts == ({"email": 2 * sum(expected)} if sum(expected) else {})

    @pytest.mark.parametrize(
        ("fields", "expected"),
        [
            (["message"], ("M", "a@b.de", "a@b.de", "a@b.de")),
            (["metadata"], ("a@b.de", "M", "M", "M")),
            (["metadata.x"], ("a@b.de", "M", "a@b.de", "a@b.de")),
            (["metadata.y"], ("a@b.de", "a@b.de", "M", "a@b.de")),
            (["metadata.x", "message"], ("M", "M", "a@b.de", "a@b.de")),
            (["metadata.x", "metadata"], ("a@b.de", "M", "M", "M")),
            (["metadata.z"], ("a@b.de", "a@b.de", "a@b.de", "M")),
            (["metadata.deep"], ("a@b.de", "a@b.de", "a@b.de", "a@b.de")),
        ],
    )
    def test_fields(self, fields: list[str], expected: Sequence[str]) -> None:
        metadata = {"x": "a@b.de", "y": {"x": 1, "deep": [{"z": 1}, "a@b.de"]}, "z": ["a@b.de"]}
        rule = RedactRule(fields=fields)
        (row,), _ = redact([{"message": "a@b.de", "metadata": json.dumps(metadata)}], rule)
        after = json.loads(row["metadata"])
        seen = (row["message"], after["x"], after["y"]["deep"][1], after["z"][0])
        assert seen == tuple("[REDACTED:email]" if value == "M" else value for value in expected)

    def test_detectors(self) -> None:
        rule = RedactRule(detectors=["ipv4"])
        assert message_of(f"x@y.de 10.0.0.1 {CARD}", rule) == f"x@y.de [REDACTED:ipv4] {CARD}"

    def test_own_patterns(self) -> None:
        rule = RedactRule(detectors=["email"], patterns={"customer": r"\bC-[0-9]{4}\b", "any_case": "(?i)geheim"})
        assert message_of("C-1234 C-12345 x@y.de GEHEIM", rule) == (
            "[REDACTED:customer] C-12345 [REDACTED:email] [REDACTED:any_case]"
        )

    def test_own_patterns_leave_marks_alone(self) -> None:
        rule = RedactRule(patterns={"hex": "[0-9a-f]{4,}", "word": "REDACTED|email"})
        assert message_of("x@y.de dead beef", rule) == "[REDACTED:email] [REDACTED:hex] [REDACTED:hex]"

    def test_overlapping_places_are_one(self) -> None:
        rule = RedactRule(patterns={"user": r"user=\S+", "pair": "de 10"})
        assert message_of("user=x@y.de", rule) == "[REDACTED:user]"
        assert redact([{"message": "x@y.de 10.0.0.1"}], rule)[0][0]["message"] == "[REDACTED:ipv4]"
        assert redact([{"message": "x@y.de 10.0.0.1"}], rule)[1] == {"ipv4": 1}
        assert message_of("::ffff:10.0.0.1") == "[REDACTED:ipv6]"

    def test_rules_run_in_order(self) -> None:
        first = RedactRule(services=["p*"], detectors=["email"], action=Action.HASH)
        rows, counts = redact([{"service": name, "message": "x@y.de 10.0.0.1"} for name in "ps"], first, RedactRule())
        assert re.fullmatch(r"\[email:[0-9a-f]{16}\] \[REDACTED:ipv4\]", rows[0]["message"])
        assert rows[1]["message"] == "[REDACTED:email] [REDACTED:ipv4]"
        assert counts == {"email": 2, "ipv4": 2}

    def test_what_ends_at_a_replaced_value_is_found_too(self) -> None:
        assert message_of("10.0.0.1-123-45-6789") == "[REDACTED:ipv4]-[REDACTED:ssn]"

    @pytest.mark.parametrize(
        ("rule", "key", "reason"),
        [
            (
                RedactRule(detectors=["mail"]),
                KEY,
                "detector 'mail', expected one of credit_card, email, ipv4, ipv6, jwt, ",
            ),
            (RedactRule(fields=["host"]), KEY, "field 'host', expected message, metadata or metadata.NAME"),
            (RedactRule(fields=["metadata."]), KEY, "field 'metadata.', expected message, metadata or metadata.NAME"),
            (RedactRule(patterns={"x": "(?=a)"}), KEY, "pattern x is '(?=a)', which RE2 can't express: "),
            (RedactRule(action=Action.HASH), b"short", "key of 5 bytes, expected 16 or more"),
            (RedactRule(patterns={"x": r"x\pL{300}", "y": r"y\pL{300}"}), KEY, "patterns of "),
        ],
    )
    def test_refused(self, rule: RedactRule, key: bytes, reason: str) -> None:
        with pytest.raises(ValueError, match=f"^{re.escape(reason)}"):
            Redactor([rule], key)


class TestHashes:
    HASH = RedactRule(action=Action.HASH)

    def test_equal_values_are_equal_and_others_not(self) -> None:
        rows, _ = redact([{"message": "x@y.de"}, {"metadata": '{"a":"b x@y.de"}'}, {"message": "z@y.de"}], self.HASH)
        mark = rows[0]["message"]
        assert re.fullmatch(r"\[email:[0-9a-f]{16}\]", mark)
        assert rows[1]["metadata"] == f'{{"a":"b {mark}"}}'
        assert rows[2]["message"] not in ("z@y.de", mark)

    @pytest.mark.parametrize(
        "ways",
        [
            (CARD, "4111 1111 1111 1111", "4111-1111-1111-1111"),
            ("DE89370400440532013000", "DE89 3704 0044 0532 0130 00"),
            ("x@y.de", "X@Y.de"),
            ("10.0.0.1", "010.000.000.001"),
            ("2001:db8::1", "2001:DB8:0:0:0:0:0:1"),
        ],
    )
    def test_one_value_written_in_several_ways(self, ways: Sequence[str]) -> None:
        assert len({message_of(way, self.HASH) for way in ways}) == 1

    def test_keys(self) -> None:
        keys = [KEY, KEY + b"x", KEY * 9, KEY * 9 + b"x"]
        marks = [message_of("x@y.de", self.HASH, key=key) for key in keys]
        assert len(set(marks)) == 4
        assert marks == [message_of("x@y.de", self.HASH, key=key) for key in keys]

    def test_a_hash_is_no_card(self) -> None:
        rows = [{"message": f"u{number}@y.de"} for number in range(20_000)]
        after, counts = redact(rows, self.HASH)
        assert counts == {"email": 20_000}
        assert all(re.search(r":[0-9a-f]*[a-f][0-9a-f]*\]$", row["message"]) for row in after)


class TestTables:
    def test_other_columns_stay(self) -> None:
        row = {
            "log_id": CARD,
            "service": "10.0.0.1",
            "host": "10.0.0.1",
            "source": "x@y.de",
            "tags": ["x@y.de"],
            "trace_id": CARD,
            "message": "x@y.de",
        }
        table = table_of([row])
        after = Redactor([RedactRule()]).redact(table).table
        assert after.drop_columns(["message"]) == table.drop_columns(["message"])
        assert after["message"].to_pylist() == ["[REDACTED:email]"]

    def test_nothing_found_nothing_changed(self) -> None:
        table = table_of([{"message": "a", "metadata": '{"a":1}'}, {}])
        redacted = Redactor([RedactRule()]).redact(table)
        assert redacted.table is table
        assert redacted.counts == {}

    def test_no_rules_no_rows(self) -> None:
        table = table_of([{"message": "x@y.de"}])
        assert Redactor([]).redact(table).table is table
        assert Redactor([RedactRule(detectors=[])]).redact(table).table is table
        for services in (["*"], ["p"]):
            assert len(Redactor([RedactRule(services=services)]).redact(SCHEMA.empty_table()).table) == 0
            assert len(Redactor([RedactRule(services=services)]).redact(table.slice(0, 0)).table) == 0

    def test_chunks_and_slices(self) -> None:
        rows = [
            {"service": f"s{number % 3}", "message": f"é {number} x@y.de", "metadata": f'{{"é":"10.0.0.{number}"}}'}
            for number in range(30)
        ]
        rule = RedactRule(services=["s1", "s2"])
        whole = Redactor([rule]).redact(table_of(rows))
        parts = pa.concat_tables([table_of(rows[:7]).slice(2), table_of(rows[5:]).slice(2)])
        again = Redactor([rule]).redact(parts)
        assert again.table.to_pylist() == whole.table.to_pylist()[2:7] + whole.table.to_pylist()[7:]
        assert whole.counts == {"email": 20, "ipv4": 20}
        assert [row["message"] for row in whole.table.to_pylist()[:2]] == ["é 0 x@y.de", "é 1 [REDACTED:email]"]

    def test_again_changes_nothing(self) -> None:
        text = f"x@y.de 10.0.0.1 ::1 {CARD} 123-45-6789 DE89370400440532013000 Bearer abcdefg1 AKIA0123456789ABCDEF"
        for action in Action:
            redactor = Redactor([RedactRule(action=action, patterns={"own": "[A-Z]{4,}"})], KEY)
            once = redactor.redact(table_of([{"message": text, "metadata": json.dumps({"a": text})}]))
            twice = redactor.redact(once.table)
            assert twice.table is once.table
            assert twice.counts == {}
            assert once.counts["email"] == 2
