"""`python sandbox.py UNIT COMMAND…`: becomes the command under what a unit of systemd forbids.

As far as one process can forbid itself: SystemCallFilter and MemoryDenyWriteExecute. Linux only; needs systemd-analyze
and libseccomp.
"""

from __future__ import annotations

import ctypes
import errno
import os
import subprocess
import sys
from pathlib import Path

_ALLOW = 0x7FFF0000
_ERRNO = 0x00050000
_SET_MDWE, _REFUSE_EXEC_GAIN = 65, 1


def read_unit(path: Path) -> dict[str, list[str]]:
    """The section [Service]: every value that a key was given."""
    found: dict[str, list[str]] = {}
    section = ""
    for line in path.read_text().splitlines():
        if line.startswith("["):
            section = line
        elif section == "[Service]" and line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


def _calls(name: str) -> set[str]:
    """The system calls of a set such as @system-service."""
    if not name.startswith("@"):
        return {name}
    listed = subprocess.run(["systemd-analyze", "syscall-filter", name], capture_output=True, text=True, check=True)
    names = [line.strip() for line in listed.stdout.splitlines()[1:]]
    return {call for inner in names if inner and not inner.startswith("#") for call in _calls(inner)}


def _confine(unit: dict[str, list[str]]) -> None:
    allowed = _calls("@default")
    for value in unit["SystemCallFilter"]:
        for name in value.removeprefix("~").split():
            allowed = allowed - _calls(name) if value.startswith("~") else allowed | _calls(name)
    if unit.get("MemoryDenyWriteExecute") == ["yes"]:
        _must(ctypes.CDLL(None).prctl(_SET_MDWE, _REFUSE_EXEC_GAIN, 0, 0, 0), "PR_SET_MDWE")
    seccomp = ctypes.CDLL("libseccomp.so.2")
    seccomp.seccomp_init.restype = ctypes.c_void_p
    rules = ctypes.c_void_p(seccomp.seccomp_init(_ERRNO | errno.EPERM))
    for call in sorted(allowed):
        number = seccomp.seccomp_syscall_resolve_name(call.encode())
        if number >= 0:  # of another architecture
            _must(seccomp.seccomp_rule_add(rules, _ALLOW, number, 0), call)
    _must(seccomp.seccomp_load(rules), "seccomp_load")


def _must(result: int, what: str) -> None:
    if result != 0:
        sys.exit(f"sandbox: {what} gave {result}")


if __name__ == "__main__":
    _confine(read_unit(Path(sys.argv[1])))
    os.execv(sys.argv[2], sys.argv[2:])
