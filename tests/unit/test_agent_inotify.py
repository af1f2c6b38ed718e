"""What inotify says of folders, and what it doesn't."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from logd.agent import inotify
from logd.agent.inotify import InotifyWatch
from logd.agent.links import Links, resolve
from logd.agent.mounts import Mounts
from logd.agent.watch import Hints
from tests.support.agent import append


@pytest.fixture
def watch() -> Iterator[InotifyWatch]:
    found = InotifyWatch()
    yield found
    found.close()


def test_what_happens_in_a_folder(watch: InotifyWatch, tmp_path: Path) -> None:
    path, other = tmp_path / "a.log", tmp_path / "a.log.1"
    assert watch.follow([str(tmp_path)]) == ({str(tmp_path)}, set())
    assert watch.hints() == Hints(set(), set())
    path.touch()
    assert watch.hints().named == {str(path)}
    for _ in range(1_000):
        append(path, b"line\n")
    assert watch.hints() == Hints({str(path)}, set())
    path.chmod(0o600)
    assert watch.hints() == Hints({str(path)}, set())
    path.rename(other)
    assert watch.hints() == Hints(set(), {str(path), str(other)})
    other.unlink()
    assert str(other) in watch.hints().named
    assert watch.follow([str(tmp_path)]) == (set(), set())
    assert watch.hints() == Hints(set(), set())


def test_a_folder_that_links_lead_to_is_known_by_all_its_paths(watch: InotifyWatch, tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    real.mkdir()
    link.symlink_to(real)
    watch.follow([str(real), str(link)])
    (real / "a").touch()
    assert watch.hints().named == {f"{real}/a", f"{link}/a"}


def test_a_folder_that_is_deleted_and_made_again(watch: InotifyWatch, tmp_path: Path) -> None:
    folder = tmp_path / "x"
    folder.mkdir()
    watch.follow([str(folder)])
    folder.rmdir()
    assert watch.hints().named == {str(folder)}
    assert watch.follow([str(folder)]) == (set(), {str(folder)})
    folder.mkdir()
    assert watch.follow([str(folder)]).fresh == {str(folder)}
    (folder / "a").touch()
    assert watch.hints().named == {f"{folder}/a"}


def test_a_folder_that_another_takes_the_place_of_is_fresh(watch: InotifyWatch, tmp_path: Path) -> None:
    folder = tmp_path / "x"
    folder.mkdir()
    watch.follow([str(folder)])
    folder.rename(tmp_path / "y")
    folder.mkdir()
    assert watch.hints().named == {str(folder)}
    assert watch.follow([str(folder)]) == ({str(folder)}, set())
    watch.hints()
    (tmp_path / "y" / "a").touch()
    assert watch.hints() == Hints(set(), set())


def test_a_queue_that_is_full_says_everything(watch: InotifyWatch, tmp_path: Path) -> None:
    limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    watch.follow([str(tmp_path)])
    with ExitStack() as stack:
        files = [stack.enter_context((tmp_path / name).open("ab", buffering=0)) for name in ("a", "b")]
        for _ in range(limit // 2 + 10):
            for file in files:  # the kernel joins what follows upon its like
                file.write(b"\n")
    assert watch.hints().everything
    assert watch.hints() == Hints(set(), set())


def test_a_watch_that_has_seen_many_folders_is_opened_anew(
    watch: InotifyWatch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inotify, "_MOST_GONE", 2)
    for number in range(5):
        folder = tmp_path / str(number)
        folder.mkdir()
        watch.follow([str(folder)])
    assert watch.hints().everything
    (folder / "a").touch()
    assert watch.hints() == Hints(set(), {f"{folder}/a"})


_AT_A_LIMIT = """
import logging, sys
from logd.agent.watch import open_watch
from logd.config.schema import Agent, Files
logging.basicConfig(format="%(message)s")
watch = open_watch(Agent(files=[Files(paths=["/x"])]))
for _ in range(3):
    fresh, polled = watch.follow(sys.argv[1:])
print(type(watch).__name__, len(polled))
watch.close()
"""


@pytest.mark.parametrize(
    ("limit", "found", "said"),
    [
        ("max_inotify_watches", "InotifyWatch 3", "3 folders are polled, as no more can be watched "),
        ("max_inotify_instances", "NoWatch 5", "files are polled, as there is no inotify: "),
    ],
)
def test_at_a_limit_of_the_kernel_folders_are_polled(tmp_path: Path, limit: str, found: str, said: str) -> None:
    """In a user namespace of its own, so that it is nobody else's limit. One line says it."""
    count = 2 if limit == "max_inotify_watches" else 0
    folders = [tmp_path / str(number) for number in range(5)]
    for folder in folders:
        folder.mkdir()
    lower = f'echo {count} > /proc/sys/user/{limit} && exec "$0" "$@"'
    command = ["unshare", "-Ur", "sh", "-c", lower, sys.executable, "-c", _AT_A_LIMIT, *map(str, folders)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "unshare failed" in done.stderr or "Permission denied" in done.stderr:
        pytest.skip("no user namespaces here")
    assert done.stdout.strip() == found, done.stderr
    assert done.stderr.count("polled") == 1
    assert said in done.stderr


_MOUNTINFO = r"""22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
23 22 0:30 / /mnt/a\040share rw shared:2 master:1 - nfs4 host:/x rw
24 23 8:2 / /mnt/a\040share/disk rw - xfs /dev/sdb1 rw
25 22 0:31 / /srv rw - fuse.sshfs host: rw
26 22 0:32 / /srv rw - tmpfs tmpfs rw
"""


def test_file_systems_that_others_write_to(tmp_path: Path) -> None:
    (tmp_path / "mountinfo").write_text(_MOUNTINFO)
    mounts = Mounts(str(tmp_path / "mountinfo"))
    places = ["/", "/var/log", "/mnt/a share/logs", "/mnt/a share/disk/x", "/srv", "/mnt/a sharex"]
    assert [mounts.type_of(place) for place in places] == ["ext4", "ext4", "nfs4", "xfs", "tmpfs", "ext4"]
    assert [mounts.local(place) for place in places] == [True, True, False, True, True, True]
    assert not Mounts(str(tmp_path / "none")).local("/")


def test_a_folder_of_another_file_system_is_polled(watch: InotifyWatch) -> None:
    assert watch.follow(["/proc/self"]) == (set(), {"/proc/self"})


def test_where_links_lead(tmp_path: Path) -> None:
    top = Path(tmp_path.resolve())
    (top / "real" / "deep").mkdir(parents=True)
    (top / "links").mkdir()
    (top / "links" / "folder").symlink_to("../real")
    (top / "links" / "file").symlink_to(f"{top}/links/folder/deep/app.log")
    (top / "links" / "circle").symlink_to("circle")
    real = str(top / "real" / "deep" / "app.log")
    assert resolve(str(top / "links" / "file")) == (real, {str(top / "links")})
    assert resolve(real) == (real, set())
    assert resolve(str(top / "links" / "circle"))[1] == {str(top / "links")}
    links = Links()
    assert links.file(str(top / "links" / "file")) == (real, {str(top / "links"), str(top / "real" / "deep")})
    through = str(top / "links" / "folder" / "deep" / "app.log")
    assert links.file(through) == (through, {str(top / "links" / "folder" / "deep"), str(top / "links")})
