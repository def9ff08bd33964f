"""How well reported rings agree with known ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from graphsvc.edgelists.columns import read_columns
from graphsvc.model.errors import InvalidInput

ALIKE = 0.5
"""A reported ring is a known one where their Jaccard likeness is at least this."""


@dataclass(frozen=True, slots=True)
class Scores:
    """Agreement of a ranked list of rings with known ones, core and fringe.

    ``jaccard``: mean over known rings of the best Jaccard likeness with a reported one. ``precision``: share of the
    reported rings that are like a known one (:data:`ALIKE`). ``recall``: share of the known rings that a reported one
    is like. ``average_precision``: mean over *all* known rings of the precision at the rank at which each is first
    found; 0 for one that is not found. ``reported``: how many rings were reported.
    """

    jaccard: float
    precision: float
    recall: float
    average_precision: float
    reported: int

    def stated(self) -> dict[str, float | int]:
        """Rounded, by name."""
        return {name: round(value, 4) for name, value in asdict(self).items()}


def read_truth(path: Path) -> list[frozenset[str]]:
    """The known rings of a file with the columns actor and ring. Raises InvalidInput."""
    table = read_columns(path, ("actor", "ring"), ())
    rings: dict[str, set[str]] = {}
    for actor, ring in zip(table.column("actor").to_pylist(), table.column("ring").to_pylist(), strict=True):
        rings.setdefault(ring, set()).add(actor)
    if not rings:
        raise InvalidInput("it names no ring", code="no_truth", where=path.name)
    return [frozenset(rings[ring]) for ring in sorted(rings)]


def score(known: Sequence[frozenset[str]], reported: Sequence[frozenset[str]]) -> Scores:
    """How well ``reported``, in their order, agree with ``known``, of which there is one at least."""
    of_actor: dict[str, list[int]] = {}
    for number, ring in enumerate(known):
        for actor in ring:
            of_actor.setdefault(actor, []).append(number)
    best, found = [0.0] * len(known), set[int]()
    good, total = 0, 0.0
    for rank, ring in enumerate(reported, 1):
        likes = {number: _like(known[number], ring) for number in _near(ring, of_actor)}
        for number, like in likes.items():
            best[number] = max(best[number], like)
        alike = sorted((number for number, like in likes.items() if like >= ALIKE), key=lambda n: (-likes[n], n))
        good += bool(alike)
        # A known ring counts once, at the first ring that is like it.
        fresh = [number for number in alike if number not in found][:1]
        found.update(fresh)
        total += len(fresh) * len(found) / rank
    return Scores(
        sum(best) / len(known),
        good / len(reported) if reported else 0.0,
        sum(like >= ALIKE for like in best) / len(known),
        total / len(known),
        len(reported),
    )


def _near(ring: Iterable[str], of_actor: dict[str, list[int]]) -> list[int]:
    return sorted({number for actor in ring for number in of_actor.get(actor, ())})


def _like(one: frozenset[str], other: frozenset[str]) -> float:
    common = len(one & other)
    return common / (len(one) + len(other) - common)
