"""The OpenAPI document: of all that is served, and of nothing else. Server.request holds every answer to it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.support.alerts import make_rule
from tests.support.letters import make_dead_letter
from tests.support.openapi import document, routes
from tests.support.process import JSON, Server
from tests.support.saved import keep

_ALL = [
    (method.upper(), path, described)
    for path, operations in document()["paths"].items()
    for method, described in operations.items()
]
_ASKED = [(path, described) for method, path, described in _ALL if method == "GET" and path.startswith("/api/")]
#: Values of the parameters whose type is just text.
_TEXTS = {
    "q": "hello",
    "host": "web",
    "from": "-1h",
    "to": "now",
    "cursor": "",
    "by": "service",
    "after": "2026-11-22T00:00:00Z,x",
    "at": "now",
    "log_id": "x",
    "position": "1",
    "interval": "auto",
    "aggregate": "distinct(service)",
    "order": "count",
    "name": "service",
    "last_event_id": "0:1.0",
    "new_since": "-10m",
    "saved": "greetings",
    "id": "greetings",
    "rule": "greetings",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("openapi"), roles="processor,api") as running:
        running.ingest("a", [{"message": "hello", "log_id": "x"}])
        make_dead_letter(running)
        keep(running, "greetings", q="hello")
        make_rule(running, name="greetings", condition={"threshold": 1})
        answer = running.request("POST", "/api/v1/dashboards", json.dumps({"name": "greetings"}).encode(), JSON)
        assert answer.status == 201, answer
        days = {"hot_days": 1, "warm_days": 30, "cold_days": 90}
        for path, body in (("policies", {"service": "service", **days}), ("holds", {"name": "greetings"})):
            answer = running.request("POST", f"/api/v1/retention/{path}", json.dumps(body).encode(), JSON)
            assert answer.status == 201, answer
        running.settle()
        yield running


def test_the_document_is_valid(server: Server) -> None:
    served = server.get("/api/v1/openapi.json").json()
    assert served == document()
    OpenAPIV31SpecValidator(served).validate()


def test_every_route_is_in_it_and_nothing_else() -> None:
    assert {(method, path) for method, path, _ in _ALL} == routes()
    names = [described["operationId"] for _, _, described in _ALL]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(("path", "described"), _ASKED, ids=[path for path, _ in _ASKED])
def test_each_documented_parameter_is_accepted_and_no_other(
    server: Server, path: str, described: dict[str, Any]
) -> None:
    parameters = {one["name"]: _example(one) for one in described.get("parameters", ())}
    for one in described.get("parameters", ()):
        if one["in"] == "path":
            path = path.replace(f"{{{one['name']}}}", parameters.pop(one["name"]))
    # A stream never ends: its headers are asked for.
    method = "HEAD" if "text/event-stream" in described["responses"]["200"]["content"] else "GET"
    assert server.request(method, path).status == 200
    assert server.request(method, f"{path}?{urlencode(parameters)}").status == 200
    answer = server.get(path, **parameters, surprise="1")
    assert (answer.status, answer.json()["error"]["where"]) == (400, "surprise")


def _example(parameter: dict[str, Any]) -> str:
    schema = parameter["schema"]
    schema = schema.get("items", schema)
    if "enum" in schema:
        return str(schema["enum"][0])
    kinds = {one.get("type") for one in schema.get("anyOf", [schema])}
    if "boolean" in kinds:
        return "true"
    if "integer" in kinds:
        return str(schema["minimum"])
    return "20s" if parameter["name"] == "timeout" else _TEXTS.get(parameter["name"], "text")


def test_the_same_parameters_in_a_body() -> None:
    search = document()["paths"]["/api/v1/logs/search"]
    posted = search["post"]["requestBody"]["content"]["application/json"]["schema"]["properties"]
    assert list(posted) == [one["name"] for one in search["get"]["parameters"]]


def test_what_is_saved_are_a_searchs_parameters() -> None:
    named = {one["name"] for one in document()["paths"]["/api/v1/logs/search"]["get"]["parameters"]}
    kept = document()["components"]["schemas"]["SearchParameters"]["properties"]
    assert named - {*kept} == {"saved", "offset", "cursor", "timeout", "max_age"}
    assert {*kept} <= named
