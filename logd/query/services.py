"""Of which services alone a query may find records."""

from __future__ import annotations

from logd.query.tree import And, Equals, Node, Or


def services_of(node: Node) -> frozenset[str] | None:
    """No record of another service matches; None when one might."""
    match node:
        case Equals("service", value):
            return frozenset([value])
        case And(children):
            known = [some for child in children if (some := services_of(child)) is not None]
            return frozenset.intersection(*known) if known else None
        case Or(children):
            each = [services_of(child) for child in children]
            known = [some for some in each if some is not None]
            return frozenset().union(*known) if len(known) == len(each) else None
        case _:
            return None
