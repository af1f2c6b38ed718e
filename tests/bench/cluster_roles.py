"""Roles of a cluster under test: each a process of its own, as conf/cluster ships it, of which only addresses and
folders are changed."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.bench.logd_server import AHEAD_SECONDS
from tests.bench.process import ServerProcess

_CHECKOUT = Path(__file__).parents[2]
_CONF = _CHECKOUT / "conf" / "cluster"


@contextmanager
def role(
    name: str,
    folder: Path,
    environment: Mapping[str, str],
    *,
    files: Sequence[Path] = (),
    under: Sequence[str] = (),
) -> Iterator[ServerProcess]:
    """Starts the role, whose data lies below `folder`, and waits for nothing; stopped at the end. `environment` has
    settings of logd; `under` is a command that becomes the one it is given."""
    data_dir = folder / "data"
    data_dir.mkdir(parents=True)
    command = ["agent"] if name == "agent" else ["server"]
    settings = {"data_dir": data_dir, "telemetry.listen": "127.0.0.1:0", "ingest.max_ahead_seconds": AHEAD_SECONDS}
    options = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    kept = {variable: value for variable, value in os.environ.items() if not variable.startswith("LOGD_")}
    path = os.pathsep.join(filter(None, [str(_CHECKOUT), kept.get("PYTHONPATH")]))
    process = ServerProcess(
        name,
        [*under, sys.executable, "-m", "logd", *command, *options, "--", *map(str, files)],
        data_dir=data_dir,
        # Without policies a catalog that isn't there does.
        environment={
            **kept,
            "PYTHONPATH": path,
            "LOGD_CONFIG": str(_CONF / f"{name}.toml"),
            "LOGD_CATALOG__TYPE": "sqlite",
            "LOGD_OBJECTS__TYPE": "folder",
            **environment,
        },
    )
    try:
        yield process
    finally:
        process.stop()


def of_kafka(servers: str, prefix: str) -> Mapping[str, str]:
    """The settings that say where Kafka is. `prefix` keeps a run's topics and groups apart from others'."""
    return {"LOGD_TRANSPORT__KAFKA__SERVERS": servers, "LOGD_TRANSPORT__KAFKA__PREFIX": prefix}


def of_elasticsearch(url: str) -> Mapping[str, str]:
    """The settings that say where Elasticsearch is. One node has no place for copies."""
    return {"LOGD_INDEX__ELASTICSEARCH__URLS": url, "LOGD_INDEX__ELASTICSEARCH__REPLICAS": "0"}
