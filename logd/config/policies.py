"""What policies may be called, and what is wrong with those of the configuration."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

from logd.config.keys import KeyPath
from logd.config.problem import Problem
from logd.config.schema import Config

_POLICY = re.compile(r"[a-z][a-z0-9_-]{0,39}")
_DEFAULT = "DEFAULT"
#: What else indices' names begin with.
_NO_POLICIES = ("late", "restored")


def is_policy_name(name: str) -> bool:
    """Whether a policy can be called so, beside DEFAULT: it is a part of folders' and indices' names."""
    return bool(_POLICY.fullmatch(name)) and name != _DEFAULT.lower() and not name.startswith(_NO_POLICIES)


def policy_problems(config: Config) -> Iterator[Problem]:
    """Of the tables `[policies.NAME]`."""
    for name, policy in config.policies.items():
        path: KeyPath = ("policies", name)
        if name != _DEFAULT and not is_policy_name(name):
            expected = (
                "DEFAULT, or a name of lower-case letters, digits, hyphens and underscores, neither default nor late…"
                " nor restored…"
            )
            yield Problem(path, expected, f"no policy can be called {name!r}")
        if name == _DEFAULT and policy.services:
            yield Problem((*path, "services"), "none, as it is for what the others don't name")
        if name != _DEFAULT and not policy.services:
            yield Problem((*path, "services"), "at least one name or pattern of services")
        ages = [(key, getattr(policy, key)) for key in ("hot_days", "warm_days", "cold_days")]
        said = [(key, days) for key, days in ages if days is not None and (days or key != "cold_days")]
        for (key, days), (next_key, most) in itertools.pairwise(said):
            if days > most:
                yield Problem((*path, key), f"at most {next_key}, which is {most}")
