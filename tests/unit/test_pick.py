"""Which files are followed when somebody names files and folders."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import subprocess
import sys
from pathlib import Path

import pytest
import zstandard

from logd.cli.pick import pick

TEXT = b"2026-01-31 12:00:00 INFO hello\n"


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("app.log", TEXT, None),
        ("two words.log", TEXT, None),
        ("empty.log", b"", None),
        ("syslog.1", TEXT, None),
        ("latin-1", b"caf\xe9\n", None),
        ("no newline", b"x", None),
        ("BZhang.log", b"BZhang said hello\n", None),
        ("a.log.gz", b"whatever", "compressed"),
        ("a.log.zst", b"", "compressed"),
        ("gzip", gzip.compress(TEXT, mtime=0), "compressed"),
        ("bzip2", bz2.compress(TEXT), "compressed"),
        ("xz", lzma.compress(TEXT), "compressed"),
        ("zstd", zstandard.compress(TEXT), "compressed"),
        ("blob", b"text\0more", "binary"),
        ("utf-16", "hello".encode("utf-16"), "binary"),
        ("wtmp", b"", "login records, which are binary"),
        ("btmp.1", b"", "login records, which are binary"),
        ("lastlog", b"", "login records, which are binary"),
        ("faillog", b"", "login records, which are binary"),
        ("system.journal", b"LPKSHHRH", "a journal of systemd"),
        ("user-1000@0.journal~", b"LPKSHHRH", "a journal of systemd"),
    ],
)
def test_a_file(tmp_path: Path, name: str, content: bytes, reason: str | None) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    expected = ([str(path)], []) if reason is None else ([], [f"{path} is left out: {reason}"])
    assert pick([str(path)]) == expected
    assert pick([str(tmp_path)]) == expected


def test_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")  # opening it would wait for a writer
    (tmp_path / "dangling").symlink_to(tmp_path / "nothing")
    unreadable = "/proc/self/mem"  # a regular file that can be opened, and read not even by root
    names = [f"{tmp_path}/none", f"{tmp_path}/pipe", f"{tmp_path}/dangling", unreadable]
    assert pick(names) == (
        [],
        [
            f"{tmp_path}/none is left out: no such file or directory",
            f"{tmp_path}/pipe is left out: no regular file",
            f"{tmp_path}/dangling is left out: no such file or directory",
            f"{unreadable} is left out: input/output error",
        ],
    )


def test_a_folder_is_searched_at_any_depth_and_each_file_taken_once(tmp_path: Path) -> None:
    for name in ("b.log", "a.log", "pods/1/0.log"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(TEXT)
    (tmp_path / "README").write_bytes(TEXT)
    (tmp_path / "0-link.log").symlink_to(tmp_path / "pods/1/0.log")
    (tmp_path / "again").symlink_to(tmp_path / "pods")
    os.link(tmp_path / "a.log", tmp_path / "c.log")
    files, left_out = pick([str(tmp_path), str(tmp_path / "b.log")])
    assert files == [f"{tmp_path}/a.log", f"{tmp_path}/b.log", f"{tmp_path}/pods/1/0.log"]
    assert left_out == [
        f"{tmp_path}/README is left out: documentation",
        f"{tmp_path}/again is left out: a link to a folder",
    ]


def test_relative_names_become_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "app.log").write_bytes(TEXT)
    monkeypatch.chdir(tmp_path)
    assert pick(["app.log", "."]) == ([f"{tmp_path}/app.log"], [])


def test_the_file_that_logd_writes_to_is_left_out(tmp_path: Path) -> None:
    code = "import sys; from logd.cli.pick import pick; print(pick(sys.argv[1:]))"
    with (tmp_path / "logd.log").open("wb") as output:
        subprocess.run([sys.executable, "-c", code, tmp_path], stdout=output, check=True)
    assert (
        tmp_path / "logd.log"
    ).read_text() == f"([], ['{tmp_path}/logd.log is left out: logd writes to it itself'])\n"
