"""What a file's lines are labelled with, which old files are left alone, what becomes of lines that are too long."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from logd.agent.labels import labels_of
from logd.config.schema import Files
from logd.errors import Unavailable
from tests.support.agent import Driver, HeldClock, config_of

Start = Callable[..., Driver]
ID = "0123456789abcdef" * 4
POD = {"pod_name": "web-7d4-x2x", "namespace_name": "shop"}


@pytest.mark.parametrize(
    ("settings", "path", "service", "host", "fields"),
    [
        ({}, "/var/log/shop.log", "shop", "me", {}),
        ({"service": "s", "host": "h", "fields": {"a": 1}}, "/var/log/shop.log", "s", "h", {"a": 1}),
        ({"path_pattern": "/srv/(?P<service>[^/]+)/log/.*"}, "/srv/shop/log/app.log", "shop", "me", {}),
        ({"path_pattern": "/srv/(?P<service>[^/]+)/log/.*"}, "/opt/srv/shop/log/app.log", "app", "me", {}),
        ({"path_pattern": "/srv/(?P<service>[^/]+)"}, "/srv/shop/app.log", "app", "me", {}),
        ({"path_pattern": "/srv/(?P<service>[^/]+)/.*", "service": "s"}, "/srv/shop/app.log", "s", "me", {}),
        (
            {"path_pattern": "/(?P<host>[^/]+)/(?P<environment>[^/]+)/(?P<unit>x)?.*", "fields": {"a": 1}},
            "/web-1/prod/app.log",
            "app",
            "web-1",
            {"a": 1, "environment": "prod"},
        ),
        (
            {"path_pattern": "/(?P<environment>[^/]+)/.*", "fields": {"environment": "test"}},
            "/prod/app.log",
            "app",
            "me",
            {"environment": "test"},
        ),
        ({"path_pattern": r"/(?P<service>\w+|é)/.*"}, "/é/app.log", "é", "me", {}),
        (
            {"format": "auto"},
            f"/var/log/containers/web-7d4-x2x_shop_app-{ID}.log",
            "app",
            "me",
            {"kubernetes": {**POD, "container_name": "app", "docker_id": ID}},
        ),
        (
            {"format": "cri"},
            "/var/log/pods/shop_web-7d4-x2x_1a2b-3c/my-app/3.log.20260314-092653",
            "my-app",
            "me",
            {"kubernetes": {**POD, "container_name": "my-app", "pod_id": "1a2b-3c"}},
        ),
        (
            {"format": "docker"},
            f"/var/lib/docker/containers/{ID}/{ID}-json.log.1",
            ID[:12],
            "me",
            {"container": ID[:12], "container_id": ID},
        ),
        ({"format": "auto"}, "/var/log/shop.log", "shop", "me", {}),
        ({}, f"/var/log/containers/web_shop_app-{ID}.log", f"web_shop_app-{ID}", "me", {}),
    ],
)
def test_labels(settings: dict[str, Any], path: str, service: str, host: str, fields: dict[str, Any]) -> None:
    labels = labels_of(Files(paths=["x"], **settings), path, "me")
    assert (labels.service, labels.host, labels.fields) == (service, host, fields)


@pytest.mark.parametrize(
    ("description", "name"),
    [(b'{"ID":"x","Name":"/web"}', "web"), (b"{", ID[:12]), (b"{}", ID[:12]), (b'{"Name":1}', ID[:12])],
)
def test_docker_says_the_name_of_a_container(tmp_path: Path, description: bytes, name: str) -> None:
    folder = tmp_path / ID
    folder.mkdir()
    (folder / "config.v2.json").write_bytes(description)
    assert labels_of(Files(paths=["x"], format="docker"), str(folder / f"{ID}-json.log"), "me").service == name


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts an agent with these settings on `logs`/*.log, at a time that is the file system's."""
    drivers: list[Driver] = []

    def begin(**settings: Any) -> Driver:
        clock = HeldClock()
        clock.epoch_us = int(os.stat(tmp_path).st_mtime * 1e6)
        drivers.append(Driver(config_of(tmp_path, **settings), clock=clock))
        return drivers[-1]

    yield begin
    for driver in drivers:
        driver.crash()


def test_a_link_is_labelled_by_its_own_name(tmp_path: Path, start: Start) -> None:
    real = tmp_path / "0.log"
    real.write_bytes(b"2026-03-14T09:26:53.5Z stdout F a\n")
    link = tmp_path / "logs" / f"web_shop_app-{ID}.log"
    link.parent.mkdir()
    link.symlink_to(real)
    agent = start(format="cri")
    agent.settle()
    (item,) = agent.target.chunks
    assert (item.service, item.source, item.fields["kubernetes"]["pod_name"]) == ("app", str(link), "web")


def test_files_that_are_old_are_left_alone_until_they_are_written_to(tmp_path: Path, start: Start) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    for name, age in (("old", 5_000), ("new", 1_000)):
        (logs / f"{name}.log").write_bytes(b"%s\n" % name.encode())
        at = os.stat(tmp_path).st_mtime - age
        os.utime(logs / f"{name}.log", (at, at))
    agent = start(ignore_older_seconds=3_600)
    assert agent.settle() == [b"new"]
    assert agent.follower.unreadable() == {}
    # One that is followed goes on, however old it gets.
    agent.clock.seconds += 10_000
    agent.restart()
    assert agent.settle() == [b"new"]
    assert len(agent.follower.tails) == 1
    with (logs / "old.log").open("ab") as file:
        file.write(b"again\n")
    now = os.stat(tmp_path).st_mtime + 12_000
    os.utime(logs / "old.log", (now, now))
    assert agent.settle() == [b"new", b"old", b"again"]


def test_refused_lines_are_left_out(tmp_path: Path, start: Start) -> None:
    app = tmp_path / "logs" / "app.log"
    app.parent.mkdir()
    long = b"x" * 2_000 + b"\n"
    app.write_bytes(long + long + b"a\nb\n" + long + b"c\n" + b"y" * (1 << 20) + b"\nd\n" + long)
    agent = start(long_lines="refuse", max_line_bytes=1024)
    texts = [b"a", b"b", b"c", b"d"]
    assert agent.settle() == texts
    assert [line.position for line in agent.target.lines] == [4_002, 4_004, 6_007, 1_054_586]
    size = os.path.getsize(app)
    counts = agent.follower.counts
    assert (counts.dropped_lines, counts.cut_lines, counts.cut_bytes) == (5, 0, 4 * 2_001 + (1 << 20) + 1)
    assert agent.follower.behind_bytes() == 0
    # Batches follow upon one another, so that a restart finds none broken.
    ends = [0, *(item.end for item in agent.target.chunks)]
    assert [item.offset for item in agent.target.chunks] == ends[:-1]
    agent.restart()
    with app.open("ab") as file:
        file.write(b"e\n")
    assert agent.settle() == [*texts, b"e"]
    assert agent.target.chunks[-1].end == size + 2


@pytest.mark.parametrize("settings", [{"multiline_continuation": r"\s"}, {"encoding": "latin-1"}, {"format": "cri"}])
def test_refused_lines_in_other_files(tmp_path: Path, start: Start, settings: dict[str, str]) -> None:
    app = tmp_path / "logs" / "app.log"
    app.parent.mkdir()
    app.write_bytes((b"a\n" + b"x" * 2_000 + b"\n") * 3 + b"b\n")
    agent = start(long_lines="refuse", max_line_bytes=1024, **settings)
    agent.settle()
    agent.round(2.0)
    assert agent.target.texts == [b"a", b"a", b"a", b"b"]
    assert agent.follower.counts.dropped_lines == 3


def test_a_resend_of_what_was_beside_refused_lines(tmp_path: Path, start: Start) -> None:
    app = tmp_path / "logs" / "app.log"
    app.parent.mkdir()
    app.write_bytes((b"a\n" + b"x" * 2_000 + b"\n") * 3 + b"b\n")
    agent = start(long_lines="refuse", max_line_bytes=1024)
    agent.target.forget = 1
    with pytest.raises(Unavailable):
        agent.settle()
    first = list(agent.target.attempts)
    agent.restart()
    assert agent.target.attempts[len(first) :] == first
