"""Looking for damage in a data folder: the embedded index by its checksums, the other databases by their structure."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from logd.config.schema import Config
from logd.roles.catalog_wiring import catalog_file
from logd.roles.wiring import index_folder, set_up_native_libraries, transport_file
from logd.store import verify as index
from logd.store.verify import Checked


def verify(config: Config) -> Iterator[Checked]:
    """Each file with what is wrong with it; changes nothing, and needs no server to stop. Raises ConfigError when the
    manifest can't be read."""
    set_up_native_libraries()
    places = (transport_file(config), Path(config.data_dir) / "agent.db", catalog_file(config))
    databases = [path for path in places if path.exists()]
    root = index_folder(config)
    for path in databases:
        yield Checked(path.name, path.stat().st_size, _damage(path))
    if root.exists():
        yield from index.verify(root)


def _damage(path: Path) -> str:
    try:
        uri = f"{path.absolute().as_uri()}?mode=ro"
        with contextlib.closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as db:
            found = str(db.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.Error as error:
        return str(error)
    return "" if found == "ok" else " ".join(found.split())
