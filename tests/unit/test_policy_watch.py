"""The policies as a running process knows them."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import pytest

from logd.backends.index.policies import Assignment
from logd.config.schema import Archiver, Config, Policy
from logd.errors import ConfigError, Corrupt, LogdError, Unavailable
from logd.roles.policies import PolicyWatch
from logd.seams import RetentionPolicy
from logd.tiers.policy import Ages

PAYMENT = RetentionPolicy(name="payment", services=("pay",), hot_days=7, warm_days=30, cold_days=365)


class _Catalog:
    """seams.RetentionPolicies, of which only the history is asked."""

    def __init__(self) -> None:
        self.kept: list[RetentionPolicy] = []
        self.wrong: LogdError | None = None

    async def history(self) -> Sequence[RetentionPolicy]:
        if self.wrong is not None:
            raise self.wrong
        return list(self.kept)

    async def all(self) -> Sequence[RetentionPolicy]:
        raise NotImplementedError

    async def create(self, policy: RetentionPolicy) -> RetentionPolicy:
        raise NotImplementedError

    async def replace(self, policy: RetentionPolicy) -> RetentionPolicy:
        raise NotImplementedError

    async def delete(self, name: str, version: int, until_us: int) -> None:
        raise NotImplementedError


def _watch(catalog: _Catalog) -> PolicyWatch:
    config = Config(policies={"toml": Policy(services=["t"])}, archiver=Archiver(retention_days=40))
    return PolicyWatch(config, catalog, Assignment(config.policies))


async def test_changes_are_seen() -> None:
    catalog = _Catalog()
    watch = _watch(catalog)
    await watch.begin()
    assert watch.retention.names == ("DEFAULT", "toml")
    assert watch.retention.default == Ages(1, 30, 40, given=False)
    before = watch.retention
    catalog.kept = [PAYMENT]
    await watch.look()
    assert watch.assignment.names == ("DEFAULT", "toml", "payment")
    assert watch.retention.ages("payment") == Ages(7, 30, 365)
    assert before.ages("payment") == Ages(1, 30, 40, given=False)
    catalog.kept = [RetentionPolicy(name="payment", services=("pay",), until_us=5)]
    await watch.look()
    assert watch.retention.ages("payment") == Ages(1, 30, 40, given=False)


@pytest.mark.parametrize("wrong", [Unavailable("it is away"), Corrupt("it is damaged")])
async def test_without_the_catalog_it_goes_on(wrong: LogdError, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    catalog = _Catalog()
    catalog.kept = [PAYMENT]
    watch = _watch(catalog)
    await watch.begin()
    catalog.wrong = wrong
    await watch.look()
    await watch.look()
    assert watch.trouble() == str(wrong)
    assert watch.assignment.names == ("DEFAULT", "toml", "payment")
    assert watch.retention.ages("payment").cold_days == 365
    catalog.wrong = None
    await watch.look()
    assert watch.trouble() == ""
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


async def test_it_doesnt_begin_without() -> None:
    """A line would lie in DEFAULT for ever that belongs to a policy."""
    catalog = _Catalog()
    catalog.wrong = Unavailable("it is away")
    with pytest.raises(ConfigError, match="retention policies can't be read from the catalog: it is away"):
        await _watch(catalog).begin()
