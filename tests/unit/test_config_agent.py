"""Where an agent sends, and what it keeps until then."""

from __future__ import annotations

import pytest

from logd.config.load import load
from logd.errors import ConfigError


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("agent.servers=http://a,nonsense", 'agent.servers[1] is "nonsense" on the command line, expected a URL'),
        ("agent.spool_max_bytes=1000", "expected 0, or at least 16777216"),
        ("agent.bandwidth_bytes_per_second=0.5", "expected 0, or at least 1"),
        ("agent.spool_when_full=drop", "agent.spool_when_full"),
    ],
)
def test_how_an_agent_delivers(override: str, said: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        load(None, {}, [override])
    assert said in str(refusal.value)


def test_the_servers_of_an_agent() -> None:
    sets = ["agent.server=http://a", "agent.servers=http://b,http://c"]
    assert load(None, {}, sets).agent.targets == ["http://a", "http://b", "http://c"]
    assert load(None, {}, sets[1:]).agent.targets == ["http://b", "http://c"]
    assert load(None, {}).agent.targets == []
