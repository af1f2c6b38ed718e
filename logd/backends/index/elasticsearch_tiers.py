"""What is done with whole indices: looked at, write-blocked, moved to other nodes, merged, counted, deleted.

Every call may be made again: what is done already stays as it is. An index that isn't there is no error where it is to
be deleted.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from logd.backends.index.elasticsearch_client import Client
from logd.backends.index.elasticsearch_names import PREFIX, IndexName, parsed
from logd.errors import BadRequest, Unavailable

#: The first of these of which there are nodes.
WARM = "data_warm,data_hot,data_content"
_PREFERENCE = "index.routing.allocation.include._tier_preference"
_BLOCK = "index.blocks.write"
_SETTINGS = ("index.uuid", "index.number_of_replicas", "index.number_of_shards", _PREFERENCE, _BLOCK)
_MERGING = "indices:admin/forcemerge*"
#: Roles of nodes that hold data of the warm tier, and what stands in for these.
_WARM_ROLES, _ALL_DATA = frozenset({"data_warm", "data"}), frozenset({"data_hot", "data_content", "data"})
#: Of an index: no rows that are known, and not merged.
_UNTOLD: Mapping[str, Any] = {"primaries": {"segments": {"count": 2**31}}, "total": {}}


class StoredIndex(NamedTuple):
    """An index. `rows` are searchable ones of its primaries, `size_bytes` with all copies; `preference` is where it is
    to be, `uuid` tells it from another of the same name. `segments` are of its primaries; one is open that has none
    yet."""

    name: str
    of: IndexName
    uuid: str
    shards: int
    replicas: int
    preference: str
    blocked: bool
    rows: int
    size_bytes: int
    segments: int

    @property
    def is_merged(self) -> bool:
        """There is no more than a segment to a shard."""
        return self.segments <= self.shards


class _Count(msgspec.Struct, frozen=True):
    count: int
    shards: Mapping[str, Any] = msgspec.field(name="_shards")


class _Shard(msgspec.Struct, frozen=True):
    state: str
    node: str | None = None


class IndexTiers:
    """The indices of a cluster. Every call raises Unavailable, also where the cluster refuses it."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def all(self) -> list[StoredIndex]:
        """The indices of records, by day and name."""
        shown = f"/{PREFIX}*/_settings/{','.join(_SETTINGS)}"
        settings = await self._asked("GET", shown, parameters={"flat_settings": "true"})
        stats = await self._asked("GET", f"/{PREFIX}*/_stats/docs,store,segments")
        found = []
        for name, one in settings.items():
            of = parsed(name)
            if of is None:
                continue
            # One whose shards move just now says nothing of itself. It is there all the same: without it, a later day
            # would seem to be the oldest.
            told = stats.get("indices", {}).get(name, _UNTOLD)
            its, primaries = one["settings"], told["primaries"]
            found.append(
                StoredIndex(
                    name,
                    of,
                    its["index.uuid"],
                    int(its["index.number_of_shards"]),
                    int(its["index.number_of_replicas"]),
                    its.get(_PREFERENCE, ""),
                    str(its.get(_BLOCK, "false")) == "true",
                    int(primaries.get("docs", {}).get("count", 0)),
                    int(told["total"].get("store", {}).get("size_in_bytes", 0)),
                    int(primaries.get("segments", {}).get("count", 0)),
                )
            )
        return sorted(found, key=lambda one: (one.of.day, one.name))

    async def block(self, name: str) -> None:
        """No document comes into it from now on; what is in it is on the disk, and searchable. Documents that were
        under way have come in before this returns."""
        answer = await self._asked("PUT", f"/{name}/_block/write")
        # One that was blocked so before isn't named by the answer.
        if not answer.get("acknowledged") or (answer["indices"] and not answer["shards_acknowledged"]):
            raise Unavailable(f"Elasticsearch hasn't blocked {name} yet")
        await self._asked("POST", f"/{name}/_flush")
        await self._asked("POST", f"/{name}/_refresh")

    async def unblock(self, name: str) -> None:
        """It takes documents again."""
        await self._asked("PUT", f"/{name}/_settings", {_BLOCK: None})

    async def prefer_warm(self, name: str, replicas: int) -> None:
        """It goes to warm nodes, where there are any, with so many copies."""
        await self._asked("PUT", f"/{name}/_settings", {_PREFERENCE: WARM, "index.number_of_replicas": replicas})

    async def unsettled(self, name: str) -> str:
        """Why its shards aren't where they are to be; empty when they are."""
        nodes = (
            await self._asked("GET", "/_nodes/_all/http", parameters={"filter_path": "nodes.*.roles,nodes.*.name"})
        )["nodes"].values()
        warm = {one["name"] for one in nodes if _WARM_ROLES & set(one["roles"])}
        wanted = warm or {one["name"] for one in nodes if _ALL_DATA & set(one["roles"])}
        answered = await self._raw("GET", f"/_cat/shards/{name}", parameters={"format": "json", "h": "state,node"})
        shards = msgspec.json.decode(answered, type=list[_Shard])
        elsewhere = sum(one.state != "STARTED" or one.node not in wanted for one in shards)
        return (
            f"{elsewhere} of {len(shards)} shards of {name} aren't yet on nodes of the warm tier" if elsewhere else ""
        )

    async def merge(self, name: str) -> None:
        """Begins to merge it to a segment a shard, unless that goes on already."""
        going = await self._asked("GET", "/_tasks", parameters={"actions": _MERGING, "detailed": "true"})
        tasks = [task for node in going.get("nodes", {}).values() for task in node["tasks"].values()]
        if not any(f"[{name}]" in task.get("description", "") for task in tasks):
            how = {"max_num_segments": "1", "wait_for_completion": "false"}
            await self._asked("POST", f"/{name}/_forcemerge", parameters=how)

    async def count(self, names: Collection[str]) -> int:
        """Their documents, also those that came at the last moment."""
        if not names:
            return 0
        path = ",".join(sorted(names))
        refreshed = await self._asked("POST", f"/{path}/_refresh")
        if refreshed["_shards"]["failed"]:
            raise Unavailable(f"not all shards of {path} can be refreshed now")
        counted = msgspec.json.decode(await self._raw("GET", f"/{path}/_count"), type=_Count)
        if counted.shards.get("failed") or counted.shards.get("successful") != counted.shards.get("total"):
            raise Unavailable(f"not all shards of {path} say how many documents they have")
        return counted.count

    async def delete(self, name: str, uuid: str) -> None:
        """It is gone; one that has another uuid stays."""
        exists = {"ignore_unavailable": "true", "flat_settings": "true"}
        there = await self._asked("GET", f"/{name}/_settings/index.uuid", parameters=exists)
        if name in there and there[name]["settings"]["index.uuid"] == uuid:
            await self._asked("DELETE", f"/{name}", parameters={"ignore_unavailable": "true"})

    async def services(self, names: Sequence[str]) -> dict[str, int]:
        """Rows by service in these, "" for none, of the 1,000 most frequent."""
        by = {
            "services": {"terms": {"field": "service", "size": 1_000, "shard_size": 10_000}},
            "none": {"missing": {"field": "service"}},
        }
        body = {"size": 0, "track_total_hits": False, "aggs": by}
        found = (await self._asked("POST", f"/{','.join(names)}/_search", body, {"ignore_unavailable": "true"}))[
            "aggregations"
        ]
        counts = {str(one["key"]): int(one["doc_count"]) for one in found["services"]["buckets"]}
        return counts | ({"": int(none)} if (none := found["none"]["doc_count"]) else {})

    async def _asked(
        self, method: str, path: str, body: Any = None, parameters: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        answer: dict[str, Any] = msgspec.json.decode(await self._raw(method, path, body, parameters))
        return answer

    async def _raw(
        self, method: str, path: str, body: Any = None, parameters: Mapping[str, str] | None = None
    ) -> bytes:
        try:
            return await self._client.ask(method, path, body, parameters)
        except BadRequest as error:
            raise Unavailable(f"{method} {path}: {error}") from error
