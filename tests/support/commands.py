"""`logd …` as a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from tests.support.process import PATIENCE_SECONDS, environment_of_a_process


class Done(NamedTuple):
    """How a command ended; `code` is negative for a signal."""

    code: int
    out: str
    error: str


def logd(*arguments: object, data_dir: Path, environment: Mapping[str, str] | None = None) -> Done:
    """Runs it over a data folder."""
    with begun(*arguments, data_dir=data_dir, environment=environment) as child:
        try:
            out, error = child.communicate(timeout=PATIENCE_SECONDS)
        finally:
            child.kill()
    return Done(child.returncode, out, error)


def begun(
    *arguments: object, data_dir: Path | None = None, environment: Mapping[str, str] | None = None
) -> subprocess.Popen[str]:
    """Starts it and doesn't wait. Without a data folder it is a command that has none."""
    settings = [] if data_dir is None else ["--set", f"data_dir={data_dir}"]
    return subprocess.Popen(
        [sys.executable, "-m", "logd", *map(str, arguments), *settings],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**environment_of_a_process(), **(environment or {})},
    )
