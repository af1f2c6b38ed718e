"""What the answers and bodies of retention look like, for the OpenAPI document."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType, field

from logd.seams import MAX_DESCRIPTION_CHARACTERS, MAX_NAME_CHARACTERS, MAX_POLICY_SERVICES

MOST_DAYS = 1_000_000
_MOST_VERSION = 2**63 - 1
_MOST_QUERY_CHARACTERS = 100_000
_Days = Annotated[int, Meta(ge=0, le=MOST_DAYS)]
_Services = Annotated[list[str], Meta(max_length=MAX_POLICY_SERVICES)]
_Description = Annotated[str, Meta(max_length=MAX_DESCRIPTION_CHARACTERS)]
_Name = Annotated[str, Meta(min_length=1, max_length=MAX_NAME_CHARACTERS)]
Version = Annotated[int, Meta(ge=1, le=_MOST_VERSION)]


class PolicyToMake(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`service` is a name or a pattern (`*` any characters, `?` one), several with commas or as a list, which may be
    called `services` too; `DEFAULT` is what no other policy names. Without a `name` it is called as its first service.
    Only a change may have the `version` that it replaces: without one, it replaces any."""

    name: str | UnsetType = UNSET
    service: str | _Services | UnsetType = UNSET
    services: str | _Services | UnsetType = UNSET
    hot_days: _Days
    warm_days: _Days
    cold_days: _Days
    description: _Description = ""
    version: Version | UnsetType = UNSET


class PolicyToPreview(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """As to make or to change a policy, or `delete`, the name of one."""

    delete: str | UnsetType = UNSET
    name: str | UnsetType = UNSET
    service: str | _Services | UnsetType = UNSET
    services: str | _Services | UnsetType = UNSET
    hot_days: _Days | UnsetType = UNSET
    warm_days: _Days | UnsetType = UNSET
    cold_days: _Days | UnsetType = UNSET
    description: _Description = ""
    version: Version | UnsetType = UNSET


class RetentionPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`service` is the first of `services`, or DEFAULT. A day is hot until it is `hot_days` old, then warm until
    `warm_days`, then cold until it is deleted after `cold_days`, 0 being never. One that is `read_only` is the
    configuration's, or nobody's; others have a version, which holds for lines taken in from `valid_from` on."""

    name: str
    service: str
    services: list[str]
    hot_days: int
    warm_days: int
    cold_days: int
    description: str
    read_only: bool
    version: int | None
    valid_from: str | None
    updated: str | None
    updated_by: str | None


class RetentionPolicyList(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """DEFAULT first, then those of the configuration, then by name."""

    policies: list[RetentionPolicy]


class Deleted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a change deletes of a tier and a policy: `parts` are segments, indices or files, of the days (UTC) from
    first to last. The legal holds that `held_by` names may keep some of it."""

    tier: str
    policy: str
    parts: int
    rows: int
    bytes: int
    first_day: str
    last_day: str
    held_by: list[str]


class Preview(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a change would delete: `deletes` at once, `later` sooner than without it."""

    message: str
    deletes: list[Deleted]
    later: list[Deleted]


class PreviewError(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why a change isn't made."""

    code: Literal["would_delete", "conflict"]
    message: str
    where: str


class Refused(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`would_delete` comes with what it would, and isn't said when `confirm` is true."""

    error: PreviewError
    preview: Preview | UnsetType = UNSET


class HoldToMake(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Nothing is deleted that has a hit of `query`, of one of these services, from `from` to before `to`. What isn't
    said is everything."""

    name: _Name
    query: Annotated[str, Meta(max_length=_MOST_QUERY_CHARACTERS)] = ""
    service: str | _Services | UnsetType = UNSET
    services: str | _Services | UnsetType = UNSET
    from_: str | int | UnsetType = field(name="from", default=UNSET)
    to: str | int | UnsetType = UNSET
    reason: _Description = ""


class LegalHold(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """As it is kept; `released` is null while it is in force."""

    id: str
    name: str
    query: str
    services: list[str]
    from_: str | None = field(name="from")
    to: str | None
    reason: str
    created: str
    created_by: str | None
    released: str | None
    released_by: str | None


class LegalHoldList(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The oldest first."""

    holds: list[LegalHold]


class ServiceUsage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A service's share: its bytes are as many as its rows are of all. `service` is empty for lines without one, null
    for those of which it isn't known. `raw_bytes` are those of messages and metadata before compression, null where
    they aren't known. `cost` is of a month."""

    service: str | None
    rows: int
    bytes: int
    raw_bytes: int | None
    cost: float


class StoredDay(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a tier has of a policy and a day; `services` only if they are asked for."""

    tier: str
    policy: str
    day: str
    parts: int
    rows: int
    bytes: int
    raw_bytes: int | None
    cost: float
    services: list[ServiceUsage] | UnsetType = UNSET


class RetentionUsage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that is stored, by day, policy and tier, and by service, the dearest first. `missing` says what can't
    be told now."""

    stored: list[StoredDay]
    services: list[ServiceUsage] | UnsetType = UNSET
    rows: int
    bytes: int
    raw_bytes: int | None
    cost: float
    missing: list[str]
