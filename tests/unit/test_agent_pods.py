"""What Kubernetes says of pods, from a file, in the labels of their containers' files."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from logd.agent.pods import MAX_FIELDS_BYTES, Item, pod_of
from logd.agent.pods_api import PodsApi
from logd.agent.pods_file import items_of
from logd.config.schema import Kubernetes
from logd.errors import ConfigError, Unavailable
from tests.support.agent import Driver, config_of

LINE = b"2026-03-14T09:26:53.5Z stdout F %s\n"


def pod(name: str = "web-7d4-x2x", uid: str = "u1", **metadata: Any) -> dict[str, Any]:
    return {
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": "shop",
            "uid": uid,
            "labels": {"app": "web", "app.kubernetes.io/name": "shop-web", "pod-template-hash": "7d4"},
            "annotations": {"team": "a", "other": "b"},
            "ownerReferences": [{"kind": "ReplicaSet", "name": "web-7d4", "controller": True}],
            **metadata,
        },
        "spec": {"nodeName": "node-1", "containers": [{"name": "app", "image": "web:3"}]},
        "status": {"phase": "Running"},
    }


class Host:
    """A folder of pods' files, the file that describes pods, and an agent."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.described = folder / "pods.json"
        config = config_of(
            folder,
            ["pods/*/*/*.log"],
            format="cri",
            batch_seconds=0.0,
            kubernetes=Kubernetes(source="file", file=str(self.described), **settings),
        )
        self._pods = folder / "logs" / "pods"
        self.agent = Driver(config)

    def describe(self, *objects: dict[str, Any]) -> None:
        part = self.described.with_suffix(".part")
        part.write_text(json.dumps({"kind": "List", "items": objects}))
        part.replace(self.described)

    def write(self, text: bytes, name: str = "web-7d4-x2x", uid: str = "u1") -> None:
        path = self._pods / f"shop_{name}_{uid}" / "app" / "0.log"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            file.write(LINE % text)

    def fields(self) -> Any:
        return self.agent.target.chunks[-1].fields["kubernetes"]


@pytest.fixture
def host(tmp_path: Path, request: pytest.FixtureRequest) -> Any:
    found = Host(tmp_path, **getattr(request, "param", {}))
    yield found
    found.agent.crash()


PATH = {"pod_name": "web-7d4-x2x", "namespace_name": "shop", "container_name": "app", "pod_id": "u1"}


def test_what_lines_carry(host: Host) -> None:
    host.describe(pod())
    host.write(b"a")
    assert len(host.agent.settle()) == 1
    assert host.fields() == {
        **PATH,
        "host": "node-1",
        "container_image": "web:3",
        "owner_kind": "Deployment",
        "owner_name": "web",
        "labels": {"app": "web", "app.kubernetes.io/name": "shop-web", "pod-template-hash": "7d4"},
    }
    assert host.agent.target.chunks[-1].service == "app"


CHOSEN = {
    "labels": ["app*"],
    "annotations": ["team"],
    "namespace_labels": True,
    "service_labels": ["none", "app.kubernetes.io/name", "app"],
}


@pytest.mark.parametrize("host", [CHOSEN], indirect=True)
def test_what_is_chosen(host: Host) -> None:
    host.describe(pod(), {"kind": "Namespace", "metadata": {"name": "shop", "labels": {"env": "prod"}}})
    host.write(b"a")
    host.agent.settle()
    fields = host.fields()
    assert fields["labels"] == {"app": "web", "app.kubernetes.io/name": "shop-web"}
    assert fields["annotations"] == {"team": "a"}
    assert fields["namespace_labels"] == {"env": "prod"}
    assert host.agent.target.chunks[-1].service == "shop-web"


def test_a_pod_that_is_not_described_yet_waits(host: Host) -> None:
    host.describe()
    host.write(b"a")
    for _ in range(4):
        host.agent.round(1.0)
    assert host.agent.target.texts == []
    host.describe(pod())
    for _ in range(3):
        host.agent.round(1.0)
    assert len(host.agent.target.texts) == 1
    assert host.fields()["owner_name"] == "web"
    assert host.agent.follower.counts.unknown_pods == 0


def test_nobody_waits_for_long(host: Host) -> None:
    """Nor again for another file of the pod; and once it is described, lines say so."""
    host.write(b"a")
    for _ in range(8):
        host.agent.round(1.0)
    assert host.fields() == PATH
    host.write(b"b")
    host.agent.settle()
    assert (len(host.agent.target.texts), host.agent.follower.counts.unknown_pods) == (2, 1)
    host.describe(pod())
    host.write(b"c")
    host.agent.round(1.0)
    host.agent.settle()
    assert host.fields()["owner_name"] == "web"


def test_another_pod_of_the_same_name(host: Host) -> None:
    host.describe(pod("db-0", "u2"))
    host.write(b"old", "db-0", "u1")
    host.write(b"new", "db-0", "u2")
    for _ in range(8):
        host.agent.round(1.0)
    found = {item.fields["kubernetes"]["pod_id"]: item.fields["kubernetes"] for item in host.agent.target.chunks}
    assert "labels" not in found["u1"]
    assert found["u2"]["labels"]["app"] == "web"


def test_a_static_pod_has_two_ids(host: Host) -> None:
    host.describe(pod(annotations={"kubernetes.io/config.hash": "h1"}))
    host.write(b"a", uid="h1")
    host.agent.settle()
    assert (host.fields()["pod_id"], host.fields()["host"]) == ("h1", "node-1")


def test_a_pod_that_is_gone_is_known_for_its_last_lines(host: Host) -> None:
    host.describe(pod())
    host.agent.round()
    host.describe()
    host.agent.round(1.1)
    host.write(b"a")
    host.agent.round(1.1)
    host.agent.settle()
    assert host.fields()["owner_name"] == "web"


def test_a_pod_and_its_file_that_are_gone_while_the_file_waits(host: Host) -> None:
    host.describe()
    host.write(b"a")
    host.agent.round(1.0)
    shutil.rmtree(host.agent.config.agent.files[0].paths[0].split("*")[0])
    for _ in range(3):
        host.agent.round(1.0)
    assert host.agent.target.texts == []
    for _ in range(4):
        host.agent.round(1.0)
    assert (len(host.agent.target.texts), host.fields()) == (1, PATH)
    assert host.agent.follower.counts.lost_bytes == 0


def test_a_resend_has_the_labels_that_were_stored(host: Host) -> None:
    host.describe(pod())
    host.write(b"a")
    host.agent.target.forget = 1
    with pytest.raises(Unavailable):
        host.agent.settle()
    first = list(host.agent.target.attempts)
    host.describe(pod(labels={"app": "other"}))
    host.agent.restart()
    assert host.agent.target.attempts[len(first) :] == first
    host.write(b"b")
    host.agent.settle()
    assert host.fields()["labels"] == {"app": "other"}


def test_a_file_that_cannot_be_read_leaves_what_was_known(host: Host, caplog: pytest.LogCaptureFixture) -> None:
    host.describe(pod())
    host.agent.round()
    host.described.write_text('{"items": [')
    host.agent.round(1.1)
    host.write(b"a")
    host.agent.settle()
    assert host.fields()["owner_name"] == "web"
    assert "can't be read: it is no list of pods" in caplog.text


@pytest.mark.parametrize(
    "data",
    [
        json.dumps({"items": [pod(), pod("b")]}).encode(),
        json.dumps([pod(), pod("b")], indent=1).encode(),
        b"\n".join(json.dumps(one).encode() for one in (pod(), pod("b"))) + b"\n\n",
    ],
    ids=["list", "array", "ndjson"],
)
def test_forms_of_the_file(data: bytes) -> None:
    assert [item.metadata.name for item in items_of(data)] == ["web-7d4-x2x", "b"]


def test_one_pod() -> None:
    assert [item.metadata.name for item in items_of(json.dumps(pod()).encode())] == ["web-7d4-x2x"]


@pytest.mark.parametrize(
    "data", [b"", b"x", b'{"items": 1}', b'{"metadata": {"labels": {"a": 1}}}', b"[" * 9_000, b"\xff"]
)
def test_what_is_no_list_of_pods(data: bytes) -> None:
    if data:
        with pytest.raises(ValueError, match="it is no list of pods"):
            items_of(data)
    else:
        assert items_of(data) == []


def test_labels_have_a_limit() -> None:
    item = Item()
    item.metadata.labels = {f"label-{number:04}": "x" * 50 for number in range(2_000)}
    labels = pod_of(item, Kubernetes()).labels
    assert sum(map(len, (*labels, *labels.values()))) <= MAX_FIELDS_BYTES
    assert len(labels) > 200


def test_what_has_to_be_known() -> None:
    with pytest.raises(ConfigError, match="NODE_NAME"):
        PodsApi(Kubernetes(source="api", server="http://a"), {})
    with pytest.raises(ConfigError, match="KUBERNETES_SERVICE_HOST"):
        PodsApi(Kubernetes(source="api"), {"NODE_NAME": "a"})
    PodsApi(Kubernetes(source="api"), {"NODE_NAME": "a", "KUBERNETES_SERVICE_HOST": "fd00::1"})
