"""The front end's files, to browsers: read once, served from memory, and never by a path on the disk.

`/assets/…`, whose names change with their content, may be kept for good; everything else is asked for again, and told
to be unchanged by its ETag. A path that nobody serves is a page of the front end, for who asks for text/html; the front
end's own are that for who takes anything, too: curl, and those who look where a link leads. For all others, and below
/api/ and /assets/, it stays a 404. Nobody needs a token: what the pages show comes from the API.
"""

from __future__ import annotations

import hashlib
import mimetypes
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from aiohttp import web

from logd.http.answers import Handler

_INDEX = "index.html"
_ASSETS = "/assets/"
_API = "/api/"
#: Those of app.tsx; what is below them is theirs.
OWN = ("/dashboards", "/explore", "/tail", "/alerts", "/admin")
_FOR_GOOD = "public, max-age=31536000, immutable"
_ASK_AGAIN = "no-cache"
#: Lines of logs are foreign text: should one ever get into a page as HTML, nothing of it runs, and nothing leaves.
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
#: What Python's list may lack, or the machine's files may say otherwise.
_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".woff2": "font/woff2"}
_TEXT = ("text/", "application/json", "application/manifest+json", "image/svg+xml")
_NOT_BUILT = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>logd</title></head>
<body>
<h1>The pages of logd aren't built</h1>
<p>This logd runs from a checkout where its front end was never built. To build it, start logd by
<code>scripts/run</code>, or run <code>pip install -e .</code> in the checkout, then start logd again.</p>
<p>The API and the command line work without it.</p>
</body>
</html>
"""


class _File(NamedTuple):
    body: bytes
    #: None when it is sent as it is.
    gzip: bytes | None
    content_type: str
    etag: str
    cache_control: str


class Pages:
    """The middleware, over the files of a folder as they are now; None serves a page that says how to build them."""

    def __init__(self, folder: Path | None) -> None:
        self._files = {} if folder is None else dict(_read(folder))

    @web.middleware
    async def serve(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """What no route serves, and is asked for by GET or HEAD."""
        unknown = isinstance(request.match_info.http_exception, web.HTTPNotFound)
        if not unknown or request.method not in ("GET", "HEAD"):
            return await handler(request)
        path = request.path
        if (file := self._files.get(path)) is not None:
            return _answer(request, file)
        if path.startswith((_API, _ASSETS)) or not _is_page(request):
            return await handler(request)
        index = self._files.get(f"/{_INDEX}")
        return _not_built() if index is None else _answer(request, index)


def _read(folder: Path) -> list[tuple[str, _File]]:
    """By their paths as they are asked for. What the build compressed is no file of its own, and what begins with a dot
    is the build's."""
    files = []
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.suffix == ".gz" or path.name.startswith("."):
            continue
        name = f"/{path.relative_to(folder).as_posix()}"
        body = path.read_bytes()
        gzip = path.with_name(f"{path.name}.gz")
        content_type = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        file = _File(
            body,
            gzip.read_bytes() if gzip.is_file() else None,
            f"{content_type}; charset=utf-8" if content_type.startswith(_TEXT) else content_type,
            hashlib.sha256(body).hexdigest()[:32],
            _FOR_GOOD if name.startswith(_ASSETS) else _ASK_AGAIN,
        )
        files.append((name, file))
    return files


def _answer(request: web.Request, file: _File) -> web.Response:
    gzip = file.gzip if _takes_gzip(request) else None
    etag = file.etag if gzip is None else f"{file.etag}-gz"
    headers = {**HEADERS, "Cache-Control": file.cache_control, "ETag": f'"{etag}"'}
    if file.gzip is not None:
        headers["Vary"] = "Accept-Encoding"
    if any(known.value in (etag, "*") for known in request.if_none_match or ()):
        return web.Response(status=304, headers=headers)
    headers["Content-Type"] = file.content_type
    if gzip is None:
        return web.Response(body=file.body, headers=headers)
    return web.Response(body=gzip, headers={**headers, "Content-Encoding": "gzip"})


def _not_built() -> web.Response:
    return web.Response(
        status=503, text=_NOT_BUILT, content_type="text/html", headers={**HEADERS, "Cache-Control": "no-store"}
    )


def _is_page(request: web.Request) -> bool:
    """A browser that goes somewhere asks for text/html; at the pages' own paths who takes anything means the page."""
    accepted = request.headers.get("Accept", "*/*").lower()
    is_own = request.path == "/" or f"{request.path}/".startswith(tuple(f"{path}/" for path in OWN))
    return "text/html" in accepted or (is_own and "*/*" in accepted)


def _takes_gzip(request: web.Request) -> bool:
    for coding in request.headers.get("Accept-Encoding", "").lower().split(","):
        name, _, weight = coding.partition(";")
        if name.strip() in ("gzip", "*"):
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
