"""Of which services alone a query may find records."""

from __future__ import annotations

import pytest

from logd.query.parse import parse
from logd.query.services import services_of


@pytest.mark.parametrize(
    ("query", "services"),
    [
        ("service:a", "a"),
        ('service:"a b"', "a b"),
        ("service:a AND timeout", "a"),
        ("service:(a OR b) AND level:ERROR", "a,b"),
        ("service:a OR (service:b AND x)", "a,b"),
        ("service:a AND service:b", ""),
        ("service:a AND NOT service:b", "a"),
        ("service:a OR timeout", None),
        ("NOT service:a", None),
        ("service:a*", None),
        ("service:/a.*/", None),
        ("host:a", None),
        ("metadata.service:a", None),
        ("", None),
    ],
)
def test_services(query: str, services: str | None) -> None:
    expected = None if services is None else frozenset(filter(None, services.split(",")))
    assert services_of(parse(query)) == expected
