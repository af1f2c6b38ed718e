"""Certificate and key of the listener, and their replacement while connections stay."""

from __future__ import annotations

import asyncio
import logging
import os
import ssl
from datetime import UTC, datetime
from pathlib import Path

from logd.config.schema import Api
from logd.errors import ConfigError

log = logging.getLogger("logd.api")
#: Between two looks whether the files have changed.
_LOOK_SECONDS = 2.0
Stamp = tuple[tuple[int, int, int], ...]


class Certificate:
    """`context` serves whatever was read last."""

    def __init__(self, api: Api) -> None:
        """Raises ConfigError when the files can't be used; one that is expired is a warning in the log."""
        self._certificate, self._key = Path(api.tls_certificate), Path(api.tls_key)
        self._seen = self._stamp()
        self.context = self._current = self._load()
        # Called for every handshake, also by clients that name no server: who comes from now on gets the new one.
        self.context.sni_callback = self._choose

    async def watch(self, stop: asyncio.Event) -> None:
        """Takes new files until `stop`. What can't be used is logged, and the last that could stays."""
        while not stop.is_set():
            try:
                async with asyncio.timeout(_LOOK_SECONDS):
                    await stop.wait()
            except TimeoutError:
                await self.look()

    async def look(self) -> None:
        """Takes the files if they have changed since the last look."""
        stamp = await asyncio.to_thread(self._stamp)
        if stamp == self._seen:
            return
        self._seen = stamp
        try:
            self._current = await asyncio.to_thread(self._load)
        except ConfigError as error:
            log.warning("the certificate stays as it was: %s", error)  # the key may be about to follow
        else:
            log.info("api.tls_certificate %s is read anew", self._certificate)

    def _choose(self, handshake: ssl.SSLObject | ssl.SSLSocket, name: str | None, context: ssl.SSLContext) -> None:
        handshake.context = self._current

    def _stamp(self) -> Stamp:
        """Changes whenever one of the files does."""
        stamps = []
        for path in (self._certificate, self._key):
            try:
                found = os.stat(path)
                stamps.append((found.st_mtime_ns, found.st_size, found.st_ino))
            except OSError:
                stamps.append((0, 0, 0))
        return tuple(stamps)

    def _load(self) -> ssl.SSLContext:
        """Raises ConfigError."""
        for name, path in (("api.tls_certificate", self._certificate), ("api.tls_key", self._key)):
            try:
                path.read_bytes()
            except OSError as error:
                raise ConfigError(f"{name} {str(path)!r} can't be read: {str(error.strerror).lower()}") from error
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        try:
            context.load_cert_chain(self._certificate, self._key, _no_password)
            self._warn_if_expired()
        except _Encrypted:
            raise ConfigError(f"api.tls_key {str(self._key)!r} is encrypted, expected one without a password") from None
        except (OSError, ValueError) as error:
            raise ConfigError(self._said(error)) from error
        return context

    def _said(self, error: Exception) -> str:
        certificate, key = f"api.tls_certificate {str(self._certificate)!r}", f"api.tls_key {str(self._key)!r}"
        reason = getattr(error, "reason", None) or str(error) or type(error).__name__
        if reason == "KEY_VALUES_MISMATCH":
            return f"{key} is not the key of {certificate}"
        return f"{certificate} and {key} can't be used, expected PEM files: {reason}"

    def _warn_if_expired(self) -> None:
        from cryptography import x509

        leaf = x509.load_pem_x509_certificates(self._certificate.read_bytes())[0]
        now = datetime.now(UTC)
        if now >= leaf.not_valid_after_utc:
            log.warning("api.tls_certificate %s has expired: %s", self._certificate, leaf.not_valid_after_utc)
        elif now < leaf.not_valid_before_utc:
            log.warning("api.tls_certificate %s is not valid yet: %s", self._certificate, leaf.not_valid_before_utc)


class _Encrypted(Exception):
    """The key needs a password, for which OpenSSL would ask on the terminal."""


def _no_password() -> str:
    raise _Encrypted
