"""The bounded queues of the data path, as /api/v1/status and /metrics show them."""

from __future__ import annotations

from collections.abc import Sequence

from logd.flow.stage import Stage
from logd.telemetry import metrics


class Stages:
    """Of one process."""

    def __init__(self, stages: Sequence[Stage]) -> None:
        self._stages = stages
        self._published_seconds = dict.fromkeys((stage.name for stage in stages), 0.0)

    def status(self) -> dict[str, object]:
        """By name: held, capacity, unit, blocked_seconds."""
        return {stage.name: stage.status() for stage in self._stages}

    def publish(self) -> None:
        """Brings the metrics up to date: a stage that is blocked now says so before it ends."""
        for stage in self._stages:
            metrics.STAGE_HELD.labels(stage.name, stage.unit).set(stage.held)
            metrics.STAGE_CAPACITY.labels(stage.name, stage.unit).set(stage.capacity)
            blocked_seconds = stage.blocked_seconds
            metrics.STAGE_BLOCKED_SECONDS.labels(stage.name).inc(blocked_seconds - self._published_seconds[stage.name])
            self._published_seconds[stage.name] = blocked_seconds
