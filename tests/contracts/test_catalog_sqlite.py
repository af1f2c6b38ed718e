"""The SQLite catalog's file: its schema, what is newer or damaged, and when it is there at all."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from logd.backends.catalog import schema
from logd.backends.catalog.appearing import AppearingFile, AppearingTokens
from logd.backends.catalog.appearing_named import appearing_saved
from logd.backends.catalog.saved import catalog_saved
from logd.backends.catalog.sqlite_file import SqliteFile
from logd.backends.catalog.tables import METADATA
from logd.backends.catalog.tokens import CatalogTokens
from logd.errors import ConfigError, Corrupt
from logd.seams import SavedSearch
from logd.tokens import Scope, Token
from tests.support.catalogs import MIGRATIONS, sqlite_tokens

_TOKEN = Token(
    id="0123456789ab", name="n", digest="0" * 64, scopes=frozenset({Scope.INGEST}), services=("a",), created_us=1
)
_SAVED = SavedSearch(id="ba9876543210", name="a", parameters={"q": "b"}, created_us=1, updated_us=1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "catalog.db"


async def _made(path: Path) -> None:
    tokens = await sqlite_tokens(path)
    await tokens.create(_TOKEN)
    await tokens.close()


def _change(path: Path, sql: str) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute(sql)
        db.commit()


async def test_the_migrations_make_what_the_tables_say(path: Path) -> None:
    file = await SqliteFile.open(path)
    async with file.reading() as connection:
        differences = await connection.run_sync(
            lambda sync: compare_metadata(MigrationContext.configure(sync), METADATA)
        )
    await file.close()
    assert differences == []


def test_the_last_migration_is_the_version() -> None:
    versions = Path(schema.__file__).parent / "migrations" / "versions"
    assert max(path.name for path in versions.glob("v*.py")).startswith(f"v{schema.VERSION}_")


def test_only_its_owner_reads_it(path: Path) -> None:
    asyncio.run(_made(path))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


async def test_many_make_it_at_once(path: Path) -> None:
    # Whoever changes the file's mode may be in the way of others for a moment: one round in some ten.
    for number in range(20):
        opened = await asyncio.gather(*(sqlite_tokens(path.with_suffix(f".{number}")) for _ in range(8)))
        await opened[0].create(_TOKEN)
        assert [await tokens.find(_TOKEN.id) for tokens in opened] == [_TOKEN] * 8
        for tokens in opened:
            await tokens.close()


@pytest.mark.parametrize(
    ("sql", "sentence"),
    [
        (
            "UPDATE alembic_version SET version_num = '0999'",
            f"has schema 0999, this logd knows up to {schema.VERSION}: use a newer",
        ),
        ("UPDATE alembic_version SET version_num = 'ab12'", "has schema 'ab12', which no logd has written"),
    ],
)
def test_a_schema_that_is_not_ours(path: Path, sql: str, sentence: str) -> None:
    asyncio.run(_made(path))
    _change(path, sql)
    before = path.read_bytes()
    with pytest.raises(ConfigError, match=sentence) as refused:
        asyncio.run(sqlite_tokens(path))
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(b"something else" * 1_000, "is no SQLite database"), (None, "is damaged")],
    ids=["no database", "garbage in the middle"],
)
def test_a_damaged_file(path: Path, content: bytes | None, sentence: str) -> None:
    asyncio.run(_made(path))
    whole = path.read_bytes()
    path.write_bytes(content or whole[:4096] + os.urandom(len(whole) - 4096))
    with pytest.raises(ConfigError, match=sentence) as refused:
        asyncio.run(sqlite_tokens(path))
    assert "\n" not in str(refused.value)
    with pytest.raises(Corrupt, match=sentence):  # a server to which it has just come
        asyncio.run(AppearingTokens(AppearingFile(path)).ever())


def test_a_folder_in_its_place(path: Path) -> None:
    path.mkdir()
    with pytest.raises(ConfigError, match="is a folder"):
        asyncio.run(sqlite_tokens(path))


async def test_a_row_that_was_changed_is_no_token(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    await _made(path)
    _change(path, "UPDATE tokens SET services = '[]'")
    tokens = await sqlite_tokens(path)
    with pytest.raises(Corrupt, match=f"{_TOKEN.id}.*checksum"):
        await tokens.find(_TOKEN.id)
    assert list(await tokens.all()) == []
    assert _TOKEN.id in caplog.text
    assert await tokens.ever()
    await tokens.revoke(_TOKEN.id, 9)
    found = await tokens.find(_TOKEN.id)
    assert found is not None
    assert found.revoked_us == 9
    await tokens.close()


async def test_it_appears(path: Path) -> None:
    file = AppearingFile(path)
    await file.open_if_there()
    tokens, saved = AppearingTokens(file), appearing_saved(file)
    assert not await tokens.ever()
    assert list(await saved.all()) == []
    assert not os.listdir(path.parent)
    await _made(path)
    assert await tokens.ever()
    assert await tokens.find(_TOKEN.id) == _TOKEN
    await saved.create(_SAVED)
    assert await saved.find("a") == _SAVED
    for opened in (tokens, saved):
        await opened.close()


async def test_an_older_one_keeps_its_tokens(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as older:
        older.setattr(schema, "VERSION", "0001")
        await _made(path)
    file = await SqliteFile.open(path)
    assert file.migrated == MIGRATIONS[1:]
    assert await CatalogTokens(file).find(_TOKEN.id) == _TOKEN
    await catalog_saved(file).create(_SAVED)
    await file.close()


async def test_a_saved_search_that_was_changed_into_nonsense(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = await SqliteFile.open(path)
    saved = catalog_saved(file)
    await saved.create(_SAVED)
    for nonsense in ("{", "[1]", '{"q": {}}'):
        _change(path, f"UPDATE saved_searches SET parameters = '{nonsense}'")
        with pytest.raises(Corrupt, match="the saved search 'a' is damaged"):
            await saved.find("a")
        assert list(await saved.all()) == []
    assert caplog.text.count("the saved search 'a' is damaged") == 3
    await saved.delete(_SAVED.id, 1)
    await file.close()


def test_who_has_no_token_pays_nothing(tmp_path: Path) -> None:
    code = (
        "import asyncio, sys; from pathlib import Path; from logd.config.schema import Config;"
        "import logd.server; from logd.roles import api, catalog_wiring;"
        f"asyncio.run(catalog_wiring.open_catalog(Config(data_dir={str(tmp_path)!r}))); print(*sys.modules)"
    )
    loaded = subprocess.check_output([sys.executable, "-c", code], text=True).split()
    assert {"sqlalchemy", "alembic", "aiosqlite", "cryptography"} & set(loaded) == set()


def test_alembic_is_loaded_only_for_a_migration(path: Path) -> None:
    asyncio.run(_made(path))
    code = (
        "import asyncio, sys; from pathlib import Path\n"
        "from logd.backends.catalog.saved import catalog_saved\n"
        "from logd.backends.catalog.tokens import CatalogTokens\n"
        "from logd.backends.catalog.sqlite_file import SqliteFile\n"
        f"async def main():\n await (await SqliteFile.open(Path({str(path)!r}))).close()\n"
        "asyncio.run(main()); print(*sys.modules)"
    )
    loaded = subprocess.check_output([sys.executable, "-c", code], text=True).split()
    assert "sqlalchemy" in loaded
    assert {"alembic", "aiomysql", "pymysql"} & set(loaded) == set()
