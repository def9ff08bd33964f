"""What changes between two versions of the policies: every decision, found by going through all of them.

Changes are given as boxes: all readers, footings and labels of some classes along each axis
(:mod:`graphsvc.policy.grid`). The boxes of one answer do not overlap, and together they are all that changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphsvc.policy.axes import SOMEBODY
from graphsvc.policy.describe import class_names
from graphsvc.policy.grid import ACTS, READS, Bools, Enumeration, Grid
from graphsvc.policy.limits import changed_limits
from graphsvc.policy.rules import Policies
from graphsvc.policy.telling import changed_tellings

Progress = Callable[[int, int], None]
"""Called with how many organisations are done, and how many there are."""


Described = dict[str, Any]
"""What readers or labels have in common, by attribute."""
Classes = dict[str, dict[str, dict[str, list[Described]]]]


@dataclass(frozen=True, slots=True)
class Change:
    """A box of decisions that change alike: on labels of ``owner`` readers gain (or lose) ``actions``.

    ``within`` maps an axis to the names of its classes in the box; an axis that does not matter is left out.
    """

    owner: str
    gain: bool
    actions: tuple[str, ...]
    within: dict[str, tuple[str, ...]]
    decisions: int


@dataclass(frozen=True, slots=True)
class Difference:
    """All that changes between two versions.

    ``rules`` are the ids of rules added, taken away or changed, with ``+``, ``-`` or ``~``; ``limits`` the changed
    limits of identifiers a day, ``tellings`` the changed rules by which owners are told late of hits.
    ``decisions`` is how many were compared; ``classes`` names, by owner and axis, the points of each class.
    """

    old: str
    new: str
    rules: tuple[str, ...]
    decisions: int
    changes: tuple[Change, ...]
    classes: Classes
    limits: tuple[str, ...] = ()
    tellings: tuple[str, ...] = ()


def difference(
    old: Policies, new: Policies, progress: Progress | None = None, only: Sequence[str] | None = None
) -> Difference:
    """Every decision (of reader, label and action) that differs between ``old`` and ``new``. Raises InvalidPolicy.

    ``only``: on labels of these owners, where what differs can change no others'.
    """
    # 1. Whose labels: every organisation with a file in one of them, and one without.
    owners = [SOMEBODY, *sorted({*old.owners, *new.owners})] if only is None else list(only)
    enumeration = Enumeration([old, new])
    decisions, changes, classes = 0, list[Change](), Classes()
    for number, owner in enumerate(owners):
        # 2. Reading and acts look at different attributes: a space for each (grid).
        for actions in (READS, ACTS):
            before, after = enumeration.grids(owner, actions)
            decisions += _points(before, np.ones((1,) * len(before.space), dtype=bool)) * len(actions)
            # 3. What differs, in boxes.
            found = list(_changes(before, after, actions))
            changes += found
            if found:
                known = classes.setdefault(owner, {})
                known |= {f"{actions[0]} {name}": points for name, points in _named(before, found).items()}
        if progress is not None:
            progress(number + 1, len(owners))
    limits = tuple(changed_limits(old.limits, new.limits))
    tellings = tuple(changed_tellings(old.tellings, new.tellings))
    rules = tuple(_rules(old, new))
    return Difference(old.digest, new.digest, rules, decisions, tuple(changes), classes, limits, tellings)


def _changes(before: Grid, after: Grid, actions: Sequence[str]) -> Iterator[Change]:
    names = [class_names(classes) for classes in before.space]
    for gain in (True, False):
        first, second = (before, after) if gain else (after, before)
        each = [_gained(first, second, action) for action in actions]
        if not any(cells.any() for cells in each):
            continue
        for cells in _boxes(np.stack(each, axis=-1), before.reachable[..., np.newaxis]):
            *along, chosen = cells
            within = {
                before.space[place].axis.name: tuple(names[place][number] for number in sorted(numbers))
                for place, numbers in enumerate(along)
                if len(numbers) < len(names[place])
            }
            told = tuple(actions[number] for number in sorted(chosen))
            yield Change(before.owner, gain, told, within, _points(before, _filled(before, along)) * len(told))


def _gained(first: Grid, second: Grid, action: str) -> Bools:
    """Where ``second`` allows an action that ``first`` does not."""
    nowhere = np.zeros(first.reachable.shape, dtype=bool)
    changed: Bools = second.decisions.get(action, nowhere) & ~first.decisions.get(action, nowhere) & first.reachable
    return changed


def _boxes(changed: Bools, reachable: Bools) -> list[tuple[frozenset[int], ...]]:
    """The true cells as boxes that don't overlap; cells that can't be reached may lie in them or not."""
    full = changed.shape
    reachable = np.broadcast_to(reachable, full)
    # 1. An axis along which every line is all or nothing does not matter.
    for place in range(changed.ndim - 1):
        some: Bools = np.any(changed & reachable, axis=place, keepdims=True)
        every: Bools = np.all(changed | ~reachable, axis=place, keepdims=True)
        reached: Bools = np.any(reachable, axis=place, keepdims=True)
        if np.array_equal(some, every & reached):
            changed, reachable = some, reached
    # 2. Classes along an axis whose cells change alike everywhere are one.
    alike: list[list[frozenset[int]]] = []
    for place in range(changed.ndim):
        changed, reachable, groups = _alike(changed & reachable, reachable, place)
        wide = [frozenset(range(full[place]))] if len(groups) == 1 else groups
        alike.append(wide)
    # 3. Cells that are alike but for one axis become one box.
    cells = np.argwhere(changed & reachable).tolist()
    boxes = [tuple(alike[place][at] for place, at in enumerate(cell)) for cell in cells]
    for place in reversed(range(len(full))):
        merged: dict[tuple[frozenset[int], ...], frozenset[int]] = {}
        for box in boxes:
            rest = (*box[:place], *box[place + 1 :])
            merged[rest] = merged.get(rest, frozenset()) | box[place]
        boxes = [(*rest[:place], numbers, *rest[place:]) for rest, numbers in merged.items()]
    return boxes


def _alike(changed: Bools, reachable: Bools, place: int) -> tuple[Bools, Bools, list[frozenset[int]]]:
    """Keep one of each kind of slice along an axis; also returns which slices each one stands for."""
    groups: dict[tuple[bytes, bytes], list[int]] = {}
    for number in range(changed.shape[place]):
        key = (np.take(changed, number, axis=place).tobytes(), np.take(reachable, number, axis=place).tobytes())
        groups.setdefault(key, []).append(number)
    firsts = [numbers[0] for numbers in groups.values()]
    kept: Bools = np.take(changed, firsts, axis=place)
    reached: Bools = np.take(reachable, firsts, axis=place)
    return kept, reached, list(map(frozenset, groups.values()))


def _filled(grid: Grid, along: Sequence[frozenset[int]]) -> Bools:
    box = np.zeros(grid.reachable.shape, dtype=bool)
    box[np.ix_(*(sorted(numbers) for numbers in along))] = True
    return box


def _points(grid: Grid, cells: Bools) -> int:
    """How many combinations of points lie in the cells that can be reached."""
    weights = (cells & grid.reachable).astype(np.int64)
    for classes in reversed(grid.space):
        weights = weights @ np.array([len(points) for points in classes.members], dtype=np.int64)
    return int(weights)


def _named(grid: Grid, changes: Sequence[Change]) -> dict[str, dict[str, list[Described]]]:
    """For the axes that matter to ``changes``, the points behind each class's name."""
    found: dict[str, dict[str, list[Described]]] = {}
    for classes in grid.space:
        used = {name for change in changes for name in change.within.get(classes.axis.name, ())}
        if used:
            attributes, points = classes.axis.attributes, classes.axis.points
            named = zip(class_names(classes), classes.members, strict=True)
            found[classes.axis.name] = {
                name: [dict(zip(attributes, points[number], strict=True)) for number in members]
                for name, members in named
                if name in used
            }
    return found


def _rules(old: Policies, new: Policies) -> Iterator[str]:
    before, after = ({(r.file, r.id): r.tree for r in _all(policies)} for policies in (old, new))
    for key in sorted({*before, *after}):
        if before.get(key) != after.get(key):
            sign = "+" if key not in before else "-" if key not in after else "~"
            yield f"{sign} {key[0]} {key[1]}"
    if old.standings != new.standings:
        yield "~ standings.yaml"


def _all(policies: Policies) -> Iterator[Any]:
    yield from policies.shared.rules
    for book in policies.owners.values():
        yield from (rule for rule in book.rules if rule.id in book.own)
