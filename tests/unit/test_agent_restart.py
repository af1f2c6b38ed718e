"""Dying and coming back: what is sent again is the same, and what is known is known again."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from logd.agent.follow import Follower
from logd.errors import ConfigError, Unavailable
from tests.support.agent import Driver, HeldClock, config_of

pytestmark = pytest.mark.usefixtures("watch")


class Case:
    """`app.log` with an agent on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = config_of(folder, service="shop", tags=["web"], fields={"dc": "fra1"})
        self.app = folder / "logs" / "app.log"
        self.agent = Driver(self.config)

    def append(self, data: bytes) -> None:
        with self.app.open("ab") as file:
            file.write(data)


@pytest.fixture
def case(watch: str, tmp_path: Path) -> Iterator[Case]:
    found = Case(tmp_path)
    yield found
    found.agent.crash()


def send_without_acknowledgement(case: Case) -> None:
    """A round whose batches arrive, and whose agent dies before it knows."""
    case.agent.target.forget = 1
    with pytest.raises(Unavailable):
        case.agent.settle()
    case.agent.crash()


def test_a_resend_is_the_same_in_everything(case: Case) -> None:
    noise = random.Random(1).randbytes(1 << 20).replace(b"\n", b".")
    data = b"".join(b"%d\n" % number for number in range(2500)) + b"x" * (2 << 20) + b"\n" + noise + b"\nlast\n"
    case.append(data)
    send_without_acknowledgement(case)
    first = list(case.agent.target.attempts)
    assert [item.lines for item in first][:2] == [1000, 1000]
    assert {item.tags for item in first} == {("web",), ("web", "cut")}
    # Another configuration and another time: what was sent before isn't changed by either.
    entry = msgspec.structs.replace(case.config.agent.files[0], service="other", tags=[], fields={})
    agent = msgspec.structs.replace(case.config.agent, files=[entry], host="elsewhere", batch_seconds=0.0)
    case.agent.config = msgspec.structs.replace(case.config, agent=agent)
    case.append(b"new\n")
    case.agent.clock.seconds += 86_400
    case.agent.start()
    case.agent.settle()
    again = case.agent.target.attempts[len(first) :]
    assert again[: len(first)] == first
    assert case.agent.target.duplicates == len(first)
    assert case.agent.target.texts[-1] == b"new"
    assert (case.agent.target.chunks[-1].service, case.agent.target.chunks[-1].host) == ("other", "elsewhere")
    assert len(case.agent.target.texts) == 2504


def test_what_never_arrived_is_sent_after_the_next_start(case: Case) -> None:
    case.append(b"a\nb\n")
    case.agent.target.refuse = 1
    with pytest.raises(Unavailable):
        case.agent.settle()
    case.append(b"c\n")
    case.agent.restart()
    assert case.agent.target.texts == [b"a", b"b"]
    assert case.agent.settle() == [b"a", b"b", b"c"]


def test_dying_again_and_again_before_the_acknowledgement(case: Case) -> None:
    for number in range(10):
        case.append(b"%d\n" % number)
        send_without_acknowledgement(case)
        case.agent.target.forget = 1
        with pytest.raises(Unavailable):
            case.agent.start()
        case.agent.crash()
        case.agent.start()
    assert case.agent.target.texts == [b"%d" % number for number in range(10)]


def test_bytes_that_are_gone_before_they_are_known_to_have_arrived(
    case: Case, caplog: pytest.LogCaptureFixture
) -> None:
    case.append(b"a\nb\n")
    send_without_acknowledgement(case)
    os.truncate(case.app, 0)
    case.append(b"c\n")
    case.agent.start()
    assert case.agent.follower.counts.lost_bytes == 4
    assert "4 bytes that may not have arrived" in caplog.text
    assert case.agent.settle() == [b"a", b"b", b"c"]
    case.agent.restart()
    assert case.agent.follower.counts.lost_bytes == 0


def test_truncated_within_what_may_have_arrived(case: Case) -> None:
    case.append(b"a\nb\n")
    case.agent.settle()
    case.append(b"c\nd\ne\n")
    send_without_acknowledgement(case)
    os.truncate(case.app, 8)
    case.agent.start()
    assert case.agent.follower.counts.lost_bytes == 6
    assert case.agent.settle() == [b"a", b"b", b"c", b"d", b"e", b"a", b"b", b"c", b"d"]


def test_the_file_is_gone_at_the_start(case: Case) -> None:
    case.append(b"a\nb\n")
    send_without_acknowledgement(case)
    case.app.unlink()
    case.agent.start()
    assert case.agent.follower.counts.lost_bytes == 4
    case.append(b"another\n")
    assert case.agent.settle() == [b"a", b"b", b"another"]


def test_a_folder_that_comes_back_later(case: Case) -> None:
    case.append(b"a\nb\n")
    assert case.agent.settle() == [b"a", b"b"]
    case.agent.crash()
    case.app.parent.rename(case.folder / "unmounted")
    case.agent.start()
    case.agent.settle()
    (case.folder / "unmounted").rename(case.app.parent)
    case.append(b"c\n")
    assert case.agent.settle() == [b"a", b"b", b"c"]
    assert len({line.source_id for line in case.agent.target.lines}) == 1


@pytest.mark.parametrize("late", [False, True])
def test_from_the_end_counts_for_the_first_start_only(tmp_path: Path, late: bool) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "old.log").write_bytes(b"old\nhalf")
    clock = HeldClock()
    agent = Driver(config_of(tmp_path, read_from="end"), clock=clock)
    if late:
        agent.settle()
    (logs / "new.log").write_bytes(b"new\n")
    with (logs / "old.log").open("ab") as file:
        file.write(b" a line\nmore\n")
    agent.restart()
    (logs / "newer.log").write_bytes(b"newer\n")
    assert sorted(agent.settle()) == [b" a line", b"more", b"new", b"newer"]
    agent.crash()


def test_from_the_end_counts_for_an_entry_that_is_added(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    for name in ("a.log", "b.txt"):
        (logs / name).write_bytes(b"old\n")
    agent = Driver(config_of(tmp_path, read_from="end"))
    agent.settle()
    agent.crash()
    agent.config = config_of(tmp_path, ["*.txt"], read_from="end")
    agent.start()
    agent.settle()
    with (logs / "b.txt").open("ab") as file:
        file.write(b"new\n")
    assert agent.settle() == [b"new"]
    agent.crash()


def test_names_that_are_no_text(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    name = os.fsencode(tmp_path) + b"/logs/\xff\xfe.log"
    with open(name, "wb") as file:
        file.write(b"a\n")
    agent = Driver(config)
    assert agent.settle() == [b"a"]
    envelope = agent.target.chunks[0].to_envelope()
    assert all(value.encode() for value in envelope.headers.values())
    agent.restart()
    assert agent.settle() == [b"a"]
    agent.crash()


def test_the_state_is_closed_when_a_start_fails(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "agent.db").mkdir()
    with pytest.raises(ConfigError, match="can't be opened"):
        Follower(config, HeldClock())
