"""What must hold whatever the policies say, proven over every decision that there is (:mod:`graphsvc.policy.grid`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from graphsvc.policy.axes import SOMEBODY
from graphsvc.policy.grid import READS, Bools, Enumeration, Grid
from graphsvc.policy.rules import Policies

CONTENT = tuple(action for action in READS if action != "match")
OWNER_ACTS = ("submit", "recall", "disclose", "hold")


@dataclass(frozen=True, slots=True)
class Breach:
    """An invariant that some decisions break: on whose labels, for which action, and one such reader and label."""

    invariant: str
    owner: str
    action: str
    example: Mapping[str, str]


def breaches(policies: Policies, owners: Sequence[str] | None = None) -> Iterator[Breach]:
    """Every invariant broken on labels of ``owners`` (None: of those with a file, and of one without)."""
    enumeration = Enumeration([policies])
    for owner in [SOMEBODY, *policies.owners] if owners is None else owners:
        # Rules on acts look at other attributes than rules on reading: two small spaces, not one large one.
        for actions, invariants in ((READS, INVARIANTS), (OWNER_ACTS, ACT_INVARIANTS)):
            (grid,) = enumeration.grids(owner, actions)
            for name, broken in invariants.items():
                for action, cells in broken(grid).items():
                    wrong = cells & grid.reachable
                    if wrong.any():
                        yield Breach(name, owner, action, _example(grid, wrong))


def _example(grid: Grid, wrong: Bools) -> dict[str, str]:
    place = np.unravel_index(int(np.argmax(wrong)), wrong.shape)
    example: dict[str, str] = {}
    for classes, at in zip(grid.space, place, strict=True):
        if len(classes.members) > 1:
            point = classes.axis.points[classes.members[int(at)][0]]
            example |= {name: _plain(value) for name, value in zip(classes.axis.attributes, point, strict=True)}
    return example


def _plain(value: object) -> str:
    return "+".join(map(str, value)) or "none" if isinstance(value, tuple) else str(value) or "none"


def _nested(grid: Grid) -> dict[str, Bools]:
    outer = {action: "match" if action == "view" else "view" for action in CONTENT}
    return {action: grid.decisions[action] & ~grid.decisions[within] for action, within in outer.items()}


def _company(grid: Grid) -> dict[str, Bools]:
    foreign = ~grid.tagged("reader", 0) & grid.tagged("kind", 0)
    return {action: grid.decisions[action] & foreign for action in CONTENT}


def _red(grid: Grid) -> dict[str, Bools]:
    foreign = ~grid.tagged("reader", 0) & grid.tagged("handling", 0)
    return {action: grid.decisions[action] & foreign for action in CONTENT}


def _footing(grid: Grid) -> dict[str, Bools]:
    foreign = ~grid.tagged("reader", 0) & ~grid.tagged("purpose", 0)
    return {action: grid.decisions[action] & foreign for action in READS}


def _purpose(grid: Grid) -> dict[str, Bools]:
    bound = ~grid.tagged("reader", 0) & grid.tagged("purpose", 1) & ~grid.tagged("grants", 1)
    return {action: grid.decisions[action] & bound for action in READS}


def _owner(grid: Grid) -> dict[str, Bools]:
    foreign = ~grid.tagged("reader", 0)
    return {action: grid.decisions[action] & foreign for action in OWNER_ACTS if action in grid.decisions}


def _group_moved(grid: Grid) -> dict[str, Bools]:
    return _moved(grid, "groups", "resource.groups")


def _grant_moved(grid: Grid) -> dict[str, Bools]:
    return _moved(grid, "grants", "resource.grants")


def _moved(grid: Grid, name: str, attribute: str) -> dict[str, Bools]:
    """Where readers who share no group (or grant) with a label get another decision than on a label without any."""
    place = grid.axis(name)
    axis, members = grid.space[place].axis, grid.space[place].members
    class_of = {point: number for number, points in enumerate(members) for point in points}
    at = axis.attributes.index(attribute)
    pairs = []
    for point, values in enumerate(axis.points):
        if not set(values[0]) & set(values[1]):
            bare = axis.points.index(tuple(() if n == at else value for n, value in enumerate(values)))
            pairs.append((class_of[point], class_of[bare]))
    differs: dict[str, Bools] = {}
    for action, decided in grid.decisions.items():
        along = np.moveaxis(decided, place, 0)
        cells = np.zeros_like(along)
        for moved, bare in set(pairs):
            cells[moved] |= along[moved] != along[bare]
        differs[action] = np.moveaxis(cells, 0, place)
    return differs


INVARIANTS: dict[str, Callable[[Grid], Mapping[str, Bools]]] = {
    "fields ⊆ view, analyse ⊆ view ⊆ match": _nested,
    "a company sees only its own": _company,
    "TLP:RED never leaves home": _red,
    "without a stated footing only one's own": _footing,
    "a record is used only for its purposes": _purpose,
    "a group added to a label changes decisions only for its members": _group_moved,
    "a grant added to a label changes decisions only for whom it is in force; one that ended is as if never given":
        _grant_moved,
}  # fmt: skip
ACT_INVARIANTS: dict[str, Callable[[Grid], Mapping[str, Bools]]] = {
    "only an owner submits, recalls, discloses and holds its records": _owner,
}
