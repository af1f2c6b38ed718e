"""Where the browser is: Debian's Chromium, or the one that $CHROMIUM names."""

from __future__ import annotations

import os
import shutil

_PROGRAMS = ("chromium", "chromium-browser", "google-chrome")


def program() -> str:
    """Its path. FileNotFoundError where there is none, which says what to do."""
    named = os.environ.get("CHROMIUM")
    for name in [named] if named else _PROGRAMS:
        if (path := shutil.which(name)) is not None:
            return path
    raise FileNotFoundError(f"there is no {named or _PROGRAMS[0]}: install it, on Debian with: apt install chromium")
