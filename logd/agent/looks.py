"""Which of the followed files a round looks at, and when there has to be another one.

A file whose folders are watched is looked at when something says that it changed, when it has something that is due (a
batch, a line without its end), and with everything else every SAFETY_SECONDS: what says that files change is only a
hint. Any other file is looked at in every round. New files are looked for when names changed, at most every
`agent.rescan_seconds`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from math import inf

from logd.agent.links import Links
from logd.agent.tail import Tail
from logd.agent.watch import Hints, Watch
from logd.config.schema import Agent

Key = tuple[int, int]
#: How late a line may be of which nothing was said. 5,000 files, which take 0.1 s, cost a third of a percent of a core.
SAFETY_SECONDS = 30.0
#: A renamed or deleted file that is complete may still be written to for so long, by a writer that reopens its log
#: late. Then its handle is given back.
GIVE_UP_SECONDS = 300.0


class Looks:
    """See the module. Times are the monotonic clock's."""

    def __init__(self, watch: Watch, settings: Agent) -> None:
        self.watch = watch
        self._settings = settings
        self._scanned_at = self._all_at = -inf
        #: Names changed since the last scan, or may have.
        self._names = True
        self._everything = True
        #: Some folder isn't watched.
        self._polls = True
        #: At the last scan. A file that is given up and comes again is another tail,
        #: and one that was copied and truncated has another key.
        self._followed: set[tuple[Key, Tail]] = set()
        self._watched: set[Key] = set()
        #: By the paths under which files are written to.
        self._places: dict[str, Key] = {}
        #: When files are to be looked at that no hint has to be waited for.
        self._due: dict[Key, float] = {}

    def take(self, hints: Hints, passed_over: Collection[str], now: float) -> None:
        """Notes what may have changed. `passed_over` are paths that are found, but aren't followed at the moment."""
        self._everything = self._everything or hints.everything
        self._names = self._names or hints.everything or bool(hints.named)
        for path in hints.written | hints.named:
            if (key := self._places.get(path)) is not None:
                self._due[key] = now
            elif path in passed_over:
                self._names = True

    def scan_at(self, unreadable: bool) -> float:
        """When new files are to be looked for; `unreadable`: some can't be read, which may change unseen."""
        soon = self._names or self._polls or unreadable
        rescan_seconds = self._settings.rescan_seconds
        return self._scanned_at + (rescan_seconds if soon else max(rescan_seconds, SAFETY_SECONDS))

    def scanned(self, tails: Mapping[Key, Tail], folders: set[str], now: float) -> None:
        """To be called after each scan: `folders` are those in which a new name may be one to follow."""
        links, places, lie_in = Links(), dict[str, Key](), dict[Key, set[str]]()
        wanted = folders.union(*(links.folder(folder)[1] for folder in folders))
        for key, tail in tails.items():
            if tail.reachable:
                place, lie_in[key] = links.file(tail.path)
                wanted |= lie_in[key]
                places[place] = places[tail.path] = key
        fresh, polled = self.watch.follow(wanted)
        self._places, self._watched = places, {key for key, of in lie_in.items() if polled.isdisjoint(of)}
        for key, tail in tails.items():
            # What was written before its folder was watched, nobody has said.
            if (key, tail) not in self._followed or not fresh.isdisjoint(lie_in.get(key, ())):
                self._due[key] = now
        self._followed = set(tails.items())
        self._scanned_at, self._names, self._polls = now, bool(fresh), bool(polled)

    def watched(self, tail: Tail) -> bool:
        """Something says when the file changes; any other is polled."""
        return tail.key in self._watched and tail.reachable and tail.names == 1

    def chosen(self, tails: Mapping[Key, Tail], now: float) -> list[Key]:
        """Those to be looked at now."""
        if self._everything or now >= self._all_at:
            self._everything, self._all_at = False, now + SAFETY_SECONDS
            self._due.update(dict.fromkeys(tails, now))
        if not self._watched:
            return list(tails)
        return [key for key, due in self._due.items() if due <= now]

    def active(self, tails: Mapping[Key, Tail]) -> list[Tail]:
        """Those that may have something to read or to send, in the order of `tails`."""
        return [tail for key, tail in tails.items() if key in self._due or key not in self._watched]

    def note(self, tail: Tail, unreadable: bool, now: float) -> None:
        """To be called for each active one at the end of a round."""
        due = self._next(tail, unreadable, now)
        if due < inf:
            self._due[tail.key] = due
        else:
            self._due.pop(tail.key, None)

    def forget(self, tails: Mapping[Key, Tail]) -> None:
        """Whatever isn't followed any more."""
        for key in self._due.keys() - tails.keys():
            del self._due[key]

    def until(self, unreadable: bool) -> float:
        """When there has to be a round, though nothing is said to have changed."""
        return min(self.scan_at(unreadable), self._all_at, min(self._due.values(), default=inf))

    def _next(self, tail: Tail, unreadable: bool, now: float) -> float:
        """When the file is to be looked at, though nothing says that it changed; inf when it needn't be."""
        settings = self._settings
        if unreadable or not self.watched(tail):
            return now + settings.poll_seconds
        if tail.unread:
            return now
        due = inf
        unfinished = tail.scanned > tail.read_position
        if unfinished:
            due = tail.grew_at + settings.partial_line_seconds
        if tail.held:
            due = min(due, tail.held_since + settings.batch_seconds)
            if tail.joins and not unfinished:
                due = min(due, tail.grew_at + tail.entry.multiline_seconds)
        elif tail.complete and not tail.listed:
            due = max(tail.missing_since, tail.grew_at) + GIVE_UP_SECONDS
        return due
