"""POST /api/v1/logs/ingest: the body as chunks on the transport, and 202 once they are durable."""

from __future__ import annotations

import functools
import hashlib
import uuid
from collections.abc import Callable
from typing import Any, Literal

from aiohttp import web

from logd.chunk import CRI, CUT_TAG, DOCKER, SYSLOG, TEXT, Chunk, Positions
from logd.config.schema import Ingest
from logd.errors import BadRequest, Conflict
from logd.flow.clock import now_us
from logd.http import identity, schemas
from logd.http.answers import json_answer
from logd.http.bodies import Body, read_body
from logd.http.identity import Identity
from logd.http.intake import Intake
from logd.http.openapi import Answer, Content, Operation
from logd.http.parameters import Parameter
from logd.seams import RAW_LOGS, Transport
from logd.telemetry import metrics
from logd.tokens import Scope

NDJSON = "application/x-ndjson"
_NDJSON_TYPES = {NDJSON, "application/ndjson", "application/jsonl", "application/x-jsonlines", "application/jsonlines"}
#: A line each, of these.
_LINES = frozenset({TEXT, DOCKER, CRI, SYSLOG})
_MAX_NAME_BYTES = 256
#: Of records that don't say where they are from.
SOURCE = "http"
OPERATION = Operation(
    "POST",
    "/api/v1/logs/ingest",
    "Take in log lines; answered once they are durable",
    (
        Parameter("X-Service-Id", "The service of records that don't say; unknown unless told.", place="header"),
        Parameter("X-Host", "The host of records that don't say; the client's address unless told.", place="header"),
        Parameter("Idempotency-Key", "A request with the same key and service stores nothing twice.", place="header"),
        Parameter("Content-Encoding", "How the body is compressed.", Literal["gzip", "zstd"], place="header"),
    ),
    {202: Answer("All are durable.", schemas.Accepted)},
    body=Content(
        'Records, as {"logs": [...]}; or a line each, as JSON, text, a container\'s record or a syslog message.',
        {"application/json": dict[str, Any], **dict.fromkeys((NDJSON, TEXT, DOCKER, CRI, SYSLOG), str)},
    ),
    needs=(Scope.INGEST,),
)


class Ingestion:
    """The handler; what it holds at once is bounded by `intake`."""

    def __init__(self, limits: Ingest, transport: Transport, intake: Intake) -> None:
        self._limits = limits
        self._transport = transport
        self._intake = intake

    async def handle(self, request: web.Request) -> web.Response:
        """202 {"accepted": n} once all n lines are durable; anything else means that none is stored."""
        service = _name(request, "X-Service-Id") or "unknown"
        host = _name(request, "X-Host") or request.remote or ""
        key = _name(request, "Idempotency-Key")
        sender = identity.writer(request, service, host)
        try:
            async with self._intake.read(request, self._reader(request)) as body:
                pass  # what is left of it is compressed, and waits for the transport
            chunks = self._chunks(body, request.content_type, service, host, key, sender)
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

    def _reader(self, request: web.Request) -> Callable[[bytes], Body]:
        return functools.partial(
            read_body,
            encoding=request.headers.get("Content-Encoding", "").strip().lower(),
            is_ndjson=request.content_type in _NDJSON_TYPES | _LINES,
            max_body_bytes=self._limits.max_body_bytes,
            max_line_bytes=self._limits.max_line_bytes,
            keyed=bool(request.headers.get("Idempotency-Key", "").strip()),
        )

    def _chunks(
        self, body: Body, content_type: str, service: str, host: str, key: str, sender: Identity
    ) -> list[Chunk]:
        origin = f"key\0{service}\0{key}" if key else f"request\0{uuid.uuid4().hex}"
        source_id = hashlib.blake2b(origin.encode(), digest_size=8).hexdigest()
        observed_us = now_us()
        chunks = []
        offset = 0
        for piece in body.pieces:
            if piece.cut:
                metrics.INGEST_CUT.labels("line_too_long").inc()
            chunk = Chunk(
                service=service,
                host=host,
                source=SOURCE,
                source_id=source_id,
                offset=offset,
                end=offset + piece.lines if key else None,
                lines=piece.lines,
                observed_us=observed_us,
                value=piece.value,
                content_type=content_type if content_type in _LINES else NDJSON,
                positions=Positions.LINE,
                service_locked=bool(sender.services),
                host_locked=bool(sender.hosts),
                tags=(CUT_TAG,) if piece.cut else (),
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
