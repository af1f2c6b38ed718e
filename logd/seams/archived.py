"""What of an index isn't meant by who asks it."""

from __future__ import annotations

from collections.abc import Mapping

#: By policy, a day (since 1970) before which the archive answers for its records. An index leaves exactly these records
#: out. The archive, asked by the same mapping, looks at exactly these and no others: neither at a policy that isn't in
#: it, nor at a day that isn't before its policy's. So together each record is answered for once.
Archived = Mapping[str, int]
