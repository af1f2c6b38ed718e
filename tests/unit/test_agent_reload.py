"""Another configuration while the agent runs: files come and go, and no line is lost or comes twice."""

from __future__ import annotations

from pathlib import Path

import msgspec

from logd.config.changes import fixed_changes
from logd.config.schema import Config, Files, Stdin
from tests.support.agent import Target, config_of, running


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
    agent = msgspec.structs.replace(old.agent, servers=["http://b", "http://c"])
    between = msgspec.structs.replace(old, agent=msgspec.structs.replace(old.agent, server="http://a"))
    assert fixed_changes(between, msgspec.structs.replace(old, agent=agent)) == []
