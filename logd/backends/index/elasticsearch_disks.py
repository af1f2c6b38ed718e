"""How full the disks of an Elasticsearch cluster are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

import msgspec

from logd.backends.index.elasticsearch_client import Client
from logd.errors import BadRequest, Unavailable

#: Where new indices come to, as the template says: the first of these of which there are nodes; `data` is all tiers.
_TIERS = ({"data_hot", "data"}, {"data_content", "data"})
#: Where days go that have left hot.
_WARM_TIERS = ({"data_warm", "data"}, *_TIERS)


class _Total(msgspec.Struct, frozen=True):
    total: int = msgspec.field(name="total_in_bytes", default=0)
    available: int = msgspec.field(name="available_in_bytes", default=0)


class _Fs(msgspec.Struct, frozen=True):
    total: _Total = _Total()


class _Node(msgspec.Struct, frozen=True):
    roles: Sequence[str] = ()
    fs: _Fs = _Fs()


class _Stats(msgspec.Struct, frozen=True):
    nodes: Mapping[str, _Node] = {}


async def disk_used_percent(client: Client) -> float:
    """Of the fullest node that takes new indices. Raises Unavailable."""
    return await _of_fullest(client, _TIERS)


async def warm_disk_used_percent(client: Client) -> float:
    """Of the fullest node that has warm days. Raises Unavailable."""
    return await _of_fullest(client, _WARM_TIERS)


async def _of_fullest(client: Client, tiers: Sequence[AbstractSet[str]]) -> float:
    only = {"filter_path": "nodes.*.roles,nodes.*.fs.total"}
    try:
        return fullest(await client.ask("GET", "/_nodes/stats/fs", parameters=only), tiers)
    except (BadRequest, ValueError) as error:
        raise Unavailable(f"Elasticsearch doesn't say how full its disks are: {error}") from error


def fullest(answer: bytes, tiers: Sequence[AbstractSet[str]] = _TIERS) -> float:
    """Of the nodes of the first tier that has any, as the cluster counts for its watermarks: what isn't available to it
    is used. Raises ValueError."""
    nodes = [node for node in msgspec.json.decode(answer, type=_Stats).nodes.values() if node.fs.total.total > 0]
    if not nodes:
        raise ValueError("it names no disk")
    for tier in tiers:
        if taking := [node for node in nodes if tier & set(node.roles)]:
            return max(map(_used_percent, taking))
    return max(map(_used_percent, nodes))


def _used_percent(node: _Node) -> float:
    return 100 * (1 - node.fs.total.available / node.fs.total.total)
