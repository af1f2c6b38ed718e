"""POST /api/v1/logs/ingest: the body as chunks on the transport, and 202 once they are durable."""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from concurrent.futures import ThreadPoolExecutor

from aiohttp import web

from logd.chunk import Chunk, Positions
from logd.config.schema import Ingest
from logd.errors import BadRequest, Conflict, Unavailable
from logd.flow.clock import now_us
from logd.flow.stage import Stage
from logd.http.answers import json_answer
from logd.http.bodies import Body, read_body, too_large
from logd.seams import RAW_LOGS, Transport
from logd.telemetry import metrics

NDJSON = "application/x-ndjson"
_NDJSON_TYPES = {NDJSON, "application/ndjson", "application/jsonl", "application/x-jsonlines", "application/jsonlines"}
_TEXT = "text/plain"
_MAX_NAME_BYTES = 256
#: Bodies that are decompressed and cut at the same time: each may take several times `max_body_bytes`, however small it
#: came, so they can't be as many as the threads.
_READERS = 2


class Ingestion:
    """The handler with its bounds: at most `max_inflight_bytes` of bodies are held at once."""

    def __init__(self, limits: Ingest, transport: Transport) -> None:
        self._limits = limits
        self._transport = transport
        self.stage = Stage("api.bodies", limits.max_inflight_bytes, "bytes")
        self._readers = ThreadPoolExecutor(_READERS, "api.bodies")

    async def handle(self, request: web.Request) -> web.Response:
        """202 {"accepted": n} once all n lines are durable; anything else means that none is stored."""
        service = _name(request, "X-Service-Id") or "unknown"
        host = _name(request, "X-Host") or request.remote or ""
        key = _name(request, "Idempotency-Key")
        try:
            body = await self._body(request)
            chunks = self._chunks(body, request.content_type, service, host, key)
            try:
                await self._transport.append(RAW_LOGS, [chunk.to_envelope() for chunk in chunks])
            except Conflict as error:
                raise BadRequest("idempotency_key_reused", str(error), "Idempotency-Key", 409) from error
        except BadRequest as error:
            metrics.INGEST_REFUSED.labels(error.code).inc()
            raise
        metrics.INGEST_LINES.inc(body.lines)
        metrics.INGEST_BYTES.inc(body.size_bytes)
        return json_answer({"accepted": body.lines}, 202)

    async def close(self) -> None:
        """Waits for the bodies that are still being read."""
        await asyncio.to_thread(self._readers.shutdown)

    async def _body(self, request: web.Request) -> Body:
        """What the client sent, as pieces. It counts as held until it has been read, whether the client waits or not:
        a thread doesn't stop when a connection does."""
        raw, held = await self._read(request)
        reading = asyncio.get_running_loop().run_in_executor(
            self._readers,
            read_body,
            raw,
            request.headers.get("Content-Encoding", "").strip().lower(),
            request.content_type in _NDJSON_TYPES or request.content_type == _TEXT,
            self._limits.max_body_bytes,
            self._limits.max_line_bytes,
            bool(request.headers.get("Idempotency-Key", "").strip()),
        )

        def done(read: asyncio.Future[Body]) -> None:
            self.stage.add(-held)
            if not read.cancelled():
                read.exception()  # nobody may be left to ask for it

        reading.add_done_callback(done)
        try:
            return await asyncio.shield(reading)
        finally:
            del raw, reading  # an error's traceback leads here: it would keep itself and the body alive

    async def _read(self, request: web.Request) -> tuple[bytes, int]:
        """The raw body, and what it counts in the stage. Raises BadRequest, or Unavailable when too much is held."""
        limit = self._limits.max_body_bytes
        if request.content_length is not None and request.content_length > limit:
            raise too_large(limit)
        parts: list[bytes] = []
        held = 0
        try:
            while part := await request.content.readany():
                if held + len(part) > limit:
                    raise too_large(limit)
                if self.stage.held + len(part) > self.stage.capacity:
                    self.stage.block()
                    metrics.INGEST_REFUSED.labels("too_much_inflight").inc()
                    raise Unavailable(f"{self.stage.held} bytes of bodies are held (ingest.max_inflight_bytes)")
                held += len(part)
                self.stage.add(len(part))
                parts.append(part)
        except BaseException:
            self.stage.add(-held)
            raise
        return b"".join(parts), held

    def _chunks(self, body: Body, content_type: str, service: str, host: str, key: str) -> list[Chunk]:
        identity = f"key\0{service}\0{key}" if key else f"request\0{uuid.uuid4().hex}"
        source_id = hashlib.blake2b(identity.encode(), digest_size=8).hexdigest()
        observed_us = now_us()
        chunks = []
        offset = 0
        for piece in body.pieces:
            if piece.cut:
                metrics.INGEST_CUT.labels("line_too_long").inc()
            chunk = Chunk(
                service=service,
                host=host,
                source="http",
                source_id=source_id,
                offset=offset,
                end=offset + piece.lines if key else None,
                lines=piece.lines,
                observed_us=observed_us,
                value=piece.value,
                content_type=_TEXT if content_type == _TEXT else NDJSON,
                positions=Positions.LINE,
                tags=("cut",) if piece.cut else (),
                remember_seconds=self._limits.idempotency_seconds,
                digest=body.digest,
            )
            chunks.append(chunk)
            offset += piece.lines
        return chunks


def _name(request: web.Request, header: str) -> str:
    """A header's text, stripped. Raises BadRequest when it is too long to be a name."""
    text = request.headers.get(header, "").strip()
    size = len(text.encode("utf-8", "surrogateescape"))
    if size > _MAX_NAME_BYTES:
        raise BadRequest("bad_header", f"{header} has {size} bytes, at most {_MAX_NAME_BYTES}", header)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise BadRequest("bad_header", f"{header} is no UTF-8", header) from None
    return text
