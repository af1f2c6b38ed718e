"""Bodies that can't be read: 4xx with what is wrong and where, nothing stored, and the process goes on."""

from __future__ import annotations

import gzip
import socket
from collections.abc import Iterator

import orjson
import pytest
import zstandard

from tests.support.process import INGEST, JSON, NDJSON, Server, ndjson, until

_MAX_BODY_BYTES = 1_000_000
_GOOD = ndjson([{"message": f"good {n}"} for n in range(1_000)])
_BINARY = bytes(range(256)) * 100
_LARGEST = _GOOD.ljust(_MAX_BODY_BYTES, b"\n")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Takes bodies of a megabyte at most."""
    settings = {"parse.join_seconds": 0.02, "ingest.max_body_bytes": _MAX_BODY_BYTES, "ingest.max_line_bytes": 100_000}
    with Server(tmp_path_factory.mktemp("bodies"), settings=settings) as running:
        yield running


def _gzip_bomb(size_bytes: int) -> bytes:
    """That many blanks."""
    return gzip.compress(b" " * size_bytes)


def _zstd_bomb(size_bytes: int) -> bytes:
    compressor = zstandard.ZstdCompressor(write_content_size=False)
    stream = compressor.compressobj()
    block = b" " * 1_000_000
    return b"".join([*(stream.compress(block) for _ in range(size_bytes // len(block))), stream.flush()])


_GZIP, _ZSTD = {**NDJSON, "Content-Encoding": "gzip"}, {**NDJSON, "Content-Encoding": "zstd"}
_UNREADABLE: dict[str, tuple[bytes, dict[str, str]]] = {
    "empty": (b"", JSON),
    "blank": (b" \r\n ", JSON),
    "text": (b"hello", JSON),
    "a string": (b'"logs"', JSON),
    "null": (b"null", JSON),
    "an array": (b'[{"message": "x"}]', JSON),
    "an empty object": (b"{}", JSON),
    "no logs": (b'{"log": [{"message": "x"}]}', JSON),
    "logs deeper": (b'{"a": {"logs": [{"message": "x"}]}}', JSON),
    "logs in a string": (rb'{"a": "\"logs\": [1]"}', JSON),
    "logs is an object": (b'{"logs": {"message": "x"}}', JSON),
    "logs is a string": (b'{"logs": "[1]"}', JSON),
    "logs is null": (b'{"logs": null}', JSON),
    "logs is nothing": (b'{"logs": }', JSON),
    "truncated in a string": (b'{"logs": [{"message": "x', JSON),
    "truncated in an array": (b'{"logs": [{"message": "x"}', JSON),
    "truncated before the end": (b'{"logs": [{"message": "x"}]', JSON),
    "more behind it": (b'{"logs": [{"message": "x"}]} {"logs": []}', JSON),
    "a bracket too many": (b'{"logs": [{"message": "x"}]]}', JSON),
    "brackets crossed": (b'{"logs": [{"message": "x"}}]', JSON),
    "ndjson as json": (_GOOD, JSON),
    "binary": (_BINARY, JSON),
    "gzip as json": (gzip.compress(_GOOD), JSON),
    "a million levels": (b"[" * 900_000, JSON),
    "a million levels of logs": (b'{"logs":[' + b"[" * 900_000, JSON),
    "gzip: empty": (b"", _GZIP),
    "gzip: plain": (_GOOD, _GZIP),
    "gzip: zstd": (zstandard.compress(_GOOD), _GZIP),
    "gzip: header only": (gzip.compress(_GOOD)[:10], _GZIP),
    "gzip: half": (gzip.compress(_GOOD)[:1_000], _GZIP),
    "gzip: no checksum": (gzip.compress(_GOOD)[:-8], _GZIP),
    "gzip: one byte missing": (gzip.compress(_GOOD)[:-1], _GZIP),
    "gzip: wrong checksum": (gzip.compress(_GOOD)[:-8] + bytes(8), _GZIP),
    "gzip: second member truncated": (gzip.compress(_GOOD) + gzip.compress(_GOOD)[:-3], _GZIP),
    "gzip: something behind": (gzip.compress(_GOOD) + b"something", _GZIP),
    "gzip: json inside truncated": (gzip.compress(b'{"logs": ['), {**_GZIP, **JSON}),
    "zstd: empty": (b"", _ZSTD),
    "zstd: plain": (_GOOD, _ZSTD),
    "zstd: gzip": (gzip.compress(_GOOD), _ZSTD),
    "zstd: header only": (zstandard.compress(_GOOD)[:6], _ZSTD),
    "zstd: half": (zstandard.compress(_BINARY)[:100], _ZSTD),
    "zstd: one byte missing": (zstandard.compress(_GOOD)[:-1], _ZSTD),
    "zstd: second frame truncated": (zstandard.compress(_GOOD) + zstandard.compress(_GOOD)[:-3], _ZSTD),
    "zstd: something behind": (zstandard.compress(_GOOD) + b"something", _ZSTD),
}
_TOO_LARGE: dict[str, tuple[bytes, dict[str, str]]] = {
    "a byte too large": (_LARGEST + b"\n", NDJSON),
    "far too large": (20 * _LARGEST, NDJSON),
    "too large, json": (b'{"logs": [1]}'.ljust(_MAX_BODY_BYTES + 1), JSON),
    "gzip: a byte too large": (gzip.compress(_LARGEST + b"\n"), _GZIP),
    "gzip: bomb": (_gzip_bomb(50_000_000), _GZIP),
    "gzip: bomb of members": (40 * _gzip_bomb(1_000_000), _GZIP),
    "zstd: a byte too large": (zstandard.compress(_LARGEST + b"\n"), _ZSTD),
    "zstd: bomb": (_zstd_bomb(500_000_000), _ZSTD),
    "zstd: bomb that tells its size": (zstandard.compress(b" " * 100_000_000), _ZSTD),
    "zstd: bomb of frames": (40 * _zstd_bomb(1_000_000), _ZSTD),
}
_OTHERS: dict[str, tuple[bytes, dict[str, str], int, str]] = {
    "unknown encoding": (_GOOD, {**NDJSON, "Content-Encoding": "br"}, 415, "bad_encoding"),
    "two encodings": (_GOOD, {**NDJSON, "Content-Encoding": "gzip, zstd"}, 415, "bad_encoding"),
    "a service's name too long": (_GOOD, {**NDJSON, "X-Service-Id": "x" * 257}, 400, "bad_header"),
    "a host's name too long": (_GOOD, {**NDJSON, "X-Host": "x" * 257}, 400, "bad_header"),
    "a key too long": (_GOOD, {**NDJSON, "Idempotency-Key": "x" * 257}, 400, "bad_header"),
}
#: body, headers, status, code
_BODIES: dict[str, tuple[bytes, dict[str, str], int, str]] = {
    **{name: (*body, 400, "bad_body") for name, body in _UNREADABLE.items()},
    **{name: (*body, 413, "body_too_large") for name, body in _TOO_LARGE.items()},
    **_OTHERS,
}


def _stored(server: Server) -> int:
    """How many messages the queue has ever taken."""
    return int(server.get("/api/v1/status").json()["transport"].get("raw-logs", {}).get("next_position", 0))


@pytest.mark.parametrize("name", _BODIES)
def test_a_body_that_is_refused(server: Server, name: str) -> None:
    body, headers, status, code = _BODIES[name]
    before = _stored(server)
    answer = server.post(body, headers)
    assert answer.status == status, answer
    error = answer.json()["error"]
    assert sorted(error) == ["code", "message", "where"]
    assert error["code"] == code
    assert error["message"]
    assert error["where"]
    assert _stored(server) == before
    assert server.stage("api.bodies")["held"] == 0


def test_the_largest_bodies_are_accepted(server: Server) -> None:
    for headers, sent in (
        (NDJSON, _LARGEST),
        (_GZIP, gzip.compress(_LARGEST)),
        (_ZSTD, zstandard.compress(_LARGEST)),
        (JSON, (b'{"logs":[%s]}' % _GOOD[:-1].replace(b"\n", b",")).ljust(_MAX_BODY_BYTES)),
    ):
        answer = server.post(sent, headers, "largest")
        assert (answer.status, answer.json()) == (202, {"accepted": 1_000})
    assert len(server.records("largest")) == 4_000


def test_memory_stays_bounded(server: Server) -> None:
    for name in ("gzip: bomb", "zstd: bomb", "zstd: bomb that tells its size", "far too large", "a million levels"):
        body, headers, status, _ = _BODIES[name]
        for _ in range(3):
            assert server.post(body, headers).status == status
    assert server.peak_rss_bytes() < 400_000_000


def test_refused_bodies_are_counted(server: Server) -> None:
    server.post(b"", JSON)
    assert 'logd_ingest_refused_total{reason="bad_body"}' in server.get("/metrics").body.decode()


def _connect(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=60)


def _head(length: str) -> bytes:
    headers = ("Host: x", "Content-Type: application/x-ndjson", "X-Service-Id: cut-off", length)
    return "\r\n".join((f"POST {INGEST} HTTP/1.1", *headers, "", "")).encode()


@pytest.mark.parametrize("reset", [False, True], ids=["closes", "resets"])
@pytest.mark.parametrize("length", [f"Content-Length: {len(_GOOD) + 1}", "Transfer-Encoding: chunked"])
def test_a_client_that_goes_away_in_the_middle(server: Server, length: str, reset: bool) -> None:
    before = _stored(server)
    chunk = b"%x\r\n%s\r\n" % (len(_GOOD), _GOOD) if "chunked" in length else _GOOD
    with _connect(server) as connection:
        connection.sendall(_head(length) + chunk)
        until(lambda: server.stage("api.bodies")["held"] > 0, "the body is being read")
        if reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    until(lambda: server.stage("api.bodies")["held"] == 0, "the body is let go")
    assert server.records("cut-off") == []
    # The line that settles is the only one.
    assert _stored(server) == max(before, 1) + 1


def test_a_chunked_body_that_is_too_large(server: Server) -> None:
    block = b"x" * 65_536
    with _connect(server) as connection:
        connection.sendall(_head("Transfer-Encoding: chunked"))
        for _ in range(_MAX_BODY_BYTES // len(block) + 1):
            connection.sendall(b"%x\r\n%s\r\n" % (len(block), block))
        connection.sendall(b"0\r\n\r\n")
        answer = connection.recv(65_536)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert orjson.loads(answer.partition(b"\r\n\r\n")[2])["error"]["code"] == "body_too_large"


def test_a_body_longer_than_its_length(server: Server) -> None:
    with _connect(server) as connection:
        connection.sendall(_head("Content-Length: 16") + b'{"message": "a"}{"message": "b"}\n')
        answer = connection.recv(65_536)
    # Whether the request is served before what follows is seen to be none, is the HTTP parser's.
    status = answer.split()[1]
    assert status in (b"202", b"400")
    assert [record["message"] for record in server.records("cut-off")] == ["a"] * (status == b"202")


def test_too_many_bodies_at_once(tmp_path_factory: pytest.TempPathFactory) -> None:
    settings = dict.fromkeys(("ingest.max_body_bytes", "ingest.max_inflight_bytes"), _MAX_BODY_BYTES)
    settings["ingest.max_line_bytes"] = 100_000
    with Server(tmp_path_factory.mktemp("inflight"), settings=settings) as server:
        with _connect(server) as connection:
            connection.sendall(_head(f"Content-Length: {_MAX_BODY_BYTES}") + _LARGEST[:-1])
            until(lambda: server.stage("api.bodies")["held"] > 900_000, "the body is held")
            answer = server.post(_LARGEST, NDJSON, "second")
            assert answer.status == 429
            assert int(answer.headers["retry-after"]) >= 1
            assert answer.json()["error"]["code"]
            connection.sendall(b" ")
            assert connection.recv(65_536).startswith(b"HTTP/1.1 202 ")
        assert server.post(_LARGEST, NDJSON, "second").status == 202
        assert len(server.records("second")) == 1_000
        assert len(server.records("cut-off")) == 1_000
