"""The index behind a proxy, as clusters are secured: who is let in, whom it trusts, what is too large, and what answers
that is no Elasticsearch. Each is one sentence that names the setting, and none is for ever."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trustme
from prometheus_client import REGISTRY

from logd.backends.index.elasticsearch import ElasticsearchIndex
from logd.backends.index.elasticsearch_client import Client
from logd.config.schema import Elasticsearch as Settings
from logd.config.schema import SearchLimits
from logd.errors import ConfigError, Unavailable
from tests.support.elastic import Buried, Server, delete_all
from tests.support.indexes import ids
from tests.support.proxy import Proxy, basic
from tests.support.rows import DAY, batch, row

_SETTINGS = Settings(shards=1, replicas=0, bulk_rows=100)


@pytest.fixture
async def proxy(elasticsearch: Server) -> AsyncIterator[Proxy]:
    client = Client(Settings(urls=[elasticsearch.url]))
    await delete_all(client)
    yield Proxy(elasticsearch.url)
    await delete_all(client)
    await client.close()


@pytest.fixture
def authority(tmp_path: Path) -> trustme.CA:
    ca = trustme.CA()
    ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    (tmp_path / "password").write_text("käse\n")
    (tmp_path / "key").write_text("abc==\n")
    return ca


def _context(ca: trustme.CA, name: str = "127.0.0.1", not_after: datetime | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert(name, not_after=not_after).configure_cert(context)
    return context


async def _index(url: str, buried: Buried | None = None, **settings: Any) -> ElasticsearchIndex:
    changed = msgspec.structs.replace(_SETTINGS, urls=[url], **settings)
    return await ElasticsearchIndex.open(changed, SearchLimits(deadline_seconds=120), buried or Buried())


async def _refusal(url: str, **settings: Any) -> str:
    """Why rows aren't taken, which the status says as well."""
    index = await _index(url, **settings)
    try:
        with pytest.raises(Unavailable) as caught:
            await index.write(batch([row(DAY, "a")], 1))
        assert (await index.status())["flush_error"] == str(caught.value)
    finally:
        await index.close()
    return str(caught.value)


async def test_a_user_and_an_api_key_are_let_in(proxy: Proxy, authority: trustme.CA, tmp_path: Path) -> None:
    proxy.lets_in = frozenset({basic("u", "käse"), "ApiKey abc=="})
    ca = str(tmp_path / "ca.pem")
    async with proxy.serving(_context(authority)) as port:
        url = f"https://127.0.0.1:{port}"
        user: dict[str, Any] = {"user": "u", "password_file": str(tmp_path / "password")}
        key: dict[str, Any] = {"api_key_file": str(tmp_path / "key")}
        for number, named in enumerate((user, key)):
            index = await _index(url, tls_ca=ca, **named)
            await index.write(batch([row(DAY, f"{number}")], 1))
            await index.refresh()
            assert f"{number}" in await ids(index, limit=10)
            await index.close()


async def test_wrong_names_and_keys(proxy: Proxy, authority: trustme.CA, tmp_path: Path) -> None:
    proxy.lets_in = frozenset({basic("u", "other"), "ApiKey other"})
    async with proxy.serving() as port:
        url = f"http://127.0.0.1:{port}"
        said = await _refusal(url, user="u", password_file=str(tmp_path / "password"))
        assert said.startswith("index.elasticsearch.password_file: the user 'u' isn't accepted by http://127.0.0.1:")
        assert said.endswith("security_exception: unable to authenticate")
        said = await _refusal(url, api_key_file=str(tmp_path / "key"))
        assert said.startswith("index.elasticsearch.api_key_file: the API key isn't accepted by")
        said = await _refusal(url)
        assert said.startswith("index.elasticsearch.user or index.elasticsearch.api_key_file is needed: ")


async def test_whom_it_doesnt_trust(proxy: Proxy, authority: trustme.CA, tmp_path: Path) -> None:
    ca = str(tmp_path / "ca.pem")
    old = datetime(2020, 1, 1, tzinfo=UTC)
    for context, says in (
        (_context(trustme.CA()), "index.elasticsearch.tls_ca: the certificate isn't trusted at https://127.0.0.1:"),
        (_context(authority, not_after=old), "index.elasticsearch.urls: the certificate can't be taken at https://"),
        (_context(authority, "other.example.org"), "index.elasticsearch.urls: the certificate can't be taken at https"),
        (None, "index.elasticsearch.urls: there is no TLS to be had at https://127.0.0.1:"),
    ):
        async with proxy.serving(context) as port:
            assert says in await _refusal(f"https://127.0.0.1:{port}", tls_ca=ca)
    async with proxy.serving(_context(authority)) as port:
        said = await _refusal(f"https://127.0.0.1:{port}")  # the system doesn't know our authority
        assert said.startswith("index.elasticsearch.tls_ca: the certificate isn't trusted at")
        said = await _refusal(f"http://127.0.0.1:{port}")
        assert "can't be reached" in said
    with pytest.raises(ConfigError, match=r"index.elasticsearch.tls_ca '/nowhere' can't be used: no such file"):
        await _index("https://127.0.0.1:1", tls_ca="/nowhere")
    with pytest.raises(ConfigError, match=r"index.elasticsearch.tls_ca '.*password' can't be used"):
        await _index("https://127.0.0.1:1", tls_ca=str(tmp_path / "password"))


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (200, "index.elasticsearch.urls: what answers at {url} is no Elasticsearch"),
        (404, "index.elasticsearch.urls: what answers at {url} is no Elasticsearch, and says '<html><head><title>404"),
        (502, "Elasticsearch at {url} can't do it now: status 502"),
        (503, "Elasticsearch at {url} can't do it now: status 503"),
        (401, "index.elasticsearch.user or index.elasticsearch.api_key_file is needed: {url} says status 401"),
    ],
)
async def test_pages_instead_of_answers(proxy: Proxy, status: int, says: str) -> None:
    """Also where Elasticsearch had answered before; and it goes on by itself."""
    async with proxy.serving() as port:
        url = f"http://127.0.0.1:{port}"
        index = await _index(url)
        assert (await index.write(batch([row(DAY, "a")], 1))).duplicates == 0
        proxy.status = status
        for _ in range(2):
            with pytest.raises(Unavailable) as caught:
                await index.write(batch([row(DAY, "a"), row(DAY, "b")], 2))
            assert says.format(url=url) in str(caught.value)
            assert (await index.status())["flush_error"] == str(caught.value)
        assert says.format(url=url) in await _refusal(url)
        proxy.status = 0
        assert (await index.write(batch([row(DAY, "a"), row(DAY, "b")], 2))).duplicates == 1
        assert (await index.status())["flush_error"] is None
        await index.close()


async def test_who_only_asks_hears_that_the_cluster_has_come(proxy: Proxy) -> None:
    """As a process with the role api alone, which was started while it was away."""
    async with proxy.serving() as port:
        proxy.status = 503
        index = await _index(f"http://127.0.0.1:{port}")
        assert "status 503" in (await index.status())["flush_error"]
        proxy.status = 0
        assert (await index.status())["flush_error"] is None
        assert REGISTRY.get_sample_value("logd_index_trouble") == 0
        await index.close()


async def test_what_is_too_large_for_a_proxy(proxy: Proxy) -> None:
    """Smaller bulks are sent from then on; a record that is too large alone is a dead letter."""
    proxy.most_bytes = 100_000
    rows = [row(DAY + number, f"{number:03}", f"n{number} " + "x" * 1_000) for number in range(200)]
    rows[50] = row(DAY + 50, "large", "y" * 200_000)
    buried = Buried()
    async with proxy.serving() as port:
        index = await _index(f"http://127.0.0.1:{port}", buried)
        assert (await index.write(batch(rows, 1))).duplicates == 0
        assert buried.refused.keys() == {"large"}
        assert "too large" in buried.refused["large"]
        assert "status 413" in buried.refused["large"]
        await index.refresh()
        assert sorted(await ids(index, limit=1_000)) == sorted(
            one["log_id"] for one in rows if one["log_id"] != "large"
        )
        refusals = proxy.too_large
        more = [row(DAY + number, f"more-{number}", "z" * 1_000) for number in range(200)]
        assert (await index.write(batch(more, 2))).duplicates == 0
        assert proxy.too_large == refusals
        await index.close()
