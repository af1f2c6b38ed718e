"""The process: what ends it is said."""

from __future__ import annotations

import pytest

from logd import server
from logd.config.schema import Config, Server
from logd.errors import Unavailable
from logd.roles import agent
from logd.roles.opening import Opened


@pytest.mark.parametrize(
    ("error", "said"), [(Unavailable("no room"), "started: no room"), (RuntimeError("odd"), "RuntimeError: odd")]
)
async def test_a_role_that_cannot_be_made(
    error: Exception, said: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_: object) -> None:
        raise error

    monkeypatch.setattr(agent, "AgentRole", fails)
    config = Config(server=Server(roles=["agent"]))
    with pytest.raises(ExceptionGroup):
        await server._run_roles(config, Opened(), server._Signals(), lambda: config)
    assert said in caplog.text
