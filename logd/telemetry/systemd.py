"""Tells the service manager that started us how far we are (sd_notify(3)); a unit has `Type=notify`."""

from __future__ import annotations

import logging
import os
import socket

log = logging.getLogger("logd.server")


def notify(state: str) -> None:
    """Sends `state`, such as READY=1, to $NOTIFY_SOCKET; nothing without one. A manager that doesn't listen is no
    reason to stop: it is logged."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):  # a name in the kernel's abstract space
        address = f"\0{address[1:]}"
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as manager:
            manager.sendto(state.encode(), address)
    except OSError as error:
        log.warning("the service manager at NOTIFY_SOCKET=%s can't be told %s: %s", address, state, error.strerror)
