"""Names, services and days of retention as requests write them and answers show them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, timedelta

from msgspec import UnsetType

from logd.config.policies import is_policy_name
from logd.errors import BadRequest
from logd.http.parameters import shortened
from logd.seams import DEFAULT_POLICY, MAX_POLICY_SERVICES

_EPOCH = date(1970, 1, 1)
_NOT_IN_NAMES = re.compile(r"[^a-z0-9_-]+")
_MOST_NAME_CHARACTERS = 40
_MOST_SERVICE_CHARACTERS = 1_000
Written = str | list[str] | UnsetType


def services_of(service: Written, services: Written) -> tuple[str, ...]:
    """Each once; nothing for none. Raises BadRequest."""
    given = [one for one in (service, services) if not isinstance(one, UnsetType)]
    if len(given) > 1:
        raise BadRequest("bad_services", "expected one of service and services", "services")
    parts = [part for one in given for part in (one.split(",") if isinstance(one, str) else one)]
    found = tuple(dict.fromkeys(part.strip() for part in parts if part.strip()))
    if len(found) > MAX_POLICY_SERVICES:
        raise BadRequest("bad_services", f"there are {len(found)} services, at most {MAX_POLICY_SERVICES:,}", "service")
    for name in found:
        if len(name) > _MOST_SERVICE_CHARACTERS:
            message = f"the service {shortened(name)} has {len(name)} characters, at most {_MOST_SERVICE_CHARACTERS}"
            raise BadRequest("bad_services", message, "service")
    return found


def policy_name(given: str | UnsetType, services: Sequence[str]) -> str:
    """What a policy is called that is to be made. Raises BadRequest."""
    if not isinstance(given, UnsetType):
        name = given.strip()
        if name != DEFAULT_POLICY and not is_policy_name(name):
            expected = (
                "expected DEFAULT, or at most 40 lower-case letters, digits, hyphens and underscores that begin with a"
                " letter, neither default nor late… nor restored…"
            )
            raise BadRequest("bad_name", f"no policy can be called {shortened(name)}, {expected}", "name")
        return name
    if list(services) == [DEFAULT_POLICY]:
        return DEFAULT_POLICY
    made = _NOT_IN_NAMES.sub("-", services[0].lower()).strip("-_") if services else ""
    made = made[:_MOST_NAME_CHARACTERS].rstrip("-_")
    if not is_policy_name(made):
        raise BadRequest("bad_name", "no name can be made of its service: give it one", "name")
    return made


def day_text(day: int) -> str:
    """`2026-11-22`, of a day since 1970."""
    return str(_EPOCH + timedelta(days=min(max(day, -719_000), 2_900_000)))
