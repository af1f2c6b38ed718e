"""A Kafka that wants TLS and a login: one listener as it should be, and one whose certificate has expired."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from tests.services.kafka import Kafka
from tests.services.server import Command, Place

USER = "logd"
_MECHANISMS = "PLAIN,SCRAM-SHA-256"
#: Those of the brokers themselves, and their port and the controllers'.
_OWN_PORTS = 2


@dataclass(frozen=True)
class SecuredKafka:
    """A Kind of one broker. `url` has two addresses: the good listener's, and that of the expired certificate. Its user
    is USER, with the place's password."""

    authority: trustme.CA
    members: int = 1
    name: str = "kafka"

    @property
    def port_count(self) -> int:
        """The brokers' own and the controllers', and one for each of the two listeners."""
        return _OWN_PORTS + 2

    def get(self) -> None:
        """Java and the jars."""
        Kafka().get()

    def prepare(self, place: Place) -> None:
        """With certificates, and with the user, whom SCRAM takes from the broker's own log."""
        own, ports = _own(place), dict(zip(("GOOD", "EXPIRED"), place.ports[_OWN_PORTS:], strict=True))
        listeners = [f"PLAINTEXT://127.0.0.1:{own.ports[0]}", *(f"{n}://127.0.0.1:{port}" for n, port in ports.items())]
        settings: dict[str, object] = {
            "listeners": ",".join([*listeners, f"CONTROLLER://127.0.0.1:{own.ports[1]}"]),
            "advertised.listeners": ",".join(listeners),
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,GOOD:SASL_SSL,EXPIRED:SASL_SSL",
            "inter.broker.listener.name": "PLAINTEXT",
            "sasl.enabled.mechanisms": _MECHANISMS,
        }
        ended = datetime.now(UTC) - timedelta(days=1)
        for name in ports:
            expiry = None if name == "GOOD" else ended
            certificate = self.authority.issue_cert("127.0.0.1", not_before=ended - timedelta(days=1), not_after=expiry)
            keystore = place.folder / f"{name.lower()}.pem"
            keystore.write_bytes(_pem(certificate))
            modules = "org.apache.kafka.common.security"
            ours = f"listener.name.{name.lower()}"
            settings |= {
                f"{ours}.ssl.keystore.type": "PEM",
                f"{ours}.ssl.keystore.location": keystore,
                f"{ours}.plain.sasl.jaas.config": f"{modules}.plain.PlainLoginModule required "
                f'user_{USER}="{place.password}";',
                f"{ours}.scram-sha-256.sasl.jaas.config": f"{modules}.scram.ScramLoginModule required;",
            }
        user = f"SCRAM-SHA-256=[name={USER},password={place.password}]"
        Kafka().prepare(own, settings, ("--add-scram", user))

    def command(self, place: Place, member: int) -> Command:
        """The broker."""
        return Kafka().command(_own(place), member)

    def url(self, place: Place) -> str:
        """`good,expired`."""
        return ",".join(f"127.0.0.1:{port}" for port in place.ports[_OWN_PORTS:])

    def ready(self, place: Place) -> bool:
        """Asked by the listener that wants no login."""
        return Kafka().ready(_own(place))


def _own(place: Place) -> Place:
    return Place(place.folder, place.ports[:_OWN_PORTS], place.password)


def _pem(certificate: trustme.LeafCert) -> bytes:
    """Key and chain, as Java reads them: the key in PKCS 8."""
    key = load_pem_private_key(certificate.private_key_pem.bytes(), None)
    chain = b"".join(blob.bytes() for blob in certificate.cert_chain_pems)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + chain


def trusted(authority: trustme.CA, folder: Path) -> str:
    """A file with the authority's certificate."""
    path = folder / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)
