"""Fluent Bit as a shipper: the binary at $FLUENT_BIT, `tail` in, `es` out.

Offsets in a database, a bounded buffer in memory, each bulk answered, and retried for ever. While the target is away it
stops reading once the buffer is full. (Chunks on disk, `storage.type filesystem`, need a plugin that a build may lack,
and cost it more.) No parser, so a line is one field; by default it makes no ids and doesn't compress.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tests.bench.fluent_bit import NAME
from tests.bench.process import ServerProcess
from tests.bench.shipper import Shipper

_CONFIGURATION = """\
[SERVICE]
    Flush 1
[INPUT]
    Name           tail
    Path           {pattern}
    DB             {data}/tail.db
    Read_from_Head On
    Mem_Buf_Limit  50M
[OUTPUT]
    Name                     es
    Match                    *
    Host                     127.0.0.1
    Port                     {port}
    Index                    logs
    Suppress_Type_Name       On
    Buffer_Size              False
    Retry_Limit              no_limits
"""


def shipper(executable: Path) -> Shipper:
    """With that binary."""
    return Shipper(NAME, partial(_fluent_bit, executable))


@contextmanager
def _fluent_bit(executable: Path, folder: Path, pattern: Path, port: int) -> Iterator[ServerProcess]:
    data_dir = folder / "fluent-bit-data"
    data_dir.mkdir(parents=True)
    configuration = folder / "fluent-bit.conf"
    configuration.write_text(_CONFIGURATION.format(data=data_dir, pattern=pattern, port=port))
    process = ServerProcess(
        "fluent-bit", [str(executable), "-c", str(configuration)], data_dir=data_dir, environment=os.environ
    )
    try:
        yield process
    finally:
        process.stop()
