"""What an object may be called, the same on every store."""

from __future__ import annotations

import re

_PART = r"[A-Za-z0-9_=+@,~%:-][A-Za-z0-9._=+@,~%:-]{0,199}"
_NAME = re.compile(rf"{_PART}(/{_PART})*")
#: S3's keys have at most 1,024 bytes; the rest is for `objects.prefix`.
_MAX_CHARACTERS = 800


def check(name: str) -> None:
    """Raises ValueError: names are made by logd, so a wrong one is a mistake of its own."""
    if len(name) > _MAX_CHARACTERS or not _NAME.fullmatch(name):
        raise ValueError(f"{name[:100]!r} is no name of an object")
