"""What a data folder remembers of its server, in `server.json`: enough to start it again, to find it and to end it."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from tests.services.children import Child
from tests.services.errors import Failed

_FILE = "server.json"


class State(msgspec.Struct, frozen=True):
    """`children` by member; None for one that was never started."""

    name: str
    url: str
    ports: tuple[int, ...]
    password: str
    children: tuple[Child | None, ...]


def read_state(folder: Path) -> State | None:
    """None where no server ever was. Raises Failed when the file can't be understood."""
    path = folder / _FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=State)
    except FileNotFoundError:
        return None
    except msgspec.MsgspecError as error:
        raise Failed(f"{path} can't be understood: {error}") from None


def write_state(folder: Path, state: State) -> None:
    """Whole or not at all; the password is for us alone."""
    part = folder / f"{_FILE}.part"
    part.touch(mode=0o600)
    part.write_bytes(msgspec.json.encode(state))
    os.replace(part, folder / _FILE)
