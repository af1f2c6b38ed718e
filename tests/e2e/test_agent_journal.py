"""What `logd agent` takes from systemd's journal, by real processes."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.errors import Missing
from tests.services.programs import program
from tests.support.commands import begun
from tests.support.disk import small_disk
from tests.support.inputs import agent_of, options_of, texts
from tests.support.journal import Journal
from tests.support.process import PATIENCE_SECONDS, Server, until


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path / "server", roles="processor,api") as running:
        yield running


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
        until(lambda: len(texts(server, "journaled")) == count, f"all {count} are there")

    def test_each_entry_once_also_after_a_kill(self, server: Server, tmp_path: Path, journal: Journal) -> None:
        journal.write(1_500)
        settings = self._settings(journal, "beginning")
        for expected in (1_500, 1_600, 1_700):
            with begun(*options_of(server), *settings, data_dir=tmp_path / "agent") as child:
                self._until_found(server, expected)
                child.kill()
                child.wait()  # its journalctl has its pipes until it writes the next time
            journal.write(100)
        with agent_of(server, tmp_path / "agent", *settings):
            until(lambda: len(texts(server, "journaled")) == 1_800, "all are there")
        assert texts(server, "journaled") == [f'entry {n} with ,"MESSAGE": in it' for n in range(1_800)]
        found = server.search(service="journaled", sort="oldest", limit=4)["logs"][3]
        assert (found["level"], found["host"], found["source"]) == ("ERROR", "web-1", "journal")
        assert found["timestamp"] == "2023-11-14T22:13:20.000003Z"
        assert found["metadata"]["_SYSTEMD_UNIT"] == "journaled.service"

    def test_from_the_end_only_what_comes(self, server: Server, tmp_path: Path, journal: Journal) -> None:
        journal.write(10)
        with agent_of(server, tmp_path / "agent", *self._settings(journal, "end")):
            until(lambda: (tmp_path / "agent" / "journal.json").exists(), "it knows where the end is")
            journal.write(3)
            until(lambda: len(texts(server, "journaled")) == 3, "what came is there")
        assert [text.split()[1] for text in texts(server, "journaled")] == ["10", "11", "12"]

    @pytest.mark.parametrize(
        ("chosen", "said"),
        [("", "the journal has lost entries"), (',"chosen":["--unit=x"]', "20 entries of the journal may come twice")],
        ids=["gone", "others are chosen"],
    )
    def test_entries_are_not_taken_for_others(
        self, server: Server, tmp_path: Path, journal: Journal, chosen: str, said: str
    ) -> None:
        journal.write(20)
        with agent_of(server, tmp_path / "agent", *self._settings(journal, "beginning")):
            until(lambda: len(texts(server, "journaled")) == 20, "all are there")
        state = tmp_path / "agent" / "journal.json"
        # As if it had been killed right after its first send.
        first = '"cursor":"","position":0,"under_way":[{"entries":20,"observed_us":1,"cursor":"another"}]'
        state.write_text(state.read_text().split('"cursor"')[0] + first + chosen + "}")
        with agent_of(server, tmp_path / "agent", *self._settings(journal, "beginning")) as child:
            until(lambda: len(texts(server, "journaled")) == 40, "they are there as new ones")
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
                assert len(texts(server, "journaled")) == 40
                disk.make_room()
                agent.start()
                self._until_found(server, 60)
                assert agent.terminate() == 0
        assert texts(server, "journaled") == [f'entry {n} with ,"MESSAGE": in it' for n in range(60)]

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
        assert texts(server, "journaled") == [f'entry {n} with ,"MESSAGE": in it' for n in range(journal.count)]


def _children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
