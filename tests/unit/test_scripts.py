"""What the scripts say when a machine lacks something. That they install and run is what e2e and CI show."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("script", ["run", "check", "test"])
@pytest.mark.parametrize(
    ("python", "sentence"),
    [
        ('echo "Python 3.9.2"; exit 1', "Python 3.11 or newer is needed, but PYTHON is Python 3.9.2"),
        (
            f'case "$*" in *ensurepip*) exit 1 ;; *) exec "{sys.executable}" "$@" ;; esac',
            "Python's venv module is missing: install it, on Debian and Ubuntu with: apt install python3-venv",
        ),
        (None, "Python 3.11 or newer is needed, but there is no PYTHON"),
    ],
)
def test_a_machine_without_python(tmp_path: Path, script: str, python: str | None, sentence: str) -> None:
    path = tmp_path / "python 3"
    if python is not None:
        path.write_text(f"#!/bin/sh\n{python}\n")
        path.chmod(0o755)
    done = subprocess.run(
        [ROOT / "scripts" / script],
        env={**os.environ, "PYTHON": str(path), "VENV": str(tmp_path / "venv")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"logd: {sentence.replace('PYTHON', str(path))}\n")


def test_run_explains_itself() -> None:
    done = subprocess.run([ROOT / "scripts" / "run", "--help"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("usage: scripts/run [FILE…]\n")


@pytest.mark.parametrize("script", ["scripts/run", "scripts/check", "scripts/test", "scripts/services", ".ci/run"])
def test_scripts_can_be_run(script: str) -> None:
    assert os.access(ROOT / script, os.X_OK)
    bash = shutil.which("bash")
    assert bash is not None
    subprocess.run([bash, "-n", ROOT / script], check=True)
