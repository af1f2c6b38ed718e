"""A Kafka that wants TLS and a login: everything works over it, and what is wrong is said in one sentence that names
the setting, by a process that then ends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from logd.backends.transport.kafka import KafkaTransport
from logd.backends.transport.kafka_client import PASSWORD_VARIABLE
from logd.config.schema import Kafka, Transport
from logd.seams import DEAD_LETTERS, RAW_LOGS, Moved
from tests.services.running import Running
from tests.support.commands import logd
from tests.support.secured_kafka import USER, SecuredKafka, trusted
from tests.support.transports import past, plain, rest, texts

pytestmark = pytest.mark.servers("kafka")


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def secured(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running(SecuredKafka(authority), tmp_path_factory.mktemp("secured"), tied=True) as server:
        yield server


@pytest.fixture
def settings(secured: Running, authority: trustme.CA, tmp_path: Path) -> dict[str, Any]:
    """Of `[transport.kafka]`, with which it works."""
    return {
        "servers": secured.url.split(",")[:1],
        "replication": 1,
        "partitions": 3,
        "connect_seconds": 0.0,
        "tls": True,
        "tls_ca": trusted(authority, tmp_path),
        "sasl_mechanism": "PLAIN",
        "user": USER,
    }


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256"])
async def test_all_that_a_transport_does(secured: Running, settings: dict[str, Any], mechanism: str) -> None:
    kafka = Kafka(**{**settings, "sasl_mechanism": mechanism, "prefix": f"{mechanism}."})
    transport = await KafkaTransport.open(Transport(type="kafka", kafka=kafka), {PASSWORD_VARIABLE: secured.password})
    follower = await transport.follow(RAW_LOGS)
    await transport.append(RAW_LOGS, plain("a", "b"))
    consumer = await transport.consume(RAW_LOGS, "g")
    messages = await rest(consumer)
    assert texts(messages) == ["a", "b"]
    await consumer.commit(past(messages[-1]))
    assert (await transport.status())[RAW_LOGS]["groups"]["g"]["lag"] == 0
    assert texts(await follower.fetch(2, 120)) == ["a", "b"]
    await transport.append(DEAD_LETTERS, plain("c"))
    assert await transport.dead_letters().replay(None) == Moved(1, 1)
    assert texts(await rest(consumer)) == ["c"]
    await transport.close()


@pytest.mark.parametrize(
    ("changed", "password", "said"),
    [
        ({}, "wrong", "{good} refuses transport.kafka.user 'logd' with this password: "),
        (
            {"sasl_mechanism": "SCRAM-SHA-256"},
            "wrong",
            "{good} refuses transport.kafka.user 'logd' with this password: ",
        ),
        ({"user": "nobody"}, None, "{good} refuses transport.kafka.user 'nobody' with this password: "),
        (
            {"sasl_mechanism": "SCRAM-SHA-512"},
            None,
            "{good} doesn't know transport.kafka.sasl_mechanism = SCRAM-SHA-512",
        ),
        (
            {"tls_ca": "{other}"},
            None,
            "the certificate of {good} is not trusted, transport.kafka.tls_ca is '{other}': ",
        ),
        ({"tls_ca": ""}, None, "the certificate of {good} is not trusted, transport.kafka.tls_ca is not set: "),
        (
            {"servers": ["{expired}"]},
            None,
            "the certificate of {expired} is not trusted, {tls_ca}: certificate has expired",
        ),
        ({"tls": False}, None, "{good} of transport.kafka.servers "),
        ({"sasl_mechanism": "", "user": ""}, None, "{good} of transport.kafka.servers "),
    ],
    ids=[
        "password",
        "password-scram",
        "user",
        "mechanism",
        "authority",
        "no-authority",
        "expired",
        "no-tls",
        "no-login",
    ],
)
def test_what_is_wrong_ends_the_process_with_a_sentence(
    secured: Running, settings: dict[str, Any], tmp_path: Path, changed: dict[str, Any], password: str | None, said: str
) -> None:
    good, expired = secured.url.split(",")
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    words = {
        "good": good,
        "expired": expired,
        "other": str(other),
        "tls_ca": f"transport.kafka.tls_ca is {settings['tls_ca']!r}",
    }
    asked = {**settings, **changed}
    if not asked["tls"]:
        asked["tls_ca"] = ""
    values = {
        "servers": ",".join(asked.pop("servers")).format_map(words),
        **{name: _text(value).format_map(words) for name, value in asked.items()},
    }
    sets = [f"--set=transport.kafka.{name}={value}" for name, value in values.items() if value]
    done = logd(
        "server",
        "--roles",
        "processor",
        "--set=transport.type=kafka",
        *sets,
        data_dir=tmp_path / "data",
        environment={PASSWORD_VARIABLE: password or secured.password},
    )
    lines = done.error.splitlines()
    assert done.code == 2, done
    assert lines[-1].startswith(f"logd: {said.format_map(words)}"), lines
    assert "transport.kafka." in lines[-1]
    assert len(lines) <= 2, "a warning that it may try again, and no more"
    assert secured.password not in done.error + done.out
    assert "Traceback" not in done.error


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
