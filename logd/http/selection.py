"""The parameter `fields`: which columns of records, and which members of their metadata, an answer has."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from multidict import MultiMapping

from logd.errors import BadRequest
from logd.http.parameters import Parameter
from logd.query.fields import METADATA, TRACE_ID, column_of, path_of

#: Each is looked for in each record.
_MOST = 100
FIELDS = Parameter(
    "fields",
    "Only these of a record: columns, metadata, or members of it such as metadata.user_id, also without that prefix."
    " What a record hasn't is absent.",
    repeats=True,
)
_decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_Path = tuple[str, ...]


class Selection(msgspec.Struct, frozen=True):
    """`shown` are the members of records in their order; of `metadata` only what is at the `paths`, unless it is
    `whole`."""

    shown: tuple[str, ...]
    paths: tuple[_Path, ...] = ()
    whole: bool = False

    @property
    def reads(self) -> tuple[str, ...]:
        """The columns that it takes: a trace id is lifted out of the metadata."""
        traced = self.whole or any(path[0] == TRACE_ID for path in self.paths)
        return tuple(dict.fromkeys((*self.shown, *((TRACE_ID,) if traced else ()))))

    def of_metadata(self, text: str) -> str:
        """What of a JSON object is selected: values are as they are written in it, and as deep in it."""
        return text if self.whole else (_part(text.encode(), self.paths) or b"{}").decode()


def read_selection(query: MultiMapping[str]) -> Selection | None:
    """None when everything is wanted. Raises BadRequest."""
    names = [name.strip() for text in query.getall(FIELDS.name, ()) for name in text.split(",")]
    names = [name for name in dict.fromkeys(names) if name]
    if not names:
        return None
    if len(names) > _MOST:
        raise BadRequest("too_many_values", f"fields has {len(names)} names, at most {_MOST}", FIELDS.name)
    shown: list[str] = []
    paths: list[_Path] = []
    for name in names:
        column = None if name.startswith(METADATA) else column_of(name)
        shown.append("metadata" if column is None else column)
        if column is None and name != "metadata":
            paths.append(path_of(name))
    return Selection(tuple(dict.fromkeys(shown)), tuple(paths), "metadata" in names)


def _part(text: bytes | msgspec.Raw, paths: Sequence[_Path]) -> bytes | None:
    """Of a JSON object the members at the paths, each of whose parts may have dots in the text; None when there are
    none."""
    try:
        members = _decode(text)
    except msgspec.MsgspecError:
        return None
    found: dict[str, msgspec.Raw] = {}
    for key, value in members.items():
        parts = tuple(key.split("."))
        rests = [path[len(parts) :] for path in paths if path[: len(parts)] == parts]
        if () in rests:
            found[key] = value
        elif rests and (inner := _part(value, rests)) is not None:
            found[key] = msgspec.Raw(inner)
    return msgspec.json.encode(found) if found else None
