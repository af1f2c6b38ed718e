"""The lines that the pages are shown over: the real logs, as if they had just been written, and some that mean harm."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from tests.support.loghub import SYSTEMS, level_of, rows
from tests.support.process import Server

#: The real lines lie in so long, evenly, up to the moment in which they are sent; those of a system one after another.
SPAN_SECONDS = 7_200
#: As messages of the service `xss`. Each would set `document.title` to "pwned", or ask another server, if it ran.
XSS = (
    "<script>document.title = 'pwned'</script>",
    "<img src=x onerror=\"document.title='pwned'\">",
    "<svg onload=\"document.title='pwned'\">",
    '"><iframe srcdoc="<script>parent.document.title=\'pwned\'</script>">',
    "<a href=\"javascript:document.title='pwned'\">click</a>",
    "<style>@import url(http://192.0.2.1/pwned.css);</style>",
    "{{constructor.constructor('document.title=1')()}} ${document.title}",
    "\u001b]0;pwned\u0007 \u202egnp.exe\u202c \u0000",
)


def send_lines(server: Server, test_data: Path) -> None:
    """Returns once all are searchable. A service is named like its system, in lower case."""
    now = time.time()
    for system in SYSTEMS:
        table = rows(test_data, system)
        records: list[dict[str, Any]] = []
        for number, row in enumerate(table):
            at = now - SPAN_SECONDS * (1 - number / len(table))
            records.append({"timestamp": at, "level": level_of(system, row) or "INFO", "message": row["Content"]})
        server.ingest(system.lower(), records, X_Host=f"{system.lower()}-1")
    server.ingest(
        "xss", [{"message": text, "level": "ERROR", "<b>field</b>": text} for text in XSS], X_Host="<i>xss</i>"
    )
    server.settle()
