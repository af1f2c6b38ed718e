"""Retention over HTTP: policies with what they would delete, legal holds, usage; over a catalog in a file, and what is
stored as a list."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, cast

import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient, TestServer

from logd.alerts.folder import RuleFolder
from logd.backends.catalog.appearing import AppearingFile, AppearingTokens
from logd.backends.catalog.appearing_tiers import AppearingHolds, AppearingRetention
from logd.config.schema import Archiver, Config, Policy
from logd.errors import Unavailable
from logd.flow.clock import now_us
from logd.http.app import Behind, make_app
from logd.http.intake import Intake
from logd.http.retention_names import day_text
from logd.http.status_history import StatusHistory
from logd.seams import POLICY_LEAD_SECONDS, Holding
from logd.tiers.policy import today_of

PATH = "/api/v1/retention"
GB = 10**9
PAYMENT = {"service": "payment-service", "hot_days": 7, "warm_days": 30, "cold_days": 365}
CONFIG = Config(
    policies={"toml": Policy(services=["t*"], cold_days=10, warm_days=5)},
    archiver=Archiver(hot_cost=1.0, warm_cost=0.5, cold_cost=0.02),
)


class _Stored:
    """seams.Holdings of what a test puts there."""

    def __init__(self) -> None:
        self.found: list[Holding] = []
        self.away = False

    async def holdings(self, services: bool = False) -> Sequence[Holding]:
        if self.away:
            raise Unavailable("the index is away")
        return self.found


@pytest.fixture
def stored() -> _Stored:
    return _Stored()


@pytest.fixture
async def client(tmp_path: Path, stored: _Stored) -> AsyncIterator[TestClient[Any, Any]]:
    none = cast(Any, None)
    file = AppearingFile(tmp_path / "catalog.db")
    seams: dict[str, Any] = dict.fromkeys(Behind.__struct_fields__, none)
    seams |= {"tokens": AppearingTokens(file), "retention": AppearingRetention(file), "holds": AppearingHolds(file)}
    seams |= {"rule_folder": RuleFolder(None), "holdings": [stored]}
    behind = Behind(**seams)

    async def ready() -> str:
        return ""

    app = make_app(CONFIG, behind, none, {}, none, Intake(CONFIG.ingest, 5.0), ready, StatusHistory(none, list, {}))
    async with TestClient(TestServer(app)) as client:
        yield client
    await file.close()


async def _json(response: ClientResponse, status: int = 200) -> dict[str, Any]:
    body: dict[str, Any] = await response.json()
    assert response.status == status, body
    return body


def _holding(age: int, *, policy: str = "DEFAULT", tier: str = "warm", **given: Any) -> Holding:
    plain = {"parts": 4, "rows": 1_000, "size_bytes": 100 * GB}
    return Holding(tier=tier, policy=policy, day=today_of(now_us()) - age, **{**plain, **given})


async def test_from_its_making_to_its_end(client: TestClient[Any, Any], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    nobodys = (await _json(await client.get(f"{PATH}/policies")))["policies"]
    assert [(one["name"], one["hot_days"], one["warm_days"], one["cold_days"]) for one in nobodys] == [
        ("DEFAULT", 1, 30, 0),
        ("toml", 1, 5, 10),
    ]
    assert all(one["read_only"] and one["version"] is None for one in nobodys)
    started = now_us()
    made = await _json(await client.post(f"{PATH}/policies", json=PAYMENT), 201)
    assert (made["name"], made["service"], made["services"]) == (
        "payment-service",
        "payment-service",
        ["payment-service"],
    )
    assert (made["version"], made["read_only"], made["cold_days"]) == (1, False, 365)
    assert made["valid_from"] > made["updated"]
    others = [
        {"service": "debug-service", "hot_days": 1, "warm_days": 7, "cold_days": 30, "name": "debug"},
        {"service": "DEFAULT", "hot_days": 1, "warm_days": 30, "cold_days": 90, "description": "all the others"},
    ]
    for body in others:
        await _json(await client.post(f"{PATH}/policies", json=body), 201)
    listed = (await _json(await client.get(f"{PATH}/policies")))["policies"]
    assert [(one["name"], one["service"], one["cold_days"]) for one in listed] == [
        ("DEFAULT", "DEFAULT", 90),
        ("toml", "t*", 10),
        ("debug", "debug-service", 30),
        ("payment-service", "payment-service", 365),
    ]
    changed = {**PAYMENT, "service": "payment-*, billing", "cold_days": 400, "version": 1}
    now = await _json(await client.put(f"{PATH}/policies/payment-service", json=changed))
    assert (now["version"], now["services"], now["cold_days"]) == (2, ["payment-*", "billing"], 400)
    assert await _json(await client.get(f"{PATH}/policies/payment-service")) == now
    late = await _json(await client.put(f"{PATH}/policies/payment-service", json=changed), 409)
    assert (late["error"]["code"], late["error"]["where"]) == ("conflict", "version")
    assert await _json(await client.delete(f"{PATH}/policies/payment-service?version=2")) == now
    assert (await client.get(f"{PATH}/policies/payment-service")).status == 404
    said = [record.getMessage() for record in caplog.records if "retention policy" in record.getMessage()]
    for what, text in zip(("made",) * 3 + ("changed", "deleted"), said, strict=True):
        assert f" was {what} by 127.0.0.1: hot, warm, cold days (" in text
    assert now_us() - started < POLICY_LEAD_SECONDS * 1_000_000


@pytest.mark.parametrize(
    ("body", "status", "code", "said"),
    [
        ({"service": "a"}, 400, "bad_body", "missing required field `hot_days`"),
        ({**PAYMENT, "hot_days": 31}, 400, "bad_days", "hot_days is 31, expected at most warm_days, which is 30"),
        ({**PAYMENT, "cold_days": 29}, 400, "bad_days", "warm_days is 30, expected at most cold_days"),
        ({**PAYMENT, "cold_days": -1}, 400, "bad_body", ">= 0"),
        ({**PAYMENT, "service": " , "}, 400, "bad_name", "no name can be made"),
        ({**PAYMENT, "service": "*"}, 400, "bad_name", "no name can be made"),
        ({**PAYMENT, "service": "*", "name": "late-x"}, 400, "bad_name", "no policy can be called 'late-x'"),
        ({**PAYMENT, "name": "DEFAULT"}, 400, "bad_services", "DEFAULT is for the services"),
        ({**PAYMENT, "service": ["a", "DEFAULT"]}, 400, "bad_services", "DEFAULT is a policy of its own"),
        ({**PAYMENT, "services": ["a"]}, 400, "bad_services", "one of service and services"),
        ({**PAYMENT, "service": "x" * 1_001}, 400, "bad_services", "at most 1000"),
        ({**PAYMENT, "name": "toml"}, 409, "conflict", "in the server's configuration: change it there"),
        ({**PAYMENT, "ttl": 5}, 400, "bad_body", "unknown field `ttl`"),
        ([], 400, "bad_body", "Expected `object`"),
    ],
)
async def test_what_is_refused(client: TestClient[Any, Any], body: object, status: int, code: str, said: str) -> None:
    answer = await _json(await client.post(f"{PATH}/policies", json=body), status)
    assert answer["error"]["code"] == code
    assert said in answer["error"]["message"]


async def test_names_that_are_taken(client: TestClient[Any, Any]) -> None:
    await _json(await client.post(f"{PATH}/policies", json=PAYMENT), 201)
    again = await _json(await client.post(f"{PATH}/policies", json=PAYMENT), 409)
    assert (again["error"]["code"], again["error"]["where"]) == ("conflict", "name")
    other = await _json(await client.put(f"{PATH}/policies/payment-service", json={**PAYMENT, "name": "x"}), 400)
    assert "what is stored has its name" in other["error"]["message"]
    missing = await _json(await client.put(f"{PATH}/policies/DEFAULT", json=PAYMENT), 404)
    assert missing["error"]["message"] == "nobody has made a policy DEFAULT yet: create it"
    for call in (client.put, client.delete):
        refused = await _json(await call(f"{PATH}/policies/toml", json=PAYMENT), 409)
        assert "in the server's configuration" in refused["error"]["message"]


async def test_nothing_is_deleted_unless_it_is_confirmed(client: TestClient[Any, Any], stored: _Stored) -> None:
    stored.found = [
        *(_holding(age) for age in (91, 92, 93)),
        _holding(90, tier="hot", parts=2),
        _holding(200, tier="cold", parts=7, size_bytes=40 * GB),
        _holding(500, policy="toml"),
        _holding(120, policy="no-more", parts=1, size_bytes=500),
    ]
    body = {"service": "DEFAULT", "hot_days": 1, "warm_days": 30, "cold_days": 90}
    refused = await _json(await client.post(f"{PATH}/policies", json=body), 409)
    assert refused["error"]["code"] == "would_delete"
    message = "this would delete 13 segments and 7 archived files, 340 GB; 2 segments, 100 GB would go sooner than now"
    assert refused["error"]["message"] == f"{message}: confirm=true does it"
    preview = refused["preview"]
    assert preview["message"] == message
    assert [tuple(one.values())[:5] for one in preview["deletes"]] == [
        ("cold", "DEFAULT", 7, 1_000, 40 * GB),
        ("warm", "DEFAULT", 12, 3_000, 300 * GB),
        ("warm", "no-more", 1, 1_000, 500),
    ]
    today = today_of(now_us())
    assert (preview["deletes"][1]["first_day"], preview["deletes"][1]["last_day"]) == (
        day_text(today - 93),
        day_text(today - 91),
    )
    assert [(one["tier"], one["parts"]) for one in preview["later"]] == [("hot", 2)]
    for asked in (
        client.post(f"{PATH}/policies?preview=true", json=body),
        client.post(f"{PATH}/policies?preview=true&confirm=true", json=body),
        client.post(f"{PATH}/preview", json=body),
    ):
        assert await _json(await asked) == preview
    assert (await client.get(f"{PATH}/policies")).status == 200
    assert (await _json(await client.get(f"{PATH}/policies/DEFAULT")))["read_only"]
    await _json(await client.post(f"{PATH}/policies?confirm=true", json=body), 201)
    # What is over its age already isn't this change's.
    shorter = {**body, "cold_days": 80}
    refused = await _json(await client.put(f"{PATH}/policies/DEFAULT", json=shorter), 409)
    assert refused["error"]["message"].startswith("this would delete 2 segments, 100 GB: confirm")
    longer = {**body, "cold_days": 100, "warm_days": 2}
    assert (await _json(await client.put(f"{PATH}/policies/DEFAULT", json=longer)))["version"] == 2
    gone = await _json(await client.delete(f"{PATH}/policies/DEFAULT?preview=true"))
    assert gone["message"] == "this would delete nothing that is stored"


async def test_deleting_a_policy_that_keeps_for_longer(client: TestClient[Any, Any], stored: _Stored) -> None:
    await _json(await client.post(f"{PATH}/policies", json=PAYMENT), 201)
    await _json(await client.post(f"{PATH}/policies", json={**PAYMENT, "service": "DEFAULT", "cold_days": 90}), 201)
    stored.found = [_holding(100, policy="payment-service", parts=1)]
    asked = await _json(await client.post(f"{PATH}/preview", json={"delete": "payment-service"}))
    assert asked["message"] == "this would delete 1 segment, 100 GB"
    refused = await _json(await client.delete(f"{PATH}/policies/payment-service"), 409)
    assert refused["preview"] == asked
    # While nobody knows what there is, nothing is deleted without a word.
    stored.away = True
    assert (await client.delete(f"{PATH}/policies/payment-service")).status == 503
    await _json(await client.delete(f"{PATH}/policies/payment-service?confirm=true"))


async def test_holds(client: TestClient[Any, Any], stored: _Stored) -> None:
    hold = {"name": "case 7", "query": "level:ERROR AND timeout", "service": "pay,cart", "from": "-200d", "to": "now"}
    made = await _json(await client.post(f"{PATH}/holds", json={**hold, "reason": "lawyers"}), 201)
    assert (made["services"], made["query"], made["released"]) == (["pay", "cart"], hold["query"], None)
    assert made["from"] < made["to"]
    assert (await _json(await client.get(f"{PATH}/holds")))["holds"] == [made]
    for key in (made["id"], "case%207"):
        assert await _json(await client.get(f"{PATH}/holds/{key}")) == made
    stored.found = [_holding(100, services={"pay": 999, "": 1}), _holding(100, tier="cold", services={"shop": 1_000})]
    body = {"service": "DEFAULT", "hot_days": 1, "warm_days": 30, "cold_days": 90}
    preview = await _json(await client.post(f"{PATH}/preview", json=body))
    assert [(one["tier"], one["held_by"]) for one in preview["deletes"]] == [("cold", []), ("warm", ["case 7"])]
    released = await _json(await client.delete(f"{PATH}/holds/{made['id']}"))
    assert released["released"] is not None
    assert await _json(await client.delete(f"{PATH}/holds/case%207")) == released
    preview = await _json(await client.post(f"{PATH}/preview", json=body))
    assert [one["held_by"] for one in preview["deletes"]] == [[], []]
    for wrong, code in (
        ({"name": "case 7"}, "conflict"),
        ({"name": "x", "query": "a AND"}, "bad_query"),
        ({"name": "x", "service": "a*"}, "bad_services"),
        ({"name": "x", "from": "now", "to": "-1h"}, "bad_range"),
        ({"name": " "}, "bad_name"),
    ):
        answer = await client.post(f"{PATH}/holds", json=wrong)
        assert (await answer.json())["error"]["code"] == code
    assert (await client.get(f"{PATH}/holds/nothing")).status == 404
    assert (await client.delete(f"{PATH}/holds/nothing")).status == 404


async def test_usage(client: TestClient[Any, Any], stored: _Stored) -> None:
    stored.found = [
        _holding(0, tier="hot", raw_bytes=800 * GB, services={"pay": 250, "": 250}),
        _holding(40, tier="cold", raw_bytes=200 * GB, services={"pay": 1_000}),
    ]
    plain = await _json(await client.get(f"{PATH}/usage"))
    assert (plain["rows"], plain["bytes"], plain["raw_bytes"]) == (2_000, 200 * GB, 1_000 * GB)
    assert plain["cost"] == pytest.approx(100 + 2)
    assert [(one["tier"], one["rows"], one["cost"]) for one in plain["stored"]] == [
        ("cold", 1_000, pytest.approx(2)),
        ("hot", 1_000, pytest.approx(100)),
    ]
    assert "services" not in plain
    services = (await _json(await client.get(f"{PATH}/usage?services=true")))["services"]
    # Of half of hot's rows nobody knows the service.
    assert [
        (one["service"], one["rows"], one["bytes"], one["raw_bytes"], round(one["cost"], 6)) for one in services
    ] == [
        (None, 500, 50 * GB, 400 * GB, 50),
        ("pay", 1_250, 125 * GB, 400 * GB, 27),
        ("", 250, 25 * GB, 200 * GB, 25),
    ]
    stored.found = [_holding(0)]
    assert (await _json(await client.get(f"{PATH}/usage")))["raw_bytes"] is None
    stored.away = True
    away = await _json(await client.get(f"{PATH}/usage"))
    assert (away["missing"], away["stored"]) == (["the index is away"], [])
