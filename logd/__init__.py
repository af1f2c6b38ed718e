"""logd: a centralized log service in one asyncio Python program."""

__version__ = "0.1.0"
