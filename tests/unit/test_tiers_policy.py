"""What policies say of days: the examples of the system's design, and what nobody has said."""

from __future__ import annotations

import pytest

from logd.config.schema import Policy
from logd.seams import RetentionPolicy
from logd.tiers.policy import (
    Ages,
    Retention,
    cold_before,
    expired_before,
    tier_of,
    today_of,
    warm_before,
    wrong_ages,
)

TODAY = 20_000
PAYMENT = RetentionPolicy(name="payment", services=("payment-service",), hot_days=7, warm_days=30, cold_days=365)
DEBUG = RetentionPolicy(name="debug", services=("debug-service",), hot_days=1, warm_days=7, cold_days=30)
DEFAULT = RetentionPolicy(name="DEFAULT", hot_days=1, warm_days=30, cold_days=90)
DESIGN = Retention({}, [DEBUG, DEFAULT, PAYMENT])


@pytest.mark.parametrize(
    ("name", "tiers"),
    [
        ("payment", {0: "hot", 7: "hot", 8: "warm", 30: "warm", 31: "cold", 365: "cold", 366: "gone"}),
        ("debug", {0: "hot", 1: "hot", 2: "warm", 7: "warm", 8: "cold", 30: "cold", 31: "gone"}),
        ("DEFAULT", {0: "hot", 1: "hot", 2: "warm", 30: "warm", 31: "cold", 90: "cold", 91: "gone"}),
        ("no-more", {1: "hot", 2: "warm", 31: "cold", 91: "gone"}),
    ],
)
def test_the_examples_of_the_design(name: str, tiers: dict[int, str]) -> None:
    ages = DESIGN.ages(name)
    assert {age: tier_of(ages, TODAY - age, TODAY) for age in tiers} == tiers


def test_days() -> None:
    ages = DESIGN.ages("payment")
    assert (warm_before(ages, TODAY), cold_before(ages, TODAY)) == (19_993, 19_970)
    assert expired_before(ages, TODAY) == 19_635
    assert expired_before(Ages(1, 30, 0), TODAY) is None
    assert tier_of(Ages(1, 30, 0), 0, TODAY) == "cold"
    assert [today_of(at) for at in (0, 86_400_000_000 - 1, 86_400_000_000)] == [0, 0, 1]


@pytest.mark.parametrize(
    ("configured", "latest", "retention_days", "name", "ages"),
    [
        pytest.param({}, [], 0, "DEFAULT", Ages(1, 30, 0, given=False), id="nobody's"),
        pytest.param({}, [], 7, "DEFAULT", Ages(1, 7, 7, given=False), id="the archiver's setting"),
        pytest.param({}, [DEFAULT], 7, "DEFAULT", Ages(1, 30, 90), id="the catalog's before the setting"),
        pytest.param(
            {"DEFAULT": Policy(hot_days=3)}, [DEFAULT], 60, "x", Ages(3, 30, 60), id="TOML before the catalog"
        ),
        pytest.param({"payment": Policy(cold_days=60)}, [PAYMENT], 0, "payment", Ages(1, 30, 60), id="TOML by name"),
        pytest.param({"a": Policy(services=["a"])}, [], 0, "a", Ages(1, 30, 0, given=False), id="no days"),
        pytest.param({"a": Policy(services=["a"])}, [DEFAULT], 0, "a", Ages(1, 30, 90), id="DEFAULT's days"),
        pytest.param({"a": Policy(hot_days=40)}, [DEFAULT], 0, "a", Ages(40, 40, 90), id="longer than DEFAULT's"),
        pytest.param({"a": Policy(hot_days=95)}, [DEFAULT], 0, "a", Ages(95, 95, 95), id="longer than all of them"),
        pytest.param({"a": Policy(cold_days=5)}, [DEFAULT], 0, "a", Ages(1, 5, 5), id="shorter than DEFAULT's"),
        pytest.param({"a": Policy(warm_days=0)}, [DEFAULT], 0, "a", Ages(0, 0, 90), id="cold at once"),
        pytest.param({"a": Policy(cold_days=0)}, [DEFAULT], 0, "a", Ages(1, 30, 0), id="for ever"),
    ],
)
def test_whose_days_count(
    configured: dict[str, Policy], latest: list[RetentionPolicy], retention_days: int, name: str, ages: Ages
) -> None:
    retention = Retention(configured, latest, retention_days)
    assert retention.ages(name) == ages
    assert not wrong_ages(ages.hot_days, ages.warm_days, ages.cold_days)


def test_names() -> None:
    assert Retention({"z": Policy(services=["z"])}, [DEBUG, PAYMENT]).names == ("DEFAULT", "z", "debug", "payment")


@pytest.mark.parametrize(
    ("ages", "wrong"),
    [
        ((7, 30, 365), ""),
        ((7, 7, 7), ""),
        ((7, 30, 0), ""),
        ((8, 7, 0), "hot_days is 8, expected at most warm_days, which is 7"),
        ((1, 30, 29), "warm_days is 30, expected at most cold_days, which is 29 (0 is for ever)"),
    ],
)
def test_ages_that_contradict_each_other(ages: tuple[int, int, int], wrong: str) -> None:
    assert wrong_ages(*ages) == wrong
