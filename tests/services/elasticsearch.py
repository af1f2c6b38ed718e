"""Elasticsearch from Maven Central: the server with its HTTP transport, and with security, which is off."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import pwd
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path

from tests.services.cache import cache, is_open, locked, once, open_cache
from tests.services.errors import Missing
from tests.services.java import jars, java_home
from tests.services.programs import program, run
from tests.services.server import Command, Place

_VERSION = "9.2.0"
_ARTIFACT = f"org.elasticsearch.distribution.integ-test-zip:elasticsearch:{_VERSION}:zip"
_JAVA = 21
#: It refuses to run as root; where we are, it runs as this system user.
_USER = "logd-elasticsearch"
_DATA = "elasticsearch-data-"
_OWNER = "data-of"
#: Each node's; a gigabyte or more is for real amounts.
_HEAP = "-Xms512m -Xmx512m"
_TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True)
class Elasticsearch:
    """`members` nodes, all eligible as master. One has every role; of several the last is data_warm and the others are
    data_hot. The ports are those of HTTP, then those between nodes."""

    members: int = 1
    name: str = "elasticsearch"

    @property
    def port_count(self) -> int:
        """For HTTP and between nodes."""
        return 2 * self.members

    def get(self) -> None:
        """Java, the server and its user."""
        java_home(_JAVA)
        _home()
        _user()

    def prepare(self, place: Place) -> None:
        """A folder for each node, the user's own where there is one."""
        _tidy()
        for member in range(self.members):
            folder = _folder(place, member)
            folder.parent.mkdir(exist_ok=True)
            (folder.parent / _OWNER).write_text(str(place.folder))
            for part in (folder, *(folder / name for name in ("config", "data", "logs", "tmp"))):
                part.mkdir(exist_ok=True)
                if user := _user():
                    os.chown(part, *user)
            settings = "".join(
                f"{key}: {json.dumps(value)}\n" for key, value in settings_of(place, member, self.members)
            )
            (folder / "config" / "elasticsearch.yml").write_text(settings)
            (folder / "config" / "jvm.options").write_text(_jvm_options())
            shutil.copy(_home() / "config" / "log4j2.properties", folder / "config")

    def command(self, place: Place, member: int) -> Command:
        """One node: a launcher, and the server as its child, which ends when the launcher does."""
        folder = _folder(place, member)
        environment = {
            "ES_JAVA_HOME": str(java_home(_JAVA)),
            "ES_PATH_CONF": str(folder / "config"),
            "ES_TMPDIR": str(folder / "tmp"),
            "ES_JAVA_OPTS": _HEAP,
        }
        return Command([str(_home() / "bin" / "elasticsearch")], environment, _user(), folder)

    def url(self, place: Place) -> str:
        """All nodes, apart by commas."""
        return ",".join(f"http://127.0.0.1:{port}" for port in place.ports[: self.members])

    def ready(self, place: Place) -> bool:
        """Every node has a master, knows all nodes, and every index that is there can be asked."""
        return all(self._is_well(port) for port in place.ports[: self.members])

    def _is_well(self, port: int) -> bool:
        status, body = ask(
            port, "GET", f"/_cluster/health?wait_for_nodes={self.members}&wait_for_status=yellow&timeout=5s"
        )
        return status == 200 and not json.loads(body)["timed_out"]


def ask(port: int, method: str, path: str, body: object = None) -> tuple[int, bytes]:
    """One request, with a JSON body if any; the status and the body. Raises OSError when nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_SECONDS)
    sent = None if body is None else json.dumps(body)
    try:
        connection.request(method, path, sent, {"Content-Type": "application/json"})
        with connection.getresponse() as answer:
            return answer.status, answer.read()
    except http.client.HTTPException as error:
        raise ConnectionError(str(error)) from error
    finally:
        connection.close()


def settings_of(place: Place, member: int, members: int) -> list[tuple[str, object]]:
    """Of one node. Elasticsearch's defaults, but for what one machine needs."""
    folder = _folder(place, member)
    settings: list[tuple[str, object]] = [
        ("cluster.name", "logd"),
        ("node.name", f"node-{member + 1}"),
        ("path.data", str(folder / "data")),
        ("path.logs", str(folder / "logs")),
        ("network.host", "127.0.0.1"),
        ("http.port", place.ports[member]),
        ("transport.port", place.ports[members + member]),
        ("xpack.security.enabled", False),
        # A full disk of a developer would make every index read-only.
        ("cluster.routing.allocation.disk.threshold_enabled", False),
    ]
    if members == 1:
        return [*settings, ("discovery.type", "single-node")]
    data = ["data_warm"] if member == members - 1 else ["data_hot", "data_content"]
    others = [f"127.0.0.1:{port}" for port in place.ports[members:]]
    names = [f"node-{at + 1}" for at in range(members)]
    return [
        *settings,
        ("node.roles", ["master", "ingest", *data]),
        ("discovery.seed_hosts", others),
        ("cluster.initial_master_nodes", names),
    ]


def _folder(place: Place, member: int) -> Path:
    """The server's own; where that is closed to its user, one of open_cache() in its stead."""
    home = place.folder
    if not is_open(home):
        home = open_cache() / f"{_DATA}{hashlib.sha256(bytes(home)).hexdigest()[:16]}"
    return home / f"node-{member + 1}"


def _tidy() -> None:
    """Removes data in open_cache() whose server's folder is gone, as those of tests are."""
    for home in open_cache().glob(f"{_DATA}*"):
        owner = home / _OWNER
        if owner.exists() and not Path(owner.read_text()).exists():
            shutil.rmtree(home, ignore_errors=True)


def _home() -> Path:
    return once(f"elasticsearch-{_VERSION}", _unpack, open_cache()) / f"elasticsearch-{_VERSION}"


def _unpack(folder: Path) -> None:
    (archive,) = jars(f"elasticsearch-{_VERSION}-zip", _ARTIFACT).glob("*.zip")
    with zipfile.ZipFile(archive) as packed:
        for entry in packed.infolist():
            path = packed.extract(entry, folder)
            if entry.external_attr >> 16 & 0o100:
                os.chmod(path, 0o755)


def _jvm_options() -> str:
    """Elasticsearch's own without the log of the garbage collector, which goes to files, and without the module for
    vectors, which small Java runtimes don't have."""
    lines = (_home() / "config" / "jvm.options").read_text().splitlines()
    kept = [line for line in lines if not line.startswith("-Xlog:") and "jdk.incubator.vector" not in line]
    return "\n".join([*kept, ""])


def _user() -> tuple[int, int] | None:
    """The user to run as, made when it isn't there; None where we aren't root, and it runs as ourselves."""
    if os.geteuid() != 0:
        return None
    with locked(cache() / "user.lock"):
        if (user := _entry()) is None:
            options = ["--system", "--user-group", "--no-create-home", "--home-dir=/nonexistent"]
            argv = [program("useradd", "passwd"), *options, "--shell=/usr/sbin/nologin", _USER]
            run(argv, f"the user {_USER} can't be made")
            user = _entry()
    if user is None:
        raise Missing(f"the user {_USER} was made, but isn't there")
    return user.pw_uid, user.pw_gid


def _entry() -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(_USER)
    except KeyError:
        return None
