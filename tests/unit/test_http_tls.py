"""Certificates: what can't be used is said in one sentence, and what is new is taken."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from logd.config.schema import Api
from logd.errors import ConfigError
from logd.http.tls import Certificate
from tests.support.access import Certificates


def _open(certificates: Certificates) -> Certificate:
    return Certificate(Api(tls_certificate=str(certificates.certificate_file), tls_key=str(certificates.key_file)))


@pytest.fixture
def files(tmp_path: Path) -> Certificates:
    return Certificates(tmp_path)


def _serial(certificate: Certificate) -> str:
    """Of what a client gets that connects by address, so that it names no server."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    ends = (ssl.MemoryBIO(), ssl.MemoryBIO())
    here = client.wrap_bio(ends[0], ends[1])
    there = certificate.context.wrap_bio(ends[1], ends[0], server_side=True)
    for _ in range(4):
        for side in (here, there):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                pass
    found = here.getpeercert(binary_form=True)
    assert found is not None
    return found.hex()


def test_old_protocols_are_refused(files: Certificates) -> None:
    assert _open(files).context.minimum_version == ssl.TLSVersion.TLSv1_2


async def test_new_files_are_taken(files: Certificates, caplog: pytest.LogCaptureFixture) -> None:
    certificate = _open(files)
    first = _serial(certificate)
    await certificate.look()
    assert _serial(certificate) == first
    files.replace()
    await certificate.look()
    assert _serial(certificate) != first
    assert not [record for record in caplog.records if record.levelname == "WARNING"]


async def test_half_of_a_replacement_is_not_taken(files: Certificates, caplog: pytest.LogCaptureFixture) -> None:
    certificate = _open(files)
    first = _serial(certificate)
    key = files.key_file.read_bytes()
    files.replace()
    new_key = files.key_file.read_bytes()
    files.key_file.write_bytes(key)
    await certificate.look()
    assert _serial(certificate) == first
    assert "is not the key of" in caplog.text
    files.key_file.write_bytes(new_key)
    await certificate.look()
    assert _serial(certificate) != first


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("certificate_file", None, r"api\.tls_certificate '.*server\.pem' can't be read: no such file"),
        ("key_file", None, r"api\.tls_key '.*server\.key' can't be read: no such file"),
        (
            "certificate_file",
            b"nothing",
            r"api\.tls_certificate '.*' and api\.tls_key '.*' can't be used, expected PEM",
        ),
        ("key_file", b"nothing", r"api\.tls_certificate '.*' and api\.tls_key '.*' can't be used, expected PEM"),
        ("key_file", b"another", r"api\.tls_key '.*' is not the key of api\.tls_certificate '.*'"),
        ("key_file", b"encrypted", r"api\.tls_key '.*' is encrypted, expected one without a password"),
    ],
)
def test_what_cannot_be_used(files: Certificates, name: str, content: bytes | None, sentence: str) -> None:
    path: Path = getattr(files, name)
    match content:
        case None:
            path.unlink()
        case b"another":
            path.write_bytes(trustme.CA().issue_cert("x").private_key_pem.bytes())
        case b"encrypted":
            key = serialization.load_pem_private_key(path.read_bytes(), None)
            locked = serialization.BestAvailableEncryption(b"secret")
            path.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked))
        case _:
            path.write_bytes(content)
    with pytest.raises(ConfigError, match=sentence) as refused:
        _open(files)
    assert "\n" not in str(refused.value)


def test_an_expired_one_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    files = Certificates(tmp_path)
    leaf = trustme.CA().issue_cert("localhost", not_after=datetime(2020, 1, 1, tzinfo=UTC))
    leaf.cert_chain_pems[0].write_to_path(str(files.certificate_file))
    leaf.private_key_pem.write_to_path(str(files.key_file))
    _open(files)
    assert "has expired: 2020-01-01" in caplog.text
