"""The programs that logd is measured beside: their paths are given by variables."""

import os
from pathlib import Path


def binary(variable: str) -> Path | None:
    """The executable that the variable names, None when unset; FileNotFoundError when it isn't there."""
    named = os.environ.get(variable)
    if not named:
        return None
    path = Path(named).resolve()
    if not os.access(path, os.X_OK):
        raise FileNotFoundError(f"${variable} names no executable: {named}")
    return path
