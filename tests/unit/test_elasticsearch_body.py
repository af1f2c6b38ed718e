"""Bulk bodies: two lines a record, the words those of the tokenizer."""

from __future__ import annotations

import json
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from logd.backends.index.elasticsearch_body import bodies
from logd.backends.index.policies import DEFAULT, Assignment
from logd.config.schema import Policy
from logd.query.elasticsearch_text import MAX_WORD
from logd.query.tokens import is_separator, lower, tokens
from logd.record import SCHEMA
from tests.support.rows import DAY, DAY_US, row
from tests.support.strategies import TEXTS

_DUCKDB = duckdb.connect(config={"threads": 1})


def _documents(rows: list[dict[str, Any]]) -> list[tuple[int, str, dict[str, Any]]]:
    """The day, the id of the action and the document of each row, in the order of the rows."""
    found = {}
    for body in bodies(_DUCKDB, pa.Table.from_pylist(rows, SCHEMA)):
        assert bytes(body.text) == b"".join(body.part(number, number + 1) for number in range(len(body)))
        for number, at in enumerate(body.rows):
            action, document, rest = bytes(body.part(number, number + 1)).split(b"\n")
            assert rest == b""
            found[int(at)] = (body.day, json.loads(action)["create"]["_id"], json.loads(document))
    return [found[number] for number in range(len(rows))]


def test_a_document_has_every_column() -> None:
    one = row(DAY + 1, 'a"\n', "x\x00\ny", tags=["t", '"ü'], trace_id="t", metadata='{"a":[1,\n{"b":1e400}]}')
    ((day, log_id, document),) = _documents([one])
    assert (day, log_id) == (20_000, 'a"\n')
    assert document == {
        "log_id": 'a"\n',
        "timestamp": "2024-10-04T00:00:00.000001Z",
        "ingested_at": "2024-10-04T00:00:00.000002Z",
        "level": "INFO",
        "service": "web",
        "host": None,
        "source": "/var/log/x",
        "tags": ["t", '"ü'],
        "trace_id": "t",
        "message": "x\x00\ny",
        "message_bytes": 4,
        "words": "x  y",
        "metadata": {"a": [1, {"b": float("inf")}]},
        "metadata_text": '{"a":[1,\n{"b":1e400}]}',
    }


def test_a_body_for_each_day() -> None:
    rows = [row(DAY + number % 3 * DAY_US, f"{number}") for number in range(10)]
    assert [(day, log_id) for day, log_id, _ in _documents(rows)] == [(20_000 + n % 3, f"{n}") for n in range(10)]


def test_no_records_no_bodies() -> None:
    assert [*bodies(_DUCKDB, SCHEMA.empty_table())] == []


@pytest.mark.parametrize("text", ["a" * 260 + " b", "é" * 260 + " b", "x" * MAX_WORD, "A" * 1_000 + "日" + "b" * 300])
def test_long_words_are_cut(text: str) -> None:
    ((_, _, document),) = _documents([row(DAY, "a", text)])
    assert document["words"].split() == [word[:MAX_WORD] for word in tokens(text)]


@given(st.lists(st.none() | TEXTS | st.text(), min_size=1, max_size=20), st.integers(0, 5))
@example(["a\u1680b \u1680"], 0)  # white space to Python, and to no tokenizer
def test_the_words_are_the_tokenizers(texts: list[str | None], skip: int) -> None:
    rows = [row(DAY, "a") | {"message": text} for text in texts]
    skip = min(skip, len(rows) - 1)
    table = pa.Table.from_pylist(rows, SCHEMA).slice(skip)
    (body,) = bodies(_DUCKDB, table)
    for number, text in enumerate(texts[skip:]):
        document = json.loads(bytes(body.part(number, number + 1)).split(b"\n")[1])
        words = tokens(text or "")
        assert document["message"] == text
        assert _parts(document["words"]) == words
        runs = _parts("".join(" " if is_separator(char) else char for char in lower(text or "")))
        assert _parts(document.get("runs", " ".join(words))) == runs


def _parts(text: str) -> list[str]:
    """What is between spaces: other white space may be a part of a word."""
    return [part for part in text.split(" ") if part]


@pytest.mark.parametrize(
    "text",
    [
        '{"a":1e3}',
        '{"a":-2E-5}',
        '{"a":1.50}',
        '{"a":[1.0,1.00]}',
        '{"a":{"b":-0}}',
        '{"a": 0.0001}',
        '{"a":12345678.5}',
        '{"a":0.1234567890123456789}',
        '{"a":1.5e3}',
    ],
)
def test_numbers_that_java_spells_otherwise_are_kept_as_text(text: str) -> None:
    ((_, _, document),) = _documents([row(DAY, "a", metadata=text)])
    assert document["metadata_text"] == text


@pytest.mark.parametrize(
    "text",
    ["{}", '{"a":1}', '{"a":123456789012345678901234567890}', '{"a":0.5,"b":-12.25,"c":1234567.125}', '{"a":"1e3"}'],
)
def test_others_are_not(text: str) -> None:
    ((_, _, document),) = _documents([row(DAY, "a", metadata=text)])
    assert "metadata_text" not in document


def test_a_body_for_each_policy() -> None:
    policies = Assignment({"pay": Policy(services=["pay*", "bill"]), "web": Policy(services=["w?b"])})
    services = ["payment", "web", None, "weeb", "bill", "bill", "", "pay\n"]
    rows = [row(DAY, f"{number}", service=service) for number, service in enumerate(services)]
    found = {body.policy: body.rows.tolist() for body in bodies(_DUCKDB, pa.Table.from_pylist(rows, SCHEMA), policies)}
    assert found == {DEFAULT: [2, 3, 6], "pay": [0, 4, 5, 7], "web": [1]}
    assert len(policies.codes(SCHEMA.empty_table())) == 0
