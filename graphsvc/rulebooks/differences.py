"""What a version of the policies changes, as a member is told: in words, with how many decisions and own records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from graphsvc.ledger import tables
from graphsvc.model.places import ROW_BITS
from graphsvc.policy.grid import ACTS, READS
from graphsvc.wire.rulebooks import PolicyChange, PolicyCondition, PolicyDifference

if TYPE_CHECKING:
    from graphsvc.graph.holdings import Holdings
    from graphsvc.ledger.log import Ledger
    from graphsvc.model.labels import Label
    from graphsvc.policy.diff import Change, Difference
    from graphsvc.policy.scope import Scope
    from graphsvc.rulebooks.versions import Proposal

CHANGES = 200
"""At most this many changes are listed."""
MOST_ROWS = 1_000_000
"""Records are counted for organisations that have submitted at most this many rows: counting looks at each."""


def own_records(ledger: Ledger, holdings: Holdings, scope: Scope, now: float) -> dict[Label, int] | None:
    """How many records of the caller's organisation are in force under each of its labels; None: too many. Blocks."""
    org, table = scope.principal.org, tables.submissions
    with ledger.reading() as connection:
        rows = connection.execute(select(table.c["index"], table.c.rows).where(table.c.org == org)).all()
    if sum(count for _, count in rows) > MOST_ROWS:
        return None
    own = {lid: label for lid, label in scope.labels.items() if label.owner == org}
    parts = [(index << ROW_BITS, (index << ROW_BITS) + count) for index, count in rows]
    counted = holdings.counted(list(own), parts, now)
    return {own[lid]: count for lid, count in counted.items()}


def difference_shape(
    proposal: Proposal, found: Difference, own: str, counted: Mapping[Label, int] | None
) -> PolicyDifference:
    """A difference as a member is told it: ``own`` is what stands for it, ``counted`` are its records by label."""
    return PolicyDifference(
        object=proposal.object,
        part=proposal.part,
        rules=list(found.rules),
        limits=list(found.limits),
        tellings=list(found.tellings),
        decisions=str(found.decisions),
        changed=str(sum(change.decisions for change in found.changes)),
        changes=[_change_shape(change, found, own, counted) for change in found.changes[:CHANGES]],
        truncated=len(found.changes) > CHANGES,
    )


def _change_shape(change: Change, found: Difference, own: str, counted: Mapping[Label, int] | None) -> PolicyChange:
    return PolicyChange(
        owner=change.owner,
        gain=change.gain,
        actions=list(change.actions),
        when=[
            # Classes that differ in nothing that has a name are one.
            PolicyCondition(axis=axis, classes=list(dict.fromkeys(name.partition(" #")[0] for name in names)))
            for axis, names in change.within.items()
        ],
        decisions=str(change.decisions),
        records=None
        if counted is None or change.owner != own
        else sum(count for label, count in counted.items() if _reaches(change, found, label)),
    )


def _reaches(change: Change, found: Difference, label: Label) -> bool:
    """Whether a change is about labels of this handling code and PAP."""
    said: dict[str, Any] = {
        "resource.scheme": label.handling.scheme,
        "resource.code": label.handling.code,
        "resource.pap": label.pap,
    }
    known = found.classes[change.owner]
    space = (READS if change.actions[0] in READS else ACTS)[0]
    for axis in ("handling", "pap"):
        if axis in change.within:
            classes = known[f"{space} {axis}"]
            points = [point for name in change.within[axis] for point in classes[name]]
            if not any(all(said[name] == value for name, value in point.items()) for point in points):
                return False
    return True
