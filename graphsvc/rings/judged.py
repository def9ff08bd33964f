"""What judgements come to: a fold over signed acts, kept apart from what searches compute. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from graphsvc.wire.acts import kind_of
from graphsvc.wire.rings import AcceptRing, DismissRing, MergeRings, ReopenRing, SplitRing

OPEN, ACCEPTED, DISMISSED = "open", "accepted", "dismissed"
VERDICTS = {kind_of(AcceptRing): ACCEPTED, kind_of(DismissRing): DISMISSED, kind_of(ReopenRing): OPEN}


@dataclass(frozen=True, slots=True)
class Judged:
    """One judgement: the act's entry, whose it is, about which ring, and what it says."""

    index: int
    org: str
    ring: str
    kind: str
    person: str
    t: str
    body: Mapping[str, Any]

    @property
    def text(self) -> str | None:
        """The note, reason or text of it."""
        return next((str(self.body[name]) for name in ("note", "reason", "text") if self.body.get(name)), None)


@dataclass(slots=True)
class Standing:
    """How one ring is judged now; ``merged`` are the other rings that it is one with."""

    verdict: str = OPEN
    merged: frozenset[str] = frozenset()
    parts: tuple[tuple[str, ...], ...] = ()
    judgements: list[Judged] = field(default_factory=list)


UNJUDGED = Standing()


def fold(judgements: Iterable[Judged]) -> dict[str, Standing]:
    """How each ring that was judged is judged, from all judgements in ledger order.

    A merger takes rings out of the mergers that they were in, so that each is in one; alone, nobody is merged.
    """
    found: dict[str, Standing] = {}
    merger: dict[str, frozenset[str]] = {}
    for one in judgements:
        standing = found.setdefault(one.ring, Standing())
        standing.judgements.append(one)
        standing.verdict = VERDICTS.get(one.kind, standing.verdict)
        if one.kind == kind_of(SplitRing):
            standing.parts = tuple(tuple(part) for part in one.body.get("parts", ()))
        if one.kind == kind_of(MergeRings):
            together = frozenset((one.ring, *one.body.get("rings", ())))
            for ring in together:
                for other in merger.get(ring, frozenset()) - {ring}:
                    merger[other] = merger[other] - {ring}
                merger[ring] = together
                if ring != one.ring:
                    found.setdefault(ring, Standing()).judgements.append(one)
    for ring, together in merger.items():
        found[ring].merged = together - {ring}
    return found
