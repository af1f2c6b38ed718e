"""Real logs by grok: each line's fields are those that the logs' own CSVs give."""

from __future__ import annotations

import csv
from io import StringIO
from pathlib import Path

import pytest
import re2

from logd.parse.grok import compile_grok

#: The system, its pattern, and for each column of the CSV the fields that give it, with a blank between.
SYSTEMS = [
    ("Apache", "%{HTTPD_ERRORLOG}", "Time=timestamp Level=log.level"),
    (
        "HDFS",
        r"^(?<d>\d{6}) (?<t>\d{6}) %{INT:pid} %{LOGLEVEL:level} %{JAVACLASS:logger}: %{GREEDYDATA:text}$",
        "Date=d Time=t Pid=pid Level=level Component=logger Content=text",
    ),
    (
        "Hadoop",
        r"%{TIMESTAMP_ISO8601:time} %{LOGLEVEL:level} \[%{DATA:thread}\] %{JAVACLASS:logger}: %{GREEDYDATA:text}",
        "Date+Time=time Level=level Process=thread Component=logger Content=text",
    ),
    (
        "Linux",
        "%{SYSLOGLINE}",
        "Month+Date+Time=timestamp Level=host.hostname Component=process.name PID=process.pid Content=message",
    ),
    ("Mac", "%{SYSLOGLINE}", "Month+Date+Time=timestamp User=host.hostname"),
    ("OpenSSH", "%{SYSLOGLINE}", "Date+Day+Time=timestamp Component=host.hostname Pid=process.pid Content=message"),
    (
        "OpenStack",
        r"^%{NOTSPACE:file} %{TIMESTAMP_ISO8601:time} %{POSINT:pid} %{LOGLEVEL:level} %{NOTSPACE:logger} "
        r"\[%{DATA:ids}\] %{GREEDYDATA:text}",
        "Logrecord=file Date+Time=time Pid=pid Level=level Component=logger ADDR=ids Content=text",
    ),
    (
        "Spark",
        r"^(?<time>%{YEAR}/%{MONTHNUM2}/%{MONTHDAY} %{TIME}) %{LOGLEVEL:level} %{NOTSPACE:logger}: %{GREEDYDATA:text}",
        "Date+Time=time Level=level Component=logger Content=text",
    ),
    (
        "Zookeeper",
        r"%{TIMESTAMP_ISO8601:time} - %{LOGLEVEL:level} +\[%{DATA:thread}\] - %{GREEDYDATA:text}",
        "Date+Time=time Level=level Content=text",
    ),
]
#: Linux's lines, from the host on, whose tag has a blank in it: no tag for Logstash's patterns either.
BLANK_TAGS = {"combo syslogd 1.4.1: restart.", "combo  -- root[2421]: ROOT LOGIN ON tty2"}


@pytest.mark.parametrize(("system", "pattern", "columns"), SYSTEMS)
def test_real_logs(test_data: Path, system: str, pattern: str, columns: str) -> None:
    truth = csv.DictReader(StringIO((test_data / f"loghub/{system}_2k.log_structured.csv").read_text(encoding="utf-8")))
    lines = (test_data / f"loghub/{system}_2k.log").read_text(encoding="utf-8").splitlines()
    grok = compile_grok(pattern, {})
    search = re2.compile(grok.regex).search
    wrong = set()
    for line, row in zip(lines, truth, strict=True):
        found = search(line)
        for pair in columns.split():
            column, field = pair.split("=")
            groups = next(one.groups for one in grok.fields if one.name == field)
            value = next((found[group] for group in groups if found[group]), "") if found else None
            expected = " ".join(row[part] for part in column.split("+"))
            if value is None or value.split() != expected.split():
                wrong.add(line[16:])
    assert wrong == (BLANK_TAGS if system == "Linux" else set())
