"""What an unquoted term is: text, or a field and its value. Elasticsearch's syntax, but what people paste stays text.

`name:value` is a field when the name begins with a letter, `_` or `@` and goes on with letters, digits, `_ @ . -`:
`level:ERROR`, `user_id:42`, `error:timeout`, `http.status:500`. A column's name is always a field, and so is one that
begins with `metadata.`. All else is text:

* names that begin with a digit or hold other characters: `10:00:01`, `10.0.0.1:80`, `src/main.py:42`, `a=b:c`;
* `//` or `:` after the colon: `http://a.b/c`, `std::vector`, `fe80::1`; a drive: `C:\\x`, `C:/x`;
* addresses in hexadecimal (`aa:bb:cc:dd:ee:ff`), and `localhost:5432`.

`db-3.internal:5432` and `OrderService.java:117` look like both, and are found as both: the field has that value, or the
message has these words side by side. That goes for names with a hyphen, or the ending of a host or of a source file,
before a number. `metadata.` in front makes it a field, quotes make it text.
"""

from __future__ import annotations

import re
from enum import Enum

from logd.query.fields import METADATA, column_of

_NAME = re.compile(r"[^\W\d][\w@.-]*|[@_][\w@.-]*")
_HEX_ADDRESS = re.compile(r"[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?:[%/]\w+)?")
_NUMBER_AFTER = re.compile(r"[0-9]{1,6}(?:[:/?#,;].*)?", re.DOTALL)
_HOST_OR_FILE = re.compile(
    r".*-.*|.*\.(?:internal|local|lan|localdomain|cluster|svc|com|net|org|io|dev"
    r"|c|cc|cpp|h|hpp|cs|ex|erl|go|groovy|java|js|jsx|kt|lua|php|pl|py|rb|rs|scala|sh|sql|swift|ts|tsx|vue)"
)


class Reading(Enum):
    """What a term with a colon is."""

    TEXT = "text"
    FIELD = "field"
    BOTH = "both"


def is_name(pattern: str) -> bool:
    """It would be a field's name without its wildcards."""
    return _NAME.fullmatch(pattern.replace("*", "x").replace("?", "x")) is not None


def reading(name: str, value: str, name_is_escaped: bool) -> Reading:
    """How to take `name:value`, by the rules above. An escape in the name says that a field is meant."""
    if name_is_escaped or column_of(name) is not None or name.startswith(METADATA):
        return Reading.FIELD
    if not _NAME.fullmatch(name) or name.lower() == "localhost" or value.startswith(("//", ":")):
        return Reading.TEXT
    if len(name) == 1 and value.startswith(("\\", "/")):
        return Reading.TEXT
    if _HEX_ADDRESS.fullmatch(f"{name}:{value}"):
        return Reading.TEXT
    if _NUMBER_AFTER.fullmatch(value) and _HOST_OR_FILE.fullmatch(name):
        return Reading.BOTH
    return Reading.FIELD
