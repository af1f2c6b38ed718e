"""Settings that name the wrong server, or somebody whom it doesn't know, through the real process.

What can't be right ends it with exit code 2 and one sentence that names the setting; what may come later, or isn't
needed, leaves it running, and /readyz or the log name the setting or the address. It never comes and goes by itself.
"""

from __future__ import annotations

import asyncio
import socketserver
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.services import Running
from tests.services.mysql import ask
from tests.support.catalogs import migrated, new_catalog
from tests.support.process import SEARCH, Server, free_port, until
from tests.support.servers import redis_with_password

_WRONG = 2


class _Page(socketserver.BaseRequestHandler):
    """Answers whatever is said with a page, as a web server does."""

    def handle(self) -> None:
        page = b"<html>It works!</html>"
        head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(page)}\r\nConnection: close\r\n\r\n"
        if self.request.recv(65_536):
            self.request.sendall(head.encode() + page)


class _Web(socketserver.ThreadingTCPServer):
    daemon_threads = True


@pytest.fixture
def web() -> Iterator[str]:
    """The address of a server that is none of ours."""
    with _Web(("127.0.0.1", 0), _Page) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture
def nobody() -> str:
    """An address where nobody listens."""
    return f"127.0.0.1:{free_port()}"


def _refused(
    folder: Path, settings: Mapping[str, object], environment: Mapping[str, str] | None = None, roles: str = "api"
) -> str:
    """The sentence, after which nothing came."""
    server = Server(folder, settings=settings, roles=roles, environment=environment)
    try:
        server.launch()
        assert server.wait() == _WRONG, server.log()
        last = server.log().splitlines()[-1]
        assert last.startswith("logd: ")
        assert "Traceback" not in server.log()
    finally:
        server.kill()
    return last


@pytest.mark.parametrize("roles", ["processor", "api"])
def test_kafka_is_not_there(tmp_path: Path, nobody: str, roles: str) -> None:
    settings = {"transport.type": "kafka", "transport.kafka.servers": nobody, "transport.kafka.connect_seconds": 1}
    said = _refused(tmp_path, settings, roles=roles)
    assert said == f"logd: {nobody} of transport.kafka.servers can't be reached: connection refused"


def test_kafka_is_not_there_for_an_agent(tmp_path: Path, nobody: str) -> None:
    """Which reads all the same, into its spool, and says why."""
    followed = tmp_path / "app.log"
    followed.write_text("a line\n")
    settings = {"transport.type": "kafka", "transport.kafka.servers": nobody, "transport.kafka.connect_seconds": 1}
    agent = Server(tmp_path / "agent", files=[followed], settings=settings, roles="agent")
    agent.may_log_errors = True
    with agent:
        said = f"{nobody} of transport.kafka.servers can't be reached: connection refused"
        until(lambda: said in agent.log(), "it says what is wrong")
        assert agent.terminate() == 0


def test_kafka_is_something_else(tmp_path: Path, web: str) -> None:
    settings = {"transport.type": "kafka", "transport.kafka.servers": web, "transport.kafka.connect_seconds": 1}
    assert _refused(tmp_path, settings).startswith(f"logd: {web} of transport.kafka.servers ")


def test_the_catalog_is_not_there(tmp_path: Path, nobody: str, web: str) -> None:
    settings = {"catalog.type": "mysql", "catalog.address": nobody}
    assert _refused(tmp_path, settings) == f"logd: catalog.address {nobody!r} can't be used: connection refused"
    said = _refused(tmp_path, {**settings, "catalog.address": web})
    assert said == f"logd: catalog.address {web!r} doesn't answer: is it MariaDB or MySQL?"


@pytest.mark.parametrize(
    ("change", "password", "sentence"),
    [
        ({}, "wrong", "catalog.user 'logd' is not let in by {address}: check catalog.user, and the password in"),
        ({"catalog.user": "nobody"}, "", "catalog.user 'nobody' is not let in by {address}: check catalog.user"),
        ({"catalog.database": "logd_absent"}, None, "catalog.database 'logd_absent' doesn't exist at {address}"),
        ({"catalog.password_file": "/nowhere"}, None, "catalog.password_file '/nowhere' can't be read: no such file"),
    ],
)
def test_the_catalog_lets_nobody_in(
    tmp_path: Path, mysql: Running, change: dict[str, str], password: str | None, sentence: str
) -> None:
    catalog = new_catalog(mysql)
    settings = {"catalog.type": "mysql", "catalog.address": catalog.address, "catalog.database": catalog.database}
    secret = {"LOGD_CATALOG_PASSWORD": mysql.password if password is None else password}
    said = _refused(tmp_path, {**settings, **change}, secret)
    assert said.startswith(f"logd: {sentence.format(address=catalog.address)}")
    assert mysql.password not in said


def test_a_catalog_of_a_newer_logd(tmp_path: Path, mysql: Running) -> None:
    catalog = asyncio.run(migrated(mysql))
    ask(mysql.port, mysql.password, f"UPDATE {catalog.database}.alembic_version SET version_num = '0999'")
    settings = {"catalog.type": "mysql", "catalog.address": catalog.address, "catalog.database": catalog.database}
    said = _refused(tmp_path, settings, {"LOGD_CATALOG_PASSWORD": mysql.password})
    assert f"the catalog {catalog.database!r} at {catalog.address} has schema 0999" in said
    assert said.endswith("use a newer logd")


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"cache.type": "redis", "cache.url": "http://127.0.0.1:6379"}, "cache.url"),
        ({"cache.type": "redis", "cache.url": "redis://127.0.0.1:99999"}, "cache.url"),
        ({"transport.type": "kafka"}, "transport.kafka.servers"),
        ({"transport.type": "kafka", "transport.kafka.servers": "http://127.0.0.1:9092"}, "transport.kafka.servers[0]"),
        ({"catalog.type": "mysql", "catalog.address": "mysql://127.0.0.1"}, "catalog.address"),
        ({"objects.type": "s3"}, "objects.bucket"),
        ({"objects.type": "s3", "objects.bucket": "b", "objects.endpoint": "127.0.0.1:9000"}, "objects.endpoint"),
        ({"telemetry.listen": "0.0.0.0:9464"}, "telemetry.listen"),
        ({"telemetry.listen": "9464"}, "telemetry.listen"),
    ],
)
def test_what_no_server_is_asked_for(tmp_path: Path, settings: dict[str, str], key: str) -> None:
    said = _refused(tmp_path, settings)
    assert f"{key} is " in said or f"{key}: " in said, said


@pytest.mark.parametrize(
    ("what", "sentence"),
    [
        ("nobody", "Elasticsearch at http://{address} can't be reached"),
        ("web", "index.elasticsearch.urls: what answers at http://{address} is no Elasticsearch"),
    ],
)
def test_elasticsearch_is_not_there(tmp_path: Path, request: pytest.FixtureRequest, what: str, sentence: str) -> None:
    address = request.getfixturevalue(what)
    settings = {"index.type": "elasticsearch", "index.elasticsearch.urls": f"http://{address}"}
    with Server(tmp_path, settings=settings, roles="processor,api") as server:
        assert server.ingest("web", [{"message": "it is taken all the same"}]) == 1
        said = sentence.format(address=address)
        until(lambda: said in server.get("/readyz").body.decode(), lambda: f"/readyz: {server.get('/readyz').body!r}")
        assert said in server.log()
        assert server.get(SEARCH, q="taken").status == 429
        until(lambda: "the index is unavailable, trying again" in server.log(), "the processor waits for it")


@pytest.mark.parametrize("what", ["nobody", "web"])
def test_redis_is_not_there(tmp_path: Path, request: pytest.FixtureRequest, what: str) -> None:
    url = f"redis://{request.getfixturevalue(what)}"
    with Server(tmp_path, settings={"cache.type": "redis", "cache.url": url}, roles="processor,api") as server:
        assert server.log().count(f"cache.url {url} can't be used, so searches do without") == 1
        for _ in range(3):
            assert server.get(SEARCH, q="a", max_age=30).status == 200
        assert server.get("/readyz").status == 200
        assert server.get("/api/v1/status").json()["cache"]["trouble"]
        assert server.terminate() == 0
        assert server.log().count("can't be used") == 1


@pytest.mark.servers("redis")
def test_redis_lets_nobody_in(tmp_path: Path) -> None:
    with redis_with_password(tmp_path / "redis") as redis:
        settings = {"cache.type": "redis", "cache.url": f"redis://127.0.0.1:{redis.port}"}
        environment = {"LOGD_CACHE_PASSWORD": "wrong"}
        with Server(tmp_path / "logd", settings=settings, roles="api", environment=environment) as server:
            assert "check the user in cache.url, and cache.password_file or $LOGD_CACHE_PASSWORD" in server.log()
            assert server.get(SEARCH, q="a", max_age=30).status == 200
