"""Requests to an Elasticsearch cluster: bytes out, bytes in, and logd's own exceptions."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Mapping
from typing import Any

import elastic_transport
import elasticsearch
import msgspec

from logd.config.schema import Elasticsearch as Settings
from logd.config.secrets import read_secret
from logd.errors import BadRequest, ConfigError, Unavailable

# The driver tells of each request and each try; what they come to is said elsewhere, once. A level that is set stays.
_driver_log = logging.getLogger("elastic_transport")
if _driver_log.level == logging.NOTSET:
    _driver_log.setLevel(logging.CRITICAL)
_TABLE = "index.elasticsearch"
_JSON = "application/vnd.elasticsearch+json"
_LINES = "application/vnd.elasticsearch+x-ndjson"
_COMPATIBLE = "; compatible-with=9"
#: What a cluster that is up has no room for now.
_BUSY = (429, 502, 503, 504)
_REASON_CHARACTERS = 300


class _Bytes:
    """JSON of ours as bytes, and answers as they came."""

    def __init__(self, mimetype: str) -> None:
        self.mimetype = mimetype

    def dumps(self, data: Any) -> bytes:
        return bytes(data) if isinstance(data, bytes | memoryview) else msgspec.json.encode(data)

    def loads(self, data: bytes) -> bytes:
        return data


class Failure(msgspec.Struct, frozen=True):
    """Why Elasticsearch refused something."""

    type: str = ""
    reason: str | None = None
    caused_by: Failure | None = None

    @property
    def text(self) -> str:
        """The innermost reason, which is the one that says something."""
        inner = self.caused_by.text if self.caused_by else ""
        return inner or f"{self.type}: {self.reason or ''}"[:_REASON_CHARACTERS]


class _Details(msgspec.Struct, frozen=True):
    type: str = ""
    reason: str | None = None
    root_cause: list[Failure] = []
    caused_by: Failure | None = None


class _Refusal(msgspec.Struct, frozen=True):
    error: _Details | str = ""


class Client:
    """One pool of connections to the nodes of a cluster."""

    def __init__(self, settings: Settings) -> None:
        """Raises ConfigError when a file of the settings can't be read; connects to nothing yet."""
        serializers: Any = {
            kind: _Bytes(kind) for kind in (_JSON, _LINES, "application/json", "text/plain", "text/html")
        }
        self._where = ", ".join(settings.urls)
        try:
            self._client = elasticsearch.AsyncElasticsearch(
                settings.urls,
                serializers=serializers,
                request_timeout=settings.timeout_seconds,
                http_compress=settings.gzip,
                max_retries=0,
                retry_on_timeout=False,
                **_credentials(settings),
            )
        except (ValueError, OSError, ssl.SSLError) as error:
            raise ConfigError(f"index.elasticsearch: {error}") from error

    async def ask(
        self, method: str, path: str, body: Any = None, parameters: Mapping[str, Any] | None = None, lines: bool = False
    ) -> bytes:
        """The body of the answer. Raises Unavailable when there is none now, BadRequest when what is asked for won't
        do."""
        headers = {"accept": _JSON + _COMPATIBLE, "content-type": (_LINES if lines else _JSON) + _COMPATIBLE}
        try:
            answer = await self._client.perform_request(method, path, params=parameters, headers=headers, body=body)
        except elasticsearch.UnsupportedProductError as error:
            raise Unavailable(f"index.elasticsearch.urls: what answers at {self._where} is no Elasticsearch") from error
        except elasticsearch.ApiError as error:
            raise self._failed(error.meta.status, error.body) from error
        except (elastic_transport.TransportError, OSError) as error:
            raise Unavailable(f"Elasticsearch at {self._where} can't be reached: {error}") from error
        return bytes(answer.body)

    def _failed(self, status: int, body: Any) -> Exception:
        """What is to be done about an answer that says no."""
        reason = _reason(body)
        if status in (401, 403) and "cluster_block" not in reason:
            return Unavailable(f"index.elasticsearch: the user or the API key isn't accepted: {reason}")
        if status in _BUSY or "cluster_block" in reason:
            return Unavailable(f"Elasticsearch at {self._where} can't do it now: {reason}")
        if 400 <= status < 500:
            return BadRequest("refused_by_elasticsearch", f"Elasticsearch can't answer that: {reason}")
        return Unavailable(f"Elasticsearch at {self._where} failed with {status}: {reason}")

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.close()


def _credentials(settings: Settings) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if settings.api_key_file:
        found["api_key"] = read_secret(f"{_TABLE}.api_key_file", settings.api_key_file)
    elif settings.user:
        password = read_secret(f"{_TABLE}.password_file", settings.password_file) if settings.password_file else ""
        found["basic_auth"] = (settings.user, password)
    if settings.tls_ca:
        found["ca_certs"] = settings.tls_ca
    return found


def _reason(body: Any) -> str:
    try:
        error = msgspec.json.decode(body, type=_Refusal).error
    except (msgspec.MsgspecError, TypeError):
        return bytes(body or b"").decode("utf-8", "replace")[:_REASON_CHARACTERS]
    if isinstance(error, str):
        return error
    causes = [error.caused_by] if error.caused_by else error.root_cause
    texts = [cause.text for cause in causes] or [f"{error.type}: {error.reason or ''}"]
    return "; ".join(dict.fromkeys(texts))[: 2 * _REASON_CHARACTERS]
