"""What a file's lines are labelled with: by its entry, by the groups of `path_pattern`, by where containers' logs lie.

    /var/log/containers/POD_NAMESPACE_CONTAINER-ID.log              kubelet's links
    /var/log/pods/NAMESPACE_POD_UID/CONTAINER/0.log                 what they lead to
    /var/lib/docker/containers/ID/ID-json.log                       Docker's; its name is in config.v2.json beside it

What containers' paths say of a pod is an object `kubernetes`, with what its description adds to it (pods.py). An
entry's own `service` and `host` go before a path's groups, those before a pod's label, that before what containers'
paths say, and that before the file's name. Groups of other names are fields; the entry's own go before them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import msgspec

from logd.agent.batches import Labels
from logd.agent.discover import default_service
from logd.agent.pods import Place, Pod, fields_of
from logd.config.patterns import Pattern, compile_pattern
from logd.config.schema import Files

_ID = r"(?P<container_id>[0-9a-f]{64})"
_CONTAINERS = (
    re.compile(rf".*/(?P<pod>[^/_]+)_(?P<namespace>[^/_]+)_(?P<container>[^/_]+)-{_ID}\.log"),
    re.compile(r".*/pods/(?P<namespace>[^/_]+)_(?P<pod>[^/_]+)_(?P<pod_uid>[^/_]+)/(?P<container>[^/]+)/[^/]+"),
    re.compile(rf".*/{_ID}/(?P=container_id)-json\.log[.\d]*"),
)
#: How Fluent Bit calls them.
_KUBERNETES = {
    "pod": "pod_name",
    "namespace": "namespace_name",
    "container": "container_name",
    "pod_uid": "pod_id",
    "container_id": "docker_id",
}
_NONE: Mapping[str, str] = {}
#: A container's own description is some 10 kB; what is larger is something else.
_MAX_DESCRIPTION_BYTES = 1024 * 1024


class _Docker(msgspec.Struct):
    name: str = msgspec.field(default="", name="Name")


def labels_of(
    entry: Files, path: str, host: str, pod: Pod | None = None, namespace_labels: Mapping[str, str] = _NONE
) -> Labels:
    """The labels of the file at the absolute `path`, which lines were written to, on `host`; with what is known of its
    pod."""
    shown = path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    of_container = _of_container(path) if entry.format != "lines" else {}
    of_path = _of_path(_pattern(entry.path_pattern), shown) if entry.path_pattern else {}
    of_host, of_service = of_path.pop("host", ""), of_path.pop("service", "")
    name = of_container.get("container", "")
    service = entry.service or of_service or (pod.service if pod else "") or name or default_service(shown)
    container: dict[str, Any] = dict(of_container)
    if "pod" in of_container:
        described = fields_of(pod, name, namespace_labels) if pod is not None else {}
        container = {"kubernetes": {**described, **{_KUBERNETES[key]: value for key, value in of_container.items()}}}
    fields: dict[str, Any] = {**container, **of_path, **entry.fields}
    return Labels(service, entry.host or of_host or host, shown, tuple(entry.tags), fields)


def place_of(entry: Files, path: str) -> Place | None:
    """The container of a pod whose file this is; None for any other file."""
    found = _of_container(path) if entry.format != "lines" and "_" in path else {}
    if "pod" not in found:
        return None
    return Place(found["namespace"], found["pod"], found["container"], found.get("pod_uid", ""))


@lru_cache(maxsize=64)
def _pattern(text: str) -> Pattern:
    return compile_pattern(text)


def _of_path(pattern: Pattern, path: str) -> dict[str, str]:
    """The named groups that matched something; none when the whole path doesn't match."""
    found = pattern.fullmatch(path.encode())
    if found is None:
        return {}
    groups: Mapping[str, bytes | None] = found.groupdict()
    return {name: text.decode("utf-8", "replace") for name, text in groups.items() if text}


def _of_container(path: str) -> dict[str, str]:
    for pattern in _CONTAINERS:
        if found := pattern.fullmatch(path):
            fields = found.groupdict()
            if "container" not in fields:
                fields["container"] = _docker_name(path) or fields["container_id"][:12]
            return fields
    return {}


def _docker_name(path: str) -> str:
    """The container's name; "" when Docker's description of it can't be read."""
    try:
        with open(os.path.join(os.path.dirname(path), "config.v2.json"), "rb") as file:
            description = file.read(_MAX_DESCRIPTION_BYTES)
        return msgspec.json.decode(description, type=_Docker).name.strip("/")
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return ""
