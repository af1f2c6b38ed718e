"""What is wrong with a value of the configuration."""

from __future__ import annotations

import msgspec

from logd.config.keys import KeyPath


class Problem(msgspec.Struct, frozen=True):
    """The value at `path` won't do. `expected` completes "expected …"; `reason` is said first, where there is one. A
    `secret` value isn't shown."""

    path: KeyPath
    expected: str
    reason: str = ""
    secret: bool = False
