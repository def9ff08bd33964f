"""Circular reporting: one source that comes back through other organisations is recognised, and counted once.

Judged from visible claims and their visible origins alone: what a reader may not see changes nothing. Sources are
counted over all visible claims. A claim is marked that repeats any other visible one; of those that are not shown only
owner and origin are at hand, so two references are compared between claims that are shown. References are
compared without regard to case; an organisation counts as one source however many references it gives, since another
report number is no other source. Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple


class Said(NamedTuple):
    """Who claims a thing, and the organisation (empty: the owner itself) and reference that it names as origin."""

    owner: str
    organisation: str = ""
    reference: str = ""

    @property
    def relayed(self) -> bool:
        """Whether the owner says that it has this from somebody else."""
        return self.organisation not in ("", self.owner)

    @property
    def source(self) -> tuple[str, str]:
        """The organisation that it comes from, one step back, and the reference there."""
        return self.organisation or self.owner, self.reference.casefold()


def circular(said: Sequence[Said], told: Collection[tuple[str, str]] = ()) -> list[bool]:
    """Which claims repeat another one of ``said``: both have the same origin, or the other is the origin.

    Where one side gives no reference the two can't be told apart, and count as the same. ``told`` has the owners and
    origins (empty: none) of all visible claims, ``said`` or not.
    """
    places: dict[str, list[int]] = {}
    for place, one in enumerate(said):
        places.setdefault(one.source[0], []).append(place)
        if one.relayed:
            places.setdefault(one.owner, []).append(place)
    return [
        one.relayed
        and (
            any(_repeats(one, said[other]) for other in places[one.source[0]] if other != place)
            or any(_repeats_told(one, owner, origin) for owner, origin in told)
        )
        for place, one in enumerate(said)
    ]


def independent_sources(said: Sequence[Said]) -> int:
    """How many organisations the claims come from in the end: none of these has it from another of them.

    An organisation that only passes on is no source; those who pass on in a circle, with nobody behind it, are one.
    """
    origins: dict[str, set[str]] = {}
    for one in said:
        origins.setdefault(one.owner, set()).add(one.source[0])
    return len({root for owner in origins for root in _roots(owner, origins)})


def _repeats(one: Said, other: Said) -> bool:
    organisation, reference = one.source
    if other.source[0] == organisation:
        return _same(reference, other.source[1])
    # The other claim is passed on too; its owner is the organisation that this one names as origin.
    return other.owner == organisation


def _repeats_told(one: Said, owner: str, origin: str) -> bool:
    """Whether it repeats a claim whose reference is not at hand. Its own owner's may be the claim itself."""
    organisation, reference = one.source
    if owner == organisation:
        return origin != organisation or not reference
    return origin == organisation and owner != one.owner and not reference


def _same(a: str, b: str) -> bool:
    return not a or not b or a == b


def _roots(owner: str, origins: Mapping[str, set[str]]) -> set[frozenset[str]]:
    """Where the claims of ``owner`` come from in the end: organisations alone, or circles that nothing leads out of."""
    reach = _reach(owner, origins)
    roots = {frozenset({one}) for one in reach if one in origins.get(one, {one})}
    if not roots:
        circles = (frozenset(_reach(one, origins)) for one in reach)
        roots = {circle for circle in circles if all(_reach(one, origins) == circle for one in circle)}
    return roots


def _reach(owner: str, origins: Mapping[str, set[str]]) -> set[str]:
    """The organisations that ``owner`` has it from, over any number of steps, itself included."""
    found, pending = {owner}, [owner]
    while pending:
        for one in origins.get(pending.pop(), ()):
            if one not in found:
                found.add(one)
                pending.append(one)
    return found
