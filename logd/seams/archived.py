"""What of an index isn't meant by who asks it, and what of the archive is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

#: By policy, a day (since 1970) before which the archive answers for its records. An index leaves exactly these records
#: out. The archive, given the same, looks at exactly these and no others: not at a policy that isn't named, unless
#: ANY_POLICY is, nor at a day that isn't before its policy's. So what both say together has each record once.
Archived = Mapping[str, int]
#: In the place of a policy's name: all that aren't named. Only the archive is given it.
ANY_POLICY: Final = "*"
#: Given to the archive: everything that it has, also what the index answers for while that can be asked.
ALL_ARCHIVED: Final[Archived] = {ANY_POLICY: 2**31 - 1}
