"""Which of the six levels a severity means, in words and in the numbers of syslog, OpenTelemetry and pino.

The source is OpenTelemetry's log data model, appendix B ("SeverityNumber example mappings"). A bare number says
nothing without knowing whose it is (30 is pino's INFO, 3 is syslog's ERROR), so each scale has a table of its own.
Plain strings, and no imports: the agent, the query language and the parsers all read this.
"""

from __future__ import annotations

_SYNONYMS: dict[str, str] = {
    # FINEST is java.util.logging's; zap, log4j and .NET say trace.
    "TRACE": "trace trc finest",
    # java.util.logging: FINER, FINE, CONFIG. The Windows event log, winston and glog say verbose.
    "DEBUG": "debug dbg finer fine config verbose",
    # Notice is syslog's level 5 (INFO2). Success is loguru's and Windows'.
    "INFO": "info information informational inf notice success",
    "WARN": "warn warning wrn",
    "ERROR": "error err severe dpanic",
    # Critical is ERROR2 in syslog's column of the table and FATAL in .NET's; it is the top for Python, .NET and Google
    # Cloud, which write the word more often than syslog does (that sends numbers), so the words above error are FATAL.
    "FATAL": "fatal ftl critical crit alert emerg emergency panic",
}
#: Least severe first.
LEVELS: tuple[str, ...] = tuple(_SYNONYMS)
#: Lower-case word → level. OpenTelemetry's numbered short names (`info2`, `error4`) are words too.
LEVEL_WORDS: dict[str, str] = {
    word: level
    for level, words in _SYNONYMS.items()
    for word in (*words.split(), *(f"{level.lower()}{number}" for number in (2, 3, 4)))
}
#: Of a field that is a level, one letter: Android's (V is verbose, A assert), glog's, klog's, and others' first ones.
LEVEL_LETTERS: dict[str, str] = {
    letter: level
    for level, letters in zip(LEVELS, ("t", "dv", "in", "w", "e", "fca"), strict=True)
    for letter in letters
}
#: RFC 5424 severity → level: emergency, alert (ERROR3), critical (ERROR2), error, warning, notice (INFO2), info, debug.
SYSLOG_LEVELS: tuple[str, ...] = ("FATAL", "ERROR", "ERROR", "ERROR", "WARN", "INFO", "INFO", "DEBUG")
#: OpenTelemetry's SeverityNumber → level: 1–24, four to a level. 0 is "unspecified".
OTEL_LEVELS: dict[int, str] = {number: tuple(_SYNONYMS)[(number - 1) // 4] for number in range(1, 25)}
#: pino's and bunyan's numbers → level. A custom level lies between two of them and counts as the lower.
PINO_LEVELS: dict[int, str] = {number: tuple(_SYNONYMS)[number // 10 - 1] for number in range(10, 70)}


def level_of(word: str) -> str | None:
    """The level that a word means, in any case and with blanks or brackets around it; None when it means none."""
    return LEVEL_WORDS.get(word.strip(" \t[]<>()").lower())
