"""Works out every possible decision, exactly and in seconds, though there are billions of them.

1. Cedar evaluates the terms of the rules (what stands between ``&&``, ``||`` and ``!``) one by one, over every value
   of the one or two attributes that each looks at.
2. Points of an axis that no term tells apart are one class: hundreds of points become a handful.
3. Terms are combined into rules as Cedar does it, errors included, and rules into decisions: something permits, nothing
   forbids, and no rule fails.

The decisions are those of :func:`graphsvc.policy.decide.decide`; a test compares the two on random readers and labels.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cedarpy
import numpy as np
from numpy.typing import NDArray

from graphsvc.model.labels import GROUPS
from graphsvc.policy.axes import Assignment, Axis, axes, reads
from graphsvc.policy.bounds import InvalidPolicy
from graphsvc.policy.rules import Policies, Rule

MAX_VALUES = 20_000
"""At most this many combinations of values for one term; one or two attributes come to some hundreds."""
MAX_CELLS = 40_000_000
"""At most this many combined classes of readers, footings and labels; the product's rules come to 2 million."""
READS = ("match", "view", "analyse", "export", *(f"view:{group}" for group in GROUPS))
ACTS = ("submit", "recall", "disclose", "hold", "administer")

Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Classes:
    """An axis in classes: ``members`` gives each class its points."""

    axis: Axis
    members: tuple[tuple[int, ...], ...]

    def tagged(self, tag: int) -> Bools:
        """Per class whether it has a tag."""
        return np.array([self.axis.tags[points[0]][tag] for points in self.members], dtype=bool)


@dataclass(frozen=True, slots=True)
class Grid:
    """The decisions over one owner's labels: per action an array of booleans with an axis for each of ``space``."""

    owner: str
    space: tuple[Classes, ...]
    decisions: Mapping[str, Bools]
    reachable: Bools

    def axis(self, name: str) -> int:
        """The position of the axis of that name."""
        return next(place for place, classes in enumerate(self.space) if classes.axis.name == name)

    def tagged(self, name: str, tag: int) -> Bools:
        """Whether the class along an axis has a tag, as an array that broadcasts over the grid."""
        place = self.axis(name)
        shape = [1] * len(self.space)
        shape[place] = -1
        return self.space[place].tagged(tag).reshape(shape)


@dataclass(frozen=True, slots=True)
class Table:
    """Where a term is true and where it fails; an axis for each of the space, of length 1 where it looks at none."""

    holds: Bools
    fails: Bools


class Enumeration:
    """Grids of one or more versions of the policies in the same classes, so that they can be compared cell by cell."""

    def __init__(self, versions: Sequence[Policies]) -> None:
        self._versions = versions
        self._kinds = sorted({kind for policies in versions for kind in policies.standings})
        self._asked: dict[str, list[tuple[bool, bool]]] = {}
        self._heads: dict[str, frozenset[str]] = {}

    def grids(self, owner: str, actions: Sequence[str] = READS) -> list[Grid]:
        """One grid a version: all decisions on labels of ``owner``. Raises InvalidPolicy where they are too many."""
        books = [self._book(policies, owner, actions) for policies in self._versions]
        space = axes(owner, self._kinds, [rule for book in books for rule in book])
        # 1. Terms, each over the points of the axes that it looks at.
        terms = [
            {text: self._term(policies, rule, text, space) for rule in book for text in _terms(rule)}
            for policies, book in zip(self._versions, books, strict=True)
        ]
        # 2. Classes of points that are alike in all terms of all versions; the terms in these classes.
        every = [table for version in terms for table in version.values()]
        classes = tuple(_classes(axis, place, every) for place, axis in enumerate(space))
        if math.prod(len(one.members) for one in classes) > MAX_CELLS:
            message = "the rules tell apart more readers, footings and labels than can be gone through: simplify them"
            raise InvalidPolicy(message, where=f"labels of {owner}")
        small = [{text: _in_classes(table, classes) for text, table in version.items()} for version in terms]
        # 3. Put together.
        return [_combined(owner, classes, book, version) for book, version in zip(books, small, strict=True)]

    def _book(self, policies: Policies, owner: str, actions: Sequence[str]) -> dict[Rule, frozenset[str]]:
        """The owner's rules and the actions that each is about."""
        covered = {rule: self._covered(policies, rule) & set(actions) for rule in policies.rulebook(owner).rules}
        return {rule: about for rule, about in covered.items() if about}

    def _covered(self, policies: Policies, rule: Rule) -> frozenset[str]:
        head = json.dumps(rule.tree["action"])
        if head not in self._heads:
            self._heads[head] = frozenset(action for action in (*READS, *ACTS) if _applies(policies, rule, action))
        return self._heads[head]

    def _term(self, policies: Policies, rule: Rule, text: str, space: Sequence[Axis]) -> Table:
        tree = json.loads(text)
        # 1. Along each axis the distinct values of what the term looks at; an ``if`` may look at all of them.
        looked = reads(tree)
        steps = [_projected(axis, looked) for axis in space]
        if (count := math.prod(len(values) for values, _ in steps)) > MAX_VALUES:
            message = (
                f"one condition looks at {count:,} combinations of values at once: join simple ones with && and ||"
            )
            raise InvalidPolicy(message, where=f"{rule.file} @id {rule.id}")
        combinations = [
            {name: value for values in chosen for name, value in values.items()}
            for chosen in itertools.product(*(values for values, _ in steps))
        ]
        # 2. Asked as the condition of a permit: allowed means that the term is true.
        key = json.dumps(
            [text, sorted(policies.standings.items()), [[c[name] for name in looked] for c in combinations]]
        )
        if key not in self._asked:
            self._asked[key] = _ask(policies, tree, combinations)
        shape, index = [len(values) for values, _ in steps], np.ix_(*(places for _, places in steps))
        results = np.array(self._asked[key], dtype=bool)
        return Table(results[:, 0].reshape(shape)[index], results[:, 1].reshape(shape)[index])


def _projected(axis: Axis, looked: Iterable[str]) -> tuple[list[Assignment], list[int]]:
    """The distinct values along an axis, and for each point which of them; one of each when nothing is looked at."""
    wanted = [place for place, name in enumerate(axis.attributes) if name in looked]
    if not wanted:
        return [dict(zip(axis.attributes, axis.points[0], strict=True))], [0]
    seen: dict[tuple[Any, ...], int] = {}
    values: list[Assignment] = []
    places: list[int] = []
    for point in axis.points:
        key = tuple(point[place] for place in wanted)
        if key not in seen:
            seen[key] = len(values)
            values.append(dict(zip(axis.attributes, point, strict=True)))
        places.append(seen[key])
    return values, places


def _ask(policies: Policies, tree: Any, combinations: Sequence[Assignment]) -> list[tuple[bool, bool]]:
    """For each combination whether Cedar finds the term true, and whether it fails."""
    anyone = {"op": "All"}
    rule = {"effect": "permit", "principal": anyone, "action": anyone, "resource": anyone, "annotations": {}}
    alone = _policy_set({**rule, "conditions": [{"kind": "when", "body": tree}]})
    entities: dict[str, dict[str, Any]] = {}
    requests = []
    for values in combinations:
        reader = {name: _plain(values[f"principal.{name}"]) for name in _READER}
        standing = policies.standings.get(reader["kind"])
        parents = [{"type": "Standing", "id": standing}] if standing else []
        label = {name: _plain(values[f"resource.{name}"]) for name in _LABEL}
        requests.append(
            {
                "principal": {"type": "Reader", "id": _entity(entities, "Reader", reader, parents)},
                "action": {"type": "Action", "id": "view"},
                "resource": {"type": "Label", "id": _entity(entities, "Label", label, [])},
                "context": {name: _plain(values[f"context.{name}"]) for name in _CONTEXT},
            }
        )
    parsed = cedarpy.Entities.from_json_str(json.dumps(list(entities.values())), policies.schema)
    results = cedarpy.is_authorized_batch(requests, alone, parsed)
    return [(bool(one.allowed), bool(one.diagnostics.errors)) for one in results]


def _policy_set(tree: Any) -> Any:
    text = json.dumps({"staticPolicies": {"rule": tree}, "templates": {}, "templateLinks": []})
    try:
        return cedarpy.PolicySet.from_json_str(text)
    except ValueError:
        raise InvalidPolicy("a condition is nested too deeply to be gone through: simplify it") from None


_READER = ("org", "kind", "jurisdiction", "roles", "groups")
_LABEL = (
    "owner", "ownerKind", "jurisdiction", "scheme", "code", "pap", "legalBasis", "purposes", "groups", "grants",
)  # fmt: skip
_CONTEXT = ("purpose", "legalBasis", "stated", "granted", "signed")


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _entity(entities: dict[str, dict[str, Any]], kind: str, attributes: dict[str, Any], parents: list[Any]) -> str:
    key = json.dumps([kind, attributes])
    if key not in entities:
        uid = {"type": kind, "id": str(len(entities))}
        entities[key] = {"uid": uid, "attrs": attributes, "parents": parents}
    name: str = entities[key]["uid"]["id"]
    return name


def _applies(policies: Policies, rule: Rule, action: str) -> bool:
    """Whether the rule's head covers the action, by Cedar's own reading of the schema's hierarchy of actions."""
    anyone = {"op": "All"}
    head = {**rule.tree, "effect": "permit", "conditions": [], "principal": anyone, "resource": anyone}
    request = {
        "principal": {"type": "Reader", "id": "reader"},
        "action": {"type": "Action", "id": action},
        "resource": {"type": "Label", "id": "label"},
        "context": {},
    }
    nobody = cedarpy.Entities.from_json_str("[]", policies.schema)
    return bool(cedarpy.is_authorized(request, _policy_set(head), nobody).allowed)


def _terms(rule: Rule) -> Iterator[str]:
    """The terms of a rule's conditions as JSON text."""
    for _, body in rule.conditions:
        yield from _leaves(body)


def _leaves(tree: Any) -> Iterator[str]:
    for operator in ("&&", "||"):
        if operator in tree:
            yield from _leaves(tree[operator]["left"])
            yield from _leaves(tree[operator]["right"])
            return
    if "!" in tree:
        yield from _leaves(tree["!"]["arg"])
        return
    yield json.dumps(tree)


def _value(tree: Any, terms: Mapping[str, Table]) -> Table:
    """A condition's table from those of its terms; what is to the right of a decided ``&&`` or ``||`` can't fail."""
    if "!" in tree:
        inner = _value(tree["!"]["arg"], terms)
        return Table(~inner.holds & ~inner.fails, inner.fails)
    for operator in ("&&", "||"):
        if operator in tree:
            left, right = _value(tree[operator]["left"], terms), _value(tree[operator]["right"], terms)
            if operator == "&&":
                return Table(left.holds & right.holds, left.fails | (left.holds & right.fails))
            passed = ~left.holds & ~left.fails
            return Table(left.holds | (passed & right.holds), left.fails | (passed & right.fails))
    return terms[json.dumps(tree)]


def _satisfied(rule: Rule, terms: Mapping[str, Table], dimensions: int) -> Table:
    everywhere, nowhere = np.ones((1,) * dimensions, dtype=bool), np.zeros((1,) * dimensions, dtype=bool)
    total = Table(everywhere, nowhere)
    for kind, body in rule.conditions:
        one = _value(body, terms)
        holds = one.holds if kind == "when" else ~one.holds & ~one.fails
        total = Table(total.holds & holds, total.fails | (total.holds & one.fails))
    return total


def _classes(axis: Axis, place: int, tables: Sequence[Table]) -> Classes:
    looking = [array for table in tables for array in (table.holds, table.fails) if array.shape[place] > 1]
    slices = [np.moveaxis(array, place, 0).reshape(array.shape[place], -1) for array in looking]
    signatures: dict[tuple[Any, ...], list[int]] = {}
    for point in range(len(axis.points)):
        signature = (axis.tags[point], *(one[point].tobytes() for one in slices))
        signatures.setdefault(signature, []).append(point)
    return Classes(axis, tuple(map(tuple, signatures.values())))


def _in_classes(table: Table, classes: Sequence[Classes]) -> Table:
    shape = table.holds.shape
    chosen = np.ix_(
        *([points[0] for points in one.members] if shape[place] > 1 else [0] for place, one in enumerate(classes))
    )
    return Table(table.holds[chosen], table.fails[chosen])


def _combined(
    owner: str, classes: tuple[Classes, ...], book: Mapping[Rule, frozenset[str]], terms: Mapping[str, Table]
) -> Grid:
    shape = tuple(len(one.members) for one in classes)
    tables = {rule: _satisfied(rule, terms, len(shape)) for rule in book}
    raw: dict[str, Bools] = {}
    for action in {action for about in book.values() for action in about}:
        permits, denies = np.zeros((1,) * len(shape), dtype=bool), np.zeros((1,) * len(shape), dtype=bool)
        for rule, table in tables.items():
            if action in book[rule]:
                denies = denies | table.fails
                if rule.forbids:
                    denies = denies | table.holds
                else:
                    permits = permits | table.holds
        raw[action] = np.broadcast_to(permits & ~denies, shape)
    grid = Grid(owner, classes, {}, np.ones(shape, dtype=bool))
    own, stated = grid.tagged("reader", 0), grid.tagged("purpose", 0)
    # A footing is stated as a whole or not at all, and no grant is used without one.
    reachable = (stated != grid.tagged("basis", 0)) & (stated | ~grid.tagged("grants", 0))
    return Grid(owner, classes, _nested(raw, stated | own), np.broadcast_to(reachable, shape))


def _nested(raw: Mapping[str, Bools], looked: Bools) -> dict[str, Bools]:
    """What the decider enforces whatever policies say: nothing foreign without a footing, all ⊆ view ⊆ match."""
    done = {action: array for action, array in raw.items() if action in ACTS}
    if "match" in raw:
        done["match"] = raw["match"] & looked
        done["view"] = raw["view"] & done["match"]
        done |= {action: raw[action] & done["view"] for action in READS if action not in done}
    return done
