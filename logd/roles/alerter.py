"""The alerter: what fires, from the stream, before anything is stored.

    counting   its partitions of the stream into pages of counts (alert_counting.py)
    watching   its shards of the rules, from everybody's pages, into alerts and messages (alert_watching.py)
    telling    the messages, to their targets (alerts/teller.py)

Each alerter has some partitions and some shards: any number of them, and any that come and go, say the same.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket

from logd.alerts.folder import RuleFolder
from logd.alerts.notify.notifier import Notifier
from logd.alerts.reading import Terms
from logd.alerts.teller import Teller
from logd.config.schema import Config
from logd.errors import Unavailable
from logd.flow.stage import Stage
from logd.roles.alert_counting import AlertCounting
from logd.roles.alert_rules import RulesInForce
from logd.roles.alert_watching import AlertWatching
from logd.roles.alert_wiring import AlertSeams
from logd.roles.waiting import Waiting
from logd.seams import Transport

log = logging.getLogger("logd.alerter")


class Alerter:
    """One of any number. Closes nothing."""

    def __init__(
        self, config: Config, transport: Transport, shared: AlertSeams, folder: RuleFolder, terms: Terms
    ) -> None:
        """Raises ConfigError."""
        settings = config.alerts
        shards = shared.partials.shards
        notifier = Notifier(settings.notify, os.environ)
        self._rules = RulesInForce(shared.rules, folder, terms, settings.late_seconds, shards)
        self._teller = Teller(
            shared.alerts, shared.history, notifier, shared.pace, shared.spare, settings.notify, shards
        )
        # On one machine nobody else publishes, and the next process goes on with the same pages.
        name = "one" if config.transport.type == "sqlite" else f"{socket.gethostname()}-{os.urandom(4).hex()}"
        self._counting = AlertCounting(
            config, transport, shared.partials, self._rules, shared.history, name.replace("/", "_")
        )
        self._watching = AlertWatching(
            settings,
            shared.partials,
            self._rules,
            shared.alerts,
            shared.history,
            shared.silences,
            shared.acknowledgements,
            self._teller,
        )

    @property
    def stages(self) -> tuple[Stage, ...]:
        """Its bounded queues."""
        return self._counting.stages

    def trouble(self) -> str:
        """Why nothing goes on; empty when it does."""
        return "; ".join(filter(None, (self._counting.trouble(), self._watching.trouble())))

    def status(self) -> dict[str, object]:
        """Its lag in messages, its rules and shards, its alerts by state, and the messages that wait."""
        return {
            "lag_messages": self._counting.lag(),
            "rules": len(self._rules.rules),
            "shards": list(self._watching.shards),
            "alerts": dict(self._watching.counts()),
            "deliveries_waiting": self._teller.waiting,
        }

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`."""
        try:
            # What is read before the rules are known would be counted for none of them.
            await Waiting(log, stop).until_available("the catalog", self._rules.look)
        except Unavailable:
            return
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._rules.run(stop), name="alerter.rules")
            tasks.create_task(self._counting.run(stop), name="alerter.counting")
            tasks.create_task(self._watching.run(stop), name="alerter.watching")
            tasks.create_task(self._teller.run(stop), name="alerter.telling")
