"""A few worlds that are known to tell planted bypasses apart, loaded before all others."""

from __future__ import annotations

from tests.leaks.worlds import Hit, Row, Secret, World

RELABELLED = World(
    # Rows that differ only in their labels; in the first twin a secret was the first record under the second label.
    rows=(
        Row("pasar", "GREEN", "a0", "p0", 11, (1, 1)),
        Row("pasar", "AMBER", "a0", "p0", 11, (1, 1)),
    ),
    secrets=((Secret("pasar", 5, "a1", "p1", 0), Secret("pasar", 0, "a0", "p0", 0)), ()),
    hits=(),
    early=True,
    bare=False,
)
SHORTCUT = World(
    # A long path that may be seen, short ones that may not, and withheld values in the opposite order.
    rows=(
        Row("swiftline", "GREEN", "a0", "p0", 1, (3, 9)),
        Row("swiftline", "GREEN", "a0", "p0", 1, (9, 3)),
        Row("pasar", "GREEN", "a1", "p0", 1, (0, 5)),
        Row("customs-cn", "GREEN", "a1", "p2", 2, (0, 0)),
        Row("customs-cn", "AMBER", "a2", "p2", 2, (0, 0)),
        Row("police-ke", "RED", "a2", "p1", 0, (0, 0)),
        Row("tide", "GREEN", "a3", "p2", 0, (4, 6)),
    ),
    secrets=(
        (
            *(Secret("pasar", hidden, "a0", "p1", 1) for hidden in range(6)),
            *(Secret("customs-cn", hidden, "a2", "p0", 1) for hidden in range(3)),
            *(Secret("tide", hidden, "a0", "a2", 2) for hidden in range(2)),
            *(Secret("pasar", 0, account, phone, 0) for account in ("a1", "a2", "a3") for phone in ("p0", "p1", "w0")),
        ),
        (),
    ),
    hits=(Hit("a0", "w0", (True, False), (1, 2)),),
    early=False,
    bare=False,
    veiled=(7,),
)
UNHEARD = World(
    # Secrets about things that nobody else names.
    rows=(Row("pasar", "GREEN", "a0", "p0", 12, (0, 0)),),
    secrets=(
        (Secret("pasar", 1, "a1", "p1", 3), Secret("tide", 0, "a2", "p2", 3)),
        (Secret("pasar", 1, "a3", "w0", 3),),
    ),
    hits=(Hit("a0", "p0", (False, True), (0, 0)),),
    early=True,
    bare=False,
    veiled=(8,),
)
MENTIONED = World(
    # Two phones that look alike; each twin's secrets name a different one of them first.
    rows=(Row("pasar", "GREEN", "a0", "p0", 1, (0, 0)),),
    secrets=(
        (Secret("pasar", 0, "a1", "p6", 0), Secret("pasar", 0, "a1", "p7", 0)),
        (Secret("pasar", 0, "a1", "p7", 0), Secret("pasar", 0, "a1", "p6", 0)),
    ),
    hits=(),
    early=True,
    bare=False,
    alike=True,
)
VEILED_RING = World(
    # Accounts that share things, all of them masked; each twin's secrets name a different one of two first.
    rows=(Row("pasar", "GREEN", "a0", "p0", 1, (0, 0)), Row("swiftline", "GREEN", "a1", "p2", 1, (0, 0))),
    secrets=(
        (Secret("pasar", 0, "a2", "e6", 0), Secret("pasar", 0, "a2", "e7", 0), Secret("pasar", 0, "a0", "p6", 0)),
        (Secret("pasar", 0, "a2", "e7", 0), Secret("pasar", 0, "a2", "e6", 0)),
    ),
    hits=(),
    early=True,
    bare=False,
    veiled=(7,),
    ring=True,
)
KNOWN = (RELABELLED, SHORTCUT, UNHEARD, MENTIONED, VEILED_RING)
