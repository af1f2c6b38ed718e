"""What `logd agent` takes in besides files, by real processes: standard input, syslog, systemd's journal."""

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

from tests.services.errors import Missing
from tests.services.programs import program
from tests.support.commands import begun, logd
from tests.support.disk import small_disk
from tests.support.process import PATIENCE_SECONDS, Server, environment_of_a_process, until


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path / "server", roles="processor,api") as running:
        yield running


def _texts(server: Server, service: str) -> list[str]:
    found = server.search(service=service, sort="oldest", limit=10_000)
    return [record["message"] for record in found["logs"]]


def _options(server: Server) -> list[str]:
    return ["agent", "--server", f"http://127.0.0.1:{server.port}", "--set", "agent.batch_seconds=0.05"]


@contextlib.contextmanager
def _agent(server: Server, folder: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    with begun(*_options(server), *options, data_dir=folder) as child:
        try:
            yield child
        finally:
            child.terminate()
            child.communicate(timeout=PATIENCE_SECONDS)


def _piped(server: Server, folder: Path, *options: str) -> subprocess.Popen[bytes]:
    command = [*_options(server), "--stdin", *options, "--set", f"data_dir={folder}"]
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
        until(lambda: len(_texts(server, "piped")) == 5_001, "all are there")
        assert set(_texts(server, "piped")) == {*(f"line {n}" for n in range(5_000)), "unfinished"}

    def test_a_file_and_nothing(self, server: Server, tmp_path: Path) -> None:
        log = tmp_path / "a.log"
        log.write_text("one\ntwo\n")
        command = [*_options(server), "--stdin", "--service", "filed", "--set", f"data_dir={tmp_path / 'agent'}"]
        for name in (str(log), os.devnull):
            with open(name) as file:
                done = subprocess.run(
                    [sys.executable, "-m", "logd", *command], stdin=file, env=environment_of_a_process(), timeout=120
                )
            assert done.returncode == 0
        until(lambda: sorted(_texts(server, "filed")) == ["one", "two"], "both are there")

    def test_it_waits_for_a_server_that_is_away(self, server: Server, tmp_path: Path) -> None:
        with _piped(server, tmp_path / "agent", "--service", "waited") as child:
            assert child.stdin is not None
            child.stdin.write(b"before\n")
            child.stdin.flush()
            until(lambda: _texts(server, "waited") == ["before"], "the first line is there")
            server.kill()
            child.stdin.write(b"meanwhile\n")
            child.stdin.close()
            server.settings["api.listen"] = f"127.0.0.1:{server.port}"
            server.start()
            assert child.wait(120) == 0
        until(lambda: sorted(_texts(server, "waited")) == ["before", "meanwhile"], "both are there, once")

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
        until(lambda: _texts(server, "stopped") == ["read"], "it is there")


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
        with _agent(server, tmp_path / "agent", "--config", str(config)):
            until(lambda: (tmp_path / "s").exists(), "it listens")
            for way in ways:
                subprocess.run(way, check=True)
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(f"{tmp_path}/s")
                client.sendall(b"<13>Nov 27 01:48:01 sys: by stream socket\n")
            until(lambda: len(_texts(server, "sys")) == 5, "all came")
        assert sorted(_texts(server, "sys")) == [
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
        with _agent(server, tmp_path / "agent", "--config", str(config)), contextlib.ExitStack() as stack:
            until(lambda: _listens(host, int(port)), "it listens")
            clients = [stack.enter_context(socket.create_connection((host, int(port)))) for _ in range(50)]
            for number, client in enumerate(clients):
                client.sendall(b"".join(b"<13>many: %d of %d\n" % (n, number) for n in range(100)))
            until(lambda: len(_texts(server, "many")) == 5_000, "all came")
        assert len(set(_texts(server, "many"))) == 5_000

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
            until(lambda: _listens("127.0.0.1", kept), "it listens")
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
                    until(lambda: sent[-1] in _texts(server, "sys"), "the new one's is there")
                    configure("two", *always)
                    agent.signal(signal.SIGHUP)
                    assert new.recv(1) == b""
                until(lambda: not _listens("127.0.0.1", other), "it is closed")
                send(stream, datagrams)
                until(lambda: len(_texts(server, "sys")) >= len(sent), "all came")
            assert sorted(_texts(server, "sys")) == sorted(sent)
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
                    until(lambda: set(sent) <= set(_texts(server, "sys")), "the old ones go on")
                configure("narrow", *narrow)
                agent.signal(signal.SIGHUP)
                assert stream.recv(1) == b"", "it is closed as at a stop"
            until(lambda: _listens("127.0.0.1", port), "the new one listens")
            with socket.create_connection(("127.0.0.1", port)) as stream:
                send(stream, datagrams)
                until(lambda: len(_texts(server, "sys")) >= len(sent), "all came")
            assert sorted(_texts(server, "sys")) == sorted(sent)
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
                return "waits" in _texts(server, "sys")

            until(came, "it waits no longer")
            assert agent.terminate() == 0
            until(lambda: len(_texts(server, "sys")) == count + 1, "all came")


def _listens(host: str, port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((host, port)):
        return True
    return False


class Journal:
    """A journal of its own, written as systemd-journald would, by systemd's own tool."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.count = 0
        self._writer = program("systemd-journal-remote", "systemd-journal-remote")

    def write(self, count: int) -> None:
        """So many entries more, which say `entry N`."""
        entries = []
        for number in range(self.count, self.count + count):
            fields = {
                "__REALTIME_TIMESTAMP": 1_700_000_000_000_000 + number,
                "__MONOTONIC_TIMESTAMP": 1_000 + number,
                "_BOOT_ID": "1" * 32,
                "_MACHINE_ID": "2" * 32,
                "_HOSTNAME": "web-1",
                "SYSLOG_IDENTIFIER": "journaled",
                "_SYSTEMD_UNIT": "journaled.service",
                "PRIORITY": number % 8,
                "MESSAGE": f'entry {number} with ,"MESSAGE": in it',
            }
            entries.append("".join(f"{name}={value}\n" for name, value in fields.items()))
        self.count += count
        command = [self._writer, f"--output={self.folder / 'system.journal'}", "-"]
        done = subprocess.run(command, input="\n".join(entries) + "\n", text=True, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    try:
        program("journalctl", "systemd")
        return Journal(tmp_path / "journal")
    except Missing as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))


class TestJournald:
    def _settings(self, journal: Journal, read_from: str) -> list[str]:
        values = {"enabled": "true", "directory": journal.folder, "read_from": read_from}
        return [word for name, value in values.items() for word in ("--set", f"agent.journald.{name}={value}")]

    def _until_found(self, server: Server, count: int) -> None:
        until(lambda: len(_texts(server, "journaled")) == count, f"all {count} are there")

    def test_each_entry_once_also_after_a_kill(self, server: Server, tmp_path: Path, journal: Journal) -> None:
        journal.write(1_500)
        settings = self._settings(journal, "beginning")
        for expected in (1_500, 1_600, 1_700):
            with begun(*_options(server), *settings, data_dir=tmp_path / "agent") as child:
                self._until_found(server, expected)
                child.kill()
                child.wait()  # its journalctl has its pipes until it writes the next time
            journal.write(100)
        with _agent(server, tmp_path / "agent", *settings):
            until(lambda: len(_texts(server, "journaled")) == 1_800, "all are there")
        assert _texts(server, "journaled") == [f'entry {n} with ,"MESSAGE": in it' for n in range(1_800)]
        found = server.search(service="journaled", sort="oldest", limit=4)["logs"][3]
        assert (found["level"], found["host"], found["source"]) == ("ERROR", "web-1", "journal")
        assert found["timestamp"] == "2023-11-14T22:13:20.000003Z"
        assert found["metadata"]["_SYSTEMD_UNIT"] == "journaled.service"

    def test_from_the_end_only_what_comes(self, server: Server, tmp_path: Path, journal: Journal) -> None:
        journal.write(10)
        with _agent(server, tmp_path / "agent", *self._settings(journal, "end")):
            until(lambda: (tmp_path / "agent" / "journal.json").exists(), "it knows where the end is")
            journal.write(3)
            until(lambda: len(_texts(server, "journaled")) == 3, "what came is there")
        assert [text.split()[1] for text in _texts(server, "journaled")] == ["10", "11", "12"]

    @pytest.mark.parametrize(
        ("chosen", "said"),
        [("", "the journal has lost entries"), (',"chosen":["--unit=x"]', "20 entries of the journal may come twice")],
        ids=["gone", "others are chosen"],
    )
    def test_entries_are_not_taken_for_others(
        self, server: Server, tmp_path: Path, journal: Journal, chosen: str, said: str
    ) -> None:
        journal.write(20)
        with _agent(server, tmp_path / "agent", *self._settings(journal, "beginning")):
            until(lambda: len(_texts(server, "journaled")) == 20, "all are there")
        state = tmp_path / "agent" / "journal.json"
        # As if it had been killed right after its first send.
        first = '"cursor":"","position":0,"under_way":[{"entries":20,"observed_us":1,"cursor":"another"}]'
        state.write_text(state.read_text().split('"cursor"')[0] + first + chosen + "}")
        with _agent(server, tmp_path / "agent", *self._settings(journal, "beginning")) as child:
            until(lambda: len(_texts(server, "journaled")) == 40, "they are there as new ones")
            child.terminate()
            _, error = child.communicate(timeout=PATIENCE_SECONDS)
        assert said in error

    @pytest.mark.skipif(os.getuid() != 0, reason="only root can mount a disk")
    def test_a_disk_that_is_full(self, server: Server, tmp_path: Path, journal: Journal) -> None:
        """Nothing is sent that isn't remembered, and a stop doesn't wait for room."""
        journal.write(20)
        settings = {
            "agent.server": f"http://127.0.0.1:{server.port}",
            "agent.batch_seconds": 0.05,
            "agent.journald.enabled": "true",
            "agent.journald.directory": journal.folder,
            "agent.journald.read_from": "beginning",
        }
        with small_disk(tmp_path / "disk", 4 * 1024 * 1024) as disk:
            settings["data_dir"] = disk.root / "data"
            with Server(tmp_path / "agent", settings=settings, roles="agent") as agent:
                agent.may_log_errors = True
                self._until_found(server, 20)
                disk.fill()
                journal.write(20)
                until(lambda: "nothing of the journal is sent until" in agent.log(), "it says so")
                disk.make_room()
                self._until_found(server, 40)
                disk.fill()
                before = agent.log().count("nothing of the journal is sent until")
                journal.write(20)
                until(lambda: agent.log().count("nothing of the journal is sent until") > before, "it says so again")
                assert agent.terminate() == 0
                assert "still held: nothing" in agent.log()
                assert len(_texts(server, "journaled")) == 40
                disk.make_room()
                agent.start()
                self._until_found(server, 60)
                assert agent.terminate() == 0
        assert _texts(server, "journaled") == [f'entry {n} with ,"MESSAGE": in it' for n in range(60)]

    def test_sighup_lets_it_come_go_and_change(self, server: Server, tmp_path: Path, journal: Journal) -> None:
        """Each entry comes once, in order, whatever the signal interrupts."""
        config = tmp_path / "agent.toml"
        head = f'[agent]\nserver = "http://127.0.0.1:{server.port}"\nbatch_seconds = 0.05\n'
        table = f'[agent.journald]\nenabled = true\ndirectory = "{journal.folder}"\nread_from = "beginning"\n'
        # A socket, so that it has something to do without the journal.
        socket_too = f'[[agent.syslog]]\nlisten = "unix:{tmp_path}/s"\n'

        def reload(text: str) -> None:
            config.write_text(text + socket_too)
            agent.signal(signal.SIGHUP)

        def changed() -> bool:
            journal.write(1)
            return "changed 5" in server.search(service="journaled", sort="newest", limit=1)["logs"][0]["tags"]

        config.write_text(head + socket_too)
        journal.write(1_500)
        with Server(tmp_path / "agent", environment={"LOGD_CONFIG": str(config)}, roles="agent") as agent:
            until(lambda: (tmp_path / "s").exists(), "it runs")
            reload(head + table)
            self._until_found(server, 1_500)
            for number in range(6):
                journal.write(200)
                tags = f'tags = ["changed {number}"]\n'
                units = 'units = ["journaled.service"]\n' if number % 2 else ""
                reload(head + table + units + tags)
            self._until_found(server, 2_700)
            until(changed, "the last change is there")
            self._until_found(server, journal.count)
            assert _children(agent.pid)
            reload(head)
            until(lambda: not _children(agent.pid), "journalctl has ended")
            journal.write(50)
            reload(head + table)
            self._until_found(server, journal.count)
            assert agent.terminate() == 0
        assert _texts(server, "journaled") == [f'entry {n} with ,"MESSAGE": in it' for n in range(journal.count)]


def _children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
