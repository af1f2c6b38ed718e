"""Fluent Bit's parsers under test: a file read once with a parser, into an output that throws away.

A whole run is measured, as reading costs it little: what reading and unparsed records cost stands beside it.
"""

from __future__ import annotations

import os
import resource
import subprocess
from pathlib import Path

from tests.bench.fluent_bit import NAME as NAME

_SECONDS = 300
#: As its documentation has them for these formats.
_PARSERS = """\
[PARSER]
    Name        json
    Format      json
    Time_Key    timestamp
    Time_Format %Y-%m-%dT%H:%M:%S.%LZ
[PARSER]
    Name        combined
    Format      regex
    Regex       ^(?<client>[^ ]*) (?<ident>[^ ]*) (?<user>[^ ]*) \\[(?<time>[^\\]]*)\\] "(?<method>\\S+)(?: +(?<path>[^ ]*) +\\S*)?" (?<status>[^ ]*) (?<bytes>[^ ]*)(?: "(?<referer>[^\\"]*)" "(?<agent>.*)")?$
    Time_Key    time
    Time_Format %d/%b/%Y:%H:%M:%S %z
[PARSER]
    Name        six
    Format      regex
    Regex       ^(?<time>[^ ]+ [^ ]+) (?<level>[A-Z]+) \\[(?<thread>[^\\]]*)\\] (?<logger>[^ ]+) - (?<ms>[\\d.]+) (?<message>.*)$
    Time_Key    time
    Time_Format %Y-%m-%d %H:%M:%S.%L
[PARSER]
    Name        logfmt
    Format      logfmt
    Time_Key    ts
    Time_Format %Y-%m-%dT%H:%M:%SZ
[PARSER]
    Name        syslog
    Format      regex
    Regex       ^(?<time>[^ ]* {1,2}[^ ]* [^ ]*) (?<host>[^ ]*) (?<ident>[a-zA-Z0-9_\\/\\.\\-]*)(?:\\[(?<pid>[0-9]+)\\])?(?:[^\\:]*\\:)? *(?<message>.*)$
    Time_Key    time
    Time_Format %b %d %H:%M:%S
"""  # noqa: E501
_CONFIGURATION = """\
[SERVICE]
    Parsers_File {parsers}
    Log_Level    error
[INPUT]
    Name           tail
    Path           {path}
    Read_from_Head On
    Exit_On_Eof    On
{parser}[OUTPUT]
    Name  null
    Match *
"""


def cpu_seconds(executable: Path, path: Path, parser: str | None, folder: Path) -> float:
    """Of a run over the file, user and system; without a parser a line is one field."""
    parsers, configuration = folder / "parsers.conf", folder / f"fluent-bit-{parser}.conf"
    parsers.write_text(_PARSERS)
    said = f"    Parser         {parser}\n" if parser else ""
    configuration.write_text(_CONFIGURATION.format(parsers=parsers, path=path, parser=said))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [str(executable), "-c", str(configuration)], env=os.environ, check=True, timeout=_SECONDS, capture_output=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
