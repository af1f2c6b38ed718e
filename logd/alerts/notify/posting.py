"""An HTTP target's answer, and what it means."""

from __future__ import annotations

import email.utils
import ssl
from datetime import UTC

import aiohttp
from aiohttp.abc import AbstractResolver

from logd.alerts.notify.addresses import Allowed
from logd.alerts.notify.attempts import Answered, Result
from logd.alerts.notify.guard import Answer, Forbidden, post
from logd.alerts.notify.notification import one_line
from logd.alerts.notify.request import Request

#: Of 4xx those that may be otherwise the next time: too slow, too early, too many.
_LATER = (408, 425, 429)


async def deliver(
    request: Request,
    allowed: Allowed,
    tls: ssl.SSLContext,
    resolver: AbstractResolver | None,
    now_us: int,
) -> Answered:
    """One try, without a limit of time."""
    try:
        answer = await post(request.url, request.headers, request.body, allowed, tls, resolver)
    except Forbidden as error:
        return Answered(Result.REFUSED, error=str(error), healthy=None)
    except (aiohttp.ClientError, OSError) as error:
        return Answered(Result.FAILED, error=_reason(error), healthy=False)
    except ValueError as error:
        return Answered(Result.REFUSED, error=f"no such request can be made: {error}", healthy=None)
    return meant(answer, now_us)


def meant(answer: Answer, now_us: int) -> Answered:
    """A redirect isn't followed: it may lead anywhere, and a POST becomes a GET on the way."""
    status = answer.status
    if 200 <= status < 300:
        return Answered(Result.DELIVERED, status)
    said = one_line(answer.body.strip())
    error = f"it answered {status}" + (f": {said}" if said else "")
    if 300 <= status < 400:
        return Answered(Result.REFUSED, status, f"it answered {status}, and redirects aren't followed")
    if status in _LATER or status >= 500:
        return Answered(Result.FAILED, status, error, retry_seconds(answer.retry_after, now_us), status < 500)
    return Answered(Result.REFUSED, status, error)


def retry_seconds(retry_after: str, now_us: int) -> float:
    """Of the header Retry-After, a number of seconds or a date; 0 when it says neither."""
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return float(text[:10])
    try:
        moment = email.utils.parsedate_to_datetime(text)
        return max(0.0, moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() - now_us / 1e6)
    except (ValueError, TypeError, OverflowError):
        return 0.0


def _reason(error: Exception) -> str:
    """Without the address that was asked for: that is known, and may be a secret."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"its certificate can't be trusted: {_lowered(error.certificate_error)}"
    inner = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    if isinstance(error, aiohttp.ClientResponseError):
        return f"it doesn't answer with HTTP: {error.message.lower()}"
    said = getattr(inner, "strerror", None) or inner
    return f"it can't be reached: {_lowered(said)}" if str(said) else f"it can't be reached: {type(error).__name__}"


def _lowered(said: object) -> str:
    text = one_line(str(said))
    return text[:1].lower() + text[1:]
