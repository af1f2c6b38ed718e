"""What stands between logd and a Kafka, in one sentence that names the setting. Nothing here is a Kafka."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from logd.backends.transport.kafka_client import PASSWORD_VARIABLE, Connection
from logd.backends.transport.kafka_topics import complaints, wanted
from logd.config.schema import Kafka
from logd.errors import ConfigError

LOGIN: dict[str, Any] = {"sasl_mechanism": "PLAIN", "user": "logd"}


async def refusal(*servers: str, environ: dict[str, str] | None = None, **settings: Any) -> str:
    """Why nobody is reached."""
    kafka = Kafka(servers=list(servers), connect_seconds=0.0, **settings)
    with pytest.raises(ConfigError) as error:
        await Connection(kafka, environ or {}).reach()
    return str(error.value)


@contextlib.asynccontextmanager
async def listening(context: ssl.SSLContext | None = None, answer: bytes = b"") -> AsyncIterator[str]:
    """A server that sends `answer` to whoever connects, and hangs up."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            writer.write(answer)
            await writer.drain()
            writer.close()
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with server:
        host, port = server.sockets[0].getsockname()
        yield f"{host}:{port}"


@pytest.fixture
def authority(tmp_path: Path) -> trustme.CA:
    ca = trustme.CA()
    ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return ca


def of_server(ca: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert(name).configure_cert(context)
    return context


class TestReach:
    async def test_nobody_listens(self) -> None:
        async with listening() as address:
            pass
        said = await refusal(address)
        assert said == f"{address} of transport.kafka.servers can't be reached: connection refused"

    async def test_a_name_that_is_nobody_s(self) -> None:
        assert "nobody.invalid:9092 of transport.kafka.servers can't be reached: " in await refusal(
            "nobody.invalid:9092"
        )

    async def test_an_unknown_authority(self, authority: trustme.CA) -> None:
        async with listening(of_server(authority, "127.0.0.1")) as address:
            said = await refusal(address, tls=True)
        assert said.startswith(f"the certificate of {address} is not trusted, transport.kafka.tls_ca is not set: ")

    async def test_a_certificate_of_another_host(self, authority: trustme.CA, tmp_path: Path) -> None:
        async with listening(of_server(authority, "kafka.example.org")) as address:
            said = await refusal(address, tls=True, tls_ca=str(tmp_path / "ca.pem"))
        assert "is not trusted, transport.kafka.tls_ca is" in said
        assert "not valid for '127.0.0.1'" in said

    async def test_tls_where_there_is_none(self) -> None:
        async with listening(answer=b"HTTP/1.0 400 Bad Request\r\n\r\n") as address:
            said = await refusal(address, tls=True)
        assert said.startswith(f"{address} and logd don't agree on TLS, transport.kafka.tls is true: ")

    async def test_a_server_of_another_kind(self) -> None:
        async with listening(answer=b"HTTP/1.0 400 Bad Request\r\n\r\n") as address:
            said = await refusal(address)
        assert address in said
        assert "transport.kafka.servers" in said


class TestFiles:
    async def test_a_password_is_missing(self) -> None:
        said = await refusal("a:1", **LOGIN)
        assert said == (
            "there is no password for transport.kafka.user 'logd': set transport.kafka.password_file or "
            "$LOGD_KAFKA_PASSWORD"
        )

    async def test_a_file_is_missing(self, tmp_path: Path) -> None:
        gone = str(tmp_path / "gone")
        said = await refusal("a:1", **LOGIN, password_file=gone)
        assert said == f"transport.kafka.password_file {gone!r} can't be read: no such file or directory"
        files: list[tuple[str, dict[str, Any]]] = [
            ("tls_ca", {"tls": True, "tls_ca": gone}),
            ("tls_certificate", {"tls": True, "tls_certificate": gone, "tls_key": gone}),
        ]
        for name, settings in files:
            said = await refusal("a:1", **settings)
            assert said == f"transport.kafka.{name} {gone!r} can't be used: no such file or directory"

    async def test_a_file_that_is_no_certificate(self, tmp_path: Path) -> None:
        (tmp_path / "ca.pem").write_text("hello")
        said = await refusal("a:1", tls=True, tls_ca=str(tmp_path / "ca.pem"))
        assert said.startswith(f"transport.kafka.tls_ca {str(tmp_path / 'ca.pem')!r} can't be used: no certificate")

    def test_the_password_comes_from_the_file_first_and_is_not_shown(self, tmp_path: Path) -> None:
        (tmp_path / "password").write_text("from-file\n")
        environ = {PASSWORD_VARIABLE: "from-environment"}
        for path, password in ((str(tmp_path / "password"), "from-file"), ("", "from-environment")):
            connection = Connection(Kafka(servers=["a:1"], password_file=path, **LOGIN), environ)
            assert connection.options["sasl_plain_password"] == password
            assert password not in repr(connection) + repr(vars(connection)["settings"])


@pytest.mark.parametrize(
    ("copies", "in_sync", "changed", "said"),
    [
        (3, "2", {}, []),
        (3, "1", {}, ["min.insync.replicas = 1"]),
        (1, "1", {}, ["1 copies", "min.insync.replicas = 1"]),
        (3, "2", {"retention.ms": "-1"}, []),
        (3, "2", {"retention.ms": "999"}, ["keeps messages for 0.999 s"]),
        (3, "2", {"cleanup.policy": "compact"}, ["is compacted"]),
        (3, "2", {"partitions": 49}, ["49 partitions"]),
    ],
)
def test_what_a_topic_lacks(copies: int, in_sync: str, changed: dict[str, Any], said: list[str]) -> None:
    partitions = changed.pop("partitions", 50)
    topic = {"partitions": [{"replicas": list(range(copies))}] * partitions}
    configs = {**wanted(3, 604_800_000), "min.insync.replicas": in_sync, **changed}
    found = list(complaints(topic, configs, Kafka(), 604_800_000))
    assert len(found) == len(said)
    assert all(part in sentence for part, sentence in zip(said, found, strict=True)), found


@pytest.mark.parametrize(("policy", "said"), [("compact", 0), ("delete", 1), ("compact,delete", 1)])
def test_what_a_compacted_topic_lacks(policy: str, said: int) -> None:
    topic = {"partitions": [{"replicas": [0, 1, 2]}] * 4}
    configs = {**wanted(3, -1), "cleanup.policy": policy}
    found = list(complaints(topic, configs, Kafka(), -1, compacted=True))
    assert [f"has cleanup.policy = {policy}" in sentence for sentence in found] == [True] * said
