"""Dead letters: what can't be stored, with the reason and the original bytes, in the topic dead-letters."""

from __future__ import annotations

from logd.chunk import REMEMBER_SECONDS, Envelope, Message


def dead_letter(message: Message, reason: str) -> Envelope:
    """The message as a dead letter: the same value and headers, and why and where it was refused. The same message
    gives the same letter with the same place in its source, so that it is stored once."""
    headers = {
        **{name: text for name, text in message.headers.items() if name != "digest"},
        "dead-letter-reason": reason,
        "dead-letter-partition": str(message.partition),
        "dead-letter-position": str(message.position),
        "source-id": f"{message.partition:016x}",
        "offset": str(message.position),
        "end": str(message.position + 1),
        "remember": str(REMEMBER_SECONDS),
        "refused-source-id": message.headers.get("source-id", ""),
        "refused-offset": message.headers.get("offset", ""),
        "refused-end": message.headers.get("end", ""),
    }
    return Envelope(message.key, headers, message.value)
