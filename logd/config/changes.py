"""What differs between two configurations, by the keys."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from logd.config.keys import KeyPath, dotted
from logd.config.schema import Config

#: What an agent takes while it runs; not its targets and inputs other than files, which are connections.
_WHILE_RUNNING = frozenset(("agent", name) for name in Config().agent.__struct_fields__) - {
    ("agent", "host"),
    ("agent", "server"),
    ("agent", "servers"),
    ("agent", "token_file"),
    ("agent", "stdin"),
    ("agent", "syslog"),
    ("agent", "journald"),
    ("agent", "kubernetes"),
}


def fixed_changes(old: Config, new: Config) -> list[str]:
    """The keys that differ and can't be changed while the process runs."""
    return [dotted(path) for path in _differences((), old, new) if path[:2] not in _WHILE_RUNNING]


def _differences(path: KeyPath, old: msgspec.Struct, new: msgspec.Struct) -> Iterator[KeyPath]:
    for name in old.__struct_fields__:
        before, after = getattr(old, name), getattr(new, name)
        if isinstance(before, msgspec.Struct) and isinstance(after, msgspec.Struct):
            yield from _differences((*path, name), before, after)
        elif before != after:
            yield (*path, name)
