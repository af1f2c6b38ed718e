"""Which of a cluster's disks counts, by answers of `_nodes/stats/fs`."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from logd.backends.index.elasticsearch_disks import fullest

_HOT, _WARM, _CONTENT = ["data_hot", "ingest"], ["data_warm"], ["data_content", "master"]


def _node(roles: list[str], total: int, available: int) -> dict[str, Any]:
    return {"roles": roles, "fs": {"total": {"total_in_bytes": total, "available_in_bytes": available}}}


@pytest.mark.parametrize(
    ("nodes", "percent"),
    [
        ([_node(_HOT, 100, 80)], 20),
        ([_node(_HOT, 100, 80), _node(_HOT, 1_000, 100)], 90),
        # Where new indices don't come to.
        ([_node(_HOT, 100, 80), _node(_WARM, 100, 1), _node(["master"], 100, 0)], 20),
        ([_node(_HOT, 100, 80), _node(_CONTENT, 100, 1)], 20),
        ([_node(_CONTENT, 100, 70), _node(_WARM, 100, 1)], 30),
        ([_node(_HOT, 100, 80), _node(["data", "ml"], 100, 60)], 40),
        # Nobody is told what it is for.
        ([_node(_WARM, 100, 70), _node(["data_cold"], 100, 50)], 50),
        # A node that says nothing of its disks.
        ([{"roles": _HOT}, _node(_HOT, 0, 0), _node(_HOT, 100, 80)], 20),
    ],
)
def test_the_fullest_that_takes_new_indices_counts(nodes: list[dict[str, Any]], percent: float) -> None:
    answer = msgspec.json.encode({"nodes": {f"n{at}": node for at, node in enumerate(nodes)}})
    assert fullest(answer) == pytest.approx(percent)


@pytest.mark.parametrize("answer", [b"{}", b'{"nodes":{}}', b'{"nodes":{"a":{"roles":[]}}}', b"[]", b"no", b""])
def test_an_answer_without_disks(answer: bytes) -> None:
    with pytest.raises(ValueError, match=r"names no disk|JSON|Expected|truncated"):
        fullest(answer)
