"""HTTPS, and certificates that are replaced under a running server."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.access import Certificates
from tests.support.commands import begun
from tests.support.process import Server, until

_PATIENCE_SECONDS = 60.0


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return Certificates(tmp_path)


def _status(connection: http.client.HTTPSConnection) -> int:
    connection.request("GET", "/readyz")
    with connection.getresponse() as answer:
        answer.read()
        return answer.status


def _serial(connection: http.client.HTTPSConnection) -> object:
    assert isinstance(connection.sock, ssl.SSLSocket)
    found = connection.sock.getpeercert()
    assert found is not None
    return found["serialNumber"]


def test_a_certificate_is_replaced(tmp_path: Path, certificates: Certificates) -> None:
    with Server(tmp_path / "server", settings=certificates.settings, roles="processor,api") as server:
        old = certificates.connect(server.port)
        assert _status(old) == 200
        first = _serial(old)
        certificates.replace()

        def is_new() -> bool:
            for host in ("localhost", "127.0.0.1"):  # who connects by address names no server
                with certificates.connect(server.port, host).sock as sock:
                    assert isinstance(sock, ssl.SSLSocket)
                    found = sock.getpeercert()
                    assert found is not None
                    if found["serialNumber"] == first:
                        return False
            return True

        until(is_new, "the new certificate is served")
        assert _status(old) == 200
        assert _serial(old) == first
        old.close()
        certificates.key_file.write_text("half a file")
        until(lambda: "the certificate stays as it was" in server.log(), "it is said")
        new = certificates.connect(server.port)
        assert _status(new) == 200
        new.close()
        assert server.terminate() == 0


def test_what_is_refused(tmp_path: Path, certificates: Certificates) -> None:
    with Server(tmp_path / "server", settings=certificates.settings, roles="processor,api") as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=_PATIENCE_SECONDS) as plain:
            plain.sendall(b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n")
            try:
                assert b"200" not in plain.recv(1_000)
            except ConnectionResetError:
                pass
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.load_verify_locations(certificates.authority_file)
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            old.maximum_version = ssl.TLSVersion.TLSv1_1
        with (
            socket.create_connection(("127.0.0.1", server.port), timeout=_PATIENCE_SECONDS) as sock,
            pytest.raises((ssl.SSLError, ConnectionError)),
        ):
            old.wrap_socket(sock, server_hostname="localhost")
        good = certificates.connect(server.port)
        assert _status(good) == 200
        good.close()


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"api.tls_key": ""}, 'api.tls_key is "" on the command line, expected the path of a PEM file, as certificate'),
        (
            {"api.tls_certificate": "missing.pem"},
            "api.tls_certificate 'missing.pem' can't be read: no such file or dir",
        ),
    ],
)
def test_a_start_without(tmp_path: Path, certificates: Certificates, settings: dict[str, str], sentence: str) -> None:
    server = Server(tmp_path / "server", settings={**certificates.settings, **settings}, roles="processor,api")
    server.launch()
    assert server.wait() == 2
    assert server.log().count("\n") == 1, server.log()
    assert sentence in server.log()


def test_commands_trust_the_certificates_that_they_are_told(tmp_path: Path, certificates: Certificates) -> None:
    with Server(tmp_path / "server", settings=certificates.settings, roles="processor,api") as server:
        for host in ("localhost", "127.0.0.1"):
            asked = ("search", "word", "--url", f"https://{host}:{server.port}")
            trusting = {"SSL_CERT_FILE": str(certificates.authority_file)}
            assert _finished(*asked, environment=trusting) == (0, "", "")
            code, _, error = _finished(*asked)
            assert code == 3
            assert "$SSL_CERT_FILE names a file with the certificates to trust" in error


def _finished(*arguments: str, environment: Mapping[str, str] | None = None) -> tuple[int, str, str]:
    """A command that has no data folder: its exit code and what it wrote."""
    with begun(*arguments, environment=environment) as child:
        out, error = child.communicate(timeout=_PATIENCE_SECONDS)
    return child.returncode, out, error
