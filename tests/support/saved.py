"""Saved searches of a real server."""

from __future__ import annotations

import json
from typing import Any

from tests.support.access import Made
from tests.support.process import JSON, Answer, Server

PATH = "/api/v1/searches"


def ask(server: Server, method: str, key: str = "", body: object = None, made: Made | None = None) -> Answer:
    """A request about all of them, or about the one with the name or id `key`, as it stands in a URL."""
    sent = None if body is None else json.dumps(body).encode()
    path = f"{PATH}/{key}" if key else PATH
    return server.request(method, path, sent, {**JSON, **(made.header if made else {})})


def keep(server: Server, name: str, made: Made | None = None, **parameters: object) -> dict[str, Any]:
    """Saves a search; as it is kept. `from_` is the parameter `from`."""
    search = {name.rstrip("_"): value for name, value in parameters.items()}
    answer = ask(server, "POST", body={"name": name, "search": search}, made=made)
    assert answer.status == 201, answer
    assert answer.headers["location"] == f"{PATH}/{answer.json()['id']}"
    found: dict[str, Any] = answer.json()
    return found
