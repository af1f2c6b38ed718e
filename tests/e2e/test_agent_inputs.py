"""What `logd agent` takes in besides files, by real processes: standard input, syslog."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.support.commands import logd
from tests.support.inputs import agent_of, options_of, texts
from tests.support.process import PATIENCE_SECONDS, Server, environment_of_a_process, until


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path / "server", roles="processor,api") as running:
        yield running


def _piped(server: Server, folder: Path, *options: str) -> subprocess.Popen[bytes]:
    command = [*options_of(server), "--stdin", *options, "--set", f"data_dir={folder}"]
    return subprocess.Popen(
        [sys.executable, "-m", "logd", *command],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment_of_a_process(),
    )


class TestStdin:
    def test_its_end_ends_the_agent_once_all_is_delivered(self, server: Server, tmp_path: Path) -> None:
        with _piped(server, tmp_path / "agent", "--service", "piped") as child:
            _, error = child.communicate(b"".join(b"line %d\n" % n for n in range(5_000)) + b"unfinished", timeout=120)
        assert child.returncode == 0, error
        until(lambda: len(texts(server, "piped")) == 5_001, "all are there")
        assert set(texts(server, "piped")) == {*(f"line {n}" for n in range(5_000)), "unfinished"}

    def test_a_file_and_nothing(self, server: Server, tmp_path: Path) -> None:
        log = tmp_path / "a.log"
        log.write_text("one\ntwo\n")
        command = [*options_of(server), "--stdin", "--service", "filed", "--set", f"data_dir={tmp_path / 'agent'}"]
        for name in (str(log), os.devnull):
            with open(name) as file:
                done = subprocess.run(
                    [sys.executable, "-m", "logd", *command], stdin=file, env=environment_of_a_process(), timeout=120
                )
            assert done.returncode == 0
        until(lambda: sorted(texts(server, "filed")) == ["one", "two"], "both are there")

    def test_it_waits_for_a_server_that_is_away(self, server: Server, tmp_path: Path) -> None:
        with _piped(server, tmp_path / "agent", "--service", "waited") as child:
            assert child.stdin is not None
            child.stdin.write(b"before\n")
            child.stdin.flush()
            until(lambda: texts(server, "waited") == ["before"], "the first line is there")
            server.kill()
            child.stdin.write(b"meanwhile\n")
            child.stdin.close()
            server.settings["api.listen"] = f"127.0.0.1:{server.port}"
            server.start()
            assert child.wait(120) == 0
        until(lambda: sorted(texts(server, "waited")) == ["before", "meanwhile"], "both are there, once")

    def test_a_signal_ends_it_with_what_was_read(self, server: Server, tmp_path: Path) -> None:
        with _piped(server, tmp_path / "agent", "--service", "stopped", "--set", "agent.batch_seconds=60") as child:
            assert child.stdin is not None
            child.stdin.write(b"read\n")
            child.stdin.flush()
            time_out = time.monotonic() + PATIENCE_SECONDS
            while int(_waiting(child.stdin.fileno())):  # what the agent hasn't read is still the pipe's
                assert time.monotonic() < time_out
            child.terminate()
            assert child.wait(120) == 0
        until(lambda: texts(server, "stopped") == ["read"], "it is there")


def _waiting(pipe: int) -> int:
    """Bytes that wait in a pipe."""
    import fcntl
    import struct
    import termios

    return int(struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, b"\0" * 4))[0])


def _free_port() -> int:
    with socket.socket() as probe, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        probe.bind(("127.0.0.1", 0))
        datagrams.bind(("127.0.0.1", probe.getsockname()[1]))
        return int(probe.getsockname()[1])


class TestSyslog:
    def test_from_util_linux_logger_by_every_way(self, server: Server, tmp_path: Path) -> None:
        port = _free_port()
        listens = [f"tcp://127.0.0.1:{port}", f"udp://127.0.0.1:{port}", f"unixgram:{tmp_path}/g", f"unix:{tmp_path}/s"]
        config = tmp_path / "agent.toml"
        config.write_text("".join(f'[[agent.syslog]]\nlisten = "{one}"\n' for one in listens))
        local = ["logger", "--tag", "sys"]
        network = [*local, "--server", "127.0.0.1", "--port", str(port)]
        ways: list[Sequence[str]] = [
            [*network, "--udp", "by udp"],
            [*network, "--tcp", "by tcp"],
            [*network, "--tcp", "--octet-count", "by counted tcp"],
            [*local, "--socket", f"{tmp_path}/g", "by datagram socket"],
        ]
        with agent_of(server, tmp_path / "agent", "--config", str(config)):
            until(lambda: (tmp_path / "s").exists(), "it listens")
            for way in ways:
                subprocess.run(way, check=True)
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(f"{tmp_path}/s")
                client.sendall(b"<13>Nov 27 01:48:01 sys: by stream socket\n")
            until(lambda: len(texts(server, "sys")) == 5, "all came")
        assert sorted(texts(server, "sys")) == [
            "by counted tcp",
            "by datagram socket",
            "by stream socket",
            "by tcp",
            "by udp",
        ]
        assert not (tmp_path / "s").exists()

    def test_many_connections_and_many_lines(self, server: Server, tmp_path: Path) -> None:
        listen = f"tcp://127.0.0.1:{_free_port()}"
        config = tmp_path / "agent.toml"
        config.write_text(f'[[agent.syslog]]\nlisten = "{listen}"\n')
        host, _, port = listen.removeprefix("tcp://").partition(":")
        with agent_of(server, tmp_path / "agent", "--config", str(config)), contextlib.ExitStack() as stack:
            until(lambda: _listens(host, int(port)), "it listens")
            clients = [stack.enter_context(socket.create_connection((host, int(port)))) for _ in range(50)]
            for number, client in enumerate(clients):
                client.sendall(b"".join(b"<13>many: %d of %d\n" % (n, number) for n in range(100)))
            until(lambda: len(texts(server, "many")) == 5_000, "all came")
        assert len(set(texts(server, "many"))) == 5_000

    def test_an_address_that_is_taken_or_makes_no_sense(self, tmp_path: Path) -> None:
        config = tmp_path / "agent.toml"
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            listen = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
            config.write_text(f'[[agent.syslog]]\nlisten = "{listen}"\n')
            done = logd("agent", "--config", config, data_dir=tmp_path / "agent")
        assert (done.code, done.error.splitlines()[-1]) == (
            2,
            f"logd: agent.syslog: {listen} can't be listened on: Address already in use",
        )
        config.write_text('[[agent.syslog]]\nlisten = "514"\n')
        done = logd("agent", "--config", config, data_dir=tmp_path / "agent")
        assert done.code == 2
        assert "agent.syslog[0].listen" in done.error

    def test_sighup_opens_and_closes_addresses_and_leaves_the_others_alone(
        self, server: Server, tmp_path: Path
    ) -> None:
        kept, other = _free_port(), _free_port()
        config = tmp_path / "agent.toml"
        head = f'[agent]\nserver = "http://127.0.0.1:{server.port}"\nbatch_seconds = 0.05\n'

        def configure(host: str, *listens: str) -> None:
            inputs = "".join(f'[[agent.syslog]]\nlisten = "{one}"\ntags = ["of {host}"]\n' for one in listens)
            config.write_text(f'{head}host = "{host}"\n{inputs}')

        always = (f"tcp://127.0.0.1:{kept}", f"unixgram:{tmp_path}/g")
        configure("one", *always)
        sent: list[str] = []

        def send(*ways: socket.socket) -> None:
            for way in ways:
                sent.append(f"{len(sent)}")
                way.sendall(f"<13>Nov 27 01:48:01 sys: {sent[-1]}\n".encode())

        with (
            Server(tmp_path / "agent", environment={"LOGD_CONFIG": str(config)}, roles="agent") as agent,
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as datagrams,
            socket.socket() as taken,
        ):
            agent.may_log_errors = True
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            until(lambda: _listens("127.0.0.1", kept) and (tmp_path / "g").exists(), "it listens on both")
            datagrams.connect(f"{tmp_path}/g")
            with socket.create_connection(("127.0.0.1", kept)) as stream:
                send(stream, datagrams)
                configure("two", *always, f"tcp://127.0.0.1:{other}", f"tcp://127.0.0.1:{taken.getsockname()[1]}")
                agent.signal(signal.SIGHUP)
                until(lambda: "the old configuration goes on: agent.syslog: tcp://" in agent.log(), "it says why")
                assert not _listens("127.0.0.1", other)
                send(stream, datagrams)
                configure("two", *always, f"tcp://127.0.0.1:{other}")
                agent.signal(signal.SIGHUP)

                def reached() -> bool:
                    send(stream, datagrams)
                    return _listens("127.0.0.1", other)

                until(reached, "the new one listens, and the others go on")
                with socket.create_connection(("127.0.0.1", other)) as new:
                    send(stream, datagrams, new)
                    until(lambda: sent[-1] in texts(server, "sys"), "the new one's is there")
                    configure("two", *always)
                    agent.signal(signal.SIGHUP)
                    assert new.recv(1) == b""
                until(lambda: not _listens("127.0.0.1", other), "it is closed")
                send(stream, datagrams)
                until(lambda: len(texts(server, "sys")) >= len(sent), "all came")
            assert sorted(texts(server, "sys")) == sorted(sent)
            last = [one for one in server.search(service="sys", limit=10_000)["logs"] if one["message"] in sent[-2:]]
            assert [one["tags"] for one in last] == [["of two"], ["of two"]]
            assert agent.terminate() == 0

    def test_sighup_moves_a_port_to_another_address_or_leaves_it(self, server: Server, tmp_path: Path) -> None:
        """The kernel gives it to no second one, as long as the first has it."""
        port, config = _free_port(), tmp_path / "agent.toml"
        head = f'[agent]\nserver = "http://127.0.0.1:{server.port}"\nbatch_seconds = 0.05\n'
        sent: list[str] = []

        def configure(tag: str, *listens: str) -> None:
            inputs = "".join(f'[[agent.syslog]]\nlisten = "{one}"\ntags = ["{tag}"]\n' for one in listens)
            config.write_text(f"{head}{inputs}")

        def send(*ways: socket.socket) -> None:
            for way in ways:
                sent.append(f"{len(sent)}")
                way.sendall(f"<13>Nov 27 01:48:01 sys: {sent[-1]}\n".encode())

        configure("wide", f"tcp://0.0.0.0:{port}", f"udp://0.0.0.0:{port}")
        with (
            Server(tmp_path / "agent", environment={"LOGD_CONFIG": str(config)}, roles="agent") as agent,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams,
            socket.socket() as taken,
        ):
            agent.may_log_errors = True
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            until(lambda: _listens("127.0.0.1", port), "it listens")
            datagrams.connect(("127.0.0.1", port))
            narrow = (f"tcp://127.0.0.1:{port}", f"udp://127.0.0.1:{port}")
            with socket.create_connection(("127.0.0.1", port)) as stream:
                send(stream, datagrams)
                configure("none", *narrow, f"tcp://127.0.0.1:{taken.getsockname()[1]}")
                agent.signal(signal.SIGHUP)
                until(lambda: "the old configuration goes on: agent.syslog: tcp://" in agent.log(), "it says why")
                with socket.create_connection(("127.0.0.1", port)) as another:
                    send(stream, datagrams, another)
                    until(lambda: set(sent) <= set(texts(server, "sys")), "the old ones go on")
                configure("narrow", *narrow)
                agent.signal(signal.SIGHUP)
                assert stream.recv(1) == b"", "it is closed as at a stop"
            until(lambda: _listens("127.0.0.1", port), "the new one listens")
            with socket.create_connection(("127.0.0.1", port)) as stream:
                send(stream, datagrams)
                until(lambda: len(texts(server, "sys")) >= len(sent), "all came")
            assert sorted(texts(server, "sys")) == sorted(sent)
            found = server.search(service="sys", limit=10_000)["logs"]
            assert {one["tags"][0] for one in found if one["message"] in sent[-2:]} == {"narrow"}
            assert {one["tags"][0] for one in found if one["message"] in sent[:-2]} == {"wide"}
            assert agent.terminate() == 0

    def test_sighup_takes_another_batch_seconds_for_open_sockets(self, server: Server, tmp_path: Path) -> None:
        config = tmp_path / "agent.toml"

        def configure(seconds: float) -> None:
            head = f'[agent]\nserver = "http://127.0.0.1:{server.port}"\nbatch_seconds = {seconds}\n'
            config.write_text(f'{head}[[agent.syslog]]\nlisten = "unix:{tmp_path}/s"\n')

        configure(100_000.0)
        with (
            Server(tmp_path / "agent", environment={"LOGD_CONFIG": str(config)}, roles="agent") as agent,
            socket.socket(socket.AF_UNIX) as client,
        ):
            until(lambda: (tmp_path / "s").exists(), "it listens")
            client.connect(f"{tmp_path}/s")
            client.sendall(b"<13>Nov 27 01:48:01 sys: waits\n")
            configure(0.05)
            agent.signal(signal.SIGHUP)
            count = 0

            def came() -> bool:
                nonlocal count
                count += 1
                client.sendall(b"<13>Nov 27 01:48:01 sys: more\n")
                return "waits" in texts(server, "sys")

            until(came, "it waits no longer")
            assert agent.terminate() == 0
            until(lambda: len(texts(server, "sys")) == count + 1, "all came")


def _listens(host: str, port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((host, port)):
        return True
    return False
