"""The cursor of a search: where a page ended, and of what. It holds all there is to know; the server keeps nothing.

Base64url of a MessagePack list. It isn't secret and not signed: with another one, somebody only pages elsewhere.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Annotated

import msgspec
from msgspec import Meta

from logd.errors import BadRequest
from logd.query.times import timeless
from logd.query.tree import Node
from logd.seams import Place

_VERSION = 2
#: The years 1 to 9999.
_Time = Annotated[int, Meta(ge=-62_135_596_800_000_000, le=253_402_300_799_999_999)]
_DIGEST_BYTES = 8


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """The place of the last hit so far, and the time range as it was when the first page was asked for, at `now_us`.
    `belongs_to` is of the search, as `digest` gives it."""

    version: int
    timestamp_us: _Time
    log_id: str
    from_us: int | None
    to_us: int | None
    now_us: _Time
    belongs_to: Annotated[bytes, Meta(max_length=_DIGEST_BYTES)]

    @property
    def place(self) -> Place:
        """The place alone."""
        return Place(self.timestamp_us, self.log_id)

    def check(self, belongs_to: bytes) -> None:
        """Raises BadRequest when it is of another search."""
        if self.belongs_to != belongs_to:
            raise BadRequest(
                "foreign_cursor",
                "the cursor is another search's: q, filters, from, to and sort have to be those of the first page",
                "cursor",
            )


def digest(query: Node, written: str, times: tuple[str, str], sort: str) -> bytes:
    """Of what must be the same on every page: query and filters, the times as they are asked for, the order. The same
    at every moment: of a query with times it is what was `written`."""
    tree = timeless(query)
    asked = repr((tree, times if tree == query else (*times, written), sort)).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(asked, digest_size=_DIGEST_BYTES).digest()


def write(place: Place, from_us: int | None, to_us: int | None, now_us: int, belongs_to: bytes) -> str:
    """The text of a cursor."""
    cursor = Cursor(_VERSION, place.timestamp_us, place.log_id, from_us, to_us, now_us, belongs_to)
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(cursor)).decode().rstrip("=")


def read(text: str) -> Cursor:
    """The cursor of a text. Raises BadRequest when it is none."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
        cursor = msgspec.msgpack.decode(data, type=Cursor)
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        cursor = None
    if cursor is None or cursor.version != _VERSION:
        raise BadRequest("bad_cursor", "the text is no cursor, expected next_cursor of an earlier answer", "cursor")
    return cursor
