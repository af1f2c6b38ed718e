"""/api/v1/retention/policies: how long which services' lines are kept where.

Who may search, or administers, sees them; who administers makes, changes and deletes them. A change that deletes
something that is stored, now or sooner than without it, is refused with what it would, until `confirm` is true.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec
from aiohttp import web
from msgspec import Meta, UnsetType

from logd.config.schema import Config
from logd.errors import BadRequest, Conflict, NotFound
from logd.flow.clock import now_us
from logd.http import identity
from logd.http import retention_schemas as schemas
from logd.http.answers import json_answer
from logd.http.openapi import Answer, Content, Operation
from logd.http.parameters import Parameter, boolean, shortened, whole_body, whole_number
from logd.http.records import start_texts
from logd.http.retention_names import policy_name, services_of
from logd.http.retention_preview import Previews
from logd.http.saved import catalog_call
from logd.seams import DEFAULT_POLICY, POLICY_LEAD_SECONDS, RetentionPolicies, RetentionPolicy
from logd.tiers.policy import wrong_ages
from logd.tokens import Scope

log = logging.getLogger("logd.api")
PATH = "/api/v1/retention/policies"
_ONE = f"{PATH}/{{name:[^/]+}}"
_NAME = Parameter("name", "Its name.", place="path")
_MOST_VERSION = 2**63 - 1
_VERSION = Parameter(
    "version",
    "Only this version: 409 when somebody has changed it meanwhile.",
    Annotated[int, Meta(ge=1, le=_MOST_VERSION)],
)
_PREVIEW = Parameter("preview", "With `true` nothing is changed: 200 says what would be deleted.", bool)
_CONFIRM = Parameter("confirm", "With `true` it is done also when it deletes something.", bool)
_READERS = (Scope.ADMIN, Scope.SEARCH)
_WRITERS = (Scope.ADMIN,)
_JSON = "application/json"
_KEPT = Answer("The policy as it is kept, or with `preview` what it would delete.", schemas.RetentionPolicy)
_WOULD = Answer("What it would delete.", schemas.Preview)
_OR_WOULD = Answer("The policy, or with `preview` what it would delete.", schemas.RetentionPolicy | schemas.Preview)
_REFUSED = Answer("It would delete something, its name is taken, or somebody has changed it.", schemas.Refused)
LIST = Operation(
    "GET", PATH, "Retention policies", (), {200: Answer("All of them.", schemas.RetentionPolicyList)}, needs=_READERS
)
SHOW = Operation(
    "GET", _ONE, "A retention policy", (_NAME,), {200: Answer("The policy.", schemas.RetentionPolicy)}, needs=_READERS
)
CREATE = Operation(
    "POST",
    PATH,
    "Create a retention policy",
    (_PREVIEW, _CONFIRM),
    {200: _WOULD, 201: _KEPT, 409: _REFUSED},
    body=Content("The policy.", {_JSON: schemas.PolicyToMake}),
    needs=_WRITERS,
)
CHANGE = Operation(
    "PUT",
    _ONE,
    "Change a retention policy",
    (_NAME, _PREVIEW, _CONFIRM),
    {200: _OR_WOULD, 409: _REFUSED},
    body=Content("All of it anew.", {_JSON: schemas.PolicyToMake}),
    needs=_WRITERS,
)
REMOVE = Operation(
    "DELETE",
    _ONE,
    "Delete a retention policy; what is stored under its name goes by DEFAULT then",
    (_NAME, _VERSION, _PREVIEW, _CONFIRM),
    {200: _OR_WOULD, 409: _REFUSED},
    needs=_WRITERS,
)
PREVIEW = Operation(
    "POST",
    "/api/v1/retention/preview",
    "What a policy, or to delete one, would delete",
    (),
    {200: _WOULD},
    body=Content("The policy, or the name of one to delete.", {_JSON: schemas.PolicyToPreview}),
    needs=_READERS,
)


class Policies:
    """The handlers. What the catalog can't do now is 503."""

    def __init__(self, config: Config, kept: RetentionPolicies, previews: Previews) -> None:
        self._configured = config.policies
        self._kept = kept
        self._previews = previews

    async def list(self, request: web.Request) -> web.Response:
        """200 with RetentionPolicyList."""
        return json_answer({"policies": self._shown(await self._latest())})

    async def show(self, request: web.Request) -> web.Response:
        """200 with RetentionPolicy, or 404."""
        name = request.match_info["name"].strip()
        found = [one for one in self._shown(await self._latest()) if one["name"] == name]
        if not found:
            raise _no_such(name)
        return json_answer(found[0])

    async def create(self, request: web.Request) -> web.Response:
        """201 with RetentionPolicy, 200 with Preview, or 409 with Refused."""
        sender = identity.of_all(request, "policies are")
        wanted = await _body(request, schemas.PolicyToMake)
        policy = self._policy(wanted, policy_name(wanted.name, services_of(wanted.service, wanted.services)), sender)
        before = await self._latest()
        self._refuse_taken(policy.name, before)
        if (answer := await self._looked_at(request, before, [*before, policy])) is not None:
            return answer
        with catalog_call():
            made = await self._kept.create(policy)
        _log("made", made, sender)
        return json_answer(self._one(made), 201, {"Location": f"{PATH}/{made.name}"})

    async def change(self, request: web.Request) -> web.Response:
        """200 with RetentionPolicy or Preview, or 409 with Refused."""
        sender = identity.of_all(request, "policies are")
        wanted = await _body(request, schemas.PolicyToMake)
        before = await self._latest()
        found = self._own(request.match_info["name"].strip(), before)
        if not isinstance(wanted.name, UnsetType) and wanted.name.strip() != found.name:
            message = f"the policy is called {found.name!r}: what is stored has its name, so make another one"
            raise BadRequest("bad_name", message, "name")
        policy = self._policy(wanted, found.name, sender)
        version = found.version if isinstance(wanted.version, UnsetType) else wanted.version
        policy = msgspec.structs.replace(policy, version=version)
        after = [policy if one.name == found.name else one for one in before]
        if (answer := await self._looked_at(request, before, after)) is not None:
            return answer
        with catalog_call():
            made = await self._kept.replace(policy)
        _log("changed", made, sender)
        return json_answer(self._one(made))

    async def remove(self, request: web.Request) -> web.Response:
        """200 with RetentionPolicy or Preview, or 409 with Refused."""
        sender = identity.of_all(request, "policies are")
        version = whole_number(request.query, "version", 0, 1, _MOST_VERSION)
        before = await self._latest()
        found = self._own(request.match_info["name"].strip(), before)
        after = [one for one in before if one.name != found.name]
        if (answer := await self._looked_at(request, before, after)) is not None:
            return answer
        with catalog_call():
            await self._kept.delete(found.name, version or found.version, _in_force_us())
        _log("deleted", found, sender)
        return json_answer(self._one(found))

    async def preview(self, request: web.Request) -> web.Response:
        """200 with Preview."""
        sender = identity.of_all(request, "policies are")
        wanted = await _body(request, schemas.PolicyToPreview)
        before = await self._latest()
        if not isinstance(wanted.delete, UnsetType):
            found = self._own(wanted.delete.strip(), before)
            after = [one for one in before if one.name != found.name]
        else:
            policy = self._previewed(wanted, sender)
            after = [*(one for one in before if one.name != policy.name), policy]
        return json_answer(self._previews.shown(await self._previews.of(before, after)))

    async def _latest(self) -> Sequence[RetentionPolicy]:
        with catalog_call():
            return await self._kept.all()

    async def _looked_at(
        self, request: web.Request, before: Sequence[RetentionPolicy], after: Sequence[RetentionPolicy]
    ) -> web.Response | None:
        """The answer of who only asks, or has to confirm; None for going on."""
        only, confirmed = (boolean(request.query, name, False) for name in ("preview", "confirm"))
        if confirmed and not only:
            return None  # also when it can't be told
        found = await self._previews.of(before, after)
        if only:
            return json_answer(self._previews.shown(found))
        return self._previews.refusal(found) if found.now or found.later else None

    def _policy(self, wanted: schemas.PolicyToMake, name: str, sender: identity.Identity) -> RetentionPolicy:
        """Raises BadRequest."""
        services = services_of(wanted.service, wanted.services)
        if name == DEFAULT_POLICY:
            if services not in ((), (DEFAULT_POLICY,)):
                message = "DEFAULT is for the services that no other policy names: expected none"
                raise BadRequest("bad_services", message, "service")
            services = ()
        elif not services:
            raise BadRequest("bad_services", "expected at least one service or pattern", "service")
        elif DEFAULT_POLICY in services:
            raise BadRequest("bad_services", f"DEFAULT is a policy of its own, not a service of {name}", "service")
        if wrong := wrong_ages(wanted.hot_days, wanted.warm_days, wanted.cold_days):
            raise BadRequest("bad_days", wrong, wrong.split(" ")[0])
        return RetentionPolicy(
            name=name,
            services=services,
            hot_days=wanted.hot_days,
            warm_days=wanted.warm_days,
            cold_days=wanted.cold_days,
            description=wanted.description,
            from_us=_in_force_us(),
            updated_by=sender.name,
            updated_us=now_us(),
        )

    def _previewed(self, wanted: schemas.PolicyToPreview, sender: identity.Identity) -> RetentionPolicy:
        given = {name: value for name, value in msgspec.structs.asdict(wanted).items() if value is not msgspec.UNSET}
        try:
            whole = msgspec.convert(given, schemas.PolicyToMake)
        except msgspec.ValidationError as error:
            raise BadRequest("bad_body", f"the body is wrong: {error}", "body") from error
        name = policy_name(whole.name, services_of(whole.service, whole.services))
        self._refuse_configured(name)
        return self._policy(whole, name, sender)

    def _refuse_taken(self, name: str, before: Sequence[RetentionPolicy]) -> None:
        """Before anything is looked at."""
        self._refuse_configured(name)
        if any(one.name == name for one in before):
            raise Conflict(f"there is a retention policy {name!r} already", "name")

    def _refuse_configured(self, name: str) -> None:
        if name in self._configured:
            raise Conflict(f"the retention policy {name!r} is in the server's configuration: change it there", "name")

    def _own(self, name: str, before: Sequence[RetentionPolicy]) -> RetentionPolicy:
        """What the API may change. Raises Conflict and NotFound."""
        self._refuse_configured(name)
        for one in before:
            if one.name == name:
                return one
        if name == DEFAULT_POLICY:
            raise NotFound("nobody has made a policy DEFAULT yet: create it")
        raise _no_such(name)

    def _one(self, policy: RetentionPolicy) -> Mapping[str, Any]:
        (shown,) = (one for one in self._shown([policy]) if one["name"] == policy.name)
        return shown

    def _shown(self, latest: Sequence[RetentionPolicy]) -> Sequence[dict[str, Any]]:
        """DEFAULT and the configuration's among them."""
        retention = self._previews.retention(latest)
        kept = {policy.name: policy for policy in latest if policy.name not in self._configured}
        return [_shown(name, self._services(name), retention.ages(name), kept.get(name)) for name in retention.names]

    def _services(self, name: str) -> Sequence[str]:
        """Of one that the configuration has."""
        return self._configured[name].services if name in self._configured else ()


def _shown(name: str, services: Sequence[str], ages: Any, kept: RetentionPolicy | None) -> dict[str, Any]:
    if kept is not None:
        services = kept.services
    times = (None, None) if kept is None else start_texts([kept.from_us, kept.updated_us])
    return {
        "name": name,
        "service": DEFAULT_POLICY if name == DEFAULT_POLICY else next(iter(services), ""),
        "services": list(services),
        "hot_days": ages.hot_days,
        "warm_days": ages.warm_days,
        "cold_days": ages.cold_days,
        "description": "" if kept is None else kept.description,
        "read_only": kept is None,
        "version": None if kept is None else kept.version,
        "valid_from": times[0],
        "updated": times[1],
        "updated_by": None if kept is None else kept.updated_by or None,
    }


async def _body(request: web.Request, kind: type[Any]) -> Any:
    """Raises BadRequest."""
    try:
        return msgspec.json.decode(await whole_body(request), type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest("bad_body", f"the body is wrong: {error}", "body") from error


def _in_force_us() -> int:
    """From when on what is done now holds."""
    return now_us() + POLICY_LEAD_SECONDS * 1_000_000


def _no_such(name: str) -> NotFound:
    return NotFound(f"there is no retention policy {shortened(name)}")


def _log(what: str, policy: RetentionPolicy, sender: identity.Identity) -> None:
    ages = (policy.hot_days, policy.warm_days, policy.cold_days)
    services = ", ".join(policy.services) or "all others"
    who = f"{sender.who} ({sender.name})" if sender.name else sender.who
    log.info(
        "retention policy %s of %.200s was %s by %s: hot, warm, cold days %s", policy.name, services, what, who, ages
    )
