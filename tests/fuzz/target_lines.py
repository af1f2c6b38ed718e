"""Any bytes, as lines or events of any content type, are records without a parser being configured."""

from __future__ import annotations

from logd.parse.plan import Parser
from logd.parse.window import Limits
from tests.fuzz.records import CONTENT_TYPES, OBSERVED_US, check, chunk_of, written

SEEDS = (
    b"\x00" + b'2026-11-24 10:00:00,123 INFO [main] org.example.Main: up\nlevel=info a="b \\" c" n=1 ok=true\n<34>x',
    b"\x00" + b'10.0.0.7 - bob [10/Oct/2026:13:55:36 +0000] "GET /a HTTP/1.1" 200 5 "-" "curl/8"\n',
    b"\x00"
    + b"Jun 14 15:16:01 web1 sshd[19939]: x\nI0102 15:04:05.000000 1 main.go:9] y\n17/06/09 20:10:40 INFO a.B: z\n",
    b"\x01"
    + b'{"ts":1763805600,"level":30,"msg":"a","a":[1,{"b":null}],"metadata":{"trace_id":"x"}}\n{"a":1,"a":NaN}\n{',
    b"\x02" + b'{"log":"{\\"msg\\":\\"a\\"}\\n","stream":"stdout","time":"2026-03-14T09:26:53.589793238Z"}\n{"log":"a',
    b"\x03" + b"2026-03-14T09:26:53.589793238Z stdout F text\n2026-03-14T09:26:53Z stderr P {\n",
    b"\x04"
    + b'<34>1 2026-03-14T09:26:53.589Z web1 su 123 ID47 [o@1 ip="a\\]"][p q="r"] t\n<13>Mar 14 09:26:53 web1 su: t\n',
    b"\x86" + b'one\ntwo\x1e{"a":1}\n\x1e\x1e',
)
_parser = Parser("UTC", Limits(), 256 * 1024 * 1024)


def test_one_input(data: bytes) -> None:
    """The first byte chooses content type and layout. Fails on every exception."""
    if not data:
        return
    content_type = CONTENT_TYPES[(data[0] & 0x7F) % len(CONTENT_TYPES)]
    chunk, count = chunk_of(written(data[1:]), content_type, events=data[0] > 0x7F)
    check(_parser.parse([chunk], [OBSERVED_US]), count)
