"""The front end's own unit tests, by vitest."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.web.types import BUILD, ROOT


@pytest.mark.timeout(600)
def test_units() -> None:
    command = [sys.executable, str(BUILD), "--run", "test"]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, f"npm test failed in logd/web:\n{done.stdout}"
