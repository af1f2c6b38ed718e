"""Fluent Bit under test: the binary at $FLUENT_BIT, which sends a file of JSON lines to Elasticsearch.

Its defaults, but for what the task needs: `tail` from the file's beginning, the parser `json` with the line's own
time, `es` in the form of today's Elasticsearch, whose answers may have any size. By default it makes no ids and sends
no gzip. Reading a file costs it about what reading Kafka, a record a line, does.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from tests.bench.bulk_sink import Sink
from tests.bench.burst import Burst
from tests.bench.corpus import Corpus
from tests.bench.process import ServerProcess

BINARY_VARIABLE = "FLUENT_BIT"
NAME = "Fluent Bit"
#: Ten times slower than anything that we would call fast.
_LINES_A_SECOND = 5_000
_START_SECONDS = 60.0
_PAUSE_SECONDS = 0.1
_PARSERS = """\
[PARSER]
    Name        json
    Format      json
    Time_Key    timestamp
    Time_Format %Y-%m-%dT%H:%M:%S.%LZ
"""
_CONFIGURATION = """\
[SERVICE]
    Parsers_File {parsers}
[INPUT]
    Name           tail
    Path           {path}
    Parser         json
    Read_from_Head On
[OUTPUT]
    Name               es
    Match              *
    Host               127.0.0.1
    Port               {port}
    Index              logs
    Suppress_Type_Name On
    Buffer_Size        False
"""


def run(executable: Path, corpus: Corpus, sink: Sink, folder: Path) -> Burst:
    """From its start until the sink has every line. ServerFailed when it got another number."""
    data_dir = folder / "data"
    data_dir.mkdir(parents=True)
    parsers, configuration = data_dir / "parsers.conf", data_dir / "fluent-bit.conf"
    parsers.write_text(_PARSERS)
    configuration.write_text(_CONFIGURATION.format(parsers=parsers, path=corpus.path, port=sink.port))
    before, begin = sink.taken(), time.monotonic()
    process = ServerProcess(
        "fluent-bit", [str(executable), "-c", str(configuration)], data_dir=data_dir, environment=os.environ
    )
    try:
        process.wait_until(
            lambda: sink.taken().since(before).documents >= corpus.lines,
            "done with all",
            _START_SECONDS + corpus.lines / _LINES_A_SECOND,
            _PAUSE_SECONDS,
        )
        end, cpu_seconds, peak = time.monotonic(), process.cpu_seconds(), process.peak_rss_bytes()
        taken = sink.taken().since(before)
        if taken.documents != corpus.lines:
            raise process.failure(f"sent {taken.documents} documents of {corpus.lines} lines")
        return Burst(corpus.lines, cpu_seconds, end - begin, peak, taken)
    finally:
        process.stop()
