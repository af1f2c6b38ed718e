"""Requests to an Elasticsearch cluster: bytes out, bytes in, and logd's own exceptions."""

from __future__ import annotations

import base64
import logging
import ssl
from collections.abc import Mapping
from typing import Any

import elastic_transport
import elasticsearch
import msgspec

from logd.config.address import parse_url
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
_TOO_LARGE = 413
_REASON_CHARACTERS = 300
_SHOWN_CHARACTERS = 80
#: A node that has just died costs no request its answer as long as there are others.
_MOST_OTHER_NODES = 3


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


class TooLarge(BadRequest):
    """A request has more bytes than Elasticsearch, or a proxy before it, takes at once."""


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
        self._settings = settings
        self._where = ", ".join(settings.urls)
        try:
            self._client = elasticsearch.AsyncElasticsearch(
                [_with_port(url) for url in settings.urls],
                serializers=serializers,
                request_timeout=settings.timeout_seconds,
                http_compress=settings.gzip,
                max_retries=min(len(settings.urls) - 1, _MOST_OTHER_NODES),
                retry_on_timeout=False,
                retry_on_status=(),
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
        except (elasticsearch.UnsupportedProductError, elastic_transport.SerializationError) as error:
            raise self._is_another() from error
        except elasticsearch.ApiError as error:
            raise self._failed(error.meta.status, error.body, _is_json(error.meta)) from error
        except elastic_transport.TlsError as error:
            raise self._untrusted(error.message) from error
        except (elastic_transport.TransportError, OSError) as error:
            # Its text is no more than its kind where it is the first try that failed.
            reason = getattr(error, "message", None) or error
            raise Unavailable(f"Elasticsearch at {self._where} can't be reached: {reason}") from error
        if not _is_json(answer.meta):
            raise self._is_another()
        return bytes(answer.body)

    def _failed(self, status: int, body: Any, is_json: bool) -> Exception:
        """What is to be done about an answer that says no. What isn't JSON is from a proxy, or from somebody else."""
        reason = _reason(body) if is_json else f"status {status}"
        if status in (401, 403) and "cluster_block" not in reason:
            return self._not_let_in(status, reason)
        if status in _BUSY or "cluster_block" in reason:
            return Unavailable(f"Elasticsearch at {self._where} can't do it now: {reason}")
        if status == _TOO_LARGE:
            return TooLarge(
                "refused_by_elasticsearch", f"the request is too large for what is at {self._where}: {reason}"
            )
        if not is_json:
            return self._is_another(f", and says {_shown(body)!r} with status {status}")
        if 400 <= status < 500:
            return BadRequest("refused_by_elasticsearch", f"Elasticsearch can't answer that: {reason}")
        return Unavailable(f"Elasticsearch at {self._where} failed with {status}: {reason}")

    def _is_another(self, says: str = "") -> Unavailable:
        return Unavailable(f"{_TABLE}.urls: what answers at {self._where} is no Elasticsearch{says}")

    def _not_let_in(self, status: int, reason: str) -> Unavailable:
        settings = self._settings
        if settings.api_key_file:
            key, who = "api_key_file", "the API key"
        elif settings.user:
            key, who = ("password_file", f"the user {settings.user!r}") if status == 401 else ("user", "it")
        else:
            return Unavailable(f"{_TABLE}.user or {_TABLE}.api_key_file is needed: {self._where} says {reason}")
        does = "isn't accepted" if status == 401 else "may not do that"
        return Unavailable(f"{_TABLE}.{key}: {who} {does} by {self._where}: {reason}")

    def _untrusted(self, reason: str) -> Unavailable:
        """A failed handshake, by OpenSSL's words for it."""
        key, said = "tls_ca", "the certificate isn't trusted"
        if "certificate verify failed" not in reason and "CERTIFICATE_VERIFY_FAILED" not in reason:
            key, said = "urls", "there is no TLS to be had"
        elif "expired" in reason or "not yet valid" in reason or "match" in reason or "valid for" in reason:
            key, said = "urls", "the certificate can't be taken"
        return Unavailable(f"{_TABLE}.{key}: {said} at {self._where}: {reason[:_REASON_CHARACTERS]}")

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.close()


def _credentials(settings: Settings) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if settings.api_key_file:
        found["api_key"] = read_secret(f"{_TABLE}.api_key_file", settings.api_key_file)
    elif settings.user:
        password = read_secret(f"{_TABLE}.password_file", settings.password_file) if settings.password_file else ""
        # The driver would take ASCII only.
        found["basic_auth"] = base64.b64encode(f"{settings.user}:{password}".encode()).decode()
    if settings.tls_ca:
        try:
            found["ssl_context"] = ssl.create_default_context(cafile=settings.tls_ca)
        except (OSError, ValueError) as error:
            reason = (getattr(error, "strerror", None) or str(error)).lower()
            raise ConfigError(f"{_TABLE}.tls_ca {settings.tls_ca!r} can't be used: {reason}") from error
    return found


def _with_port(text: str) -> str:
    """The driver wants the port, also where it is the scheme's."""
    url = parse_url(text)
    host = f"[{url.host}]" if ":" in url.host else url.host
    return f"{'https' if url.https else 'http'}://{host}:{url.port}{url.path}"


def _is_json(meta: elastic_transport.ApiResponseMeta) -> bool:
    return "json" in (meta.mimetype or "")


def _shown(body: Any) -> str:
    """How a page begins, in one line."""
    return " ".join(bytes(body or b"").decode("utf-8", "replace").split())[:_SHOWN_CHARACTERS]


def _reason(body: Any) -> str:
    try:
        error = msgspec.json.decode(body, type=_Refusal).error
    except (msgspec.MsgspecError, TypeError):
        return _shown(body)
    if isinstance(error, str):
        return error
    causes = [error.caused_by] if error.caused_by else error.root_cause
    texts = [cause.text for cause in causes] or [f"{error.type}: {error.reason or ''}"]
    return "; ".join(dict.fromkeys(texts))[: 2 * _REASON_CHARACTERS]
