"""Names for classes of readers, footings and labels, as people would say them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from graphsvc.model.principals import ROLES
from graphsvc.policy.axes import ELSEWHERE
from graphsvc.policy.grid import Classes

Points = Sequence[tuple[Any, ...]]


def class_names(classes: Classes) -> list[str]:
    """A name for each class of an axis; no two alike."""
    axis, names = classes.axis, list[str]()
    for members in classes.members:
        name = _NAMES[axis.name]([axis.points[number] for number in members])
        count = sum(one.split(" #")[0] == name for one in names)
        names.append(f"{name} #{count + 1}" if count else name)
    return names


def _reader(points: Points) -> str:
    org, owner = points[0]
    return "the owner" if org == owner else "another organisation" if org == ELSEWHERE else f"the organisation {org}"


def _kind(points: Points) -> str:
    return ", ".join(_distinct(kind for kind, _ in points))


def _roles(points: Points) -> str:
    sets = [set(roles) for (roles,) in points]
    needed = [role for role in ROLES if all(role in roles for roles in sets)]
    never = [role for role in ROLES if not any(role in roles for roles in sets)]
    if len(sets) != 1 << (len(ROLES) - len(needed) - len(never)):
        alike = [role for role in ROLES if role not in never and any(role in roles for roles in sets)]
        return f"some of {', '.join(alike)}" + (f", not {', '.join(never)}" if never else "")
    said = [*needed, *(f"not {role}" for role in never)]
    return ", ".join(said) or "any role"


def _purpose(points: Points) -> str:
    if not points[0][1]:
        return "nothing stated"
    bound = [
        "any purpose" if not given else "that purpose" if purpose in given else "another purpose"
        for purpose, _, given in points
    ]
    return f"{', '.join(_distinct(p for p, _, _ in points))} on labels for {' or '.join(_distinct(bound))}"


def _basis(points: Points) -> str:
    return ", ".join(_distinct(basis or "nothing stated" for basis, _ in points))


def _groups(points: Points) -> str:
    common = [set(reader) & set(label) for reader, label in points]
    named = sorted(set.intersection(*common) - {"group", "other-group"}) if common else []
    if named:
        return f"both in {', '.join(named)}"
    return "a group in common" if all(common) else "no group in common"


def _grants(points: Points) -> str:
    return "a grant in force" if all(set(granted) & set(label) for granted, label in points) else "no grant in force"


def _handling(points: Points) -> str:
    return ", ".join(f"{scheme} {code}".strip() for scheme, code in points)


def _pap(points: Points) -> str:
    return ", ".join(f"PAP:{pap}" if pap else "no PAP" for (pap,) in points)


def _jurisdiction(points: Points) -> str:
    return ", ".join(_distinct("same country" if reader == label else "other country" for reader, label in points))


def _signed(points: Points) -> str:
    return ", ".join("a signed question" if signed else "an unsigned question" for (signed,) in points)


def _distinct(words: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(words))


_NAMES: dict[str, Callable[[Points], str]] = {
    "reader": _reader,
    "kind": _kind,
    "roles": _roles,
    "purpose": _purpose,
    "basis": _basis,
    "groups": _groups,
    "grants": _grants,
    "handling": _handling,
    "pap": _pap,
    "jurisdiction": _jurisdiction,
    "signed": _signed,
}
