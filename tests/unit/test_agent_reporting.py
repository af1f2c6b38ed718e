"""What an agent tells of itself, and that nothing that comes of it matters to the agent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from prometheus_client import REGISTRY

from logd.agent.reporting import ID_FILE, Reporter, id_of, status_of
from logd.agent.told import OverHttp
from logd.config.schema import Agent
from logd.errors import Unavailable
from logd.seams import AGENTS_PATH, MAX_REPORT_BYTES, AgentReport
from tests.support.receivers import MovedClock, Receiver, answers

_STATUS: Mapping[str, Any] = {"files": 2, "target_error": None, "unreadable": {}, "unknown": 1}


class _Told:
    """Takes reports; `fails` as long as it says so, and is over after the `last`."""

    def __init__(self, stop: asyncio.Event, last: int) -> None:
        self.reports: list[AgentReport] = []
        self.fails: Callable[[int], Exception | None] = lambda number: None
        self._stop, self._last = stop, last

    async def __call__(self, report: AgentReport) -> None:
        self.reports.append(report)
        if len(self.reports) == self._last:
            self._stop.set()
        if (error := self.fails(len(self.reports))) is not None:
            raise error


def test_an_id_lasts(tmp_path: Path) -> None:
    first = id_of(tmp_path)
    assert id_of(tmp_path) == first
    assert len(first) == 16
    assert [path.name for path in tmp_path.iterdir()] == [ID_FILE]
    (tmp_path / ID_FILE).write_bytes(b"\xff\x00")
    second = id_of(tmp_path)
    assert second != first
    assert id_of(tmp_path) == second


def test_an_id_that_cant_be_kept(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert len(id_of(tmp_path / "gone")) == 16
    assert "can't be kept" in caplog.text
    caplog.clear()


async def test_failures_are_counted_and_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    before = REGISTRY.get_sample_value("logd_agent_untold_reports_total") or 0.0
    stop, clock = asyncio.Event(), MovedClock()
    told = _Told(stop, 5)
    told.fails = lambda number: {2: Unavailable("away"), 3: ValueError("odd"), 4: None}.get(number)
    reporter = Reporter(tmp_path, Agent(host="web-1", report_seconds=30.0), lambda: _STATUS, [told], clock)
    await reporter.run(stop)
    assert len(told.reports) == 5
    assert len({report.id for report in told.reports}) == 1
    assert (REGISTRY.get_sample_value("logd_agent_untold_reports_total") or 0.0) == before + 2
    assert caplog.text.count("no server knows") == 1
    assert reporter.error == ""
    assert all(24.0 <= seconds <= 30.0 for seconds in clock.waits)


async def test_one_of_two_that_cant_be_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    stop = asyncio.Event()
    away, told = _Told(stop, 9), _Told(stop, 1)
    away.fails = lambda number: Unavailable("it is away")
    reporter = Reporter(tmp_path, Agent(), lambda: _STATUS, [away, told], MovedClock())
    await reporter.run(stop)
    assert (len(told.reports), reporter.error) == (1, "it is away")
    assert "not every server knows how this agent does, which is tried again: it is away" in caplog.text


async def test_a_server_that_hangs_holds_up_no_stop(tmp_path: Path) -> None:
    stop, asked = asyncio.Event(), asyncio.Event()

    async def hangs(report: AgentReport) -> None:
        asked.set()
        await asyncio.Event().wait()

    reporter = Reporter(tmp_path, Agent(), lambda: _STATUS, [hangs], MovedClock())
    running = asyncio.create_task(reporter.run(stop))
    await asked.wait()
    stop.set()
    async with asyncio.timeout(60):
        await running


async def test_an_error_that_is_over_is_still_told(tmp_path: Path) -> None:
    stop = asyncio.Event()
    told = _Told(stop, 2)
    said = iter([{**_STATUS, "spool_error": "no room"}, _STATUS])
    await Reporter(tmp_path, Agent(), lambda: next(said), [told], MovedClock()).run(stop)
    first, second = (report.status for report in told.reports)
    assert (first.error, first.last_error, second.error, second.last_error) == ("no room", "no room", "", "no room")
    assert first.last_error_at == second.last_error_at is not None


def test_what_is_told_of_a_status() -> None:
    unreadable = {f"/var/log/\udcff{'x' * 1_000}": "permission denied", "/b": "gone"}
    status = status_of(
        {
            **_STATUS,
            "unreadable": unreadable,
            "target_error": "é" * 600,
            "behind_seconds": 3.0,
            "spool_oldest_seconds": 9,
        }
    )
    assert (status.files, status.unreadable_files, status.oldest_waiting_seconds) == (2, 2, 9)
    assert (len(status.file_error), len(status.target_error)) == (500, 500)
    report = AgentReport(id="0" * 16, host="x" * 255, started="2026-11-28T00:00:00Z", status=status)  # type: ignore[arg-type]
    assert len(msgspec.json.encode(report)) < MAX_REPORT_BYTES


async def test_over_http_the_first_that_takes_it() -> None:
    report = msgspec.convert({"id": "0" * 16, "host": "a", "started": "2026-11-28T00:00:00Z"}, AgentReport)
    async with Receiver(answers(404)) as old, Receiver(answers(202)) as new, Receiver(answers(202)) as spare:
        urls = [one.url.removesuffix("/hook") for one in (old, new, spare)]
        await OverHttp([urls[0], f"{urls[1]}/behind/a/proxy/", urls[2]], lambda: "logd_token")(report)
        assert [len(one.received) for one in (old, new, spare)] == [1, 1, 0]
        (got,) = new.received
        assert got.path == f"/behind/a/proxy{AGENTS_PATH}"
        assert got.headers["Authorization"] == "Bearer logd_token"
        assert msgspec.json.decode(got.body, type=AgentReport) == report
        new.then(answers(503))
        spare.then(answers(429))
        with pytest.raises(Unavailable, match=r"404.*503.*429"):
            await OverHttp(urls, lambda: "")(report)
        assert "Authorization" not in new.received[-1].headers
    with pytest.raises(Unavailable, match="can't be told"):
        await OverHttp(urls, lambda: "")(report)
