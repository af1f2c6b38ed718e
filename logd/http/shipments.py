"""POST /api/v1/chunks: what remote agents send, onto the transport as the agent of this process would put it."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from logd import shipment
from logd.chunk import Envelope
from logd.errors import BadRequest, Conflict, Unavailable
from logd.http import identity, schemas
from logd.http.answers import json_answer
from logd.http.intake import Intake
from logd.http.openapi import Answer, Content, Operation
from logd.seams import RAW_LOGS, Appended, Transport
from logd.telemetry import metrics
from logd.tokens import Scope

OPERATION = Operation(
    "POST",
    shipment.PATH,
    "Take in chunks of lines from agents; answered once they are durable",
    (),
    {202: Answer("All are durable.", schemas.Shipped)},
    body=Content("Chunks, as logd/shipment.py describes them.", {shipment.CONTENT_TYPE: bytes}),
    needs=(Scope.INGEST,),
)


class Shipments:
    """The handler; what it holds at once is bounded by `intake`, until it is durable."""

    def __init__(self, transport: Transport, intake: Intake) -> None:
        self._transport = transport
        self._intake = intake

    async def handle(self, request: web.Request) -> web.Response:
        """202 {"accepted": n, "duplicates": d} once all n chunks are durable; the d that their sources had sent before
        are left out, and count as accepted. Any other answer means that none is stored by this request: 400 names the
        chunk that is wrong, 403 the one that the token isn't for, 409 says that a source sends other bytes from a place
        than before, 413 is too much at once, 429 later."""
        try:
            if request.headers.get("Content-Encoding", "identity") != "identity":
                raise BadRequest("bad_encoding", "chunks are compressed, their body isn't", "content-encoding", 415)
            async with self._intake.read(request, shipment.decode) as shipped:
                appended = await self._append(identity.writable(request, shipped.envelopes))
                accepted = len(shipped.envelopes)
        except BadRequest as error:
            metrics.SHIPMENT_REFUSED.labels(error.code).inc()
            raise
        except Unavailable:
            metrics.SHIPMENT_REFUSED.labels("unavailable").inc()
            raise
        metrics.SHIPMENT_CHUNKS.inc(accepted)
        metrics.SHIPMENT_LINES.inc(shipped.lines)
        metrics.SHIPMENT_BYTES.inc(shipped.value_bytes)
        return json_answer({"accepted": accepted, "duplicates": appended.duplicates}, 202)

    async def _append(self, envelopes: Sequence[Envelope]) -> Appended:
        try:
            return await self._transport.append(RAW_LOGS, envelopes)
        except Conflict as error:
            raise BadRequest(shipment.SOURCE_CONFLICT, str(error), "", 409) from error
