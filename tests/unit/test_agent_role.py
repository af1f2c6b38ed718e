"""What an agent is told on its way up."""

from __future__ import annotations

from pathlib import Path

import pytest

from logd.backends.transport.sqlite import SqliteTransport
from logd.config.schema import Agent, Config, Files
from logd.roles.agent import AgentRole


@pytest.mark.parametrize(
    ("url", "warns"),
    [("http://logs.example.org:8080", True), ("https://logs.example.org", False), ("http://127.0.0.1:8080", False)],
)
async def test_a_token_for_reports_is_warned_about_where_it_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, url: str, warns: bool
) -> None:
    monkeypatch.setenv("LOGD_TOKEN", f"logd_{'0' * 12}_{'0' * 64}")
    files = [Files(paths=[str(tmp_path / "*.log")])]
    agent = Agent(server="http://127.0.0.1:1", report_url=url, files=files)
    AgentRole(Config(data_dir=str(tmp_path), agent=agent), None)
    warning = f"agent.report_url {url} is no https://: the token can be read on its way"
    assert (warning in caplog.text) == warns
    caplog.clear()


async def test_without_a_server_nobody_reads_the_token(tmp_path: Path) -> None:
    """An agent beside its own queue needs none."""
    path = tmp_path / "transport.db"
    transport = await SqliteTransport.open(path)
    agent = Agent(files=[Files(paths=[str(tmp_path / "*.log")])], token_file=str(tmp_path / "gone"))
    try:
        AgentRole(Config(data_dir=str(tmp_path), agent=agent), transport)
    finally:
        await transport.close()
