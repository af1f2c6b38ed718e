"""What parsing costs on one core, from chunks to records, as in a role; Fluent Bit's parsers on the same lines.

CPU is of the thread that parses, user and system. Fluent Bit's is of its whole process, which reads the file besides
and throws records away.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from logd.chunk import Chunk, compress
from logd.config.parsers import ParserTable, Step
from logd.parse.chains import Chain, compile_chains
from logd.parse.plan import Parser
from tests.bench import fluent_bit_parse
from tests.bench.bench import Bench
from tests.bench.parse_lines import LINES
from tests.bench.report import Line

_US = "CPU µs a line"
_MOST_LINES = 240_000
#: What a role joins, see parse.join_lines.
_BATCH_LINES = 24_000
_CHUNK_LINES = 1_000
_RUNS = 3
_OBSERVED_US = 1_795_600_000_000_000
_NOTHING = "Fluent Bit recognises no formats"
_NO_PEER = "set $FLUENT_BIT to the path of its binary to measure it in the same run"
_SIX = (
    r"%{TIMESTAMP_ISO8601:time} %{LOGLEVEL:level} \[%{DATA:thread}\] %{NOTSPACE:logger} - %{NUMBER:ms:float} "
    r"%{GREEDYDATA:message}"
)


def parse_json_known(bench: Bench) -> Line:
    """JSON whose every key has a column; goal 500,000 lines/s."""
    return _case(bench, "parse_json_known", "json_known", goal=2.0, peer="json")


def parse_json_unknown(bench: Bench) -> Line:
    """JSON of whose keys several go to metadata; goal 300,000 lines/s."""
    return _case(bench, "parse_json_unknown", "json_unknown", goal=3.33, peer="json")


def parse_combined(bench: Bench) -> Line:
    """Apache's and nginx's access log, by its step; goal 200,000 lines/s."""
    return _case(bench, "parse_combined", "combined", [Step(type="combined")], goal=5.0, peer="combined")


def parse_grok(bench: Bench) -> Line:
    """Six fields by grok; goal 200,000 lines/s."""
    return _case(bench, "parse_grok", "six", [Step(type="grok", pattern=f"^{_SIX}$")], goal=5.0, peer="six")


def parse_logfmt(bench: Bench) -> Line:
    """logfmt, by its step."""
    return _case(bench, "parse_logfmt", "logfmt", [Step(type="logfmt")], peer="logfmt")


def parse_syslog(bench: Bench) -> Line:
    """A syslog file, recognised."""
    return _case(bench, "parse_syslog", "syslog", peer="syslog")


def parse_auto(bench: Bench) -> Line:
    """JSON, access logs, Java's, logfmt and syslog by turns, recognised. Fluent Bit has nothing for it."""
    return _case(bench, "parse_auto", "mixed")


def _case(
    bench: Bench,
    name: str,
    lines: str,
    steps: Sequence[Step] = (),
    *,
    goal: float | None = None,
    peer: str | None = None,
) -> Line:
    count = min(bench.corpus.lines, _MOST_LINES)
    texts = list(LINES[lines](count))
    chains = compile_chains([ParserTable(name="bench", steps=list(steps))]) if steps else ()
    cpu_us = _cpu_us(texts, chains)
    more: dict[str, float] = {"lines_a_second": 1e6 / cpu_us}
    other = None
    if peer is not None and bench.peers.fluent_bit is not None:
        path = bench.folder / f"{name}.log"
        path.write_bytes(b"\n".join(texts) + b"\n")
        runs = [
            [fluent_bit_parse.cpu_seconds(bench.peers.fluent_bit, path, parser, bench.folder) for _ in range(_RUNS)]
            for parser in (peer, None)
        ]
        other, reading = (min(seconds) * 1e6 / count for seconds in runs)
        more["peer_reading"] = reading
    return Line(
        name,
        cpu_us,
        _US,
        count,
        goal=goal,
        peer=fluent_bit_parse.NAME if other is not None else None,
        peer_value=other,
        ratio=cpu_us / other if other else None,
        note=None if other is not None else _NO_PEER if peer is not None else _NOTHING,
        more=more,
    )


def _cpu_us(texts: Sequence[bytes], chains: Sequence[Chain]) -> float:
    """The least of some runs over all of them."""
    batches = [_chunks(texts[start : start + _BATCH_LINES]) for start in range(0, len(texts), _BATCH_LINES)]
    parser = Parser(chains=chains)
    try:
        parser.parse(batches[0], [0] * len(batches[0]))
        times = []
        for _ in range(_RUNS):
            begin = time.thread_time()
            for batch in batches:
                parser.parse(batch, [0] * len(batch))
            times.append(time.thread_time() - begin)
    finally:
        parser.close()
    return min(times) * 1e6 / len(texts)


def _chunks(texts: Sequence[bytes]) -> Sequence[Chunk]:
    return [
        Chunk(
            service="bench",
            host="host-1",
            source="/var/log/bench.log",
            source_id="0123456789abcdef",
            offset=start,
            lines=len(part),
            observed_us=_OBSERVED_US,
            value=compress(b"\n".join(part) + b"\n"),
        )
        for start in range(0, len(texts), _CHUNK_LINES)
        for part in [texts[start : start + _CHUNK_LINES]]
    ]
