"""What a group keeps with each of its positions in Kafka: where it began to count, and what became of the lines since.

    {"since": 120, "lost": 0, "taken": 5000, "stored": 4700, "duplicates": 10, "refused": 0, "dropped": 270,
     "sampled": 20, "shed": 0}

It is the commit's metadata, so position and counts are stored together or not at all, and go to the partition's next
owner. Lines are counted with one of the positions that a commit moves: only their sum over all partitions means
something. A position that another tool has set has no counts, which begin anew there. What an earlier version wrote
has fewer names; the others are 0.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from aiokafka import TopicPartition, errors
from aiokafka.admin import AIOKafkaAdminClient

from logd.seams import NOTHING, Tally


class Account(msgspec.Struct, frozen=True):
    """Of one partition: messages from position `since` on, of which `lost` were deleted before they were read."""

    since: int
    lost: int = 0
    taken: int = 0
    stored: int = 0
    duplicates: int = 0
    refused: int = 0
    dropped: int = 0
    sampled: int = 0
    shed: int = 0

    @property
    def tally(self) -> Tally:
        """Of lines."""
        return Tally(self.taken, self.stored, self.duplicates, self.refused, self.dropped, self.sampled, self.shed)

    def plus(self, tally: Tally, lost: int) -> Account:
        """With what came since."""
        now = self.tally + tally
        return Account(self.since, self.lost + lost, **msgspec.structs.asdict(now))

    def encode(self) -> str:
        """As the commit's metadata."""
        return msgspec.json.encode(self).decode()


def decode(metadata: str, position: int) -> Account:
    """What was committed with a position."""
    try:
        found = msgspec.json.decode(metadata, type=Account)
    except (msgspec.DecodeError, UnicodeError):
        return Account(position)
    return found if found.since <= position else Account(position)


async def accounts(
    admin: AIOKafkaAdminClient, group: str, committed: Mapping[TopicPartition, int]
) -> dict[int, Account]:
    """By partition, with the positions that the driver says are committed, since it doesn't give their metadata. Raises
    KafkaError, also when those aren't told alike: a broker that loads its groups says that there is nothing."""
    if not committed:
        return {}
    told = await admin.list_consumer_group_offsets(group, partitions=list(committed))
    if any(where not in told or told[where].offset != at for where, at in committed.items()):
        raise errors.GroupLoadInProgressError(f"group {group}'s positions aren't told alike")
    return {where.partition: decode(told[where].metadata or "", at) for where, at in committed.items()}


def summed(found: Mapping[int, Account]) -> Tally:
    """Of all partitions."""
    return sum((account.tally for account in found.values()), NOTHING)
