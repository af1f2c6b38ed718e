"""Named places at which a test has the process killed, to see that what is on disk then is whole.

$CRASH_LOGD_AT is a name of those below, or `name:n` for the nth time that it is passed. Without it, it costs nothing.
"""

from __future__ import annotations

import os
import signal

VARIABLE = "CRASH_LOGD_AT"
#: In the order in which a line's rows pass them.
POINTS = (
    "segment.begun",
    "segment.written",
    "segment.synced",
    "segment.renamed",
    "manifest.flush",
    "manifest.flush.committed",
    "merge.begun",
    "merge.written",
    "skip.written",
    "skip.renamed",
    "manifest.merge",
    "manifest.merge.committed",
    "manifest.index",
    "manifest.index.committed",
    "manifest.expire",
    "manifest.expire.committed",
    "retired.unlinked",
    "retired.forgotten",
)
#: The same for a backup, and for what is made of one.
BACKUP_POINTS = ("backup.segment", "backup.copied", "restore.copied", "restore.moved")
#: And for a manifest that is made anew.
REPAIR_POINTS = ("repair.written", "repair.kept")
#: And for chunks that an agent's target couldn't take: as they go into the spool, and as they leave it.
SPOOL_POINTS = ("spool.written", "spool.synced", "spool.noted", "spool.sent", "spool.marked", "spool.unlinked")
#: And for days that move between the tiers of an Elasticsearch, and for what is put back there from the archive.
TIER_POINTS = (
    "warm.blocked",
    "warm.placed",
    "warm.merging",
    "warm.recorded",
    "warm.advanced",
    "cold.blocked",
    "cold.noted",
    "cold.proved",
    "cold.advanced",
    "cold.leaving",
    "cold.recorded",
    "cold.deleted",
)
RESTORE_POINTS = ("restore.made", "restore.loaded", "restore.noted", "restore.done", "restore.deleted")
#: And for the archive: as the stream comes into it, as files of it become one, and as what it doesn't need goes.
ARCHIVE_POINTS = (
    "archive.written",
    "archive.skip.put",
    "archive.data.put",
    "archive.manifest.put",
    "archive.added",
    "archive.committed",
    "compaction.written",
    "compaction.put",
    "compaction.manifest.put",
    "compaction.added",
    "garbage.deleted",
    "garbage.forgotten",
)
#: And for a day that goes from the segments into the archive.
COOLING_POINTS = (
    "cooling.begun",
    "cooling.file",
    "cooling.manifest",
    "cooling.added",
    "cooling.hour",
    "cooling.advanced",
    "cooling.waiting",
    "manifest.archive",
    "manifest.archive.committed",
    "cooling.recorded",
    "cooling.forgotten",
)
_at, _, _times = os.environ.get(VARIABLE, "").partition(":")
_left = int(_times or 1)


def point(name: str) -> None:
    """Kills the process if this is where it is to end."""
    global _left
    if name == _at:
        _left -= 1
        if _left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
