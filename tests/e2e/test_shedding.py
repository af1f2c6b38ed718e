"""[shedding] in a real server: what the index does without is found in the records' rates, the ledger, the metrics, the
status and the log; live tails are as ever."""

from __future__ import annotations

import time
import uuid
from pathlib import Path
from typing import Any

from logd.config.schema import Config
from logd.roles.audit import audit
from tests.support.commands import begun, logd
from tests.support.process import PATIENCE_SECONDS, Server, until
from tests.support.tails import TailClient

_LEVELS = ("DEBUG", "INFO", "WARN", "ERROR")
_SETTINGS = {"parse.join_seconds": 0.01, "index.flush_rows": 500, "index.flush_seconds": 0.2}
#: A second is a window; what is usual is known after two. Nothing forgets it while a test runs.
_SPIKES = {
    **_SETTINGS,
    "shedding.spike_factor": 3,
    "shedding.spike_lines_per_second": 200,
    "shedding.window_seconds": 1,
    "shedding.warm_up_seconds": 2,
    "shedding.baseline_seconds": 86_400,
    "shedding.keep": 0.25,
}


def _shedding(server: Server) -> dict[str, Any]:
    found: dict[str, Any] = server.get("/api/v1/status").json()["processor"]["shedding"]
    return found


def _sample(server: Server, start: str) -> float:
    lines = server.get("/metrics").body.decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(start))


def _records(server: Server) -> list[dict[str, Any]]:
    """All of `web`, once what was accepted before is searchable; what says so is never sampled."""
    word = f"settle{uuid.uuid4().hex}"
    server.ingest("settle", [{"message": word, "level": "ERROR"}])
    until(lambda: server.search(q=word, service="settle")["total_hits"], "a new line is found")
    found: list[dict[str, Any]] = server.search(service="web", limit=10_000)["logs"]
    return found


def _processor(server: Server) -> Any:
    return next(entry for entry in audit(Config(data_dir=str(server.data_dir))) if entry.stage == "processor")


def test_a_spike_is_sampled_counted_and_said(tmp_path: Path) -> None:
    with Server(tmp_path / "server", settings=_SPIKES) as server:
        tail = TailClient(server.port, q="line", service="web").opened()
        begun = time.monotonic()
        quiet = 0

        def known() -> bool:
            """Some lines, until so much time has passed that what is usual is known."""
            nonlocal quiet
            quiet += server.ingest("web", [{"message": "a quiet line", "level": "DEBUG"}])
            return time.monotonic() - begun > 5

        until(known, "time passes")
        sent = 0

        def spiking() -> list[dict[str, Any]]:
            """Lines of all levels, of which each alone would be a spike, until it is seen."""
            nonlocal sent
            lines = [{"message": f"line {sent + n}", "level": _LEVELS[n % 4]} for n in range(1_000)]
            sent += server.ingest("web", lines)
            server.settle()
            found: list[dict[str, Any]] = _shedding(server)["spikes"]
            return found

        spikes = until(spiking, "the spike is seen")
        assert [(one["service"], one["sampled"]) for one in spikes] == [("web", ["TRACE", "DEBUG", "INFO"])]
        assert spikes[0]["usual_lines_per_second"] < 200
        until(lambda: not _shedding(server)["spikes"], "it is over, though nothing comes")
        assert server.ingest("web", [{"message": "after it", "level": "DEBUG"}]) == 1
        server.settle()
        counts = {
            (level, rate): server.search(service="web", q=f"line level:{level} {rate}", default_operator="and", limit=1)
            for level in _LEVELS
            for rate in ("sample_rate:0.25", "NOT sample_rate:*")
        }
        totals = {key: found["total_hits"] for key, found in counts.items()}
        sampled = _sample(server, 'logd_shape_sampled_lines_total{rule="spike (shedding)"}')
        assert {level: totals[level, "sample_rate:0.25"] for level in ("WARN", "ERROR")} == {"WARN": 0, "ERROR": 0}
        each = sent // 4
        assert {level: totals[level, "NOT sample_rate:*"] for level in ("WARN", "ERROR")} == {
            "WARN": each,
            "ERROR": each,
        }
        assert sum(totals.values()) - quiet == sent - sampled
        for level in ("DEBUG", "INFO"):
            assert 0 < totals[level, "sample_rate:0.25"] < each / 2
        assert server.search(service="web", q="after", limit=1)["logs"][0]["metadata"] == {}
        until(lambda: len(tail.records) >= sent + quiet, "the live tail has all")
        tail.close()
        assert _sample(server, 'logd_shedding_active{reason="spike"}') == 0
        log = server.log()
        # On a slow machine it may have ended and begun again before it was seen.
        assert log.count("a spike of 'web', ") == log.count("the spike of 'web' is over") >= 1
        until(lambda: not server.get("/api/v1/status").json()["index"]["recent_rows"], "all is flushed")
        server.check_ledger()
        assert server.terminate() == 0
    server.check_ledger()
    assert _processor(server).sampled == sampled
    assert logd("audit", data_dir=server.data_dir).code == 0


def test_debug_alone_is_sampled_while_that_is_enough(tmp_path: Path) -> None:
    with Server(tmp_path / "server", settings=_SPIKES) as server:
        begun = time.monotonic()

        def known() -> bool:
            server.ingest("web", [{"message": "quiet", "level": "DEBUG"}])
            return time.monotonic() - begun > 5

        until(known, "time passes")
        sent = server.ingest(
            "web", [{"message": f"line {n}", "level": "INFO" if n % 100 == 0 else "DEBUG"} for n in range(4_000)]
        )
        server.settle()
        assert server.search(service="web", q="line level:INFO", default_operator="and")["total_hits"] == sent // 100
        debug = server.search(service="web", q="line level:DEBUG", default_operator="and")["total_hits"]
        assert debug < 0.5 * sent
        assert "a spike of 'web', " in server.log()
        assert "of DEBUG and TRACE is stored" in server.log()


def test_debug_is_dropped_while_the_disk_is_too_full(tmp_path: Path) -> None:
    settings = {**_SETTINGS, "shedding.disk_percent": 0.001}
    with Server(tmp_path / "server", settings=settings) as server:
        until(lambda: _shedding(server)["emergency"], "the disk has been looked at")
        server.ingest("web", [{"message": f"line {n}", "level": ("TRACE", *_LEVELS)[n % 5]} for n in range(500)])
        records = server.records("web")
        assert [record["level"] for record in records] == ["INFO", "WARN", "ERROR"] * 100
        assert not any(record["metadata"] for record in records)
        assert _sample(server, 'logd_shape_dropped_lines_total{rule="emergency (shedding)"}') == 200
        assert _sample(server, 'logd_shedding_active{reason="emergency"}') == 1
        assert 0 < _sample(server, "logd_index_disk_used_ratio") <= 1
        assert server.log().count("DEBUG and TRACE are dropped") == 1
        with begun("status", "--url", f"http://127.0.0.1:{server.port}") as command:
            assert "% full: TRACE, DEBUG are dropped" in command.communicate(timeout=PATIENCE_SECONDS)[0]
        until(lambda: not server.get("/api/v1/status").json()["index"]["recent_rows"], "all is flushed")
        server.check_ledger()
        assert server.terminate() == 0
    server.check_ledger()
    assert (_processor(server).dropped, _processor(server).sampled) == (200, 0)


def test_what_waited_too_long_is_sampled(tmp_path: Path) -> None:
    """Nobody processes; then somebody does."""
    settings = {**_SETTINGS, "shedding.lag_seconds": 0.5, "shedding.keep": 0.5}
    with Server(tmp_path / "server", settings=settings, roles="api") as server:
        server.ingest("web", [{"message": f"line {n}", "level": _LEVELS[n % 4]} for n in range(800)])
        taken = time.monotonic()
        assert server.terminate() == 0
    until(lambda: time.monotonic() - taken > 1.5, "time passes")
    with Server(tmp_path / "server", settings=settings) as server:
        until(lambda: "s behind, over 0.5 s: 0.5 of DEBUG, TRACE and INFO is stored" in server.log(), "it is behind")
        until(lambda: "no longer far behind" in server.log(), "it is over")
        levels = [record["level"] for record in _records(server)]
        assert (levels.count("WARN"), levels.count("ERROR")) == (200, 200)
        assert 0 < levels.count("DEBUG") < 200
        assert 0 < levels.count("INFO") < 200
        assert _sample(server, 'logd_shape_sampled_lines_total{rule="lag (shedding)"}') == 800 - len(levels)
        until(lambda: not server.get("/api/v1/status").json()["index"]["recent_rows"], "all is flushed")
        server.check_ledger()


def test_what_is_read_again_is_counted_once_whatever_becomes_of_it(tmp_path: Path) -> None:
    """A kill, and what waited meanwhile is sampled, also what had been stored and wasn't durable."""
    settings = {**_SETTINGS, "index.flush_rows": 100_000, "index.flush_seconds": 0.3, "shedding.lag_seconds": 0.5}
    server = Server(tmp_path / "server", settings=settings)
    sent = 0
    with server:
        for _ in range(5):
            for start in range(0, 400, 40):
                lines = [{"message": f"line {sent + n}", "level": _LEVELS[n % 4]} for n in range(start, start + 40)]
                server.ingest("web", lines)
            sent += 400
            server.kill()
            server.check_ledger()
            server.restart()
        records = _records(server)
        assert len({record["log_id"] for record in records}) == len(records)
        important = [record["message"] for record in records if record["level"] in ("WARN", "ERROR")]
        assert sorted(important) == sorted(f"line {n}" for n in range(sent) if n % 4 >= 2)
        assert server.terminate() == 0
    server.check_ledger()
    processor = _processor(server)
    settled = processor.taken - sent
    assert processor.sampled == sent - len(records)
    assert processor.given == len(records) + settled
