"""What a log shipper under test looks like to the cases of the agent: logd's here, its peers' in files of their own."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.process import ServerProcess

_CHECKOUT = Path(__file__).parents[2]
_CONFIGURATION = """\
data_dir = "{data}"
[agent]
server = "http://127.0.0.1:{port}"
[[agent.files]]
paths = ["{pattern}"]
"""


@dataclass(frozen=True)
class Shipper:
    """`start` runs one until the context ends: it ships what is in the files that the glob finds to the agent sink at a
    port of 127.0.0.1, from their beginning, and keeps its state below the folder."""

    name: str
    start: Callable[[Path, Path, int], AbstractContextManager[ServerProcess]]


@contextmanager
def logd_agent(folder: Path, pattern: Path, port: int) -> Iterator[ServerProcess]:
    """logd's agent on its defaults: offsets and batches in SQLite, synced, zstd, one HTTP request a round, a spool of
    1 GiB."""
    data_dir = folder / "logd-data"
    data_dir.mkdir(parents=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LOGD_")}
    path = os.pathsep.join(filter(None, [str(_CHECKOUT), kept.get("PYTHONPATH")]))
    configuration = folder / "logd.toml"
    configuration.write_text(_CONFIGURATION.format(data=data_dir, pattern=pattern, port=port))
    process = ServerProcess(
        "logd",
        [sys.executable, "-m", "logd", "agent", "--config", str(configuration)],
        data_dir=data_dir,
        environment={**kept, "PYTHONPATH": path},
    )
    try:
        yield process
    finally:
        process.stop()


LOGD = Shipper("logd", logd_agent)
