"""The tables of levels."""

from __future__ import annotations

import pytest

from logd.levels import LEVEL_WORDS, OTEL_LEVELS, PINO_LEVELS, SYSLOG_LEVELS, level_of
from logd.record import Level


@pytest.mark.parametrize(
    ("word", "level"),
    [
        ("error", "ERROR"),
        ("Err", "ERROR"),
        ("SEVERE", "ERROR"),
        ("warning", "WARN"),
        ("[WARN]", "WARN"),
        ("notice", "INFO"),
        ("Information", "INFO"),
        (" info ", "INFO"),
        ("verbose", "DEBUG"),
        ("FINEST", "TRACE"),
        ("critical", "FATAL"),
        ("crit", "FATAL"),
        ("alert", "FATAL"),
        ("emerg", "FATAL"),
        ("panic", "FATAL"),
        ("ERROR4", "ERROR"),
        ("loud", None),
        ("", None),
        ("30", None),
    ],
)
def test_words(word: str, level: str | None) -> None:
    assert level_of(word) == level


def test_numbers() -> None:
    assert SYSLOG_LEVELS == ("FATAL", "ERROR", "ERROR", "ERROR", "WARN", "INFO", "INFO", "DEBUG")
    assert [OTEL_LEVELS[number] for number in (1, 4, 5, 9, 13, 17, 20, 21, 24)] == [
        *("TRACE", "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "ERROR", "FATAL", "FATAL")
    ]
    assert [PINO_LEVELS[number] for number in (10, 20, 30, 35, 40, 50, 60)] == [
        *("TRACE", "DEBUG", "INFO", "INFO", "WARN", "ERROR", "FATAL")
    ]
    assert 0 not in OTEL_LEVELS
    assert 25 not in OTEL_LEVELS


def test_every_level_is_one_of_the_record() -> None:
    levels = {level.value for level in Level}
    assert {*LEVEL_WORDS.values()} == {*OTEL_LEVELS.values()} == {*PINO_LEVELS.values()} == levels
    assert {*SYSLOG_LEVELS} < levels
    assert all(level_of(level) == level for level in levels)
    assert all(word == word.lower() for word in LEVEL_WORDS)
