"""Who only buys: an actor at the far end of parcels and payments that never sends anything and never is paid."""

from __future__ import annotations

import numpy as np

from graphsvc.detect.arrays import Flags, Ints
from graphsvc.detect.evidence import GAVE, TOOK, Pairs, Uses


def only_buys(uses: Uses, contacts: Pairs) -> tuple[Flags, Flags]:
    """Which uses, and which contacts, are a customer's purchases: they are no evidence that it belongs to the sellers.

    A customer receives or pays, and in no claim sends or is paid. What else it uses stays evidence: a customer may have
    a household, or a ring, of its own.
    """
    taking, giving = uses.way == TOOK, uses.way == GAVE
    givers = np.union1d(uses.actor[giving], contacts.b[contacts.paid])
    return taking & ~_among(uses.actor, givers), contacts.paid & ~_among(contacts.a, givers)


def _among(values: Ints, some: Ints) -> Flags:
    if not len(some):
        return np.zeros(len(values), dtype=np.bool_)
    place = np.minimum(np.searchsorted(some, values), len(some) - 1)
    found: Flags = some[place] == values
    return found
