"""Which files the globs find, and what they are called."""

from __future__ import annotations

from pathlib import Path

import pytest

from logd.agent.discover import Discovery, default_service, is_compressed
from logd.agent.rotated import is_rotation
from logd.config.schema import Files

NAMES = ["a.log", "b.log", "c.txt", ".hidden.log", "a.log.gz", "x/a.log", "x/y/deep.log", "x/[1].log", "data/own.log"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in NAMES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


@pytest.mark.parametrize(
    ("paths", "exclude", "found"),
    [
        (["*.log"], [], ["a.log", "b.log"]),
        (["*.log", "c.*"], ["b.*"], ["a.log", "c.txt"]),
        (["**/*.log"], [], ["a.log", "b.log", "x/[1].log", "x/a.log", "x/y/deep.log"]),
        (["**/*.log"], ["a.log"], ["b.log", "x/[1].log", "x/y/deep.log"]),
        (["**/*.log"], ["{}/a.log"], ["b.log", "x/[1].log", "x/a.log", "x/y/deep.log"]),
        (["**/*.log"], ["{}/*/a.log", "{}/**/d*"], ["a.log", "b.log", "x/[1].log"]),
        (["**/*.log"], ["{}/x/**"], ["a.log", "b.log"]),
        (["[!a].log", "?.txt"], [], ["b.log", "c.txt"]),
        (["*.log"], ["[a-b].log"], []),
        (["*.log"], ["[!a].log"], ["a.log"]),
        (["*.log"], ["[z-a].log", "[.log"], ["a.log", "b.log"]),
        (["x/[1].log"], [], ["x/[1].log"]),
        (["nothing.log", "no/*.log"], [], []),
        (["x/../*.log"], [], ["a.log", "b.log"]),
        (["a.log", "a.log", "*.log"], [], ["a.log", "b.log"]),
    ],
)
def test_globs(folder: Path, paths: list[str], exclude: list[str], found: list[str]) -> None:
    entry = Files(
        paths=[f"{folder}/{path}" for path in paths], exclude=[rule.replace("{}", str(folder)) for rule in exclude]
    )
    discovery = Discovery([entry], str(folder / "data"))
    assert [Path(path).relative_to(folder).as_posix() for path, _ in discovery.find()] == found
    for name in NAMES:
        if not Path(name).name.startswith("."):
            wanted = discovery.entry_of(str(folder / name))
            assert (wanted is entry) == (name in found)


def test_the_first_entry_that_wants_a_file_has_it(folder: Path) -> None:
    first = Files(paths=[f"{folder}/a.*"], service="first")
    second = Files(paths=[f"{folder}/*.log"], service="second")
    found = {Path(path).name: entry.service for path, entry in Discovery([first, second], "/nowhere").find()}
    assert found == {"a.log": "first", "b.log": "second"}


def test_relative_paths_become_absolute(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert [path for path, _ in Discovery([Files(paths=["a.*"])], "data").find()] == [f"{folder}/a.log"]


@pytest.mark.parametrize(
    ("path", "service"),
    [
        ("/var/log/nginx/access.log", "access"),
        ("/var/log/syslog", "syslog"),
        ("/var/log/syslog.1", "syslog"),
        ("access.log.12", "access"),
        ("access.log-20260314", "access"),
        ("app-2026-03-14.log", "app"),
        ("app.2026-03-14T10.log", "app"),
        ("my.app.json", "my.app"),
        ("Apache_2k.log", "Apache_2k"),
        (".log", ".log"),
        ("1.log", "1"),
        ("2026-03-14.log", "2026-03-14"),
    ],
)
def test_a_service_is_named_for_its_file(path: str, service: str) -> None:
    assert default_service(path) == service


@pytest.mark.parametrize(
    ("name", "original", "rotated"),
    [
        ("app.log.1", "app.log", True),
        ("app.log.2", "app.log.1", True),
        ("app.log-20260314", "app.log", True),
        ("app.log.2026-03-14", "app.log", True),
        ("app-20260314.log", "app.log", True),
        ("app.1.log", "app.log", True),
        ("app.log.old", "app.log", True),
        ("syslog.1", "syslog", True),
        ("app.log.1.gz", "app.log", False),
        ("app.log", "app.log", False),
        ("app.logs.1", "app.log", False),
        ("app.log.lock", "app.log", False),
        ("application.log", "app.log", False),
        ("error.log.1", "app.log", False),
    ],
)
def test_names_of_rotated_files(name: str, original: str, rotated: bool) -> None:
    assert is_rotation(name, original) == rotated


def test_compressed_files_are_known_by_their_beginning() -> None:
    assert is_compressed(b"\x1f\x8b\x08\x00")
    assert not is_compressed(b"")
    assert not is_compressed(b"plain")
