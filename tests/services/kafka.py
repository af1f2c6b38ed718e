"""Kafka from Maven Central, in KRaft mode: every process is a broker and a controller."""

from __future__ import annotations

import socket
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.services.java import jars, java_home
from tests.services.programs import run
from tests.services.server import Command, Place

_VERSION = "4.1.0"
_LOG4J = "2.24.3"
_JAVA = 17
#: 16 bytes in base64; that of a cluster of our own, which never meets another.
_CLUSTER_ID = "bG9nZC10ZXN0LWNsdXN0ZQ"
#: Each broker's. What it holds in memory besides is the page cache's.
_HEAP = ("-Xms128m", "-Xmx512m")
_TOOL_HEAP = ("-Xmx128m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
#: Kafka's id of the Metadata request.
_METADATA = 3
_TIMEOUT_SECONDS = 5.0
_LOG4J_PROPERTIES = """\
rootLogger.level = warn
rootLogger.appenderRef.out.ref = out
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d %p %c{1}: %m%n
"""


@dataclass(frozen=True)
class Kafka:
    """`members` brokers; the ports are those of clients, then those of controllers."""

    members: int = 1
    name: str = "kafka"

    @property
    def port_count(self) -> int:
        """For clients and for controllers."""
        return 2 * self.members

    def get(self) -> None:
        """Java and the jars."""
        java_home(_JAVA)
        _jars()

    def prepare(
        self, place: Place, settings: Mapping[str, object] | None = None, formatting: Sequence[str] = ()
    ) -> None:
        """A folder for each broker, formatted; with settings beside ours, and arguments for the format."""
        for member in range(self.members):
            folder = _folder(place, member)
            folder.mkdir(exist_ok=True)
            (folder / "log4j2.properties").write_text(_LOG4J_PROPERTIES)
            (folder / "server.properties").write_text(properties(place, member, self.members, settings))
            if not (folder / "data" / "meta.properties").exists():
                tool = _java(place, member, *_TOOL_HEAP, "kafka.tools.StorageTool", "format")
                run(
                    [
                        *tool,
                        "--ignore-formatted",
                        "-t",
                        _CLUSTER_ID,
                        "-c",
                        str(folder / "server.properties"),
                        *formatting,
                    ],
                    f"{folder} can't be formatted",
                )

    def command(self, place: Place, member: int) -> Command:
        """One broker."""
        main = ("kafka.Kafka", str(_folder(place, member) / "server.properties"))
        return Command(_java(place, member, *_HEAP, *main))

    def url(self, place: Place) -> str:
        """The bootstrap servers."""
        return ",".join(f"127.0.0.1:{port}" for port in place.ports[: self.members])

    def ready(self, place: Place) -> bool:
        """Every broker knows all of them."""
        return all(_known_brokers(port) == self.members for port in place.ports[: self.members])


def properties(place: Place, member: int, members: int, more: Mapping[str, object] | None = None) -> str:
    """Of one broker. Kafka's defaults, but for what one machine needs, and for `more`."""
    controllers = place.ports[members:]
    voters = ",".join(f"{at + 1}@127.0.0.1:{port}" for at, port in enumerate(controllers))
    copies = min(members, 3)
    settings: dict[str, object] = {
        "process.roles": "broker,controller",
        "node.id": member + 1,
        "controller.quorum.voters": voters,
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://127.0.0.1:{place.ports[member]},CONTROLLER://127.0.0.1:{controllers[member]}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{place.ports[member]}",
        "log.dirs": _folder(place, member) / "data",
        # Kafka's own topics: as many copies as there can be, and few partitions, which are opened at every start.
        "offsets.topic.replication.factor": copies,
        "offsets.topic.num.partitions": 8,
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": min(copies, 2),
        "transaction.state.log.num.partitions": 8,
        "share.coordinator.state.topic.replication.factor": copies,
        "share.coordinator.state.topic.min.isr": min(copies, 2),
        # The first member of a group would wait 3 s for others.
        "group.initial.rebalance.delay.ms": 0,
    }
    return "".join(f"{key}={value}\n" for key, value in {**settings, **(more or {})}.items())


def _folder(place: Place, member: int) -> Path:
    return place.folder / f"broker-{member + 1}"


def _jars() -> Path:
    # Without the binding Kafka would log nothing, not even why it ends.
    binding = f"org.apache.logging.log4j:log4j-slf4j-impl:{_LOG4J}"
    return jars(f"kafka-{_VERSION}", f"org.apache.kafka:kafka_2.13:{_VERSION}", binding)


def _java(place: Place, member: int, *arguments: str) -> list[str]:
    logging = f"-Dlog4j2.configurationFile={_folder(place, member) / 'log4j2.properties'}"
    return [str(java_home(_JAVA) / "bin" / "java"), logging, "-cp", f"{_jars()}/*", *arguments]


def _known_brokers(port: int) -> int:
    """How many brokers the one at the port knows, by the Metadata request, version 1, for no topic."""
    request = struct.pack(">hhih", _METADATA, 1, 1, -1) + struct.pack(">i", 0)
    with (
        socket.create_connection(("127.0.0.1", port), _TIMEOUT_SECONDS) as connection,
        connection.makefile("rb") as answer,
    ):
        connection.sendall(struct.pack(">i", len(request)) + request)
        head = answer.read(12)  # the length, the request's number, how many brokers follow
    if len(head) < 12:
        raise ConnectionError(f"port {port} closed the connection")
    return int(struct.unpack(">i", head[8:])[0])
