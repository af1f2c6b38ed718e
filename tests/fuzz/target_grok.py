"""Any text is a pattern of a grok or regex step, or of a redaction, and works; or it is refused."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from logd.config.parsers import ParserTable, Step
from logd.enrich.detectors import own_detector
from logd.errors import ConfigError
from logd.parse.chains import Taken, compile_chains

SEEDS = (
    b"\x00%{TIMESTAMP_ISO8601:time} \\[%{NOTSPACE:thread}\\] %{NUMBER:ms:float} (?<rest>.*)",
    b"\x00%{X:a.b} ^(?:%{IP:[c][d]}|%{HOSTNAME:c})$\nX=%{Y:n:int}+\nY=[^\\]\\h]{,3}\\Z",
    b'\x01^(?P<a>\\w+)[= ](?<b>"[^"]*")?,?(x)(?P<message>(?s:.*))\\Q(\\E$',
    b"\x02(?i:order)-[0-9]{6,}\\b",
)
_TEXT = pa.array(['2026-11-24T10:00:00Z [main] 1.5 10.0.0.1 a="b", c\n' * 20, "", "(a)" * 100])


def test_one_input(data: bytes) -> None:
    """The first byte chooses whose pattern it is; lines behind the first of a grok pattern are custom ones. Fails on
    every exception but a refusal, and when what was taken doesn't match as it promised."""
    text = data[1:].decode("utf-8", "surrogateescape")
    try:
        if data[:1] == b"\x02":
            _redaction(text)
            return
        if data[:1] == b"\x01":
            step = Step(type="regex", pattern=text)
        else:
            pattern, *custom = text.split("\n")
            patterns = dict(line.partition("=")[::2] for line in custom)
            step = Step(type="grok", pattern=pattern, patterns=patterns)
        (chain,) = compile_chains([ParserTable(name="p", steps=[step])])
    except ConfigError:
        return
    (taken,) = chain.steps
    assert isinstance(taken, Taken)
    groups = pc.extract_regex(_TEXT, taken.pattern.regex)
    assert groups.type.num_fields == len(taken.pattern.fields)
    groups.validate(full=True)


def _redaction(text: str) -> None:
    try:
        detector = own_detector("p", text)
    except ValueError:
        return
    pc.replace_substring_regex(_TEXT, detector.token, "x")
