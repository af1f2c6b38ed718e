"""At which line of a TOML file a key is: the standard parser doesn't say.

Headers of tables and keys at the beginning of a line are found, outside of texts of several lines; what is in an inline
table or in a list is where that begins.
"""

from __future__ import annotations

import re
import tomllib

from logd.config.keys import KeyPath

_HEADER = re.compile(r"\s*(\[\[?)([^\[\]]+)\]\]?\s*(#.*)?")
_KEY = re.compile(r"""\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*=""")
_LONG_TEXT = re.compile(r'"""|\'\'\'')


def lines_of(text: str) -> dict[KeyPath, int]:
    """The line, from 1 on, of each key of a file that is TOML."""
    found: dict[KeyPath, int] = {}
    counts: dict[KeyPath, int] = {}
    table: KeyPath = ()
    within = ""
    for number, line in enumerate(text.split("\n"), 1):
        began_within = bool(within)
        for mark in _LONG_TEXT.findall(line):
            within = mark if not within else "" if within == mark else within
        if began_within:
            continue
        if header := _HEADER.fullmatch(line.rstrip("\r")):
            table = _resolved(_parts(header[2]), counts, header[1] == "[[")
            found.setdefault(table, number)
        elif key := _KEY.match(line):
            found.setdefault((*table, *_parts(key[1])), number)
    return found


def line_of(lines: dict[KeyPath, int], path: KeyPath) -> int:
    """The line of the key, or of the nearest one around it; 1 where there is none."""
    for end in range(len(path), 0, -1):
        for key in (path[:end], (*path[:end], 0)):
            if (line := lines.get(key)) is not None:
                return line
    return 1


def _resolved(names: KeyPath, counts: dict[KeyPath, int], adds: bool) -> KeyPath:
    """With the places of tables in their arrays: the last one, or a new one."""
    path: KeyPath = ()
    for place, name in enumerate(names):
        path = (*path, name)
        last = place == len(names) - 1
        if last and adds:
            counts[path] = counts.get(path, -1) + 1
        if path in counts:
            path = (*path, counts[path])
    return path


def _parts(key: str) -> KeyPath:
    """Those of a dotted key."""
    try:
        tree: object = tomllib.loads(f"{key.strip()} = 0")
    except ValueError:
        return (key,)
    parts: list[str] = []
    while isinstance(tree, dict):
        ((name, tree),) = tree.items()
        parts.append(name)
    return tuple(parts)
