"""Who gets in, through the real server: tokens, their scopes and limits, rates, and other sites' pages."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from logd import shipment
from logd.chunk import Chunk, compress
from logd.http import (
    alert_history,
    alert_rules,
    alert_states,
    archive_restores,
    dashboards,
    deadletters,
    openapi,
    retention_holds,
    retention_policies,
    saved_searches,
    silences,
    slow_searches,
    token_api,
)
from logd.seams import AGENTS_PATH
from tests.support.access import Made, token
from tests.support.commands import logd
from tests.support.openapi import document
from tests.support.openapi import routes as served
from tests.support.process import INGEST, NDJSON, SEARCH, Answer, Server, ndjson, until
from tests.support.tails import TailClient

_QUICK = {"parse.join_seconds": 0.02}
_ORIGIN = "https://logs.example.org"
#: What takes the scope search besides.
_WITH_SEARCH = (
    ("POST", alert_rules.PATH),
    ("PUT", f"{alert_rules.PATH}/{{id}}"),
    ("DELETE", f"{alert_rules.PATH}/{{id}}"),
    ("POST", f"{alert_rules.PATH}/{{id}}/enable"),
    ("POST", f"{alert_rules.PATH}/{{id}}/disable"),
    ("POST", f"{alert_rules.PATH}/{{id}}/notify"),
    ("POST", f"{alert_rules.PATH}/notify"),
)
#: Method, path and the scopes of which one is needed; none means that everybody may.
_ROUTES: list[tuple[str, str, set[str]]] = [
    ("POST", INGEST, {"ingest"}),
    ("POST", shipment.PATH, {"ingest"}),
    ("POST", AGENTS_PATH, {"ingest"}),
    ("GET", AGENTS_PATH, {"search", "admin"}),
    ("GET", "/api/v1/status/history", {"search", "admin"}),
    ("GET", SEARCH, {"search"}),
    ("POST", SEARCH, {"search"}),
    ("GET", "/api/v1/logs/histogram", {"search"}),
    ("GET", "/api/v1/logs/export", {"search"}),
    ("GET", "/api/v1/logs/stats", {"search"}),
    ("POST", "/api/v1/logs/stats", {"search"}),
    ("GET", "/api/v1/logs/fields", {"search"}),
    ("GET", "/api/v1/logs/fields/{name}/values", {"search"}),
    ("GET", "/api/v1/logs/patterns", {"search"}),
    ("GET", "/api/v1/logs/{log_id}", {"search"}),
    ("GET", "/api/v1/logs/explain", {"search"}),
    ("GET", "/api/v1/logs/{log_id}/context", {"search"}),
    ("GET", "/api/v1/logs/tail", {"search"}),
    ("GET", saved_searches.PATH, {"search"}),
    ("POST", saved_searches.PATH, {"search"}),
    ("GET", f"{saved_searches.PATH}/{{id}}", {"search"}),
    ("PUT", f"{saved_searches.PATH}/{{id}}", {"search"}),
    ("DELETE", f"{saved_searches.PATH}/{{id}}", {"search"}),
    ("GET", dashboards.PATH, {"search"}),
    ("POST", dashboards.PATH, {"search"}),
    ("GET", f"{dashboards.PATH}/{{id}}", {"search"}),
    ("PUT", f"{dashboards.PATH}/{{id}}", {"search"}),
    ("DELETE", f"{dashboards.PATH}/{{id}}", {"search"}),
    ("GET", slow_searches.PATH, {"search", "admin"}),
    ("GET", token_api.PATH, {"admin"}),
    ("POST", token_api.PATH, {"admin"}),
    ("DELETE", f"{token_api.PATH}/{{id}}", {"admin"}),
    ("GET", alert_rules.PATH, {"search", "admin"}),
    ("GET", f"{alert_rules.PATH}/{{id}}", {"search", "admin"}),
    *((method, path, {"admin"}) for method, path in _WITH_SEARCH),
    ("POST", f"{alert_rules.PATH}/test", {"search"}),
    ("GET", archive_restores.PATH, {"admin"}),
    ("POST", archive_restores.PATH, {"admin"}),
    ("DELETE", f"{archive_restores.PATH}/{{id}}", {"admin"}),
    ("GET", silences.PATH, {"search", "admin"}),
    ("POST", silences.PATH, {"search", "admin"}),
    ("DELETE", f"{silences.PATH}/{{id}}", {"search", "admin"}),
    ("GET", alert_states.PATH, {"search", "admin"}),
    ("POST", alert_states.ACKNOWLEDGE_PATH, {"search", "admin"}),
    ("DELETE", alert_states.ACKNOWLEDGE_PATH, {"search", "admin"}),
    ("GET", alert_history.EVENTS_PATH, {"search", "admin"}),
    ("GET", alert_history.DELIVERIES_PATH, {"search", "admin"}),
    ("POST", f"{alert_history.DELIVERIES_PATH}/{{id}}/retry", {"search", "admin"}),
    ("GET", retention_policies.PATH, {"search", "admin"}),
    ("POST", retention_policies.PATH, {"admin"}),
    ("GET", f"{retention_policies.PATH}/{{name}}", {"search", "admin"}),
    ("PUT", f"{retention_policies.PATH}/{{name}}", {"admin"}),
    ("DELETE", f"{retention_policies.PATH}/{{name}}", {"admin"}),
    ("POST", "/api/v1/retention/preview", {"search", "admin"}),
    ("GET", retention_holds.PATH, {"search", "admin"}),
    ("POST", retention_holds.PATH, {"admin"}),
    ("GET", f"{retention_holds.PATH}/{{id}}", {"search", "admin"}),
    ("DELETE", f"{retention_holds.PATH}/{{id}}", {"admin"}),
    ("GET", "/api/v1/retention/usage", {"search", "admin"}),
    ("GET", deadletters.PATH, {"admin"}),
    ("DELETE", deadletters.PATH, {"admin"}),
    ("GET", f"{deadletters.PATH}/{{position}}", {"admin"}),
    ("POST", f"{deadletters.PATH}/replay", {"admin"}),
    ("GET", "/api/v1/status", {"search", "admin"}),
    ("GET", "/metrics", {"search", "admin"}),
    ("GET", "/healthz", set()),
    ("GET", "/readyz", set()),
    ("GET", openapi.PATH, set()),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("access")
    settings = {**_QUICK, "api.cors_origins": _ORIGIN}
    with Server(folder, settings=settings, roles="processor,api") as running:
        yield running


@pytest.fixture(scope="module")
def everything(server: Server) -> Made:
    """A token for everything, and the server knows that there is one."""
    made = token(server.data_dir, "ingest,search,admin")
    until(lambda: server.get(SEARCH).status == 401, "the server has noticed")
    return made


@pytest.fixture(scope="module")
def scoped(server: Server) -> dict[str, Made]:
    """A token for each scope alone."""
    return {scope: token(server.data_dir, scope) for scope in ("ingest", "search", "admin")}


def _ask(
    server: Server, method: str, path: str, made: Made | None, body: bytes | None = None, **headers: str
) -> Answer:
    given = {name.replace("_", "-"): text for name, text in headers.items()}
    return server.request(method, path, body, {**given, **(made.header if made else {})})


def _code(answer: Answer) -> str:
    return str(answer.json()["error"]["code"])


def _write(server: Server, made: Made, service: str, record: object, **headers: str) -> Answer:
    return _ask(server, "POST", INGEST, made, ndjson([record]), X_Service_Id=service, **{**NDJSON, **headers})


def _found(server: Server, made: Made, query: str) -> list[dict[str, str]]:
    answer = _ask(server, "GET", f"{SEARCH}?q={query}&limit=100", made)
    assert answer.status == 200, answer
    logs: list[dict[str, str]] = answer.json()["logs"]
    return logs


def test_every_route_is_here() -> None:
    assert {(method, path) for method, path, _ in _ROUTES} == served()


@pytest.mark.parametrize(("method", "path", "scopes"), [route for route in _ROUTES if route[2]])
def test_scopes(
    server: Server, everything: Made, scoped: dict[str, Made], method: str, path: str, scopes: set[str]
) -> None:
    target = path.replace("{position}", "1").replace("{name}", "level")
    if path.endswith("tail"):
        target += "?last_event_id=none"  # a tail that is let in would go on
    for asked in {method, "HEAD"} if method == "GET" else {method}:
        refused = _ask(server, asked, target, None)
        assert refused.status == 401
        assert refused.headers["www-authenticate"] == 'Bearer realm="logd"'
    for scope, made in scoped.items():
        answer = _ask(server, method, target, made)
        if scope in scopes and (method, path) in _WITH_SEARCH:
            assert (answer.status, "scope search is missing besides" in str(answer.json())) == (403, True)
            continue
        assert (answer.status == 403) == (scope not in scopes), (scope, answer)
        assert answer.status != 401
        if answer.status == 403:
            assert _code(answer) == "forbidden"
            assert f"the scope {' or '.join(sorted(scopes))} is missing" in answer.json()["error"]["message"]
            assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]
    assert _ask(server, method, target, everything).status not in (401, 403)
    described = document()["paths"][path][method.lower()]["security"]
    assert described == [{"token": [scope]} for scope in sorted(scopes)]


@pytest.mark.parametrize(("method", "path", "scopes"), [route for route in _ROUTES if not route[2]])
def test_what_needs_no_token(server: Server, everything: Made, method: str, path: str, scopes: set[str]) -> None:
    assert _ask(server, method, path, None).status == 200
    assert document()["paths"][path][method.lower()]["security"] == []


def test_what_is_not_there(server: Server, everything: Made) -> None:
    assert server.get("/nothing").status == 404
    assert server.request("DELETE", INGEST).status == 405


def test_wrong_tokens(server: Server, everything: Made) -> None:
    known, secret = everything.id, everything.text.rpartition("_")[2]
    other = "0" * 64 if secret[0] != "0" else "1" * 64
    for text in (
        "",
        "Bearer",
        "Bearer x",
        everything.text,
        f"Basic {everything.text}",
        f"Bearer logd_{known}_{other}",
        f"Bearer logd_{'0' * 12}_{secret}",
        f"Bearer {everything.text}0",
    ):
        answer = server.request("GET", SEARCH, None, {"Authorization": text})
        assert answer.status == 401, text
        assert 'error="invalid_token"' in answer.headers["www-authenticate"]
        assert secret not in answer.body.decode()
    assert server.request("GET", SEARCH, None, {"Authorization": f"bearer  {everything.text} "}).status == 200


def test_a_token_ends(server: Server, everything: Made) -> None:
    made = token(server.data_dir, "search", "--expires", "5s")
    until(lambda: _ask(server, "GET", SEARCH, made).status == 401, "it expires")
    assert f"the token {made.id} is expired" in _ask(server, "GET", SEARCH, made).json()["error"]["message"]


def test_services_and_hosts(server: Server, everything: Made) -> None:
    cart = token(server.data_dir, "ingest,search", "--service", "cart,basket")
    web = token(server.data_dir, "ingest,search", "--host", "web-1")
    word = "limitsword"
    claims = {"message": f"{word} claimed", "service": "payment", "host": "db-1"}
    for made, service, host, status in (
        (everything, "payment", "db-1", 202),
        (cart, "cart", "db-1", 202),
        (cart, "payment", "db-1", 403),
        (web, "shop", "web-1", 202),
        (web, "shop", "db-1", 403),
    ):
        answer = _write(server, made, service, {"message": word}, X_Host=host)
        assert answer.status == status, answer
    assert _code(_ask(server, "POST", INGEST, cart, b"{}", **NDJSON)) == "service_not_allowed"
    assert _write(server, cart, "basket", claims, X_Host="other").status == 202
    assert _write(server, web, "other", claims, X_Host="web-1").status == 202
    until(lambda: len(_found(server, everything, word)) == 5, "all are found")

    def pairs(made: Made) -> set[tuple[str, str]]:
        return {(record["service"], record["host"]) for record in _found(server, made, word)}

    # A limit on services says nothing about hosts, and the other way round.
    assert pairs(everything) == {
        ("payment", "db-1"),
        ("cart", "db-1"),
        ("basket", "db-1"),
        ("shop", "web-1"),
        ("payment", "web-1"),
    }
    assert pairs(cart) == {("cart", "db-1"), ("basket", "db-1")}
    assert pairs(web) == {("shop", "web-1"), ("payment", "web-1")}
    query = f"{word}%20OR%20service:payment%20OR%20NOT%20nothing"
    assert {record["service"] for record in _found(server, cart, query)} == {"cart", "basket"}
    assert _ask(server, "GET", f"{SEARCH}?service=payment", cart).json()["total_hits"] == 0
    posted = _ask(server, "POST", SEARCH, cart, f"q={word}".encode(), Content_Type="application/x-www-form-urlencoded")
    assert {record["service"] for record in posted.json()["logs"]} == {"cart", "basket"}
    counted = _ask(server, "GET", f"/api/v1/logs/histogram?q={word}&by=service", cart).json()
    assert {value["value"] for value in counted["values"]} == {"cart", "basket"}
    exported = _ask(server, "GET", f"/api/v1/logs/export?q={word}", cart).body.splitlines()
    assert {json.loads(line)["service"] for line in exported} == {"cart", "basket"}
    counted = _ask(server, "GET", f"/api/v1/logs/fields/service/values?q={word}", cart).json()
    assert {value["value"] for value in counted["values"]} == {"cart", "basket"}
    grouped = _ask(server, "GET", f"/api/v1/logs/stats?q={word}&by=host", cart).json()
    assert (grouped["total_hits"], [group["values"] for group in grouped["groups"]]) == (2, [{"host": "db-1"}])
    assert _ask(server, "GET", f"/api/v1/logs/fields?q={word}", cart).json()["total_hits"] == 2
    for record in _found(server, everything, word):
        one = _ask(server, "GET", f"/api/v1/logs/{record['log_id']}", cart)
        assert (one.status == 200) == (record["service"] in ("cart", "basket")), one
    first = _ask(server, "GET", f"{SEARCH}?q={word}&limit=1", everything).json()["next_cursor"]
    pages = _ask(server, "GET", f"{SEARCH}?q={word}&cursor={first}", cart).json()["logs"]
    assert {record["service"] for record in pages} <= {"cart", "basket"}


def test_a_tail_ends_with_its_token(server: Server, everything: Made) -> None:
    revoked = token(server.data_dir, "search")
    expiring = token(server.data_dir, "search", "--expires", "15s")  # time for a busy machine to open the tail
    with (
        TailClient(server.port, header=expiring.header, q="tailword") as first,
        TailClient(server.port, header=revoked.header, q="tailword") as second,
    ):
        first.opened()
        second.opened()
        assert logd("token", "revoke", revoked.id, data_dir=server.data_dir).code == 0
        for made in (expiring, revoked):
            until(lambda made=made: _ask(server, "GET", SEARCH, made).status == 401, "it has ended")  # type: ignore[misc]
        assert _write(server, everything, "s", {"message": "tailword"}).status == 202
        for tail, state in ((first, f"{expiring.id} is expired"), (second, f"{revoked.id} is revoked")):
            tail.wait()
            assert (tail.complete, tail.records) == (True, [])
            assert tail.named("end") == [{"reason": f"the token {state}"}]


def _chunk(service: str, host: str, line: bytes) -> Chunk:
    return Chunk(
        service=service,
        host=host,
        source="/var/log/app.log",
        source_id=f"{abs(hash((service, host, line))) % 16**16:016x}",
        offset=0,
        end=len(line),
        lines=1,
        observed_us=1_764_000_000_000_000,
        value=compress(line),
        content_type="application/x-ndjson",
    )


def test_chunks_have_limits_too(server: Server, everything: Made) -> None:
    limited = token(server.data_dir, "ingest", "--service", "nginx", "--host", "web-2")
    line = b'{"message":"chunkword","service":"payment","host":"db-1"}\n'
    good, elsewhere, other = (
        _chunk("nginx", "web-2", line),
        _chunk("nginx", "web-3", line),
        _chunk("pay", "web-2", line),
    )
    for chunks, code in (([good, other], "service_not_allowed"), ([good, elsewhere], "host_not_allowed")):
        answer = _ask(server, "POST", shipment.PATH, limited, shipment.encode(chunks))
        assert (answer.status, _code(answer)) == (403, code)
        assert answer.json()["error"]["where"] == "chunks[1]"
    assert _ask(server, "POST", shipment.PATH, limited, shipment.encode([good])).status == 202
    # A chunk that an agent had sent before a token: as it was.
    assert _ask(server, "POST", shipment.PATH, everything, shipment.encode([elsewhere])).status == 202
    until(lambda: len(_found(server, everything, "chunkword")) == 2, "they are found")
    found = {(record["service"], record["host"]) for record in _found(server, everything, "chunkword")}
    assert found == {("nginx", "web-2"), ("payment", "db-1")}


def test_rates(server: Server, everything: Made) -> None:
    slow = token(server.data_dir, "search,ingest", "--requests-per-second", "0.1")
    few = token(server.data_dir, "ingest", "--bytes-per-second", "10")
    statuses = [_ask(server, "GET", SEARCH, slow).status for _ in range(3)]
    assert 200 not in statuses[1:]
    answer = _ask(server, "GET", SEARCH, slow)
    assert (answer.status, _code(answer)) == (429, "rate_limited")
    assert 0 < int(answer.headers["retry-after"]) <= 10
    assert _write(server, few, "s", {"message": "x" * 1_000}).status == 202
    answer = _write(server, few, "s", {"message": "x"})
    assert (answer.status, _code(answer)) == (429, "rate_limited")
    assert 80 <= int(answer.headers["retry-after"]) <= 95  # a thousand bytes, of which a hundred were there
    assert _ask(server, "GET", SEARCH, everything).status == 200
    assert (
        'logd_access_refused_total{reason="rate_limited"}' in _ask(server, "GET", "/metrics", everything).body.decode()
    )


def test_pages_of_other_sites(server: Server, everything: Made) -> None:
    asks = {"Access_Control_Request_Method": "GET", "Access_Control_Request_Headers": "authorization"}
    answer = _ask(server, "OPTIONS", SEARCH, None, None, Origin=_ORIGIN, **asks)
    assert answer.status == 204
    assert answer.headers["access-control-allow-origin"] == _ORIGIN
    assert "Authorization" in answer.headers["access-control-allow-headers"]
    assert "access-control-allow-credentials" not in answer.headers
    for made, status in ((everything, 200), (None, 401)):
        answer = _ask(server, "GET", SEARCH, made, Origin=_ORIGIN)
        assert answer.status == status
        assert answer.headers["access-control-allow-origin"] == _ORIGIN
        assert answer.headers["vary"] == "Origin"
    for origin in ("https://logs.example.org.evil.example", "http://logs.example.org", "null"):
        assert _ask(server, "OPTIONS", SEARCH, None, None, Origin=origin, **asks).status == 405
        answer = _ask(server, "GET", SEARCH, everything, Origin=origin)
        assert not [name for name in answer.headers if name.startswith("access-control")]


def test_a_token_is_never_shown(server: Server, everything: Made) -> None:
    secret = everything.text.rpartition("_")[2]
    for path in ("/api/v1/status", "/metrics", "/nothing", SEARCH):
        assert secret not in _ask(server, "GET", path, everything).body.decode()
    server.request("GET", f"{SEARCH}?q=a:[", None, everything.header)
    assert secret not in server.whole_log()
    for name in server.data_dir.glob("catalog.db*"):
        assert secret.encode() not in name.read_bytes()
    listed = logd("token", "list", "--json", data_dir=server.data_dir)
    assert secret not in listed.out
    assert everything.id in [json.loads(line)["id"] for line in listed.out.splitlines()]
