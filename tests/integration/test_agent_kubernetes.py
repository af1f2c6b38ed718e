"""Pods from Kubernetes' API: a server that answers as the API documents it, and a real kube-apiserver where $ETCD and
$KUBE_APISERVER name the binaries."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import msgspec
import pytest
import trustme

from logd.agent.pods import Place, Pod
from logd.agent.pods_api import PodsApi
from logd.config.schema import Config, Kubernetes
from tests.support.agent import append, config_of, running
from tests.support.kubernetes import NODE, Api, kubernetes, pod


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    found = Api(tmp_path)
    yield found
    found.close()


@contextlib.asynccontextmanager
async def watching(settings: Kubernetes) -> AsyncIterator[PodsApi]:
    pods, stop = PodsApi(settings, {}), asyncio.Event()
    running = asyncio.create_task(pods.run(stop))
    try:
        yield pods
    finally:
        stop.set()
        await running


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(120):
        while not condition():  # noqa: ASYNC110 - what is waited for happens in threads
            await asyncio.sleep(0.01)


def found(pods: PodsApi, name: str, uid: str) -> Pod | None:
    return pods.pods.find(Place("shop", name, "app", uid))


def event(kind: str, item: dict[str, Any]) -> dict[str, Any]:
    return {"type": kind, "object": item}


async def test_list_and_watch(api: Api) -> None:
    bookmark = {"kind": "Pod", "metadata": {"resourceVersion": "20"}}
    api.watches = [
        [event("ADDED", pod("c", "u3", 11)), event("MODIFIED", pod("a", "u1", 12, app="new"))],
        [event("DELETED", pod("b", "u2", 13)), event("BOOKMARK", bookmark)],
        [],
    ]
    async with watching(api.settings()) as pods:
        await until(lambda: len(api.requests) >= 5)
        assert {name for name, uid in (("a", "u1"), ("b", "u2"), ("c", "u3")) if found(pods, name, uid)} == {*"abc"}
        assert len(pods.pods) == 2, "one is gone, and still known"
        changed = found(pods, "a", "u1")
        assert changed is not None
        assert changed.labels == {"app": "new"}
        assert pods.error == ""
    queries = [query for _, query, _ in api.requests]
    assert queries[0] == {"limit": "500", "resourceVersion": "0", "fieldSelector": f"spec.nodeName={NODE}"}
    assert queries[1] == {"limit": "500", "continue": "x", "fieldSelector": f"spec.nodeName={NODE}"}
    assert [query["resourceVersion"] for query in queries[2:5]] == ["10", "12", "20"]
    assert {path for path, _, _ in api.requests} == {"/api/v1/pods"}


@pytest.mark.parametrize("gone", [410, [event("ERROR", {"kind": "Status", "code": 410, "message": "too old"})]])
async def test_what_is_too_old_is_listed_anew(api: Api, gone: Any) -> None:
    api.watches = [gone, [event("ADDED", pod("c", "u3", 11))]]
    async with watching(api.settings()) as pods:
        await until(lambda: found(pods, "c", "u3"))
    queries = [query for _, query, _ in api.requests]
    assert ["watch" in query for query in queries] == [False, False, True, False, False, True]
    assert "resourceVersion" not in queries[3], "from what is newest"


async def test_a_refusal_is_said_and_tried_again_with_the_token_that_is_there_then(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    api.refuse = 1
    async with watching(api.settings()) as pods:
        await until(lambda: pods.error)
        api.token_file.write_text("second\n")
        await until(lambda: len(pods.pods) == 2)
        await until(lambda: not pods.error)
    assert "/api/v1/pods: 403 pods is forbidden" in caplog.text
    assert [token for _, _, token in api.requests][:2] == ["Bearer first", "Bearer second"]


@pytest.mark.parametrize(
    ("watch", "said"),
    [(403, "/api/v1/pods: 403 too old"), (410, ""), ([], "")],
    ids=["refused", "always too old", "ended at once"],
)
async def test_a_watch_that_never_lasts_is_asked_ever_later(
    api: Api, caplog: pytest.LogCaptureFixture, watch: Any, said: str
) -> None:
    """What was listed stays known, and what is wrong is said once."""
    begun = time.monotonic()
    api.watches = [watch] * 1_000
    async with watching(api.settings()) as pods:
        await until(lambda: sum("watch" in query for _, query, _ in api.requests) >= 4)
        await until(lambda: pods.error == said)
        assert len(pods.pods) == 2
    # At least the halves of 1, 2 and 4 s.
    assert time.monotonic() - begun > 3.5
    assert caplog.text.count("can't be asked") == bool(said)


async def test_an_answer_that_is_cut_is_asked_for_again(api: Api) -> None:
    """In the list, and within an event."""
    api.cut = {"list", "watch"}
    api.watches = [[event("ADDED", pod("c", "u3", 11)), event("ADDED", pod("d", "u4", 12))]] * 2
    async with watching(api.settings()) as pods:
        await until(lambda: found(pods, "d", "u4"))
        await until(lambda: not pods.error)
        assert len(pods.pods) == 4
    assert not api.cut
    queries = [query for _, query, _ in api.requests]
    assert [query.get("resourceVersion") for query in queries] == ["0", "0", None, "10", "11"]


async def test_nobody_there(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        async with watching(Kubernetes(source="api", server=url, node=NODE, token_file="", ca_file="")) as pods:
            await until(lambda: pods.error)


async def test_a_reload_asks_the_api_and_then_leaves_it(api: Api, tmp_path: Path) -> None:
    plain = config_of(tmp_path, ["pods/*/*/*.log"], format="cri", batch_seconds=0.0)
    path = tmp_path / "logs" / "pods" / "shop_a_u1" / "app" / "0.log"
    path.parent.mkdir(parents=True)
    count = 0

    async def labels() -> Any:
        """What one more line says."""
        nonlocal count
        count += 1
        append(path, b"2026-03-14T09:26:53.5Z stdout F %d\n" % count)
        await agent.until(lambda: len(agent.target.lines) == count)
        return agent.target.chunks[-1].fields["kubernetes"].get("labels")

    def described(settings: Kubernetes) -> Config:
        return msgspec.structs.replace(plain, agent=msgspec.structs.replace(plain.agent, kubernetes=settings))

    async with running(plain) as agent:
        assert await labels() is None
        agent.agent.reload(described(api.settings()))
        await agent.until(lambda: agent.agent.status()["pods"] == 2)
        await agent.settle()
        assert await labels() == {"app": "a"}
        asked = len(api.requests)
        agent.agent.reload(described(msgspec.structs.replace(api.settings(), labels=["other"])))
        await agent.until(lambda: len(api.requests) > asked and agent.agent.status()["pods"] == 2)
        await agent.settle()
        assert await labels() is None
        agent.agent.reload(plain)
        await agent.until(lambda: agent.agent.status()["pods"] == 0)
        assert await labels() is None
        agent.agent.reload(described(api.settings()))
        await agent.until(lambda: agent.agent.status()["pods"] == 2)
        await agent.settle()
        assert await labels() == {"app": "a"}
        assert agent.target.duplicates == 0
        await agent.end()


@pytest.fixture
def real(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Asks a real kube-apiserver; its settings are files in `tmp_path`."""
    etcd, server = os.environ.get("ETCD"), os.environ.get("KUBE_APISERVER")
    if not etcd or not server:
        pytest.skip("$ETCD and $KUBE_APISERVER don't name the binaries")
    ports = []
    with contextlib.ExitStack() as stack:
        for _ in range(3):
            one = stack.enter_context(socket.socket())
            one.bind(("127.0.0.1", 0))
            ports.append(one.getsockname()[1])
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    own = authority.issue_cert("127.0.0.1")
    own.cert_chain_pems[0].write_to_path(tmp_path / "tls.pem")
    own.private_key_pem.write_to_path(tmp_path / "key.pem")
    (tmp_path / "token").write_text("secret")
    (tmp_path / "tokens").write_text('secret,agent,1,"system:masters"\n')
    store = f"http://127.0.0.1:{ports[0]}"
    commands = [
        [
            etcd,
            "--data-dir",
            str(tmp_path / "etcd"),
            "--listen-client-urls",
            store,
            "--advertise-client-urls",
            store,
            "--listen-peer-urls",
            f"http://127.0.0.1:{ports[1]}",
        ],
        [
            server,
            "--etcd-servers",
            store,
            "--bind-address",
            "127.0.0.1",
            "--secure-port",
            str(ports[2]),
            "--tls-cert-file",
            str(tmp_path / "tls.pem"),
            "--tls-private-key-file",
            str(tmp_path / "key.pem"),
            "--token-auth-file",
            str(tmp_path / "tokens"),
            "--service-cluster-ip-range",
            "10.0.0.0/24",
            "--service-account-issuer",
            "https://test",
            "--service-account-key-file",
            str(tmp_path / "key.pem"),
            "--service-account-signing-key-file",
            str(tmp_path / "key.pem"),
            "--authorization-mode",
            "RBAC",
            "--disable-admission-plugins",
            "ServiceAccount",
            "--cert-dir",
            str(tmp_path / "certs"),
        ],
    ]
    context = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
    url = f"https://127.0.0.1:{ports[2]}"

    def ask(method: str = "", path: str = "", body: Any = None) -> Any:
        if not method:
            return url
        headers = {"Authorization": "Bearer secret", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        with urlopen(Request(url + path, data, headers, method=method), context=context) as answer:
            return answer.read()

    with contextlib.ExitStack() as stack:
        for place, command in enumerate(commands):
            log = stack.enter_context((tmp_path / f"{place}.log").open("wb"))
            running = subprocess.Popen(command, stdout=log, stderr=log)
            stack.callback(running.wait)
            stack.callback(running.kill)
        deadline = time.monotonic() + 120
        while True:
            try:
                ask("GET", "/readyz")
                break
            except OSError:
                assert time.monotonic() < deadline, (tmp_path / "1.log").read_text()[-2_000:]
                time.sleep(0.2)
        yield ask


async def test_a_real_api(real: Callable[..., Any], tmp_path: Path) -> None:
    def create(name: str) -> str:
        metadata = {"name": name, "labels": {"app": name}}
        spec = {"nodeName": NODE, "containers": [{"name": "app", "image": "i:1"}]}
        made = real("POST", "/api/v1/namespaces/shop/pods", {"metadata": metadata, "spec": spec})
        return str(json.loads(made)["metadata"]["uid"])

    real("POST", "/api/v1/namespaces", {"metadata": {"name": "shop", "labels": {"env": "prod"}}})
    first = await asyncio.to_thread(create, "a")
    settings = kubernetes(real(), tmp_path / "ca.pem", tmp_path / "token", namespace_labels=True)
    async with watching(settings) as pods:
        await until(lambda: found(pods, "a", first))
        second = await asyncio.to_thread(create, "b")
        await until(lambda: found(pods, "b", second))
        assert pods.pods.namespace_labels("shop")["env"] == "prod"
        await asyncio.to_thread(real, "DELETE", "/api/v1/namespaces/shop/pods/a?gracePeriodSeconds=0")
        await until(lambda: len(pods.pods) == 1)
        known = found(pods, "b", second)
        assert known is not None
        assert (known.labels, known.images, known.node) == ({"app": "b"}, {"app": "i:1"}, NODE)
        assert pods.error == ""
