"""A record, and those before and after it of the same service and host."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Self
from urllib.parse import quote, urlencode

import orjson

from tests.bench.corpus import Corpus
from tests.bench.http_client import Client
from tests.bench.question import logsql, time_text

SIDE = 20
_MARGIN = timedelta(milliseconds=1)


@dataclass(frozen=True)
class Context:
    """SIDE of them on each side, by time: what comes over HTTP has no place in a file. logd is told the id and the
    time, as whoever looks at a hit knows them; VictoriaLogs the stream, the time and a field."""

    line: Mapping[str, Any]
    log_id: str

    @classmethod
    def of(cls, corpus: Corpus, client: Client) -> Self:
        """A line in the middle of the corpus, whose id the client's logd knows."""
        line = orjson.loads(corpus.middle())
        found = client.get(f"/api/v1/logs/search?{urlencode({'q': _trace(line), 'limit': '1'})}")
        return cls(line, orjson.loads(found)["logs"][0]["log_id"])

    def logd(self) -> str:
        """A context."""
        asked = {"before": str(SIDE), "after": str(SIDE), "at": self.line["timestamp"]}
        return f"/api/v1/logs/{quote(self.log_id)}/context?{urlencode(asked)}"

    def victoria_logs(self) -> Mapping[str, str]:
        """A pipe, which looks an hour in both directions unless told."""
        time = datetime.fromisoformat(self.line["timestamp"])
        stream = f'{{service="{self.line["service"]}",host="{self.line["host"]}"}}'
        span = f"_time:[{time_text(time)}, {time_text(time + _MARGIN)})"
        trace = f'"metadata.trace_id":="{self.line["metadata"]["trace_id"]}"'
        sides = f"stream_context before {SIDE} after {SIDE} time_window 1w"
        return {"stream_context_pipe": logsql(f"{stream} {span} {trace} | {sides}")}

    def truth(self, corpus: Corpus) -> list[datetime]:
        """Their times, oldest first."""
        mine = self.line["metadata"]["trace_id"].encode()
        needle = f'"host":"{self.line["host"]}"'.encode()
        service = f'"service":"{self.line["service"]}"'.encode()
        same = (line for line in corpus.lines_oldest_first() if needle in line and service in line)
        before: deque[bytes] = deque(maxlen=SIDE + 1)
        for line in same:
            before.append(line)
            if mine in line:
                break
        return [datetime.fromisoformat(orjson.loads(line)["timestamp"]) for line in (*before, *islice(same, SIDE))]

    def is_right(self, system: str, body: bytes, truth: list[datetime]) -> bool:
        """The same times."""
        if system == "logd":
            answer = orjson.loads(body)
            texts = [record["timestamp"] for record in (*answer["before"], answer["log"], *answer["after"])]
        else:
            texts = [orjson.loads(line)["_time"] for line in body.splitlines()]
        return sorted(map(datetime.fromisoformat, texts)) == truth


def _trace(line: Mapping[str, Any]) -> str:
    return f"trace_id:{line['metadata']['trace_id']}"
