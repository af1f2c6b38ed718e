"""How far files were imported: a small JSON file each in $XDG_STATE_HOME/logd/import, ~/.local/state otherwise.

It spares sending again what was acknowledged, and it is no more than that: without it everything is sent again, and the
server, which knows it, leaves it out.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path

import msgspec

from logd.cli.inputs import Identity, Input
from logd.cli.portions import TAIL_BYTES, Labels, Portion


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """Everything below `offset` of the text is at the server, in `number` portions. `head` and `tail` are digests of
    how the text begins, up to HEAD_BYTES of what was read then, and of its last TAIL_BYTES below `offset`."""

    path: str
    device: int
    inode: int
    head: str = ""
    head_bytes: int = 0
    tail: str = ""
    tail_bytes: int = 0
    offset: int = 0
    number: int = 0
    lines: int = 0


class State:
    """Of one file, sent to one server under some labels. Without a folder to write to nothing is remembered."""

    def __init__(self, name: str, identity: Identity, labels: Labels, url: str) -> None:
        path = os.path.realpath(name)
        key = "\0".join((path, url, labels.service, labels.host, labels.content_type))
        home = os.environ.get("XDG_STATE_HOME") or os.path.join(os.path.expanduser("~"), ".local", "state")
        file = f"{hashlib.blake2b(key.encode('utf-8', 'surrogateescape'), digest_size=16).hexdigest()}.json"
        self._file = Path(home) / "logd" / "import" / file
        self.progress = Progress(path=path, device=identity.device, inode=identity.inode)

    def resume(self, source: Input) -> bytes | None:
        """Takes up what is remembered, if the file is still the one that it is about: the same, and unchanged below
        `offset` as far as its beginning and the end of that tell. Gives how it begins; None when there is nothing to
        take up. Raises Corrupt."""
        try:
            found = msgspec.json.decode(self._file.read_bytes(), type=Progress)
        except (OSError, ValueError, msgspec.MsgspecError):
            return None
        mine = self.progress
        if (found.path, found.device, found.inode) != (mine.path, mine.device, mine.inode) or not found.offset:
            return None
        head, tail = _ends(source, found)
        if (digest(head), digest(tail)) != (found.head, found.tail):
            return None
        self.progress = found
        return head

    def advance(self, head: bytes, portion: Portion, lines: int) -> None:
        """The portion is at the server."""
        before = self.progress
        self.progress = msgspec.structs.replace(
            before,
            head=digest(head),
            head_bytes=len(head),
            tail=digest(portion.tail),
            tail_bytes=len(portion.tail),
            offset=portion.end,
            number=before.number + 1,
            lines=before.lines + lines,
        )
        self._save()

    def _save(self) -> None:
        # It doesn't need to survive a power cut, see the module.
        part = self._file.with_suffix(f".{os.getpid()}.part")
        with contextlib.suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(msgspec.json.encode(self.progress))
            part.replace(self._file)


def digest(text: bytes) -> str:
    """Of a part of the text."""
    return hashlib.blake2b(text, digest_size=16).hexdigest()


def _ends(source: Input, found: Progress) -> tuple[bytes, bytes]:
    """What is now where head and tail were. Reads a compressed file up to there. Raises Corrupt."""
    if source.seekable:
        return source.read_at(0, found.head_bytes), source.read_at(found.offset - found.tail_bytes, found.tail_bytes)
    head, tail, left = b"", b"", found.offset
    for block in source.blocks():
        part = block[:left]
        left -= len(part)
        head = (head + part[: found.head_bytes])[: found.head_bytes] if len(head) < found.head_bytes else head
        tail = (tail + part)[-TAIL_BYTES:]
        if not left:
            break
    return head, tail[len(tail) - found.tail_bytes :] if left == 0 else b""
