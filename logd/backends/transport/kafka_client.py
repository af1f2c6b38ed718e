"""How every client of the Kafka transport connects, and what it means when one can't."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import ssl
import time
from collections.abc import Mapping
from typing import Any

from aiokafka import errors
from aiokafka.conn import create_conn
from aiokafka.protocol.metadata import MetadataRequest

from logd.config.address import parse_address
from logd.config.schema import Kafka
from logd.config.secrets import read_secret
from logd.errors import ConfigError, LogdError, Unavailable

log = logging.getLogger("logd.transport")
_TABLE = "transport.kafka"
PASSWORD_VARIABLE = "LOGD_KAFKA_PASSWORD"
#: Of one request. A broker answers a fetch after half a second, and a join once the others have given up what they had.
REQUEST_SECONDS = 40.0
#: Of connecting to one broker and logging in.
_CONNECT_SECONDS = 10.0
#: A broker that says nothing for so long may be gone with its machine, and another one is asked as well.
_NEXT_SECONDS = 1.0
#: … and the driver's clients aren't told of it for so long, unless it is seen again.
_SILENT_SECONDS = 60.0
#: Of the driver's own tries, each of which it logs.
_BACKOFF_MS = 250
#: Between tries while no broker answers.
_RETRY_SECONDS = 1.0
#: Errors of a broker that say who we are, or may do, and don't pass by themselves.
_OF_RIGHTS = (
    errors.TopicAuthorizationFailedError,
    errors.GroupAuthorizationFailedError,
    errors.ClusterAuthorizationFailedError,
)


class Connection:
    """The settings as the driver takes them. Raises ConfigError when a file that they name can't be used. The password
    is in no message and no representation."""

    def __init__(self, settings: Kafka, environ: Mapping[str, str]) -> None:
        self.settings = settings
        #: Servers that said nothing while others did, and when.
        self._silent: dict[str, float] = {}
        self._login: dict[str, Any] = {"security_protocol": _protocol(settings), "ssl_context": _tls(settings)}
        if settings.sasl_mechanism:
            self._login |= {
                "sasl_mechanism": settings.sasl_mechanism,
                "sasl_plain_username": settings.user,
                "sasl_plain_password": _password(settings, environ),
            }

    @property
    def options(self) -> dict[str, Any]:
        """What all of the driver's clients take. A server that has said nothing of late is left out, if there are
        others: the driver would wait a whole request for it."""
        recently = time.monotonic() - _SILENT_SECONDS
        heard = [one for one in self.settings.servers if self._silent.get(one, float("-inf")) < recently]
        return {
            "bootstrap_servers": heard or list(self.settings.servers),
            "client_id": "logd",
            "request_timeout_ms": int(REQUEST_SECONDS * 1000),
            "retry_backoff_ms": _BACKOFF_MS,
            **self._login,
        }

    async def reach(self) -> None:
        """Returns once a broker has let us in. Raises ConfigError when one refuses us, or none answers within
        connect_seconds."""
        deadline = time.monotonic() + self.settings.connect_seconds
        while True:
            try:
                await self._try_all()
                return
            except Unavailable as error:
                if time.monotonic() + _RETRY_SECONDS > deadline:
                    raise ConfigError(str(error)) from None
                log.warning("%s; trying again", error)
            await asyncio.sleep(_RETRY_SECONDS)

    async def look(self) -> None:
        """Returns when a broker lets us in now. Raises ConfigError when one refuses us, else Unavailable."""
        await self._try_all()

    async def explained(self, what: str) -> LogdError:
        """Why `what` can't be done now, as far as a new connection tells. For a caller who must not wait long."""
        try:
            async with asyncio.timeout(_CONNECT_SECONDS / 2):
                await self._try_all()
        except LogdError as error:
            return Unavailable(f"{what}: {error}")
        except TimeoutError:
            return Unavailable(f"{what}: no broker of {_TABLE}.servers answers")
        return Unavailable(what)

    def failure(self, what: str, error: BaseException) -> LogdError:
        """What the driver's error means for a call."""
        if isinstance(error, _OF_RIGHTS):
            return Unavailable(f"{what}: {_user(self.settings)} may not: {type(error).__name__} {error}")
        return Unavailable(f"{what}: {error or type(error).__name__}")

    async def _try_all(self) -> None:
        """Returns once one lets us in. Raises ConfigError when a broker refuses us, else Unavailable with the first
        reason when none lets us in."""
        servers, newest = list(self.settings.servers), ""
        trying: dict[asyncio.Task[None], str] = {}
        failures: list[BaseException] = []
        try:
            while servers or trying:
                if servers:
                    newest = servers.pop(0)
                    trying[asyncio.create_task(self._try(newest), name="transport.look")] = newest
                patience = _NEXT_SECONDS if servers else None
                done, _ = await asyncio.wait(trying, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
                answers = [(trying.pop(task), task.exception()) for task in done]
                if any(error is None for _, error in answers):
                    self._silent = {one: time.monotonic() for one in trying.values() if one != newest}
                    return
                failures += [error for _, error in answers if error is not None]
        finally:
            for task in trying:
                task.cancel()
            await asyncio.gather(*trying, return_exceptions=True)
        raise next((error for error in failures if isinstance(error, ConfigError)), failures[0])

    async def _try(self, server: str) -> None:
        host, port = parse_address(server)
        settings = self.settings
        try:
            connection = await create_conn(
                host, port, client_id="logd", request_timeout_ms=int(_CONNECT_SECONDS * 1000), **self._login
            )
            try:
                # Who has to log in, and doesn't, is told so by the first request only.
                await connection.send(MetadataRequest([]))
            finally:
                closed = connection.close()
                if closed is not None:
                    # What the driver's reader ended with was raised by the request, or is of no interest any more.
                    with contextlib.suppress(Exception):
                        await closed
        except ssl.SSLCertVerificationError as error:
            ca = f"{_TABLE}.tls_ca is {settings.tls_ca!r}" if settings.tls_ca else f"{_TABLE}.tls_ca is not set"
            raise ConfigError(f"the certificate of {server} is not trusted, {ca}: {error.verify_message}") from None
        except ssl.SSLError as error:
            reason = (error.reason or str(error)).replace("_", " ").lower()
            raise ConfigError(f"{server} and logd don't agree on TLS, {_TABLE}.tls is true: {reason}") from None
        except errors.UnsupportedSaslMechanismError:
            raise ConfigError(
                f"{server} doesn't know {_TABLE}.sasl_mechanism = {settings.sasl_mechanism or 'nothing'}"
            ) from None
        except errors.IllegalSaslStateError:
            raise ConfigError(f"{server} takes no login, {_TABLE}.user is {settings.user!r}") from None
        except (errors.AuthenticationFailedError, errors.SaslAuthenticationFailed) as error:
            # What the broker says of it names no password.
            raise ConfigError(
                f"{server} refuses {_TABLE}.user {settings.user!r} with this password: {error or 'no reason given'}"
            ) from None
        except TimeoutError:
            raise Unavailable(f"{server} of {_TABLE}.servers doesn't answer") from None
        except OSError as error:
            number = error.errno or 0  # those of name lookups are below 0
            reason = (
                os.strerror(number)
                if number > 0
                else error.strerror or f"it hangs up, with {_TABLE}.tls = {str(settings.tls).lower()}"
            )
            raise Unavailable(
                f"{server} of {_TABLE}.servers can't be reached: {reason[:1].lower()}{reason[1:]}"
            ) from None
        except Exception as error:
            # A broker with TLS hangs up on who speaks without it, and one that wants a login on who has none; a server
            # of another kind sends what is no answer.
            raise Unavailable(
                f"{server} of {_TABLE}.servers doesn't answer as a Kafka that takes {_protocol(settings)}, which "
                f"{_TABLE}.tls and {_TABLE}.sasl_mechanism say: {error or type(error).__name__}"
            ) from None


def _protocol(settings: Kafka) -> str:
    return ("SASL_" if settings.sasl_mechanism else "") + ("SSL" if settings.tls else "PLAINTEXT")


def _user(settings: Kafka) -> str:
    return f"{_TABLE}.user {settings.user!r}" if settings.user else "who has no login"


def _tls(settings: Kafka) -> ssl.SSLContext | None:
    if not settings.tls:
        return None
    try:
        context = ssl.create_default_context(cafile=settings.tls_ca or None)
    except OSError as error:
        raise _unreadable("tls_ca", settings.tls_ca, error) from error
    if settings.tls_certificate:
        try:
            context.load_cert_chain(settings.tls_certificate, settings.tls_key)
        except OSError as error:
            raise _unreadable("tls_certificate", settings.tls_certificate, error) from error
    return context


def _password(settings: Kafka, environ: Mapping[str, str]) -> str:
    if not settings.password_file:
        if password := environ.get(PASSWORD_VARIABLE, ""):
            return password
        raise ConfigError(
            f"there is no password for {_TABLE}.user {settings.user!r}: set {_TABLE}.password_file or "
            f"${PASSWORD_VARIABLE}"
        )
    return read_secret(f"{_TABLE}.password_file", settings.password_file)


def _unreadable(key: str, path: str, error: OSError | ValueError) -> ConfigError:
    # Of an ssl.SSLError, `reason` is short, and strerror names lines of C.
    reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or "it is no text"
    return ConfigError(f"{_TABLE}.{key} {path!r} can't be used: {str(reason).replace('_', ' ').lower()}")
