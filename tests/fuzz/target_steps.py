"""Any bytes through each type of step, alone and after one another, are records."""

from __future__ import annotations

from logd.parse.plan import Parser
from logd.parse.window import Limits
from tests.fuzz.records import CONTENT_TYPES, OBSERVED_US, check, chunk_of, written
from tests.support.parsers import chains

_STEPS = {
    "regex": r"""{type = "regex", pattern = '^(?P<time>\S+) (?P<level>\w+) (?P<n>\d*) ?(?P<rest>.*)$',
        types = {n = "int"}, formats = ["%d.%m.%Y-%H:%M:%S", "%b %d", "%Y%m%d:%g", "unix_ns"], levels = {weh = "ERROR"},
        spread = "rest", absent = ["-"], timezone = "Europe/Berlin"}""",
    "grok": """{type = "grok", spread = "rest",
        pattern = '%{TIMESTAMP_ISO8601:time}? ?%{NUMBER:ms:float} %{IPORHOST:a.b} (?<rest>.*)'}""",
    "csv": """{type = "csv", columns = ["time", "a", "n", "message"], delimiter = ";", spread = "a",
        types = {n = "float", a = "boolean"}}""",
    "key_value": """{type = "key_value", delimiter = ":", pair_delimiter = "|", time = "t", level = "s.l",
        message = "m", service = "x", host = "y", formats = ["unix", "unix_ms", "%Y-%d"], levels = {"1" = "FATAL"}}""",
    "logfmt": r"""{type = "logfmt", time = "t", level = "a.b", message = "\u0001", timezone = "Asia/Kathmandu"}""",
    "json": r"""{type = "json", time = "t", level = "a.b", message = "a\tb", service = "x", host = "y",
        formats = ["%d.%m. %H:%M:%S", "unix_us"], levels = {weh = "WARN"}, timezone = "America/New_York"}""",
    "combined": "{type = 'combined'}",
    "common": "{type = 'common'}",
    "klog": "{type = 'klog', timezone = 'Australia/Lord_Howe'}",
    "glog": "{type = 'glog', absent = ['1']}",
    "auto": "{type = 'auto'}",
    "text": "{type = 'text'}",
}


def _one_line(steps: str) -> str:
    """As TOML wants its inline tables."""
    return steps.replace("\n        ", " ")


_WRAPPED = "{type = 'syslog'}, {type = 'container'}"
#: By the first byte of an input: each alone, behind wrappings, and all together.
_PARSERS = {
    **_STEPS,
    **{f"wrapped-{name}": f"{_WRAPPED}, {step}" for name, step in _STEPS.items()},
    # But the last two, each of which takes what is left.
    "all": ", ".join([_WRAPPED, *_STEPS.values()][:-2]),
}
_NAMES = tuple(_PARSERS)
SEEDS = (
    bytes([_NAMES.index("regex"), 0]) + b'24.12.2026-10:00:00 weh 5 a=1 b="x \\" y"\n20261124:7 - 5\nNov 24 x\n',
    bytes([_NAMES.index("grok"), 0]) + b'2026-11-24T10:00:00Z 1.5 10.0.0.1 {"a":{"b":1}}\n',
    bytes([_NAMES.index("csv"), 0]) + b'1763805600;"tr""ue";1e9;{"a":1}\n;;;\n',
    bytes([_NAMES.index("key_value")]) + b't:1763805600.5|s.l:1|m:"a\\"b"|x:1|y:2|z\n',
    bytes([_NAMES.index("logfmt"), 0]) + b't=2026-11-24T10:00:00 a.b=warn n=-0.5 s="\\u00e9\\n"\n',
    bytes([_NAMES.index("json"), 0])
    + b'{"t":"24.12. 10:00:00","a":{"b":"weh"},"a\\tb":"x","x":{"y":1},"metadata":{"time":1}}\n',
    bytes([_NAMES.index("wrapped-klog"), 0]) + b"<14>I0102 15:04:05.000000 1 main.go:9] y\n",
    bytes([_NAMES.index("all"), 0]) + b'<14>Nov 24 10:00:00 h a: {"log":"t=1","stream":"stdout","time":"x"}\n',
)
_parser = Parser(
    "UTC",
    Limits(),
    256 * 1024 * 1024,
    chains(
        "\n".join(
            f"[[parser]]\nname = '{name}'\nservices = ['{name}']\nsteps = [{_one_line(steps)}]"
            for name, steps in _PARSERS.items()
        )
    ),
)


def test_one_input(data: bytes) -> None:
    """The first byte chooses the parser, the second content type and layout. Fails on every exception."""
    if len(data) < 2:
        return
    content_type = CONTENT_TYPES[(data[1] & 0x7F) % len(CONTENT_TYPES)]
    chunk, count = chunk_of(written(data[2:]), content_type, _NAMES[data[0] % len(_NAMES)], data[1] > 0x7F)
    check(_parser.parse([chunk], [OBSERVED_US]), count)
