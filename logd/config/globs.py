"""Globs for names, `shop-*`, `web[0-9]`, as fnmatch has them; and which of them can't be meant."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Sequence

#: From a bracket to its end: a `]` that comes first in it is one of its characters.
_CLASS = re.compile(r"\[!?\]?[^\]]*(\])?", re.DOTALL)
#: What fnmatch makes of a class without characters, such as [z-a].
_NOTHING = "(?!)"


def compile_globs(setting: str, globs: Sequence[str]) -> re.Pattern[str] | None:
    """For `fullmatch`: any of them. None of no globs. Raises ValueError, naming the setting, for a wrong one."""
    for glob in globs:
        if expected := wrong(glob):
            raise ValueError(f"{setting} has {glob!r}, expected {expected}")
    return re.compile("|".join(f"(?:{fnmatch.translate(glob)})" for glob in globs)) if globs else None


def wrong(glob: str) -> str | None:
    """What was expected instead of it, None when nothing is wrong."""
    if any(found[1] is None for found in _CLASS.finditer(glob)):
        return "a glob whose [ has its ] ([[] is a bracket itself)"
    if _NOTHING in fnmatch.translate(glob):
        return "a glob that something can match"
    return None
