"""Which files to follow: from the files and folders that somebody names, those that are text and grow by appending."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Sequence

#: Enough to see that a file isn't text; binary formats have a NUL byte in their first block.
_PEEK_BYTES = 8192
_COMPRESSED_NAME = re.compile(r".+\.(gz|xz|bz2|zst|lz4|lzma|Z|zip)")
_COMPRESSED_START = re.compile(rb"\x1f\x8b|\xfd7zXZ\0|BZh[1-9]1AY&SY|\x28\xb5\x2f\xfd|PK\x03\x04")
_JOURNAL_NAME = re.compile(r".+\.journal~?")
#: Login records, by name, since they are empty on a new machine; `wtmp-20260101` and `btmp.1` are the rotated ones.
_LOGINS_NAME = re.compile(r"(wtmp|btmp|utmp|lastlog|faillog|tallylog)([.\-].*)?")


def pick(paths: Sequence[str]) -> tuple[list[str], list[str]]:
    """The files to follow, absolute, each once, in the order given and sorted within a folder; and a sentence for
    each that is left out. A folder stands for what is in it, at any depth. Reads the first block of each file."""
    files: dict[tuple[int, int], str] = {}
    left_out: list[str] = []
    for path in paths:
        for candidate in _files_in(path, left_out):
            try:
                status = os.stat(candidate)
                reason = _objection(candidate, status)
            except OSError as error:
                reason = _said(error)
            if reason:
                left_out.append(f"{candidate} is left out: {reason}")
            else:
                files.setdefault((status.st_dev, status.st_ino), os.path.abspath(candidate))
    return list(files.values()), left_out


def _files_in(path: str, left_out: list[str]) -> Iterator[str]:
    if not os.path.isdir(path):
        yield path
        return

    def unreadable(error: OSError) -> None:
        left_out.append(f"{error.filename} is left out: {_said(error)}")

    # A link comes after all files: where it leads to one of them, the file's own name is kept.
    links = []
    for folder, folders, names in os.walk(path, onerror=unreadable):
        folders.sort()
        for name in sorted(names):
            inner = os.path.join(folder, name)
            if name == "README":
                left_out.append(f"{inner} is left out: documentation")  # systemd links its own into /var/log
            elif os.path.islink(inner):
                links.append(inner)
            else:
                yield inner
        linked = (os.path.join(folder, name) for name in folders)
        left_out.extend(f"{inner} is left out: a link to a folder" for inner in linked if os.path.islink(inner))
    yield from links


def _objection(path: str, status: os.stat_result) -> str:
    """Why a file is not to be followed; empty when it is. Raises OSError when it can't be read."""
    name = os.path.basename(path)
    if not stat.S_ISREG(status.st_mode):
        # Not opened: a pipe would wait for its writer.
        return "no regular file"
    if _JOURNAL_NAME.fullmatch(name):
        return "a journal of systemd"
    if _LOGINS_NAME.fullmatch(name):
        return "login records, which are binary"
    if _COMPRESSED_NAME.fullmatch(name):
        return "compressed"
    if _is_our_output(status):
        return "logd writes to it itself"
    with open(path, "rb") as file:
        start = file.read(_PEEK_BYTES)
    if _COMPRESSED_START.match(start):
        return "compressed"
    return "binary" if b"\0" in start else ""


def _is_our_output(status: os.stat_result) -> bool:
    # `logd server /var/log >/var/log/logd.log` would feed on itself.
    for descriptor in (1, 2):
        try:
            ours = os.fstat(descriptor)
        except OSError:
            continue
        if (ours.st_dev, ours.st_ino) == (status.st_dev, status.st_ino):
            return True
    return False


def _said(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
