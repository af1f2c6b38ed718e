"""Which policy keeps a record: by service, and by what was in force when it was taken in."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from fnmatch import translate
from re import fullmatch

import pyarrow as pa
import pytest

from logd.backends.index.policies import DEFAULT, Assignment
from logd.config.schema import Policy
from logd.record import SCHEMA
from logd.seams import RetentionPolicy


def _table(rows: Sequence[tuple[str | None, int]]) -> pa.Table:
    """Of services, and when they were taken in, in µs."""
    zero = datetime(1970, 1, 1, tzinfo=UTC)
    records = [
        {"log_id": str(at), "timestamp": zero, "ingested_at": zero + timedelta(microseconds=us), "service": service}
        for at, (service, us) in enumerate(rows)
    ]
    return pa.Table.from_pylist(records, SCHEMA)


def _names(policies: Assignment, rows: Sequence[tuple[str | None, int]]) -> list[str]:
    codes = policies.codes(_table(rows))
    return [policies.names[code] for code in codes]


def _version(name: str, *services: str, starts: int = 0, ends: int | None = None, version: int = 1) -> RetentionPolicy:
    return RetentionPolicy(name=name, services=services, from_us=starts, until_us=ends, version=version)


@pytest.mark.parametrize(
    ("service", "policy"),
    [
        ("pay", "names"),
        ("pay-web", "longer"),
        ("pay-api", "long"),
        ("pay-wet", "long"),
        ("payer", "short"),
        ("p", "z-all"),
        ("p\n", "z-all"),
        ("x1", "a-same"),
        ("toml-pay", "toml"),
        ("q", "z-all"),
        ("", DEFAULT),
        (None, DEFAULT),
    ],
)
def test_the_most_specific_one(service: str | None, policy: str) -> None:
    history = [
        _version("z-all", "*"),
        _version("short", "pay*"),
        _version("names", "pay", "other"),
        _version("longer", "pay-web*", "?-nothing-has-so-many-characters"),
        _version("long", "pay-*", "pay-??????????"),
        _version("b-same", "x?"),
        _version("a-same", "?1", "toml-pay"),
        _version("DEFAULT"),
    ]
    toml = {"toml": Policy(services=["toml*"]), "DEFAULT": Policy(hot_days=3)}
    assert _names(Assignment(toml, history), [(service, 5)]) == [policy]


def test_a_record_stays_where_it_was() -> None:
    """One batch of several eras, in any order; the bounds belong to what begins."""
    history = [
        _version("pay", "a", starts=100, ends=200),
        _version("pay", "a", "b", starts=200, ends=300, version=2),
        _version("debug", "b*", starts=150),
        _version("DEFAULT", starts=120),
        _version("never", "a", starts=170, ends=170),
    ]
    policies = Assignment({}, history)
    rows = [("a", 99), ("a", 100), ("b", 149), ("b", 150), ("b", 199), ("b", 200), ("a", 299), ("b", 300), ("a", 300)]
    found = [DEFAULT, "pay", DEFAULT, "debug", "debug", "pay", "pay", "debug", DEFAULT]
    assert _names(policies, rows) == found
    assert _names(policies, rows[::-1]) == found[::-1]
    assert [_names(policies, [row])[0] for row in rows] == found
    parts = {name: part["log_id"].to_pylist() for name, part in policies.parted(_table(rows))}
    assert parts == {DEFAULT: ["0", "2", "8"], "pay": ["1", "5", "6"], "debug": ["3", "4", "7"]}


def test_what_it_is_told_later() -> None:
    policies = Assignment({"toml": Policy(services=["t"])})
    assert _names(policies, [("a", 5), ("t", 5)]) == [DEFAULT, "toml"]
    codes = policies.codes(_table([("t", 5)]))
    policies.learn([_version("pay", "a", "t", starts=100)])
    assert _names(policies, [("a", 5), ("a", 100), ("t", 100)]) == [DEFAULT, "pay", "toml"]
    policies.learn([_version("pay", "a", starts=100, ends=200), _version("abc", "a", starts=200)])
    assert _names(policies, [("a", 5), ("a", 100), ("a", 200)]) == [DEFAULT, "pay", "abc"]
    assert [policies.names[code] for code in codes] == ["toml"]


def test_days_alone_make_no_eras() -> None:
    history = [_version("pay", "a", starts=n, ends=n + 1, version=n) for n in range(1, 500)]
    policies = Assignment({}, history)
    assert _names(policies, [("a", 0), ("a", 1), ("a", 250), ("a", 499), ("a", 500)]) == [
        DEFAULT,
        *["pay"] * 3,
        DEFAULT,
    ]
    assert len(policies._eras.eras) == 3


def test_as_one_would_say_it_row_by_row() -> None:
    chance = random.Random(11)
    texts = ["a", "b", "ab", "a*", "*b", "?", "a?", "ab*", "*", "a*b"]
    for _ in range(50):
        history = [
            _version(f"p{n}", *chance.sample(texts, 2), starts=(start := chance.randrange(50)), ends=start + 30)
            for n in range(6)
        ]
        rows = [(chance.choice(["a", "b", "ab", "abb", "aab", None, "c"]), chance.randrange(90)) for _ in range(60)]
        assert _names(Assignment({}, history), rows) == [_said(history, *row) for row in rows]


def _said(history: Sequence[RetentionPolicy], service: str | None, us: int) -> str:
    found = [
        (not set("*?") & set(pattern), len(pattern.replace("*", "").replace("?", "")), -int(version.name[1:]))
        for version in history
        for pattern in version.services
        if version.from_us <= us < (version.until_us or 0) and service and fullmatch(translate(pattern), service)
    ]
    return f"p{-max(found)[2]}" if found else DEFAULT
