"""Delivers notifications: again and again until the target has them, refuses them, or it took too long.

    deliver ── check ── secrets ── turn at the target ── attempt ──> delivered, refused
                  ^                                        │ failed
                  └───── backoff, Retry-After ─────────────┘ ──> given up after `give_up_seconds`

At least once: who calls keeps the notification until there is an Outcome, and delivers it anew, with the same key, when
the process ended before. The key is how receivers know.
"""

from __future__ import annotations

import asyncio
import random
import ssl
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, assert_never

from aiohttp.abc import AbstractResolver

from logd.alerts.notify import alertmanager, pagerduty, posting, slack, webhook
from logd.alerts.notify.addresses import Allowed, Target, parse_target
from logd.alerts.notify.attempts import Answered, Attempt, Outcome, Result
from logd.alerts.notify.checks import check
from logd.alerts.notify.notification import Notification, cut
from logd.alerts.notify.request import Request
from logd.alerts.notify.secrets import HIDDEN, Used, used
from logd.alerts.notify.targets import Resting, Targets
from logd.alerts.rules import Action
from logd.config.address import parse_address
from logd.config.alerting import Notify
from logd.config.secrets import read_password
from logd.errors import BadRequest, ConfigError
from logd.flow.timer import Clock, SystemClock
from logd.telemetry import metrics

if TYPE_CHECKING:
    from logd.alerts.notify.email import Mail

#: The first wait, and the longest that isn't asked for. The first is short, as much of what fails is a moment's.
_FIRST_SECONDS, _LONGEST_SECONDS = 1.0, 60.0
#: Of an error, for the history.
_ERROR_CHARACTERS = 300
Seen = Callable[[Attempt], None]


class Notifier:
    """For all rules of a process. Holds no connection between attempts, so there is nothing to close."""

    def __init__(
        self,
        settings: Notify,
        environ: Mapping[str, str],
        resolver: AbstractResolver | None = None,
        clock: Clock | None = None,
    ) -> None:
        """`environ` is where references and $LOGD_SMTP_PASSWORD are looked up. Reads the authorities' certificates.
        Raises ConfigError."""
        self._settings = settings
        self._environ = environ
        self._resolver = resolver
        self._clock: Clock = clock or SystemClock()
        self._allowed = Allowed(settings.allow)
        self._tls = _tls(settings.tls_ca)
        self._targets = Targets(settings, self._clock)

    async def deliver(self, action: Action, told: Notification, seen: Seen = lambda attempt: None) -> Outcome:
        """Returns when the target has it, or never will. `seen` is told of each attempt as it ends. Raises nothing but
        what cancels it."""
        delivery = _Delivery(action, told)
        until = self._clock.monotonic() + self._settings.give_up_seconds
        attempts: list[Attempt] = []
        while True:
            try:
                attempt, asked_seconds = await self._attempt(delivery, until)
            except Resting as error:
                return self._ended(action, Result.FAILED, attempts, str(error))
            attempts.append(attempt)
            metrics.ALERT_ATTEMPTS.labels(action.type, attempt.result).inc()
            metrics.ALERT_ATTEMPT_SECONDS.labels(action.type).observe(attempt.seconds)
            seen(attempt)
            if attempt.result is not Result.FAILED:
                return self._ended(action, attempt.result, attempts, attempt.error)
            seconds = max(asked_seconds, _backoff_seconds(len(attempts)))
            if self._clock.monotonic() + seconds >= until:
                return self._ended(action, Result.FAILED, attempts, attempt.error)
            await self._clock.wait(seconds, asyncio.Event())

    async def once(self, action: Action, told: Notification, within_seconds: float) -> Attempt:
        """One try, for who wants to know at once; a target that others have to wait for is waited for `within_seconds`.
        Raises nothing but what cancels it."""
        try:
            attempt, _ = await self._attempt(_Delivery(action, told), self._clock.monotonic() + within_seconds)
        except Resting as error:
            return Attempt(at_us=self._clock.now_us(), seconds=0.0, result=Result.FAILED, error=str(error))
        metrics.ALERT_ATTEMPTS.labels(action.type, attempt.result).inc()
        return attempt

    def _ended(self, action: Action, result: Result, attempts: list[Attempt], error: str) -> Outcome:
        metrics.ALERT_NOTIFICATIONS.labels(action.type, result).inc()
        metrics.ALERT_TARGETS_OPEN.set(self._targets.open)
        if result is Result.FAILED:
            error = f"given up after {len(attempts)} attempts: {error}"
        return Outcome(result=result, attempts=attempts, error=error)

    async def _attempt(self, delivery: _Delivery, until: float) -> tuple[Attempt, float]:
        """With the seconds that the target asks for. Raises Resting."""
        try:
            check(delivery.action, self._settings)
            async with asyncio.timeout(self._settings.timeout_seconds):
                known = await asyncio.to_thread(used, delivery.action, self._environ)
                password = await asyncio.to_thread(self._password, delivery.action)
            target = self._target(known.action)
        except BadRequest as error:
            return self._described(Answered(Result.REFUSED, error=str(error)), self._clock.now_us(), 0.0)
        except (ConfigError, TimeoutError) as error:
            # A file may be about to be replaced, or on a disk that hangs.
            said = str(error) or "the action's secrets can't be read in time"
            return self._described(Answered(Result.FAILED, error=said), self._clock.now_us(), 0.0)
        except ValueError as error:
            answered = Answered(Result.REFUSED, error=f"the action's url can't be used: {error}")
            return self._described(answered, self._clock.now_us(), 0.0)
        async with self._targets.turn(f"{target.host}:{target.port}", until) as turn:
            at_us, began = self._clock.now_us(), time.perf_counter()
            try:
                async with asyncio.timeout(self._settings.timeout_seconds):
                    answered = await self._sent(delivery, known, password)
            except TimeoutError:
                said = f"no answer within {self._settings.timeout_seconds:g} s"
                answered = Answered(Result.FAILED, error=said, healthy=False)
            if answered.healthy is not None:
                turn.fared(answered.healthy)
        hidden = known.hide(answered.error.replace(password, HIDDEN) if password else answered.error)
        # Not before: half a secret wouldn't be found.
        shown = cut(hidden, _ERROR_CHARACTERS)
        return self._described(answered._replace(error=shown), at_us, time.perf_counter() - began)

    def _described(self, answered: Answered, at_us: int, seconds: float) -> tuple[Attempt, float]:
        attempt = Attempt(
            at_us=at_us, seconds=seconds, result=answered.result, status=answered.status, error=answered.error
        )
        return attempt, answered.retry_seconds

    def _password(self, action: Action) -> str:
        if action.type != "email":
            return ""
        return read_password("smtp", self._settings.smtp.password_file, self._environ)

    def _target(self, action: Action) -> Target:
        if action.type == "email":
            return Target(*parse_address(self._settings.smtp.address))
        return parse_target(action.url or pagerduty.URL)

    async def _sent(self, delivery: _Delivery, known: Used, password: str) -> Answered:
        now_us = self._clock.now_us()
        try:
            if known.action.type == "email":
                mail = delivery.mail(self._settings)
                return await mail.deliver(self._tls, password, self._settings.timeout_seconds)
            request = _request(known.action, delivery.told, now_us)
        except ValueError as error:
            return Answered(Result.REFUSED, error=f"no message can be made of it: {error}", healthy=None)
        return await posting.deliver(request, self._allowed, self._tls, self._resolver, now_us)


class _Delivery:
    """What is kept from one attempt to the next."""

    def __init__(self, action: Action, told: Notification) -> None:
        self.action = action
        self.told = told
        self._mail: Mail | None = None

    def mail(self, settings: Notify) -> Mail:
        """The mail, with those who don't have it yet."""
        if self._mail is None:
            from logd.alerts.notify.email import Mail  # loaded by those who send mails

            self._mail = Mail(settings.smtp, self.told, self.action.to)
        return self._mail


def _request(action: Action, told: Notification, now_us: int) -> Request:
    """With the action's own headers, which go before ours. Raises ValueError."""
    match action.type:
        case "webhook":
            made = webhook.request(action, told, now_us // 1_000_000)
        case "slack":
            made = slack.request(action, told)
        case "pagerduty":
            made = pagerduty.request(action, told)
        case "alertmanager":
            made = alertmanager.request(action, told)
        case "email":
            raise AssertionError("mails aren't requests")
        case _:
            assert_never(action.type)
    own = {name.lower() for name in action.headers}
    kept = {name: value for name, value in made.headers.items() if name.lower() not in own}
    return made._replace(headers={**kept, **action.headers})


def _backoff_seconds(attempts: int) -> float:
    """After so many of them: twice the last, and not for all at the same moment."""
    longest = min(_LONGEST_SECONDS, _FIRST_SECONDS * 2.0 ** min(attempts - 1, 10))
    return longest * random.uniform(0.5, 1.0)


def _tls(ca_file: str) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if ca_file:
        try:
            context.load_verify_locations(ca_file)
        except (OSError, ValueError) as error:
            reason = str(getattr(error, "strerror", None) or error).lower()
            raise ConfigError(f"alerts.notify.tls_ca {ca_file!r} can't be used: {reason}") from error
    return context
