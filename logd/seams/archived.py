"""What of an index isn't meant by who asks it."""

from __future__ import annotations

from collections.abc import Mapping

#: By policy, a day (since 1970) before which the archive answers for its records.
Archived = Mapping[str, int]
