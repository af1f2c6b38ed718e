"""Whatever is done to a log folder, and wherever the agent is killed: every line arrives once, in its file's order."""

from __future__ import annotations

import asyncio
import gzip
import os
import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from logd.agent.looks import GIVE_UP_SECONDS
from logd.errors import Unavailable
from tests.support.agent import Driver, HeldClock, Running, config_of, replace_file, running, same_bytes_at_each_send

_FOR_EVER = 10**9
CRASHES = ("before it is stored", "before it is sent", "before it is acknowledged", "after a round")


class Folder(RuleBasedStateMachine):
    """`app.log`, which is written to, rotated, truncated and deleted, and an agent that dies and comes back."""

    @initialize(
        glob=st.sampled_from(["app.log", "app.log*"]),
        max_open_files=st.sampled_from([1, 2, 100]),
        batch_seconds=st.sampled_from([0.0, 0.5]),
        filler=st.sampled_from([0, 30, 900]),
        joined=st.booleans(),
        watch=st.sampled_from(["poll", "auto"]),
        heading=st.booleans(),
    )
    def begin(
        self, glob: str, max_open_files: int, batch_seconds: float, filler: int, joined: bool, watch: str, heading: bool
    ) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="logd-agent-"))
        # A rotated file that the glob doesn't find must not be closed, so there has to be room for all.
        self.all_found = glob == "app.log*"
        self.config = config_of(
            self.root,
            [glob],
            max_line_bytes=1024,
            max_open_files=max_open_files if self.all_found else 100,
            batch_seconds=batch_seconds,
            partial_line_seconds=1e6,
            multiline_continuation=r"\t" if joined else "",
            multiline_seconds=0.5,
            watch=watch,
        )
        self.app = self.root / "logs" / "app.log"
        self.filler = b"." * filler
        #: The second line of each event, where lines are joined.
        self.second = b"\n\tand more" if joined else b""
        #: What each file begins with: more than fingerprints tell apart.
        self.heading = (b"#" * 600 + b"\n") * 2 if heading else b""
        self.written: list[int] = []
        self.headed = 0  # lines of headings
        self.unfinished = b""
        self.rotations = self.compressed = self.absences = 0
        #: The path was followed once; the agent has seen the file that is there now; files came and went unseen.
        self.followed = self.seen = self.passed_over = False
        #: Whole lines in the file, and whether the agent's state has how they begin.
        self.lines, self.known = 0, False
        self.running = True
        self.agent = Driver(self.config)

    def teardown(self) -> None:
        if hasattr(self, "root"):
            try:
                self.everything_arrived()
                self.agent.crash()
            finally:
                shutil.rmtree(self.root)

    def write(self, data: bytes) -> None:
        with self.app.open("ab") as file:
            heading = b"" if file.tell() else self.heading
            file.write(heading + data)
        self.headed += heading.count(b"\n")

    def start(self) -> None:
        if not self.running:
            self.agent.start()
            self.running = True
            # Whoever starts anew knows a path by the file that is there.
            self.followed = self.app.exists()
            self.scanned()

    def everything_arrived(self) -> None:
        self.start()
        if self.second and self.unfinished:
            # An event isn't complete as long as the line behind it isn't.
            self.append(1)
        self.settle()
        target = self.agent.target
        lines = [line for line in target.lines if not line.text.startswith(b"#")]
        assert sorted(int(line.text.split(b" ")[0]) for line in lines) == self.written
        last: dict[str, int] = {}
        for line in lines:
            number = int(line.text.split(b" ")[0])
            assert line.text.endswith(self.second)
            assert line.text.count(b"\n") == self.second.count(b"\n")
            assert last.get(line.source_id, -1) < number
            last[line.source_id] = number
        assert self.agent.follower.counts.lost_bytes == 0
        same_bytes_at_each_send(target.attempts)

    def settle(self) -> None:
        self.agent.settle()
        self.scanned()
        self.known = self.lines > 0 and not self.unfinished

    def settle_whole_lines(self) -> None:
        if self.unfinished:
            self.append(1)
        self.settle()

    def scanned(self) -> None:
        self.seen = self.app.exists()
        self.followed = self.followed or self.seen
        self.passed_over = False

    @rule(count=st.integers(1, 5))
    def append(self, count: int) -> None:
        for _ in range(count):
            number = len(self.written)
            self.write((b"" if self.unfinished else b"%d " % number) + self.filler + self.second + b"\n")
            self.unfinished = b""
            self.written.append(number)
            self.lines += 1

    @rule(days=st.sampled_from([-1, 1]))
    def the_hosts_clock_jumps(self, days: int) -> None:
        self.agent.clock.epoch_us += days * 86_400_000_000

    @rule()
    def append_many(self) -> None:
        first = len(self.written)
        if self.unfinished:
            self.append(1)
            first += 1
        self.write(b"".join(b"%d %s\n" % (number, self.second) for number in range(first, first + 1500)))
        self.written += range(first, first + 1500)
        self.lines += 1500

    @rule()
    def append_part(self) -> None:
        if not self.unfinished:
            self.write(b"%d " % len(self.written))
            self.unfinished = self.filler[:10] + b" "
            self.write(self.unfinished)

    def may_rotate(self) -> bool:
        # A file that takes the path and leaves it while no agent runs can't be told from an old rotated one, unless
        # the glob finds both.
        return self.all_found or (self.followed and (self.running or self.seen))

    def shift(self) -> None:
        for number in range(self.rotations, 0, -1):
            (self.app.parent / f"app.log.{number}").rename(self.app.parent / f"app.log.{number + 1}")

    @precondition(lambda self: self.may_rotate())
    @rule()
    def rotate(self) -> None:
        if not self.app.exists():
            return
        if self.unfinished:
            self.append(1)
        self.shift()
        self.app.rename(self.app.parent / "app.log.1")
        self.rotations += 1
        self.left_behind(self.seen)

    def left_behind(self, met: bool) -> None:
        """There is nothing at the path any more that was there; the agent had `met` it."""
        self.passed_over = self.passed_over or not met
        self.seen = self.known = False
        self.lines = 0

    def may_copy(self) -> bool:
        # A copy is known by its beginning, which a running agent has to have seen, or the state to have.
        return self.all_found or (self.followed and (self.running or self.known))

    @precondition(lambda self: self.may_copy() and not self.heading)
    @rule(looks=st.lists(st.sampled_from([0, 10, 700, 2000]), max_size=2), grows=st.booleans())
    def copytruncate(self, looks: list[int], grows: bool) -> None:
        """As logrotate does it; agents look at the unfinished copy, and at the finished one before the truncation."""
        if not self.app.exists():
            return
        if self.unfinished:
            self.append(1)
        self.shift()
        data = self.app.read_bytes()
        copy = self.app.parent / "app.log.1"
        for size in sorted(looks):
            copy.write_bytes(data[:size])
            if self.running:
                self.agent.round(1.1)
                self.scanned()
        copy.write_bytes(data)
        if grows and self.running:
            self.agent.round(1.1)
            self.scanned()
        self.rotations += 1
        os.truncate(self.app, 0)
        self.left_behind(self.known or not data)

    @precondition(lambda self: self.running and self.rotations > 0 and not self.heading)
    @rule()
    def compress_what_was_read(self) -> None:
        """The oldest rotated file."""
        self.settle()
        oldest = self.app.parent / f"app.log.{self.rotations}"
        oldest.with_name(f"{oldest.name}.{self.compressed}.gz").write_bytes(gzip.compress(oldest.read_bytes()))
        self.compressed += 1
        oldest.unlink()
        self.rotations -= 1

    @precondition(lambda self: self.all_found)
    @rule(other=st.sampled_from(["app.log.link", "app.log.symlink"]))
    def link(self, other: str) -> None:
        """Another name for the same file; a symlink moves there."""
        path = self.app.parent / other
        path.unlink(missing_ok=True)
        if not self.app.exists():
            return
        if other == "app.log.link":
            os.link(self.app, path)
        else:
            path.symlink_to(self.app.name)

    @precondition(lambda self: self.running and not self.heading)
    @rule()
    def truncate_after_it_was_read(self) -> None:
        self.truncate()

    def truncate(self) -> int:
        """Gives how many bytes it had."""
        self.settle_whole_lines()
        if not self.app.exists():
            return 0
        size = self.app.stat().st_size
        os.truncate(self.app, 0)
        self.left_behind(True)
        return size

    @precondition(lambda self: self.running)
    @rule(stops=st.booleans())
    def write_anew_after_it_was_read(self, stops: bool) -> None:
        """It is longer then than it was."""
        size = self.truncate()
        while 0 < size < 10_000 and self.app.stat().st_size <= size:
            self.append(1)
        if stops:
            self.agent.crash()
            self.running = False
            self.start()
        self.look_at_what_begins_alike()

    @precondition(lambda self: self.running)
    @rule()
    def delete_after_it_was_read(self) -> None:
        self.settle_whole_lines()
        self.app.unlink(missing_ok=True)
        self.left_behind(True)
        self.look_at_what_begins_alike()

    @precondition(lambda self: self.running and (self.all_found or not self.passed_over))
    @rule(count=st.integers(1, 5), stopped=st.booleans())
    def replace_by_one_with_the_same_inode(self, count: int, stopped: bool) -> None:
        """Where the file system gives it, which it doesn't as long as the agent has the deleted file open."""
        self.settle_whole_lines()
        if not self.app.exists():
            return
        if stopped:
            self.agent.crash()
            self.running = False
        replace_file(self.app)
        self.left_behind(True)
        self.append(count)
        self.look_at_what_begins_alike()

    def look_at_what_begins_alike(self) -> None:
        """With the same heading, one that comes and goes before the agent let go of this may be taken for its copy."""
        if self.heading:
            self.start()
            self.look(1.1)
            self.look(GIVE_UP_SECONDS + 1)

    @precondition(lambda self: self.running and (self.all_found or not self.passed_over) and self.absences < 2)
    @rule(count=st.integers(1, 5), rotates=st.booleans(), killed=st.booleans())
    def target_is_away_and_comes_back(self, count: int, rotates: bool, killed: bool) -> None:
        """The whole agent, with its spool."""
        self.absences += 1
        # That lines have arrived is stored now, or they would be sent again.
        self.settle()
        self.agent.crash()
        self.running = False
        asyncio.run(self.away_and_back(count, rotates, killed))
        self.start()

    async def away_and_back(self, count: int, rotates: bool, killed: bool) -> None:
        target, clock = self.agent.target, HeldClock()
        clock.seconds = self.agent.clock.seconds
        async with running(self.config, target, spools=True, clock=clock) as agent:
            target.refuse = _FOR_EVER
            before = len(target.texts)
            self.append(count)
            await self.all_is_spooled(agent, before)
            self.followed, self.seen = True, True
            if rotates:
                self.rotate()
                self.append(count)
                await self.all_is_spooled(agent, before)
            if not killed:
                await self.the_spool_is_sent(agent)
        if killed:
            async with running(self.config, target, spools=True, clock=clock) as agent:
                await self.all_is_spooled(agent, before)
                await self.the_spool_is_sent(agent)
        self.agent.clock.seconds = clock.seconds

    async def all_is_spooled(self, agent: Running, before: int) -> None:
        """Everything that hasn't arrived is in the spool, once, and nothing more has arrived."""
        missing = len(self.written) + self.headed - before
        await agent.until(lambda: agent.agent.status()["spool_lines"] >= missing)
        assert agent.agent.status()["spool_lines"] == missing
        assert len(agent.target.texts) == before

    async def the_spool_is_sent(self, agent: Running) -> None:
        agent.target.refuse, spool = 0, self.root / "data" / "spool"
        lines = len(self.written) + self.headed
        await agent.until(lambda: len(agent.target.texts) >= lines and not any(spool.iterdir()))
        assert agent.agent.status()["lost_bytes"] == 0
        await agent.end()

    @precondition(lambda self: self.running)
    @rule(seconds=st.sampled_from([0.1, 0.25, 0.6, 2.0, 400.0]))
    def look(self, seconds: float) -> None:
        self.agent.round(seconds)
        if seconds > 1:
            self.scanned()

    @precondition(lambda self: self.running)
    @rule(refuse=st.integers(0, 2), forget=st.integers(0, 2))
    def target_is_away(self, refuse: int, forget: int) -> None:
        self.agent.clock.seconds += 1
        cargo = self.agent.follower.round().cargo
        self.scanned()
        self.agent.target.refuse, self.agent.target.forget = refuse, forget
        while True:
            try:
                self.agent.ship(cargo)
                break
            except Unavailable:
                pass
        self.agent.target.refuse = self.agent.target.forget = 0

    @precondition(lambda self: self.running and (self.all_found or not self.passed_over))
    @rule(when=st.sampled_from(CRASHES), seconds=st.sampled_from([0.1, 0.6, 2.0]))
    def crash(self, when: str, seconds: float) -> None:
        self.agent.clock.seconds += seconds
        cargo = self.agent.follower.round().cargo
        if when != CRASHES[0]:
            self.agent.follower.store(cargo)
        if when in CRASHES[2:]:
            self.agent.target.take([item.chunk() for item in cargo])
        if when == CRASHES[3]:
            self.agent.follower.acknowledge(cargo)
        self.agent.crash()
        self.running = False

    @precondition(lambda self: not self.running)
    @rule()
    def come_back(self) -> None:
        self.start()

    @precondition(lambda self: self.running)
    @rule()
    def quiet_point(self) -> None:
        self.everything_arrived()


TestFolder = Folder.TestCase
TestFolder.settings = settings(
    max_examples=500 if os.environ.get("TEST_LONG") else 100,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
