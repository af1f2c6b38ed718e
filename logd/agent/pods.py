"""What Kubernetes says about pods, and what of it the lines of their containers carry. No I/O.

A line of a pod has an object `kubernetes` among its fields, with the names that Fluent Bit gives them:

    namespace_name, pod_name, container_name, pod_id, docker_id      from the file's path, see labels.py
    host (the node), container_image, labels, annotations,           from the pod's description
    owner_kind and owner_name (Deployment web), namespace_labels

A pod that is gone is remembered for a while, since its last lines are read after it.
"""

from __future__ import annotations

import fnmatch
import re
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from logd.config.schema import Kubernetes

#: How long a pod that is gone may have lines: longer than a rotated file is kept open.
REMEMBER_SECONDS = 3_600.0
#: Of labels, and of annotations, which may have 256 KiB: every chunk carries them, and every line in the index does.
MAX_FIELDS_BYTES = 16 * 1024
#: A static pod's file is named by a hash of its description, the pod that stands for it by another id.
_STATIC = "kubernetes.io/config.hash"
_Key = tuple[str, str, str]
#: What tells one version of a Deployment from the next; its ReplicaSets are called by it.
_TEMPLATE = "pod-template-hash"


class Place(msgspec.Struct, frozen=True):
    """A container as the path of its file names it; `uid` is empty where the path hasn't it."""

    namespace: str
    pod: str
    container: str
    uid: str = ""


class Pod(msgspec.Struct, frozen=True):
    """What is kept of a pod. `images` are by container. `uids` are those that a path may have."""

    namespace: str
    name: str
    uids: tuple[str, ...]
    node: str
    owner_kind: str
    owner_name: str
    labels: dict[str, str]
    annotations: dict[str, str]
    images: dict[str, str]
    service: str


class _Owner(msgspec.Struct):
    kind: str = ""
    name: str = ""
    controller: bool = False


class _Metadata(msgspec.Struct, rename="camel"):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    owner_references: list[_Owner] | None = None


class _Container(msgspec.Struct):
    name: str = ""
    image: str = ""


class _Spec(msgspec.Struct, rename="camel"):
    node_name: str = ""
    containers: list[_Container] | None = None
    init_containers: list[_Container] | None = None
    ephemeral_containers: list[_Container] | None = None


class Item(msgspec.Struct):
    """An object of the API, as far as it matters here. Without a kind it is a pod, as in a PodList."""

    kind: str = ""
    metadata: _Metadata = msgspec.field(default_factory=_Metadata)
    spec: _Spec = msgspec.field(default_factory=_Spec)


class Pods:
    """What is known, by what paths say. One thread may write while another one reads."""

    def __init__(self, settings: Kubernetes) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._pods: dict[_Key, Pod] = {}
        #: The latest pod of a name.
        self._by_name: dict[tuple[str, str], _Key] = {}
        self._by_uid: dict[str, _Key] = {}
        #: Since when those are gone that are still remembered.
        self._gone: dict[_Key, float] = {}
        self._namespaces: dict[str, dict[str, str]] = {}
        #: Grows with every change that lines may show.
        self.version = 0

    def __len__(self) -> int:
        return len(self._pods) - len(self._gone)

    def find(self, place: Place) -> Pod | None:
        """The pod of the container; None when it isn't known, or only one that has taken its name since."""
        with self._lock:
            key = self._by_uid.get(place.uid) if place.uid else self._by_name.get((place.namespace, place.pod))
            return None if key is None else self._pods[key]

    def namespace_labels(self, namespace: str) -> dict[str, str]:
        """Of the namespace; none when they aren't known, or not wanted."""
        return self._namespaces.get(namespace, {})

    def inherit(self, others: Pods) -> None:
        """Remembers what others knew, like pods that are gone, until it is described here."""
        with others._lock:
            pods, by_name, by_uid = dict(others._pods), dict(others._by_name), dict(others._by_uid)
            gone, namespaces = dict(others._gone), dict(others._namespaces)
        now = time.monotonic()
        with self._lock:
            self._pods, self._by_name, self._by_uid = pods, by_name, by_uid
            self._gone = {key: gone.get(key, now) for key in pods}
            self._namespaces = namespaces if self._settings.namespace_labels else {}
            self.version += 1

    def put(self, item: Item) -> None:
        """A pod or a namespace that is new, or may have changed."""
        with self._lock:
            if item.kind == "Namespace":
                self._put_namespace(item)
            elif item.kind in ("", "Pod"):
                self._put(item)

    def remove(self, item: Item) -> None:
        """One that was deleted."""
        with self._lock:
            if item.kind == "Namespace":
                self._namespaces.pop(item.metadata.name, None)
            else:
                self._leave(_key(item))

    def replace(self, items: Iterable[Item]) -> None:
        """All pods there are."""
        with self._lock:
            there = set(map(self._put, items))
            for key in self._pods.keys() - there:
                self._leave(key)

    def replace_namespaces(self, items: Iterable[Item]) -> None:
        """All namespaces there are."""
        with self._lock:
            there = set(map(self._put_namespace, items))
            for name in self._namespaces.keys() - there:
                del self._namespaces[name]

    def _put(self, item: Item) -> _Key:
        key, pod = _key(item), pod_of(item, self._settings)
        self._gone.pop(key, None)
        if self._pods.get(key) != pod:
            self._pods[key] = pod
            self._by_name[pod.namespace, pod.name] = key
            self._by_uid |= dict.fromkeys(pod.uids, key)
            self.version += 1
        return key

    def _leave(self, key: _Key) -> None:
        if key in self._pods:
            self._gone.setdefault(key, time.monotonic())
        self._forget()

    def _forget(self) -> None:
        long_ago = time.monotonic() - REMEMBER_SECONDS
        for key in [key for key, since in self._gone.items() if since < long_ago]:
            pod = self._pods.pop(key)
            del self._gone[key]
            if self._by_name.get((pod.namespace, pod.name)) == key:
                del self._by_name[pod.namespace, pod.name]
            for uid in pod.uids:
                self._by_uid.pop(uid, None)

    def _put_namespace(self, item: Item) -> str:
        name, labels = item.metadata.name, _kept(item.metadata.labels, ("*",))
        if self._settings.namespace_labels and self._namespaces.get(name) != labels:
            self._namespaces[name] = labels
            self.version += 1
        return name


def _key(item: Item) -> _Key:
    return item.metadata.namespace, item.metadata.name, item.metadata.uid


def pod_of(item: Item, settings: Kubernetes) -> Pod:
    """What is kept of a pod's description."""
    metadata, spec = item.metadata, item.spec
    labels, annotations = metadata.labels or {}, metadata.annotations or {}
    containers = (spec.containers, spec.init_containers, spec.ephemeral_containers)
    kind, name = _owner(metadata.owner_references or (), labels.get(_TEMPLATE, ""))
    return Pod(
        namespace=metadata.namespace,
        name=metadata.name,
        uids=tuple(dict.fromkeys(uid for uid in (metadata.uid, annotations.get(_STATIC, "")) if uid)),
        node=spec.node_name,
        owner_kind=kind,
        owner_name=name,
        labels=_kept(labels, settings.labels),
        annotations=_kept(annotations, settings.annotations),
        images={found.name: found.image for some in containers for found in some or ()},
        service=next((labels[label] for label in settings.service_labels if labels.get(label)), ""),
    )


def fields_of(pod: Pod, container: str, namespace_labels: Mapping[str, str]) -> dict[str, Any]:
    """What a container's lines say of its pod beside what the path says; nothing that is empty."""
    fields = {
        "pod_id": pod.uids[0] if pod.uids else "",
        "host": pod.node,
        "container_image": pod.images.get(container, ""),
        "owner_kind": pod.owner_kind,
        "owner_name": pod.owner_name,
        "labels": pod.labels,
        "annotations": pod.annotations,
        "namespace_labels": dict(namespace_labels),
    }
    return {name: value for name, value in fields.items() if value}


def _owner(owners: Sequence[_Owner], template: str) -> tuple[str, str]:
    """Who made the pod; of a Deployment's ReplicaSet, the Deployment."""
    owner = next((owner for owner in owners if owner.controller), None)
    if owner is None:
        return "", ""
    name = owner.name.removesuffix(f"-{template}") if template else owner.name
    return ("Deployment", name) if owner.kind == "ReplicaSet" and name != owner.name else (owner.kind, owner.name)


def _kept(values: Mapping[str, str] | None, wanted: Sequence[str]) -> dict[str, str]:
    """Those whose names match, in their order, as many as there is room for."""
    if not wanted:
        return {}
    pattern, room = _globs(tuple(wanted)), MAX_FIELDS_BYTES
    kept: dict[str, str] = {}
    for name, value in sorted((values or {}).items()):
        if pattern.fullmatch(name) and len(name) + len(value) <= room:
            kept[name] = value
            room -= len(name) + len(value)
    return kept


@lru_cache(maxsize=8)
def _globs(wanted: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(map(fnmatch.translate, wanted)))
