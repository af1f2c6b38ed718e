"""Tokens and certificates for tests of the real server."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import trustme

from logd.tokens import parts_of
from tests.support.commands import logd
from tests.support.process import PATIENCE_SECONDS


class Made(NamedTuple):
    """A token: its id, and what a client sends."""

    id: str
    text: str

    @property
    def header(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.text}"}


def token(data_dir: Path, scope: str, *options: object, environment: Mapping[str, str] | None = None) -> Made:
    """`logd token create`, in a process of its own."""
    command = ("token", "create", "--name", "test", "--scope", scope, *options)
    done = logd(*command, data_dir=data_dir, environment=environment)
    assert done.code == 0, done
    parts = parts_of(done.out.strip())
    assert parts is not None, done.out
    assert done.out.strip() not in done.error
    return Made(parts[0], done.out.strip())


class Certificates:
    """Those of an authority of our own, in files."""

    def __init__(self, folder: Path) -> None:
        self._authority = trustme.CA()
        self._folder = folder
        self.authority_file = folder / "authority.pem"
        self.certificate_file, self.key_file = folder / "server.pem", folder / "server.key"
        self._authority.cert_pem.write_to_path(str(self.authority_file))
        self.replace()

    @property
    def settings(self) -> Mapping[str, object]:
        return {"api.tls_certificate": self.certificate_file, "api.tls_key": self.key_file}

    def replace(self) -> None:
        """Puts a new certificate and its key into the same files, one after the other."""
        leaf = self._authority.issue_cert("localhost", "127.0.0.1")
        self.certificate_file.write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
        leaf.private_key_pem.write_to_path(str(self.key_file))

    def connect(self, port: int, host: str = "localhost") -> http.client.HTTPSConnection:
        """A client that trusts the authority."""
        context = ssl.create_default_context(cafile=str(self.authority_file))
        connection = http.client.HTTPSConnection(host, port, timeout=PATIENCE_SECONDS, context=context)
        connection.connect()
        return connection
