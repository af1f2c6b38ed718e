"""The agent's process: several servers, SIGHUP, and `logd agent status`."""

from __future__ import annotations

import json
import signal
import threading
from pathlib import Path
from typing import Self

from tests.support.access import token
from tests.support.commands import logd
from tests.support.process import Server, free_port, until

_QUICK = {"agent.poll_seconds": 0.05, "agent.rescan_seconds": 0.1, "agent.batch_seconds": 0.05}


def _server(folder: Path, port: int) -> Server:
    settings = {"api.listen": f"127.0.0.1:{port}", "parse.join_seconds": 0.02}
    return Server(folder, settings=settings, roles="processor,api")


def _messages(server: Server) -> list[str]:
    return [record["message"] for record in server.search(service="app", limit=10_000, sort="oldest")["logs"]]


def _write(path: Path, *lines: str) -> None:
    with path.open("a") as file:
        file.writelines(f"{line}\n" for line in lines)


def test_the_next_server_takes_over_and_the_first_gets_chunks_again(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.touch()
    ports = (free_port(), free_port())
    servers = json.dumps([f"http://127.0.0.1:{port}" for port in ports])
    first, second = (_server(tmp_path / str(port), port) for port in ports)
    with (
        first,
        second,
        Server(tmp_path / "agent", files=[log], settings={**_QUICK, "agent.servers": servers}, roles="agent") as agent,
    ):
        _write(log, "one")
        until(lambda: _messages(first) == ["one"], "the first has it")
        first.kill()
        _write(log, "two")
        until(lambda: _messages(second) == ["two"], "the second has it")
        assert f"chunks go to http://127.0.0.1:{ports[1]} from now on" in agent.log()
        first.restart()
        count = 0

        def again() -> bool:
            nonlocal count
            count += 1
            _write(log, f"more {count}")
            return f"chunks go to http://127.0.0.1:{ports[0]} again" in agent.log()

        until(again, "it goes back to the first")
        _write(log, "last")
        until(lambda: "last" in _messages(first), "the first has it again")
        both = _messages(first) + _messages(second)
        assert sorted(both) == sorted(["one", "two", "last", *(f"more {n}" for n in range(1, count + 1))])
        assert not list(agent.data_dir.glob("spool/*"))
        first.kill()
        second.kill()
        _write(log, "spooled")
        until(lambda: list(agent.data_dir.glob("spool/*")), "when both are away it is spooled")
        second.restart()
        until(lambda: "spooled" in _messages(second), "and sent to the one that is back first")
        assert agent.terminate() == 0


def test_sighup_reloads_the_files(tmp_path: Path) -> None:
    config = tmp_path / "logd.toml"
    for name in ("a", "b"):
        _write(tmp_path / f"{name}.log", f"{name}1")

    def configure(names: str, more: str = "") -> None:
        paths = ", ".join(f'"{tmp_path}/{name}.log"' for name in names)
        config.write_text(f'{more}\n[[agent.files]]\npaths = [{paths}]\nservice = "app"\n')

    configure("a")
    settings = {**_QUICK, "parse.join_seconds": 0.02}
    environment = {"LOGD_CONFIG": str(config)}
    with Server(tmp_path / "server", settings=settings, environment=environment) as server:
        server.may_log_errors = True
        until(lambda: _messages(server) == ["a1"], "the first file is there")
        configure("ab")
        server.signal(signal.SIGHUP)
        until(lambda: sorted(_messages(server)) == ["a1", "b1"], "the second file is there")
        configure("a", "[index]\nflush_rows = 7\n[transport]\nmax_bytes = 1_000_000")
        server.signal(signal.SIGHUP)
        fixed = "the old configuration goes on: only a restart changes transport.max_bytes, index.flush_rows"
        until(lambda: fixed in server.log(), "it names what can't change")
        config.write_text("nonsense = 1")
        server.signal(signal.SIGHUP)
        until(lambda: "the old configuration goes on: nonsense is" in server.log(), "it says what is wrong")
        _write(tmp_path / "b.log", "b2")
        until(lambda: sorted(_messages(server)) == ["a1", "b1", "b2"], "both files are followed on")
        assert server.terminate() == 0


class _Writer:
    """Writes numbered lines to a file for as long as it is entered."""

    def __init__(self, path: Path) -> None:
        self.lines: list[str] = []
        self._path = path
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._write)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _write(self) -> None:
        while not self._stop.wait(0.02):
            self.lines.append(f"line {len(self.lines)}")
            _write(self._path, self.lines[-1])


def test_sighup_goes_to_another_server_while_lines_are_written(tmp_path: Path) -> None:
    log, config = tmp_path / "app.log", tmp_path / "logd.toml"
    first, second = (_server(tmp_path / name, free_port()) for name in ("first", "second"))
    with first, second, _Writer(log) as writer:

        def configure(server: Server, host: str) -> None:
            url = f"http://127.0.0.1:{server.port}"
            config.write_text(
                f'[agent]\nserver = "{url}"\nhost = "{host}"\n[[agent.files]]\npaths = ["{log}"]\nservice = "app"\n'
            )

        def reload(server: Server, host: str) -> None:
            configure(server, host)
            before = agent.log().count("reloaded: 1 files")
            agent.signal(signal.SIGHUP)
            until(lambda: agent.log().count("reloaded: 1 files") > before, "it is reloaded")
            until(lambda: server.search(q=f"host:{host}", service="app")["total_hits"], f"{host}'s lines are there")

        configure(first, "one")
        environment = {"LOGD_CONFIG": str(config)}
        with Server(tmp_path / "agent", settings=_QUICK, environment=environment, roles="agent") as agent:
            until(lambda: _messages(first), "the first has lines")
            for number in range(3):
                reload(second, f"second{number}")
                reload(first, f"first{number}")
            first.kill()
            until(lambda: list(agent.data_dir.glob("spool/*")), "lines are spooled")
            reload(second, "last")
            writer.__exit__()
            first.restart()
            until(lambda: len(_messages(first) + _messages(second)) >= len(writer.lines), "all are there")
            assert sorted(_messages(first) + _messages(second)) == sorted(writer.lines)
            assert agent.terminate() == 0


def test_sighup_takes_another_token_file_or_goes_on_with_the_old(tmp_path: Path) -> None:
    log, config, old, new = (tmp_path / name for name in ("app.log", "logd.toml", "old", "new"))
    with _server(tmp_path / "server", free_port()) as server:
        reader = token(server.data_dir, "search")
        old.write_text(token(server.data_dir, "ingest").text)
        until(lambda: server.get("/metrics").status == 401, "the server has noticed")

        def messages() -> list[str]:
            answer = server.request("GET", "/api/v1/logs/search?service=app&sort=oldest", None, reader.header)
            return [record["message"] for record in answer.json()["logs"]]

        def configure(token_file: Path) -> None:
            config.write_text(
                f'[agent]\nserver = "http://127.0.0.1:{server.port}"\ntoken_file = "{token_file}"\n'
                f'[[agent.files]]\npaths = ["{log}"]\nservice = "app"\n'
            )

        configure(old)
        environment = {"LOGD_CONFIG": str(config)}
        with Server(tmp_path / "agent", settings=_QUICK, environment=environment, roles="agent") as agent:
            agent.may_log_errors = True
            _write(log, "one")
            until(lambda: messages() == ["one"], "the first line is there")
            configure(new)
            agent.signal(signal.SIGHUP)
            wrong = f"not reloaded, the old configuration goes on: agent.token_file '{new}' can't be read"
            until(lambda: wrong in agent.log(), "it says why")
            _write(log, "two")
            until(lambda: messages() == ["one", "two"], "it goes on")
            new.write_text(reader.text)
            agent.signal(signal.SIGHUP)
            until(lambda: "chunks go to" in agent.log(), "it is reloaded")
            _write(log, "three")
            until(lambda: "refuses this agent's token: the scope ingest is missing" in agent.log(), "it is used")
            new.write_text(old.read_text())
            old.unlink()
            agent.signal(signal.SIGHUP)
            until(lambda: messages() == ["one", "two", "three"], "the token is read again")
            assert agent.terminate() == 0


def test_without_an_agent_there_is_nothing_to_reload(tmp_path: Path) -> None:
    with Server(tmp_path, roles="processor,api") as server:
        server.signal(signal.SIGHUP)
        until(lambda: "nothing to reload" in server.log(), "it says so and goes on")
        assert server.terminate() == 0


def test_agent_status(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    _write(log, "one", "two")
    settings = {**_QUICK, "agent.server": f"http://127.0.0.1:{free_port()}"}
    agent = Server(tmp_path / "agent", files=[log], settings=settings, roles="agent")
    done = logd("agent", "status", data_dir=agent.data_dir)
    assert (done.code, done.out) == (3, "")
    assert "no agent answers in data_dir" in done.error
    with agent:
        ready = until(lambda: _status(agent.data_dir, 8), "the lines are spooled")
        (file,) = ready["followed"]
        found = log.stat()
        assert (file["path"], file["size"], file["offset"]) == (str(log), 8, 8)
        assert (file["device"], file["inode"]) == (found.st_dev, found.st_ino)
        assert (file["behind_bytes"], file["behind_seconds"], file["error"]) == (0, 0.0, None)
        done = logd("agent", "status", data_dir=agent.data_dir)
        assert done.code == 0
        lines = done.out.splitlines()
        assert lines[0].startswith(f"agent, process {agent.pid}: 0 lines sent")
        assert lines[1].startswith("spool: 2 lines in ")
        assert "connection refused" in lines[2]
        identity = [file["source_id"], f"{found.st_dev}:{found.st_ino}"]
        assert lines[-1].split()[:5] == [str(log), *identity, file["watch"], "8"]
        assert agent.terminate() == 0
    assert not (agent.data_dir / "agent.sock").exists()


def test_agent_status_of_a_pods_files(tmp_path: Path) -> None:
    folder = tmp_path / "pods"
    for name in ("a", "b"):
        path = folder / f"shop_{name}_u-{name}" / "app" / "0.log"
        path.parent.mkdir(parents=True)
        _write(path, "2026-03-14T09:26:53.5Z stdout F one")
    metadata = {"name": "a", "namespace": "shop", "uid": "u-a"}
    (tmp_path / "pods.json").write_text(json.dumps([{"kind": "Pod", "metadata": metadata}]))
    config = tmp_path / "logd.toml"
    config.write_text(
        f'[[agent.files]]\npaths = ["{folder}/*/*/*.log"]\nformat = "cri"\n'
        f'[agent.kubernetes]\nsource = "file"\nfile = "{tmp_path}/pods.json"\nwait_seconds = 0\n'
    )
    settings = {**_QUICK, "agent.watch": "poll", "agent.server": f"http://127.0.0.1:{free_port()}"}
    environment = {"LOGD_CONFIG": str(config)}
    with Server(tmp_path / "agent", settings=settings, environment=environment, roles="agent") as agent:
        until(lambda: len(_status(agent.data_dir, 36).get("followed", [])) == 2, "both are followed")
        files = sorted(_status(agent.data_dir, 36)["followed"], key=lambda file: str(file["path"]))
        assert [file["watch"] for file in files] == ["poll", "poll"]
        pods = [{"namespace": "shop", "name": name, "container": "app", "known": name == "a"} for name in ("a", "b")]
        assert [file["pod"] for file in files] == pods
        done = logd("agent", "status", data_dir=agent.data_dir)
        assert "shop/a/app  " in done.out
        assert "shop/b/app (not described)" in done.out
        assert agent.terminate() == 0


def _status(data_dir: Path, offset: int) -> dict[str, list[dict[str, object]]]:
    """What it says once a file is at the offset; nothing before."""
    done = logd("agent", "status", "--json", data_dir=data_dir)
    status = json.loads(done.out) if done.code == 0 else {"followed": []}
    return status if any(file.get("offset") == offset for file in status["followed"]) else {}
