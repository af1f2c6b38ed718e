"""Which files are to be followed: globs, exclusions, and kinds of files that are no logs to read.

Globs know `*`, `?`, `[…]` and, for any depth of folders, `**`; `*` doesn't match names that begin with a dot. A path
that exists is taken as it is, whatever characters it has. An exclusion without a slash is matched with the file's name,
one with a slash with its whole path. Compressed files and the journal's are left out, since their bytes are no lines:
the rotated file that was read before it was compressed isn't read again.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator, Sequence

from logd.config.schema import Files

_COMPRESSED_SUFFIXES = (".gz", ".bz2", ".xz", ".zst", ".lz4", ".lzma", ".zip", ".Z", ".journal")
#: How gzip, bzip2, xz, zstd, lz4, zip, compress and journal files begin.
_COMPRESSED_MAGIC = (
    b"\x1f\x8b",
    b"BZh",
    b"\xfd7zXZ\0",
    b"\x28\xb5\x2f\xfd",
    b"\x04\x22\x4d\x18",
    b"PK\x03\x04",
    b"\x1f\x9d",
    b"LPKSHHRH",
)
#: What rotation and custom add to the name of a service's log.
_NAME_ENDS = re.compile(
    r"(?:\.(?:log|txt|out|err|json|jsonl|ndjson|old|\d+)|[-_.]\d{4}-?\d{2}-?\d{2}(?:[-_T.:]?\d+)*)+$"
)


class Discovery:
    """The files of `[[agent.files]]`, looked up anew by every `find`."""

    def __init__(self, entries: Sequence[Files], data_dir: str) -> None:
        """Files below `data_dir` are logd's own and never followed."""
        self._own = tuple(os.path.join(path, "") for path in (os.path.abspath(data_dir), os.path.realpath(data_dir)))
        self._entries = [
            (entry, [os.path.abspath(path) for path in entry.paths], [_exclusion(text) for text in entry.exclude])
            for entry in entries
        ]

    def find(self) -> Iterator[tuple[str, Files]]:
        """Absolute paths, each with the first entry that wants it; sorted within a glob. They may be no regular
        files."""
        seen: set[str] = set()
        for entry, patterns, exclusions in self._entries:
            for pattern in patterns:
                for path in sorted(_matches(pattern)):
                    if path not in seen and not self._left_out(path, exclusions):
                        seen.add(path)
                        yield path, entry

    def folders(self) -> set[str]:
        """Folders that are there: what `find` gives changes when a name in one of them does, or where a link leads."""
        found: set[str] = set()
        for _, patterns, _ in self._entries:
            found.update(*(_folders(pattern) for pattern in patterns))
        return {folder for folder in found if not os.path.join(folder, "").startswith(self._own)}

    def entry_of(self, path: str) -> Files | None:
        """The entry that wants the absolute `path`, whether or not there is such a file."""
        for entry, patterns, exclusions in self._entries:
            wanted = any(path == pattern or re.fullmatch(_regex(pattern), path, re.DOTALL) for pattern in patterns)
            if wanted and not self._left_out(path, exclusions):
                return entry
        return None

    def _left_out(self, path: str, exclusions: list[re.Pattern[str]]) -> bool:
        return (
            is_compressed_name(path)
            or path.startswith(self._own)
            or any(exclusion.fullmatch(path) for exclusion in exclusions)
        )


def is_compressed_name(path: str) -> bool:
    """The name says that the file is compressed, or a journal."""
    return path.endswith(_COMPRESSED_SUFFIXES)


def is_compressed(prefix: bytes) -> bool:
    """A file that begins like this is compressed, or a journal."""
    return prefix.startswith(_COMPRESSED_MAGIC)


def default_service(path: str) -> str:
    """The service of a file whose entry names none: its name without what rotation and custom put behind it.

    /var/log/nginx/access.log, access.log.1 and access-20260314.log → access; /var/log/syslog → syslog.
    """
    name = os.path.basename(path)
    return _NAME_ENDS.sub("", name) or name


def _matches(pattern: str) -> list[str]:
    if not glob.has_magic(pattern) or os.path.lexists(pattern):
        return [pattern] if os.path.lexists(pattern) else []
    return _walked(pattern) if "**" in pattern else glob.glob(pattern)


def _walked(pattern: str) -> list[str]:
    """What a pattern with `**` matches below folders that are no links: links can lead in circles."""
    top = pattern.partition("**")[0].rpartition("/")[0] or "/"
    wanted = re.compile(_regex(pattern), re.DOTALL)
    hidden = os.path.basename(pattern).startswith(".")
    found = []
    for start in glob.glob(top) if glob.has_magic(top) else [top]:
        for folder, folders, files in os.walk(start):
            folders[:] = [name for name in folders if not name.startswith(".")]
            paths = [os.path.join(folder, name) for name in files if hidden or not name.startswith(".")]
            found += [path for path in paths if wanted.fullmatch(path)]
    return sorted(found)


def _folders(pattern: str) -> set[str]:
    """The folders whose names decide what the absolute pattern matches."""
    found: set[str] = set()
    reached = {"/"}
    for part in pattern.split("/")[1:-1]:
        if "**" in part:
            break
        step: set[str] = set()
        for folder in reached:
            path = os.path.join(folder, part)
            if glob.has_magic(part) and not os.path.lexists(path):
                found.add(folder)
                step.update(filter(os.path.isdir, glob.glob(os.path.join(glob.escape(folder), part))))
            elif os.path.isdir(path):
                step.add(path)
            else:
                found.add(folder)
        reached = step
    if "**" not in pattern:
        return found | reached
    for top in reached:
        for folder, folders, _ in os.walk(top):
            folders[:] = [name for name in folders if not name.startswith(".")]
            found.add(folder)
    return found


def _exclusion(text: str) -> re.Pattern[str]:
    """A glob as a regular expression for absolute paths."""
    if "/" not in text:
        return re.compile(".*/" + _regex(text), re.DOTALL)
    return re.compile(_regex(os.path.abspath(text)), re.DOTALL)


def _regex(pattern: str) -> str:
    known = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    parts = re.split(r"(\*\*/|\*\*|\*|\?|\[!?\]?[^\]]*\])", pattern)
    return "".join(
        known.get(part) or (_character_class(part) if place % 2 else re.escape(part))
        for place, part in enumerate(parts)
    )


def _character_class(part: str) -> str:
    """`[…]` of a glob; one that makes no sense stands for itself."""
    negated = part.startswith("[!")
    body = part[2:-1] if negated else part[1:-1]
    body = body.replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]").replace("^", "\\^")
    text = f"[{'^' if negated else ''}{body}]"
    try:
        re.compile(text)
    except re.error:
        return re.escape(part)
    return text
