"""Another configuration while the agent runs: files come and go, and no line is lost or comes twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from logd.config.changes import fixed_changes
from logd.config.schema import Config, Files, Journald, Kubernetes, Stdin
from logd.errors import ConfigError
from tests.support.agent import Target, append, config_of, running


def _write(folder: Path, name: str, *lines: bytes) -> None:
    with (folder / "logs" / name).open("ab") as file:
        file.writelines(line + b"\n" for line in lines)


def _with(config: Config, *names: str, **settings: object) -> Config:
    """Follows these files in the folder of `config`; `settings` are of the entries."""
    logs = Path(config.agent.files[0].paths[0]).parent
    files = [Files(paths=[str(logs / name)], **settings) for name in names]  # type: ignore[arg-type]
    return msgspec.structs.replace(config, agent=msgspec.structs.replace(config.agent, files=files))


def _of(target: Target, name: str) -> list[bytes]:
    return [line.text for line in target.lines if line.source.endswith(name)]


async def test_files_and_labels_change(tmp_path: Path) -> None:
    first = _with(config_of(tmp_path, batch_seconds=0.0), "a.log")
    _write(tmp_path, "a.log", b"a1")
    _write(tmp_path, "b.log", b"b1")
    async with running(first) as agent:
        assert await agent.settle() == [b"a1"]
        agent.agent.reload(_with(first, "a.log", "b.log", service="other", tags=["new"]))
        _write(tmp_path, "a.log", b"a2")
        await agent.settle()
        assert (_of(agent.target, "a.log"), _of(agent.target, "b.log")) == ([b"a1", b"a2"], [b"b1"])
        assert [(item.service, item.tags) for item in agent.target.chunks][1:] == [("other", ("new",))] * 2
        agent.agent.reload(_with(first, "b.log"))
        await agent.settle()
        _write(tmp_path, "a.log", b"a3")
        _write(tmp_path, "b.log", b"b2")
        await agent.settle()
        assert (_of(agent.target, "a.log"), _of(agent.target, "b.log")) == ([b"a1", b"a2"], [b"b1", b"b2"])
        agent.agent.reload(_with(first, "*.log"))
        await agent.settle()
        assert (_of(agent.target, "a.log"), _of(agent.target, "b.log")) == ([b"a1", b"a2", b"a3"], [b"b1", b"b2"])
        assert agent.target.duplicates == 0
        await agent.end()


async def test_an_unfinished_line_and_one_that_waits(tmp_path: Path) -> None:
    config = config_of(tmp_path, batch_seconds=100.0, partial_line_seconds=1_000.0)
    async with running(config) as agent:
        _write(tmp_path, "a.log", b"waits")
        (tmp_path / "logs" / "b.log").write_bytes(b"half")
        await agent.settle()
        agent.agent.reload(config)
        await agent.settle()
        assert agent.target.texts == [b"waits"]
        _write(tmp_path, "b.log", b" and half")
        await agent.settle()
        await agent.end()
    assert agent.target.texts == [b"waits", b"half and half"]


async def test_a_file_without_a_name_is_read_on(tmp_path: Path) -> None:
    """Its writer has it open, and it isn't in any folder any more."""
    config = config_of(tmp_path, batch_seconds=0.0)
    path = tmp_path / "logs" / "a.log"
    async with running(config) as agent:
        with path.open("ab", buffering=0) as file:
            file.write(b"one\n")
            await agent.settle()
            path.unlink()
            file.write(b"two\n")
            for number in range(3):
                agent.agent.reload(config)
                await agent.settle()
                file.write(b"%d\n" % number)
            await agent.settle()
        assert agent.target.texts == [b"one", b"two", b"0", b"1", b"2"]
        assert agent.target.duplicates == 0
        agent.agent.reload(_with(config, "other.log"))
        await agent.settle()
        assert agent.agent.status()["files"] == 0
        await agent.end()


async def test_while_the_target_is_away(tmp_path: Path) -> None:
    config, target = config_of(tmp_path, batch_seconds=0.0), Target()
    target.refuse = 10**9
    _write(tmp_path, "a.log", b"1")
    async with running(config, target, spools=True) as agent:
        await agent.until(lambda: agent.agent.status()["spool_lines"] == 1)
        limits = {"spool_max_bytes": 2 << 30, "bandwidth_bytes_per_second": 10_000.0}
        agent.agent.reload(msgspec.structs.replace(config, agent=msgspec.structs.replace(config.agent, **limits)))
        _write(tmp_path, "a.log", b"2")
        await agent.until(lambda: agent.agent.status()["spool_lines"] == 2)
        target.refuse = 0
        await agent.until(lambda: target.texts == [b"1", b"2"])
        await agent.end()


async def test_there_is_a_spool_from_now_on(tmp_path: Path) -> None:
    config, target = config_of(tmp_path, batch_seconds=0.0, spool_max_bytes=0), Target()
    _write(tmp_path, "a.log", b"1")
    async with running(config, target, spools=True) as agent:
        await agent.until(lambda: target.texts == [b"1"])
        agent.agent.reload(
            msgspec.structs.replace(config, agent=msgspec.structs.replace(config.agent, spool_max_bytes=1 << 30))
        )
        await agent.settle()
        target.refuse = 10**9
        _write(tmp_path, "a.log", b"2")
        await agent.until(lambda: agent.agent.status()["spool_lines"] == 1)
        target.refuse = 0
        await agent.until(lambda: target.texts == [b"1", b"2"])
        await agent.until(lambda: agent.agent.status()["spool_lines"] == 0)
        await agent.end()


def _pod(name: str, **labels: str) -> dict[str, object]:
    metadata = {"name": name, "namespace": "shop", "uid": f"u-{name}", "labels": labels}
    return {"kind": "Pod", "metadata": metadata, "spec": {"nodeName": "node-1"}}


def _describing(config: Config, *pods: dict[str, object], **settings: Any) -> Config:
    """With a file of its own that describes these pods."""
    path = Path(config.data_dir).parent / f"{len(pods)} {'-'.join(settings)}.json"
    path.write_text(json.dumps(pods))
    return _by(config, Kubernetes(source="file", file=str(path), **settings))


def _by(config: Config, kubernetes: Kubernetes) -> Config:
    return msgspec.structs.replace(config, agent=msgspec.structs.replace(config.agent, kubernetes=kubernetes))


async def test_pods_are_described_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that were known are, until they are described anew; also those that are gone."""
    monkeypatch.delenv("NODE_NAME", raising=False)
    plain = config_of(tmp_path, ["pods/*/*/*.log"], format="cri", batch_seconds=0.0)
    paths = {name: tmp_path / "logs" / "pods" / f"shop_{name}_u-{name}" / "app" / "0.log" for name in ("a", "b")}
    for path in paths.values():
        path.parent.mkdir(parents=True)
    count = 0

    async def write() -> list[Any]:
        """What a line more of each pod says of it."""
        nonlocal count
        count += 1
        before = len(agent.target.chunks)
        for path in paths.values():
            append(path, b"2026-03-14T09:26:53.5Z stdout F %d\n" % count)
        await agent.until(lambda: len(agent.target.lines) == 2 * count)
        found = {item.source: item.fields["kubernetes"] for item in agent.target.chunks[before:]}
        return [found[str(path)].get("labels") for path in paths.values()]

    async with running(plain) as agent:
        assert await write() == [None, None]
        agent.agent.reload(_describing(plain, _pod("a", app="a", other="x"), _pod("b", app="b")))
        await agent.settle()
        assert await write() == [{"app": "a", "other": "x"}, {"app": "b"}]
        agent.agent.reload(_describing(plain, _pod("a", app="a", other="x"), labels=["other"]))
        await agent.settle()
        assert await write() == [{"other": "x"}, {"app": "b"}]
        status = agent.agent.status()
        assert (status["pods"], status["unknown_pods"]) == (1, 0)
        with pytest.raises(ConfigError, match="NODE_NAME"):
            agent.agent.reload(_by(plain, Kubernetes(source="api", server="http://a")))
        assert await write() == [{"other": "x"}, {"app": "b"}]
        agent.agent.reload(plain)
        await agent.settle()
        assert await write() == [None, None]
        assert agent.target.duplicates == 0
        await agent.end()


def test_what_cant_change_is_named(tmp_path: Path) -> None:
    old = config_of(tmp_path)
    assert fixed_changes(old, _with(old, "x", "y")) == []
    agent = msgspec.structs.replace(
        old.agent, host="other", token_file="t", poll_seconds=3.0, servers=["http://a"], stdin=Stdin(enabled=True)
    )
    new = msgspec.structs.replace(
        old, agent=agent, data_dir="/x", transport=msgspec.structs.replace(old.transport, max_bytes=7)
    )
    assert fixed_changes(old, new) == ["data_dir", "agent.servers", "agent.stdin.enabled", "transport.max_bytes"]
    agent = msgspec.structs.replace(
        old.agent,
        journald=Journald(enabled=True),
        kubernetes=Kubernetes(source="file"),
        stdin=Stdin(service="other"),
    )
    assert fixed_changes(old, msgspec.structs.replace(old, agent=agent)) == []
    agent = msgspec.structs.replace(old.agent, servers=["http://b", "http://c"])
    between = msgspec.structs.replace(old, agent=msgspec.structs.replace(old.agent, server="http://a"))
    assert fixed_changes(between, msgspec.structs.replace(old, agent=agent)) == []
