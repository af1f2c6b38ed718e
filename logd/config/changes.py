"""What differs between two configurations, by the keys."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from logd.config.keys import KeyPath, dotted
from logd.config.schema import Config

#: What an agent takes while it runs; whether there is standard input is said to a process once.
_WHILE_RUNNING = frozenset(("agent", name) for name in Config().agent.__struct_fields__)
_STDIN = ("agent", "stdin", "enabled")
_TARGETS = (("agent", "server"), ("agent", "servers"))


def fixed_changes(old: Config, new: Config) -> list[str]:
    """The keys that differ and can't be changed while the process runs."""
    # Other servers take the place of these; what this process has of its own is opened at its start only.
    fixed_targets = () if bool(old.agent.targets) == bool(new.agent.targets) else _TARGETS
    return [
        dotted(path)
        for path in _differences((), old, new)
        if path[:2] not in _WHILE_RUNNING or path[:2] in fixed_targets or path == _STDIN
    ]


def _differences(path: KeyPath, old: msgspec.Struct, new: msgspec.Struct) -> Iterator[KeyPath]:
    for name in old.__struct_fields__:
        before, after = getattr(old, name), getattr(new, name)
        if isinstance(before, msgspec.Struct) and isinstance(after, msgspec.Struct):
            yield from _differences((*path, name), before, after)
        elif before != after:
            yield (*path, name)
