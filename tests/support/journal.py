"""A journal of systemd's for tests."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.services.programs import program


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
