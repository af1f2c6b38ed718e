"""The catalog on a real MariaDB: its schema, what is wrong, and a server that goes and comes back."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import select

from logd.backends.catalog import mysql_server, schema
from logd.backends.catalog.mysql_server import MysqlServer as Connected
from logd.backends.catalog.tables import METADATA
from logd.config.schema import Catalog
from logd.errors import ConfigError, Corrupt, Unavailable
from logd.tokens import Scope, Token
from tests.services import Running, running
from tests.services.mysql import ask
from tests.support.access import Certificates
from tests.support.catalogs import MIGRATIONS, migrated, mysql_tokens, new_catalog
from tests.support.commands import logd
from tests.support.process import PATIENCE_SECONDS, free_port
from tests.support.servers import mysql_with_tls

_TOKEN = Token(
    id="0123456789ab", name="ü 𝄞", digest="0" * 64, scopes=frozenset({Scope.INGEST}), services=("a",), created_us=1
)


async def test_the_migrations_make_what_the_tables_say(mysql: Running) -> None:
    catalog = await migrated(mysql)
    connected = await Connected.open(catalog, mysql.password)
    async with connected.reading() as connection:
        differences = await connection.run_sync(
            lambda sync: compare_metadata(MigrationContext.configure(sync), METADATA)
        )
    await connected.close()
    assert differences == []
    collations = ask(
        mysql.port,
        mysql.password,
        "SELECT DISTINCT collation_name FROM information_schema.columns WHERE collation_name IS NOT NULL "
        f"AND table_name <> 'alembic_version' AND table_schema = '{catalog.database}'",
    )
    assert collations.split() == ["utf8mb4_bin"]


async def test_migrating_says_what_it_did(mysql: Running) -> None:
    catalog = new_catalog(mysql)
    name, applied = await mysql_server.migrate(catalog, mysql.password)
    assert (name, list(applied)) == (
        f"the catalog {catalog.database!r} at {catalog.address}",
        MIGRATIONS,
    )
    assert list((await mysql_server.migrate(catalog, mysql.password))[1]) == []


async def test_many_migrate_at_once(mysql: Running) -> None:
    catalog = new_catalog(mysql)
    done = await asyncio.gather(*(mysql_server.migrate(catalog, mysql.password) for _ in range(3)))
    assert sorted(len(applied) for _, applied in done) == [0, 0, len(MIGRATIONS)]


async def test_a_migration_that_was_interrupted_goes_on(mysql: Running) -> None:
    catalog = await migrated(mysql)
    tokens = await mysql_tokens(catalog, mysql.password)
    await tokens.create(_TOKEN)
    await tokens.close()
    ask(
        mysql.port, mysql.password, f"DELETE FROM {catalog.database}.alembic_version"
    )  # MariaDB commits a table at once, the version later
    with pytest.raises(ConfigError, match="has no tables yet"):
        await mysql_tokens(catalog, mysql.password)
    assert list((await mysql_server.migrate(catalog, mysql.password))[1]) == MIGRATIONS
    tokens = await mysql_tokens(catalog, mysql.password)
    assert await tokens.find(_TOKEN.id) == _TOKEN
    await tokens.close()


async def test_an_older_one_keeps_its_tokens(mysql: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as older:
        older.setattr(schema, "VERSION", "0001")
        catalog = await migrated(mysql)
        tokens = await mysql_tokens(catalog, mysql.password)
        await tokens.create(_TOKEN)
        await tokens.close()
    with pytest.raises(ConfigError, match=f"has schema 0001, this logd needs {schema.VERSION}: run `logd migrate`"):
        await mysql_tokens(catalog, mysql.password)
    assert list((await mysql_server.migrate(catalog, mysql.password))[1]) == MIGRATIONS[1:]
    tokens = await mysql_tokens(catalog, mysql.password)
    assert await tokens.find(_TOKEN.id) == _TOKEN
    await tokens.close()


@pytest.mark.parametrize(
    ("version", "sentence", "migrating"),
    [
        (None, f"has no tables yet, this logd needs {schema.VERSION}: run `logd migrate`", None),
        ("0000", f"has schema 0000, this logd needs {schema.VERSION}: run `logd migrate`", None),
        ("0999", f"has schema 0999, this logd knows up to {schema.VERSION}: use a newer", "use a newer logd"),
        ("ab12", "has schema 'ab12', which no logd has written", "which no logd has written"),
    ],
)
async def test_a_schema_that_is_not_todays(
    mysql: Running, version: str | None, sentence: str, migrating: str | None
) -> None:
    catalog = new_catalog(mysql) if version is None else await migrated(mysql)
    if version is not None:
        ask(mysql.port, mysql.password, f"UPDATE {catalog.database}.alembic_version SET version_num = '{version}'")
    with pytest.raises(ConfigError, match=sentence) as refused:
        await mysql_tokens(catalog, mysql.password)
    assert catalog.address in str(refused.value)
    if migrating is not None:
        with pytest.raises(ConfigError, match=migrating):
            await mysql_server.migrate(catalog, mysql.password)


async def _refused(catalog: Catalog, password: str) -> str:
    with pytest.raises(ConfigError) as refused:
        await mysql_tokens(catalog, password)
    said = str(refused.value)
    assert "\n" not in said
    assert not password or password not in said
    return said


async def test_what_is_wrong_is_named(mysql: Running, redis: Running, tmp_path: Path) -> None:
    catalog = await migrated(mysql)

    def changed(**given: str) -> Catalog:
        return msgspec.structs.replace(catalog, **given)

    for user, password in ((catalog.user, "wrong"), (catalog.user, ""), ("nobody", mysql.password)):
        said = await _refused(changed(user=user), password)
        assert f"catalog.user {user!r} is not let in by {catalog.address}" in said
        assert "catalog.password_file" in said
    said = await _refused(changed(database="logd_absent"), mysql.password)
    assert said.startswith(f"catalog.database 'logd_absent' doesn't exist at {catalog.address}")
    said = await _refused(changed(database="other"), mysql.password)
    assert said.startswith("catalog.user 'logd' may not use catalog.database 'other'")
    nowhere = f"127.0.0.1:{free_port()}"
    said = await _refused(changed(address=nowhere), mysql.password)
    assert said == f"catalog.address {nowhere!r} can't be used: connection refused"
    other = f"127.0.0.1:{redis.port}"  # it waits for us to say something first
    said = await _refused(changed(address=other), mysql.password)
    assert said.startswith(f"catalog.address {other!r} ")
    certificates = Certificates(tmp_path)
    said = await _refused(changed(tls_ca=str(certificates.key_file)), mysql.password)
    assert said.startswith("catalog.tls_ca ")
    said = await _refused(changed(tls_ca=str(certificates.authority_file)), mysql.password)
    assert said == f"catalog.tls_ca is set, but the server at {catalog.address} doesn't offer TLS"


@pytest.mark.parametrize(
    "said",
    [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"", b"\x03\0\0\0\n5\0", b"\0\0\0\0", b"J\0\0\0\n5.7\0" + b"\xe9" * 70],
)
async def test_what_is_no_database(said: bytes) -> None:
    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as other:
        address = f"127.0.0.1:{other.sockets[0].getsockname()[1]}"
        refused = await _refused(Catalog(type="mysql", address=address), "secret")
    assert refused.startswith(f"catalog.address {address!r} can't be used: ")


@pytest.mark.servers("mysql")
async def test_tls(tmp_path: Path) -> None:
    certificates = Certificates(tmp_path)
    (tmp_path / "others").mkdir()
    others = Certificates(tmp_path / "others")
    with mysql_with_tls(tmp_path / "mysql", certificates) as mysql:
        catalog = msgspec.structs.replace(await migrated(mysql), tls_ca=str(certificates.authority_file))
        tokens = await mysql_tokens(catalog, mysql.password)
        assert not await tokens.ever()
        await tokens.close()
        distrusted = msgspec.structs.replace(catalog, tls_ca=str(others.authority_file))
        said = await _refused(distrusted, mysql.password)
        assert said.startswith(f"catalog.tls_ca '{others.authority_file}' doesn't vouch for {catalog.address}: ")


async def test_ids_are_compared_exactly(mysql: Running) -> None:
    tokens = await mysql_tokens(await migrated(mysql), mysql.password)
    await tokens.create(_TOKEN)
    shouted = msgspec.structs.replace(_TOKEN, id=_TOKEN.id.upper())
    assert await tokens.find(shouted.id) is None
    await tokens.create(shouted)
    assert [token.id for token in await tokens.all()] == [shouted.id, _TOKEN.id]
    await tokens.close()


async def test_a_row_that_was_changed_is_no_token(mysql: Running, caplog: pytest.LogCaptureFixture) -> None:
    catalog = await migrated(mysql)
    tokens = await mysql_tokens(catalog, mysql.password)
    await tokens.create(_TOKEN)
    ask(mysql.port, mysql.password, f"UPDATE {catalog.database}.tokens SET services = '[]'")
    with pytest.raises(Corrupt, match=f"{_TOKEN.id}.*checksum"):
        await tokens.find(_TOKEN.id)
    assert list(await tokens.all()) == []
    assert _TOKEN.id in caplog.text
    await tokens.close()


@pytest.mark.servers("mysql")
async def test_a_server_that_comes_back(tmp_path: Path) -> None:
    with running("mysql", tmp_path) as mysql:
        tokens = await mysql_tokens(await migrated(mysql), mysql.password)
        await tokens.create(_TOKEN)
        mysql.kill()
        with pytest.raises(Unavailable, match=r"can't read the catalog 'logd_.*connection refused"):
            await tokens.find(_TOKEN.id)
        mysql.start()
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert await tokens.find(_TOKEN.id) == _TOKEN
        await tokens.close()


@pytest.mark.servers("mysql")
async def test_a_server_that_falls_silent(tmp_path: Path) -> None:
    """A call that is cut off ends, though the server doesn't answer what ends it."""
    with running("mysql", tmp_path) as mysql:
        connected = await Connected.open(await migrated(mysql), mysql.password)

        async def told() -> None:
            async with connected.reading() as connection:
                await connection.execute(select(1))
                mysql.pause()
                await asyncio.Event().wait()

        async with asyncio.timeout(PATIENCE_SECONDS):
            with pytest.raises(Unavailable, match="no answer within 10 s"):
                await told()
        mysql.resume()
        async with asyncio.timeout(PATIENCE_SECONDS), connected.reading() as connection:
            assert await connection.scalar(select(1)) == 1
        await connected.close()


@pytest.mark.servers("mysql")
async def test_a_password_with_all_kinds_of_characters(mysql: Running) -> None:
    catalog, password = await migrated(mysql), "s3cret 'of' \"logd\" % @/: ü"
    quoted = password.replace("'", "''")
    ask(mysql.port, mysql.password, f"SET NAMES utf8mb4; SET PASSWORD = PASSWORD('{quoted}')")
    try:
        tokens = await mysql_tokens(catalog, password)
        await tokens.close()
    finally:
        ask(mysql.port, password, f"SET PASSWORD = PASSWORD('{mysql.password}')")


def test_commands_use_it(mysql: Running, tmp_path: Path) -> None:
    catalog = new_catalog(mysql)
    secret = tmp_path / "password"
    secret.write_text(f"{mysql.password}\n")
    wanted = {
        "type": "mysql", "address": catalog.address, "database": catalog.database, "password_file": str(secret)
    }  # fmt: skip
    options = [part for key, value in wanted.items() for part in ("--set", f"catalog.{key}={value}")]
    asked = logd("token", "list", *options, data_dir=tmp_path)
    assert (asked.code, "run `logd migrate`" in asked.error) == (2, True)
    asked = logd("server", *options, "--set", "api.listen=127.0.0.1:0", data_dir=tmp_path)
    assert (asked.code, "run `logd migrate`" in asked.error) == (2, True)
    assert logd("migrate", *options, data_dir=tmp_path).out.endswith(f": applied {MIGRATIONS[-1]}\n")
    assert logd("migrate", *options, data_dir=tmp_path).out.endswith(": nothing to do\n")
    made = logd("token", "create", "--name", "n", "--scope", "search", *options, data_dir=tmp_path)
    assert made.code == 0
    assert "'n'  search" in logd("token", "list", *options, data_dir=tmp_path).out
    assert not (tmp_path / "catalog.db").exists()
