"""rsyslog as a shipper: Debian's `rsyslogd`, `imfile` in, `omfwd` out.

imfile keeps its offsets in state files, written every 1,000 lines. omfwd is TCP without compression, lines as they are;
nobody acknowledges them, so what was on its way is lost when a connection breaks (Debian has no `omhttp`). Its queue
goes to disk when memory doesn't hold it, and it tries for ever.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tests.bench.process import ServerProcess
from tests.bench.shipper import Shipper

NAME = "rsyslog"
_CONFIGURATION = """\
global(workDirectory="{data}")
module(load="imfile")
template(name="line" type="string" string="%msg%\\n")
input(type="imfile" file="{pattern}" tag="bench" persistStateInterval="1000")
action(type="omfwd" target="127.0.0.1" port="{port}" protocol="tcp" template="line" action.resumeRetryCount="-1"
       queue.type="LinkedList" queue.filename="backlog" queue.maxDiskSpace="4g" queue.saveOnShutdown="on")
"""


def executable() -> Path | None:
    """None when it isn't installed. It lies where only root's path leads."""
    found = shutil.which("rsyslogd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    return None if found is None else Path(found)


def shipper(binary: Path) -> Shipper:
    """With that binary."""
    return Shipper(NAME, partial(_rsyslog, binary))


@contextmanager
def _rsyslog(binary: Path, folder: Path, pattern: Path, port: int) -> Iterator[ServerProcess]:
    data_dir = folder / "rsyslog-data"
    data_dir.mkdir(parents=True)
    configuration = folder / "rsyslog.conf"
    configuration.write_text(_CONFIGURATION.format(data=data_dir, pattern=pattern, port=port))
    command = [str(binary), "-n", "-f", str(configuration), "-i", str(data_dir / "rsyslogd.pid")]
    process = ServerProcess("rsyslogd", command, data_dir=data_dir, environment=os.environ)
    try:
        yield process
    finally:
        process.stop()
