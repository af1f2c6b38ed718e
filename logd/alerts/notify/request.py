"""What a kind of action asks of an HTTP server."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from logd import __version__


class Request(NamedTuple):
    """A POST."""

    url: str
    headers: Mapping[str, str]
    body: bytes

    def __repr__(self) -> str:
        return f"Request({len(self.body)} bytes)"  # the rest may hold secrets


def json_request(url: str, document: Any) -> Request:
    """With the document as its body, in which what isn't finite is null."""
    headers = {"Content-Type": "application/json", "User-Agent": f"logd/{__version__}"}
    return Request(url, headers, json_text(document).encode())


def json_text(value: Any) -> str:
    """In ASCII, for all values of JSON that records may have: integers of any size, and half of a surrogate pair."""
    return json.dumps(finite(value), default=str)


def finite(value: Any) -> Any:
    """The same, with null for NaN and infinity, which JSON doesn't have."""
    match value:
        case float() if not math.isfinite(value):
            return None
        case dict():
            return {str(name): finite(inner) for name, inner in value.items()}
        case list() | tuple():
            return [finite(inner) for inner in value]
        case _:
            return value
