"""A disk that is full, for as long as a test wants."""

from __future__ import annotations

import contextlib
import resource
from collections.abc import Iterator


@contextlib.contextmanager
def full_disk(file_bytes: int) -> Iterator[None]:
    """No file of this process can grow past `file_bytes` meanwhile. (Python ignores the signal that comes with it.)"""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
