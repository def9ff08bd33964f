"""What acts in the ledger give a reader beside what it is: sharing groups, and disclosures granted to it."""

from __future__ import annotations

from graphsvc.model.principals import Entitlements, Footing, Principal


def entitled(principal: Principal, footing: Footing, now: float) -> Entitlements:
    """What the caller was given, in force at ``now`` (epoch seconds)."""
    return Entitlements(groups=principal.groups)
