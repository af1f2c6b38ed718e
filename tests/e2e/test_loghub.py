"""Real logs of nine systems through the real process: each line once, its text whole, its time right."""

from __future__ import annotations

import csv
import itertools
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support.process import Server, until

_SYSTEMS = ("Apache", "HDFS", "Hadoop", "Linux", "Mac", "OpenSSH", "OpenStack", "Spark", "Zookeeper")
_LINES = 2_000
#: The last lines have no newline; each is taken after so long.
_SETTINGS = {"agent.partial_line_seconds": 0.5, "agent.rescan_seconds": 0.2, "agent.poll_seconds": 0.05}


@pytest.fixture(scope="module")
def loghub(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Path]]:
    """A process that has followed all nine files, and the folder of its copies of them."""
    # `test_data` is made for each test, and says what to do when there is none.
    folder = tmp_path_factory.mktemp("loghub")
    with Server(folder / "server", files=[folder / "logs"], settings=_SETTINGS) as server:
        yield server, folder / "logs"


def _path(folder: Path, system: str) -> Path:
    return folder / f"{system}_2k.log"
