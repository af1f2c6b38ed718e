"""Which source is this file, and if none that is remembered, what is the new one called?

In memory are only the sources that have a file at the moment, or have changed; the others are asked for in the state.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence

from logd.agent.batches import Batch
from logd.agent.identity import fingerprint, lasting_id, source_id, span
from logd.agent.rows import Source
from logd.agent.state import State

#: Of an inode so many ended sources are remembered, each a name that it had. With more, a file that is rewritten all
#: day would fill the state.
_KEPT = 16
#: Gives so many bytes of a file from a position on, as `os.pread` does; fewer at its end.
Read = Callable[[int, int], bytes]


class Sources:
    """The sources of a state, changed in memory first and stored by `commit`."""

    def __init__(self, state: State, sources: Iterable[Source], host: str, pending: Iterable[Batch] = ()) -> None:
        """`sources` are those of the state that aren't gone, `pending` its batches."""
        self._sent = {batch.source_id: batch.end for batch in pending}
        self._state = state
        self._host = host
        self._live = {source.source_id: source for source in sources}
        self._changed: dict[str, Source] = {}
        #: By inode: those that the state doesn't have yet, or has under another one.
        self._new: dict[int, list[Source]] = {}
        self._dropped: list[str] = []
        self._forgotten: list[str] = []
        #: Something changed that must be stored soon, whether or not there are batches.
        self.urgent = False

    def read_to(self, source: Source) -> int:
        """Where the last batch ends that was made before the start, or that was acknowledged since."""
        return max(source.position, self._sent.get(source.source_id, 0))

    def live(self) -> list[Source]:
        """Those that aren't gone, or have only just gone."""
        return list(self._live.values())

    def recognise(self, path: str, device: int, inode: int, prefix: bytes, size: int, read: Read) -> Source | None:
        """The source whose file this is: the same inode, the same beginning, not shorter than what was sent, and the
        same before where it was read to. Another device number, as after a reboot, is forgiven when the fingerprint is
        full or the path is the same."""
        source = self._match(path, device, inode, prefix, size, read)
        if source is not None:
            source.device, source.path, source.gone_us = device, path, None
            self.change(source, urgent=False)
        return source

    def knows(self, path: str, device: int, inode: int, prefix: bytes, size: int, read: Read) -> bool:
        """`recognise` would find a source by more than its inode."""
        source = self._match(path, device, inode, prefix, size, read)
        return source is not None and source.fingerprint.length > 0

    def replaced(self, device: int, inode: int) -> list[Source]:
        """The sources that have a file, this one as far as is known. For when none of them is recognised."""
        found = (source for source in self._by_inode(inode) if source.device == device and source.fingerprint.length)
        return [source for source in found if source.gone_us is None]

    def begin(
        self,
        source: str,
        path: str,
        device: int,
        inode: int,
        prefix: bytes,
        position: int,
        now_us: int,
        going_on: Container[Source] = (),
    ) -> Source:
        """A new source, read from `position`: (device, inode) is a file not seen before, or was truncated. Ends the
        sources that it was so far, except those `going_on` elsewhere, and takes a generation that none of them had.
        `source` is the path that its lines were written to, `path` where it is now."""
        first = fingerprint(prefix)
        before = [source for source in self._by_inode(inode) if source.device == device]
        for other in before:
            if other in going_on:
                continue
            if not other.ended:
                self.end(other, now_us)
            elif other.source_id not in self._changed and len(before) > _KEPT:
                # The one ended now knows the generations.
                self._forgotten.append(other.source_id)
        generation = 1 + max((other.generation for other in before), default=-1)
        # One that had the inode may go on elsewhere, in a copy, and only its id tells of it.
        while self._is_used(name := source_id(device, inode, first, now_us, generation, self._host)):
            generation += 1
        new = Source(
            source_id=name,
            source=source,
            path=path,
            device=device,
            inode=inode,
            generation=generation,
            fingerprint=first,
            position=position,
        )
        self._new.setdefault(inode, []).append(new)
        self.change(new)
        self.name(new, prefix)
        return new

    def name(self, source: Source, prefix: bytes) -> None:
        """Gives a source of which no batch was made its lasting id, if its file, which begins with `prefix`, has one by
        now. Not where another one had that, or may have had it."""
        name = lasting_id(source.device, source.inode, prefix, self._host)
        # What was sent before the start, and is made anew, keeps its id.
        if name is None or name == source.source_id or source.source_id in self._sent:
            return
        others = [other for other in self._by_inode(source.inode) if other is not source]
        before = {other.generation for other in others if other.device == source.device}
        if len(before) != source.generation or self._is_used(name):
            return
        self._live.pop(source.source_id, None)
        self._changed.pop(source.source_id, None)
        self._forgotten.append(source.source_id)
        source.source_id = name
        new = self._new.setdefault(source.inode, [])
        if all(other is not source for other in new):
            new.append(source)
        self.change(source)

    def move(self, source: Source, path: str, device: int, inode: int, now_us: int) -> None:
        """The source's bytes are in another file from now on, which ends those that had its inode before."""
        for other in self._by_inode(inode):
            if other.device == device and not other.ended:
                self.end(other, now_us)
        source.path, source.device, source.inode, source.gone_us = path, device, inode, None
        self._new.setdefault(inode, []).append(source)
        self.change(source)

    def acknowledge(self, batch: Batch) -> None:
        """Everything up to the batch's end is at its target."""
        source = self._live.get(batch.source_id) or self._state.by_id(batch.source_id)
        if source is not None and source.position < batch.end:
            source.position = batch.end
            self.change(source, urgent=False)

    def end(self, source: Source, now_us: int) -> None:
        """The source will have no more lines."""
        source.ended, source.gone_us = True, now_us
        self.change(source)

    def lose(self, source: Source, now_us: int) -> None:
        """There is no file for the source at the moment; it may come back."""
        source.gone_us = now_us
        self.change(source)

    def drop_pending(self, source_id: str) -> None:
        """The source's batches can't be sent again."""
        self._dropped.append(source_id)
        self.urgent = True

    def change(self, source: Source, urgent: bool = True) -> None:
        """To be stored with the next commit, which isn't called for when it isn't `urgent`."""
        self._live[source.source_id] = self._changed[source.source_id] = source
        self.urgent = self.urgent or urgent

    def commit(self, pending: Sequence[Batch], entries: Iterable[bytes]) -> None:
        """Stores what has changed, with `pending` and `entries`, durably. When it raises Unavailable, the next commit
        will do it."""
        for batch in pending:
            # Its fingerprint grew with the bytes that were read.
            if source := self._live.get(batch.source_id):
                self._changed[source.source_id] = source
        self._state.commit(list(self._changed.values()), pending, entries, self._dropped, self._forgotten)
        for source in self._changed.values():
            if source.gone_us is not None:
                del self._live[source.source_id]
        self._changed.clear()
        self._new.clear()
        self._dropped.clear()
        self._forgotten.clear()
        self.urgent = False

    def _is_used(self, source_id: str) -> bool:
        return source_id in self._live or self._state.by_id(source_id) is not None

    def _by_inode(self, inode: int) -> list[Source]:
        # What is in memory is newer than the state's.
        forgotten = set(self._forgotten)
        stored = [source for source in self._state.by_inode(inode) if source.source_id not in forgotten]
        known = [self._live.get(source.source_id, source) for source in stored] + self._new.get(inode, [])
        return [source for source in known if source.inode == inode]

    def _match(self, path: str, device: int, inode: int, prefix: bytes, size: int, read: Read) -> Source | None:
        for source in self._by_inode(inode):
            if source.ended or size < self.read_to(source) or not source.fingerprint.matches(prefix):
                continue
            if not source.anchor.matches(read(*span(source.anchor.end))):
                continue
            if source.device == device or source.fingerprint.full or source.path == path:
                return source
        return None
