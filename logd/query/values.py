"""Lists of values in one text, as parameters of requests have them. Commas part values: `a,b`. A comma of a value
itself has a backslash before it: `a\\,b` is the one value `a,b`."""

from __future__ import annotations

import re
from collections.abc import Iterable

_PARTING = re.compile(r"(?<!\\),")


def listed(texts: Iterable[str]) -> list[str]:
    """The values, each once, without the blanks around it and without empty ones. What `written` gives, alone in a
    text, is the value again."""
    values = (part.replace("\\,", ",").strip() for text in texts for part in _PARTING.split(text))
    return list(dict.fromkeys(value for value in values if value))


def written(value: str) -> str:
    """The text that is listed as nothing but this value."""
    return value.replace(",", "\\,")
