"""Nobody can stop the processor by a line: what is sixteen times as long takes some sixteen times as much CPU.

Each step, form, mending and detector has lines made for what would take it longer: quotes, backslashes, brackets and
delimiters that never end, and what it looks for but for the last character. A quadratic one takes 256 times as much:
seconds; what each parse takes besides, for its plans, only makes the bound wider.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

import pytest

from logd.chunk import CRI, DOCKER, SYSLOG, TEXT
from logd.config.shaping import ShapeTable
from logd.enrich.detectors import BUILT_IN
from logd.errors import ConfigError
from logd.parse.columns import NDJSON
from logd.parse.grok import compile_grok
from logd.parse.mend import mend
from logd.parse.plan import Parser
from tests.support.chunks import LIMITS, TAKEN_US, chunk_of
from tests.support.parsers import one
from tests.support.shaping import shaping, table

_SHORT, _TIMES, _MOST = 4_000, 16, 64
#: Repeated in all of them, from their beginning on and behind what a line begins with.
_REPEATED = (
    *(
        '"',
        "\\",
        '\\"',
        "[",
        "{",
        '{"a":',
        "=",
        "%",
        ":",
        '"",',
        " ",
        "\t",
        "a",
        "1.",
        "-",
        "\x00",
        "a=",
        'a="',
        'a="b" ',
    ),
    *(
        '"a":1,',
        '"a":NaN,',
        "\\ud800",
        '[o a="b"]',
        ' a="b"',
        "2024-11-22T09:00:00 ",
        "ERROR ",
        " - ",
        ": ",
        "a:b|",
        ";",
    ),
)
_HEADS: dict[str, tuple[str, ...]] = {
    "": ("",),
    TEXT: (
        *("", 'a="', "2024-11-22 09:00:00 INFO [", "Nov 22 09:00:00 "),
        *("I1122 09:00:00.000000 1 a", '10.0.0.7 - - [22/Nov/2024:09:00:00 +0000] "'),
    ),
    NDJSON: ('{"a":"', '{"', '{"a":NaN,"b":"', '{"metadata":{"'),
    DOCKER: ('{"log":"', '{"log":"","stream":"stdout",'),
    CRI: ("2024-11-22T09:00:00Z stdout F ", "2024-11-22T09:00:00Z "),
    SYSLOG: ("<34>1 - h a p i [o ", '<34>1 - h a p i [o a="', "<34>Nov 22 09:00:00 h a"),
}
_STEPS = {
    "regex": r"""{type = "regex", pattern = '^(?P<a>\w+)*[= ](?P<b>"[^"]*")?,?(?P<c>.*);$', spread = "c"}""",
    "grok": "{type = 'grok', pattern = '%{TIMESTAMP_ISO8601:time}? %{QS:a} %{IPORHOST:b} %{URI:c} %{EMAILADDRESS:d}'}",
    "csv": "{type = 'csv', columns = ['a', 'b', 'c'], spread = 'c'}",
    "csv by ;": "{type = 'csv', columns = ['a', 'b'], delimiter = ';'}",
    "key_value": "{type = 'key_value'}",
    "key_value by : and |": "{type = 'key_value', delimiter = ':', pair_delimiter = '|', formats = ['%d', 'unix']}",
    "key_value by texts": "{type = 'key_value', delimiter = ': ', pair_delimiter = ' - '}",
    "logfmt": "{type = 'logfmt', time = 'a'}",
    "json": "{type = 'json', time = 'a', formats = ['%Y-%m-%d %Z', 'unix_ns'], message = 'b.c'}",
    **{name: f"{{type = '{name}'}}" for name in ("combined", "common", "klog", "glog", "auto")},
    "syslog": "{type = 'syslog'}, {type = 'json'}",
    "container": "{type = 'container'}, {type = 'logfmt'}",
}
_ALMOST = {
    "credit_card": ("4111 ", "4111-1111-1111-1111-", "4", "4111111111111112 "),
    "email": ("a@", "a.", "@", "a@b.", "a@b@"),
    "ipv4": ("1.", "1.1.1.", "10.0.0.256."),
    "ipv6": ("0:", "::", "a::b:", "f:f:f:f:f:f:f:f:f:"),
    "jwt": ("eyJ", "eyJ.", "eyJhbGciOiJub25lIn0.", "eyJhbGciOiJub25lIn0.e30"),
    "aws_access_key": ("AKIA", "AKIAIOSFODNN7EXAMPL "),
    "aws_secret_key": ("secret_key ", "secret_key=", "A/+"),
    "bearer": ("Bearer ", "authorization ", "bearer=", "Authorization: Bearer "),
    "iban": ("DE89 ", "DE89 3704 0044 0532 0130 01 ", "DE89", "GB82WEST12345698765431 "),
    "ssn": ("123-45-", "123-45-0000-", "000-12-3456 "),
}

Run = Callable[[Sequence[str]], object]


def _is_linear(run: Run, heads: Sequence[str], units: Sequence[str] = _REPEATED) -> None:
    for head in heads:
        short, long = ([head + unit * (length // len(unit)) for unit in units] for length in (_SHORT, _SHORT * _TIMES))
        run(short)  # plans are made
        took, takes = min(_seconds(run, short), _seconds(run, short)), _seconds(run, long)
        if takes > _MOST * took:  # others use the machine, too
            takes = min(takes, _seconds(run, long))
        if takes > _MOST * took:
            each = {line[:40]: round(_seconds(run, [line]), 3) for line in long}
            pytest.fail(f"{took:.3f} s became {takes:.3f} s: {each}")


def _seconds(run: Run, lines: Sequence[str]) -> float:
    """Of the CPU."""
    start = time.process_time()
    run(lines)
    return time.process_time() - start


@pytest.fixture(scope="module")
def parser() -> Iterator[Parser]:
    """Without configured parsers."""
    made = Parser(limits=LIMITS)
    yield made
    made.close()


@pytest.mark.parametrize("content_type", [TEXT, NDJSON, DOCKER, CRI, SYSLOG])
def test_lines(parser: Parser, content_type: str) -> None:
    def run(lines: Sequence[str]) -> object:
        return parser.parse([chunk_of(*lines, content_type=content_type)], [TAKEN_US])

    _is_linear(run, _HEADS[content_type])


@pytest.mark.parametrize("step", _STEPS)
def test_steps(step: str) -> None:
    made = Parser(limits=LIMITS, chains=one(_STEPS[step]))

    def run(lines: Sequence[str]) -> object:
        return made.parse([chunk_of(*lines, content_type=TEXT)], [TAKEN_US])

    try:
        heads = {"json": NDJSON, "syslog": SYSLOG, "container": CRI}.get(step, "")
        _is_linear(run, _HEADS[heads])
    finally:
        made.close()


def test_mending() -> None:
    def run(lines: Sequence[str]) -> object:
        return [mend(line) for line in lines]

    _is_linear(run, ['{"a":"', '{"', '{"a":[', '{"a":NaN,"b":{"c":'])


@pytest.mark.parametrize("detector", BUILT_IN)
def test_detectors(detector: str) -> None:
    with shaping(ShapeTable(type="redact", detectors=[detector])) as made:

        def run(lines: Sequence[str]) -> object:
            return made.shape(table([{"message": line, "metadata": {"secret_key": line}} for line in lines]))

        _is_linear(run, [""], [*_ALMOST[detector], '"', "\\", "a", "1", " ", "A1", "-"])


def test_patterns() -> None:
    def run(lines: Sequence[str]) -> object:
        return [_compiled(line) for line in lines]

    _is_linear(run, ["", "%{INT:a}"], ["(", "[", "\\", "%{", "%{A", "%{INT}", "(?<a>", "(?:", "a{2}", "|", "[a]", ")*"])


def _compiled(pattern: str) -> object:
    try:
        return compile_grok(pattern, {})
    except ConfigError:
        return None
