"""Chunks that a server takes and can't store: they become dead letters."""

from __future__ import annotations

from logd import shipment
from logd.chunk import Chunk, compress
from tests.support.process import Server, until

PATH = "/api/v1/deadletters"
SOURCE = "ab" * 8
SHIPMENT = {"Content-Type": shipment.CONTENT_TYPE}
TEXT = b"".join(b"2026-01-31T12:00:%02dZ ERROR line %d of many\n" % (n, n) for n in range(40))


def chunk(offset: int, value: bytes | None = None) -> Chunk:
    """TEXT at a place in the source SOURCE, unless its value is another."""
    return Chunk(
        service="s",
        host="h",
        source="/a.log",
        source_id=SOURCE,
        offset=offset,
        end=offset + len(TEXT),
        lines=40,
        observed_us=1_769_860_800_000_000,
        value=compress(TEXT) if value is None else value,
    )


def broken() -> bytes:
    """A value whose frame looks whole, and can't be unpacked."""
    value = bytearray(compress(TEXT))
    value[len(value) // 2 : len(value) // 2 + 12] = bytes(12)
    return bytes(value)


def send(server: Server, *chunks: Chunk) -> None:
    """As an agent does."""
    answer = server.request("POST", shipment.PATH, shipment.encode(chunks), SHIPMENT)
    assert answer.status == 202, answer


def make_dead_letter(server: Server) -> None:
    """Returns once there is one, whose source has sent more; the server logs that as an error."""
    server.may_log_errors = True
    send(server, chunk(0, broken()), chunk(len(TEXT)))
    until(lambda: server.get(PATH).json()["deadletters"], "a dead letter")
