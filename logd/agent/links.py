"""Where a path really leads, and the links on its way."""

from __future__ import annotations

import os

#: As many as the kernel follows.
_MOST_LINKS = 40


def resolve(path: str) -> tuple[str, set[str]]:
    """The real path of an absolute one, and the folders in which the links lie that it leads over; as far as it can be
    followed."""
    reached, rest, folders = "/", path.split("/")[::-1], set[str]()
    links = 0
    while rest:
        part = rest.pop()
        if part == "..":
            reached = os.path.dirname(reached)
        if part in ("", ".", ".."):
            continue
        step = os.path.join(reached, part)
        target = _target(step) if links < _MOST_LINKS else None
        if target is None:
            reached = step
            continue
        links += 1
        folders.add(reached)
        if target.startswith("/"):
            reached = "/"
        rest += target.split("/")[::-1]
    return reached, folders


class Links:
    """As `resolve`, for many files of few folders: what was found about a folder is kept."""

    def __init__(self) -> None:
        self._folders: dict[str, tuple[str, set[str]]] = {}

    def folder(self, path: str) -> tuple[str, set[str]]:
        """As `resolve`."""
        if path not in self._folders:
            self._folders[path] = resolve(path)
        return self._folders[path]

    def file(self, path: str) -> tuple[str, set[str]]:
        """The path under which the file is written to, and the folders in which it and the links to it lie."""
        folder = os.path.dirname(path)
        _, links = self.folder(folder)
        if _target(path) is None:
            return path, {folder, *links}
        real, links = resolve(path)
        return real, {folder, os.path.dirname(real), *links}


def _target(path: str) -> str | None:
    """None when the path is no link."""
    try:
        return os.readlink(path)
    except OSError:
        return None
