"""Files are copied and truncated while no agent runs, or one is killed: every line comes once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from logd.errors import Unavailable
from tests.support.copied import LONG, Copied

pytestmark = pytest.mark.usefixtures("watch")


def test_batches_are_sent_from_the_copy_of_a_file_that_was_emptied_and_renamed(tmp_path: Path) -> None:
    logs = Copied(tmp_path, ("app.log*",))
    logs.write("1")
    logs.agent.target.forget = 1
    with pytest.raises(Unavailable):
        logs.agent.settle()
    logs.agent.crash()
    logs.copytruncate()
    (logs.folder / "app.log.1").rename(logs.folder / "app.log.2")
    logs.app.rename(logs.folder / "app.log.1")
    logs.write("2")
    logs.agent.start()
    assert logs.arrived()
    logs.agent.crash()


@pytest.mark.parametrize("rewritten", [False, True])
def test_copied_and_truncated_while_stopped(logs: Copied, first: str, rewritten: bool) -> None:
    logs.write(first, "1")
    assert logs.arrived()
    logs.agent.crash()
    logs.write("2")
    logs.copytruncate()
    if rewritten:
        logs.write("3", "a line that makes it longer than before " + "y" * 2000)
    logs.agent.start()
    assert logs.arrived()
    logs.agent.restart()
    logs.write("4")
    assert logs.arrived()


def test_copied_and_deleted_while_stopped(logs: Copied, first: str) -> None:
    logs.write(first, "1")
    assert logs.arrived()
    logs.agent.crash()
    logs.write("2")
    # The inode mustn't be given to the file that is written next.
    os.link(logs.app, logs.folder / "kept")
    logs.copy()
    logs.app.unlink()
    (logs.folder / "kept").rename(logs.folder.parent / "kept")
    logs.write("3")
    logs.agent.start()
    assert logs.arrived()


def test_batches_that_may_not_have_arrived_are_sent_from_the_copy(logs: Copied, first: str) -> None:
    logs.write(first)
    assert logs.arrived()
    logs.write("1", "2")
    logs.agent.target.forget = 1
    with pytest.raises(Unavailable):
        logs.agent.settle()
    logs.agent.crash()
    sent = list(logs.agent.target.attempts)
    logs.write("3")
    logs.copytruncate()
    logs.write("4")
    logs.agent.start()
    assert logs.agent.target.attempts[len(sent) :] == sent[-1:]
    assert logs.arrived()


def test_truncated_within_what_may_have_arrived(logs: Copied) -> None:
    logs.write(LONG)
    assert logs.arrived()
    acknowledged = logs.app.stat().st_size
    logs.write("1", "2")
    logs.agent.target.forget = 1
    with pytest.raises(Unavailable):
        logs.agent.settle()
    logs.agent.crash()
    logs.copy()
    os.truncate(logs.app, acknowledged)
    logs.agent.start()
    logs.written.append(LONG.encode())
    assert sorted(logs.agent.settle()) == sorted(logs.written)
    assert logs.agent.follower.counts.lost_bytes == 0


def test_killed_before_it_is_stored_that_a_source_goes_on_in_a_copy(logs: Copied, first: str) -> None:
    logs.write(first, "1")
    assert logs.arrived()
    logs.write("2")
    logs.copytruncate()
    logs.agent.follower.round()
    logs.agent.restart()
    logs.write("3")
    assert logs.arrived()
