"""Everything that rules can tell apart, as axes of a finite space: readers, footings and labels in all combinations.

Rules compare words and look for them in sets (patterns are refused, and there are no numbers), so beside the words that
rules name, one or two others stand for all the rest: an unnamed group, an unnamed organisation, an unnamed country.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from graphsvc.model.labels import Handling
from graphsvc.model.principals import ROLES
from graphsvc.policy.bounds import InvalidPolicy
from graphsvc.policy.rules import Rule

HANDLINGS = (
    *(Handling("tlp-2.0", code) for code in ("CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED")),
    *(Handling("europol", code) for code in ("H0", "H1", "H2", "H3")),
    *(Handling("uk-3x5x2", code) for code in ("P", "C")),
    Handling("none", ""),
)
"""Every handling code that a label can carry."""
PAPS = ("CLEAR", "GREEN", "AMBER", "RED", "")
PURPOSES = (
    "analysis", "asset-recovery", "audit", "interdiction", "investigation", "prevention", "prosecution", "protection",
    "screening",
)  # fmt: skip
LEGAL_BASES = (
    "agreement", "consent", "court-order", "customs-law", "law-enforcement", "legitimate-interest", "mutual-assistance",
    "public-interest", "public-source", "statutory-duty", "terms-of-service", "vital-interest",
)  # fmt: skip
"""Purposes and legal bases as in ``schema/codelists``; a test compares them."""
COMPANIES = frozenset({"company", "courier", "payment"})
UNKNOWN_KIND = "unknown-kind"
SOMEBODY = "somebody"
"""Stands for an organisation without a file of its own; no organisation has this slug."""
ELSEWHERE = "elsewhere"
"""Stands for a reader of an organisation that no rule names."""

MAX_POINTS = 20_000
"""At most this many points on an axis: values, or pairs of a reader's and a label's. Our own rules need hundreds."""

Tags = tuple[bool, ...]
Assignment = Mapping[str, Any]
"""A value for each attribute, by name."""


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis: each of its ``points`` holds a value for each of its ``attributes`` (such as ``principal.kind``).

    ``tags`` mark each point for the invariants; points whose tags differ are never put into one class.
    """

    name: str
    attributes: tuple[str, ...]
    points: tuple[tuple[Any, ...], ...]
    tags: tuple[Tags, ...]

    def value(self, point: int, attribute: str) -> Any:
        """The value of an attribute at a point."""
        return self.points[point][self.attributes.index(attribute)]


def axes(owner: str, kinds: Iterable[str], rules: Iterable[Rule]) -> tuple[Axis, ...]:
    """The axes on which ``rules`` decide over labels of ``owner``, for readers of ``kinds``. Raises InvalidPolicy."""
    named = _Named(list(rules))
    orgs = [owner, ELSEWHERE, *sorted(named.words("org") - {owner})]
    places = [*sorted(named.words("jurisdiction")), "AA"]
    return (
        _axis("reader", ("principal.org", "resource.owner"), ((org, owner) for org in orgs), lambda p: (p[0] == p[1],)),
        _axis("kind", ("principal.kind", "resource.ownerKind"), _kinds(kinds), lambda p: (p[0] in COMPANIES,)),
        _axis("roles", ("principal.roles",), ((roles,) for roles in _subsets(ROLES)), lambda p: ()),
        _axis("purpose", ("context.purpose", "context.stated", "resource.purposes"), _purposes(), _bound),
        _axis("basis", ("context.legalBasis", "resource.legalBasis"), _bases(), lambda p: (not p[0],)),
        _axis("groups", ("principal.groups", "resource.groups"), _groups(named.words("groups")), _shared),
        _axis("grants", ("context.granted", "resource.grants"), _grants(), _granted),
        _axis("handling", ("resource.scheme", "resource.code"), ((one.scheme, one.code) for one in HANDLINGS), _red),
        _axis("pap", ("resource.pap",), ((pap,) for pap in PAPS), lambda p: ()),
        _axis(
            "jurisdiction",
            ("principal.jurisdiction", "resource.jurisdiction"),
            itertools.product(places, [*places, "BB"]),
            lambda p: (),
        ),
        _axis("signed", ("context.signed",), ((False,), (True,)), lambda p: ()),
    )


def reads(term: Any) -> frozenset[str]:
    """The attributes that a term of a condition looks at, as ``principal.kind``; a standing follows from the kind."""
    return frozenset(_read(term))


_RESOURCE = frozenset(
    f"resource.{name}"
    for name in (
        "owner", "ownerKind", "jurisdiction", "scheme", "code", "pap", "legalBasis", "purposes", "groups", "grants",
    )
)  # fmt: skip
_CONTEXT = frozenset(f"context.{name}" for name in ("purpose", "legalBasis", "granted", "stated", "signed"))


def _whole(variable: str) -> frozenset[str]:
    """The attributes that a term on a whole variable may depend on: of a reader the kind (its standing), else all."""
    whole = {"principal": frozenset({"principal.kind"}), "resource": _RESOURCE, "context": _CONTEXT}
    return whole.get(variable, frozenset())


def _read(node: Any) -> set[str]:
    if isinstance(node, list):
        return set().union(*map(_read, node))
    if not isinstance(node, dict):
        return set()
    if "." in node and "Var" in node["."]["left"]:
        return {f"{node['.']['left']['Var']}.{node['.']['attr']}"}
    if "Var" in node:
        return set(_whole(node["Var"]))
    return set().union(*map(_read, node.values()))


class _Named:
    """The words that rules compare with attributes of some name."""

    def __init__(self, rules: list[Rule]) -> None:
        self._compared: list[tuple[set[str], set[str]]] = []
        for rule in rules:
            for _, body in rule.conditions:
                self._look(body)

    def words(self, attribute: str) -> set[str]:
        """All words that some expression compares with the attribute."""
        return set().union(*(words for names, words in self._compared if attribute in names))

    def _look(self, node: Any) -> None:
        if isinstance(node, list):
            for item in node:
                self._look(item)
        elif isinstance(node, dict):
            for operator, operands in node.items():
                if operator in {"==", "!=", "contains", "containsAny", "containsAll"}:
                    self._compared.append((_attributes(operands), set(_words(operands))))
                self._look(operands)


def _attributes(node: Any) -> set[str]:
    return {name.partition(".")[2] for name in _read(node)}


def _words(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for item in node:
            yield from _words(item)
    elif isinstance(node, dict):
        for name, value in node.items():
            if name == "Value" and isinstance(value, str):
                yield value
            else:
                yield from _words(value)


def _axis(
    name: str,
    attributes: tuple[str, ...],
    points: Iterable[tuple[Any, ...]],
    tags: Callable[[tuple[Any, ...]], Tags],
) -> Axis:
    # Counted while they are made: pairs of a few hundred words are tens of thousands of points.
    listed = tuple(itertools.islice(points, MAX_POINTS + 1))
    if len(listed) > MAX_POINTS:
        message = f"the rules name too many words beside {attributes[0]}: at most {MAX_POINTS:,} pairs are told apart"
        raise InvalidPolicy(message)
    return Axis(name, attributes, listed, tuple(map(tags, listed)))


def _subsets(words: Iterable[str]) -> list[tuple[str, ...]]:
    listed = tuple(words)
    return [chosen for size in range(len(listed) + 1) for chosen in itertools.combinations(listed, size)]


def _kinds(kinds: Iterable[str]) -> Iterator[tuple[Any, ...]]:
    # A label's owner is of the reader's kind, an authority or a company.
    for kind in [*sorted(kinds), UNKNOWN_KIND]:
        yield from ((kind, owner_kind) for owner_kind in dict.fromkeys((kind, "company", "police")))


def _purposes() -> Iterator[tuple[Any, ...]]:
    given = [(), *((purpose,) for purpose in PURPOSES), PURPOSES]
    yield from (("", False, purposes) for purposes in given)
    yield from ((purpose, True, purposes) for purpose in PURPOSES for purposes in given)


def _bound(point: tuple[Any, ...]) -> Tags:
    purpose, stated, given = point
    return stated, bool(given) and purpose not in given


def _bases() -> Iterator[tuple[Any, ...]]:
    for basis in ("", *LEGAL_BASES):
        yield basis, basis or "consent"
        yield basis, "court-order" if basis != "court-order" else "consent"


def _groups(named: set[str]) -> Iterator[tuple[Any, ...]]:
    words = [*sorted(named), "group", "other-group"]
    sets = [(), *((word,) for word in words), *(("group", word) for word in sorted(named)), tuple(words)]
    yield from itertools.product((tuple(sorted(one)) for one in sets), [tuple(sorted(one)) for one in sets])


def _shared(point: tuple[Any, ...]) -> Tags:
    return (bool(set(point[0]) & set(point[1])),)


def _grants() -> Iterator[tuple[Any, ...]]:
    yield from itertools.product(((), ("grant",)), ((), ("grant",), ("other-grant",), ("grant", "other-grant")))


def _granted(point: tuple[Any, ...]) -> Tags:
    return bool(point[0]), bool(set(point[0]) & set(point[1]))


def _red(point: tuple[Any, ...]) -> Tags:
    return (point[1] == "RED",)
