"""Puts what is known of pods into the labels of their containers' files.

A file whose pod isn't known yet isn't read, for `agent.kubernetes.wait_seconds` after the pod's first file was seen.
Then its lines go with what the path says, and those that are read once the pod is known with the rest too. A batch's
labels are fixed when it is made: it is stored with them, and a resend has the same.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from typing import Any, Protocol, assert_never

from logd.agent.labels import labels_of, place_of
from logd.agent.pods import REMEMBER_SECONDS, Place, Pods
from logd.agent.pods_file import PodsFile
from logd.agent.tail import Counts, Tail
from logd.config.schema import Kubernetes

logger = logging.getLogger("logd.agent")


class PodSource(Protocol):
    """Where pods are described. `error` says why nothing new is known; empty when it is."""

    pods: Pods

    @property
    def error(self) -> str: ...

    def refresh(self, now: float) -> None:
        """Called in every round, in the thread of the files. Blocks for no longer than it takes to read a file."""
        ...

    async def run(self, stop: asyncio.Event) -> None:
        """What else has to be done, until `stop` or before."""
        ...


def open_source(settings: Kubernetes, environ: Mapping[str, str]) -> PodSource | None:
    """None when nothing describes pods. Raises ConfigError."""
    match settings.source:
        case "none":
            return None
        case "file":
            return PodsFile(settings)
        case "api":
            from logd.agent.pods_api import PodsApi

            return PodsApi(settings, environ)
        case _:
            assert_never(settings.source)


class Labelling:
    """See the module. Not for more than one thread at a time."""

    def __init__(self, source: PodSource, settings: Kubernetes, host: str, counts: Counts) -> None:
        self._source = source
        self._wait_seconds = settings.wait_seconds
        self._host = host
        self._counts = counts
        #: Pods that weren't known when their first file was seen, and when that was.
        self._unknown: dict[Place, float] = {}
        self._given_up: set[Place] = set()

    def look(self, tails: Iterable[Tail], now: float) -> None:
        """Labels the files whose pods were learned of, or have changed, and says which of the others have to wait."""
        self._source.refresh(now)
        pods = self._source.pods
        version = pods.version
        for tail in tails:
            if tail.labelled == version and not tail.awaits_pod:
                continue
            place = place_of(tail.entry, tail.source.source)
            pod = pods.find(place) if place is not None else None
            tail.awaits_pod = place is not None and pod is None and self._waits(place, now)
            tail.labelled = version
            if place is not None and pod is not None:
                namespace = pods.namespace_labels(pod.namespace)
                tail.relabel(labels_of(tail.entry, tail.source.source, self._host, pod, namespace))

    def pod_of(self, tail: Tail) -> dict[str, Any] | None:
        """For people: the container whose file this is, and whether its pod is `known`; None for any other file. May be
        asked by other threads."""
        place = place_of(tail.entry, tail.source.source)
        if place is None:
            return None
        known = self._source.pods.find(place) is not None
        return {"namespace": place.namespace, "name": place.pod, "container": place.container, "known": known}

    def _waits(self, place: Place, now: float) -> bool:
        whole = Place(place.namespace, place.pod, "", place.uid)
        since = self._unknown.get(whole)
        if since is None:
            long_ago = now - REMEMBER_SECONDS
            self._unknown = {other: seen for other, seen in self._unknown.items() if seen > long_ago}
            self._given_up &= self._unknown.keys()
            since = self._unknown[whole] = now
        if since + self._wait_seconds > now:
            return True
        if whole not in self._given_up:
            self._given_up.add(whole)
            self._counts.unknown_pods += 1
            logger.warning("pod %s/%s isn't known: its lines say what their path does", place.namespace, place.pod)
        return False
