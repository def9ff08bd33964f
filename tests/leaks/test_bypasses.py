"""A test of the test: ways around the policy, planted in the running services in turn, each caught by the twins."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import replace
from hashlib import sha256
from typing import Any

import msgspec
import pytest

from graphsvc.answers import rings
from graphsvc.answers.own import OwnView
from graphsvc.answers.questions import Means, Reading
from graphsvc.answers.rendering import Shapes
from graphsvc.columns.store import Columns
from graphsvc.core import Core
from graphsvc.graph import begun, common, named, queries, read, timeline
from graphsvc.graph.facts import IDENTIFIED, Shuffle
from graphsvc.model.errors import InvalidQuery
from graphsvc.model.labels import GROUPS
from graphsvc.model.times import FOREVER
from graphsvc.policy import rules
from graphsvc.policy.decide import Decider, _tabulate, decide
from graphsvc.policy.scope import Scope
from graphsvc.sharing.entitlements import Entitled
from tests.leaks.conftest import Placed
from tests.leaks.moves import guess, tie
from tests.leaks.side import PROSECUTION
from tests.leaks.twins import Leak, Twins

Patch = pytest.MonkeyPatch
WANTED = "UNWIND [l IN e.lids WHERE $may[l] IN $view] AS l\nCALL (e, l)"
# Each plants statements that the database has not planned yet, which takes a while on a busy machine.
pytestmark = pytest.mark.timeout(900)
STATEMENTS = ("ENTITIES", "ENTITY", "LOCATE", "RESOLVE", "NAMES", "MATCH", "LEVEL", "CLAIMS")


def altered(patch: Patch, old: str, new: str, names: Sequence[str] = STATEMENTS, expanding: bool = True) -> None:
    """The reading statements with ``old`` replaced; those without it stay as they are, but one must have it."""
    plain = queries.expand
    found = old in plain(2) if expanding else False
    for name in names:
        text = getattr(queries, name)
        found |= old in text
        patch.setattr(queries, name, text.replace(old, new))
    if expanding:
        patch.setattr(queries, "expand", lambda hops: plain(hops).replace(old, new))
    assert found, "the statements have changed: plant the bypass anew"


def knowing_all_labels(patch: Patch) -> None:
    """Give readings all labels, so that no second check stops with a failure what a bypass shows by mistake."""
    plain = Reading.__init__

    def init(self: Reading, means: Means, scope: Any, *more: Any) -> None:
        plain(self, means, replace(scope, labels=means.core.applier.labels), *more)

    patch.setattr(Reading, "__init__", init)


def interior_of_paths(patch: Patch) -> None:
    altered(patch, "$may[l] IN $view", "true", ["LEVEL"], expanding=False)


def interior_of_expand(patch: Patch) -> None:
    altered(patch, WANTED, "UNWIND e.lids AS l\nCALL (e, l)", [])
    knowing_all_labels(patch)


def graph_rebuilt_without_labels(patch: Patch) -> None:
    altered(patch, "[l IN e.lids WHERE $may[l] IN $view]", "e.lids", ["ENTITIES", "ENTITY"], expanding=False)
    knowing_all_labels(patch)


def expired_shown(patch: Patch) -> None:
    altered(patch, ".exp > $now", ".exp > 0")


def limit_before_filter(patch: Patch) -> None:
    altered(patch, WANTED, "UNWIND e.lids AS l\nCALL (e, l)", [])
    altered(patch, "RETURN shown AS fresh", "RETURN [c IN shown WHERE $may[c.lid] IN $view] AS fresh", [])


def truncated_over_hidden(patch: Patch) -> None:
    hidden = "reduce(n = 0, s IN begun | n + size([l IN s.lids WHERE NOT coalesce($may[l], 0) IN $view]))"
    counted = f"size(claims) + {hidden} >= $most AS truncated"
    altered(patch, "size(claims) >= $most AS truncated", counted, [])


def counted_over_hidden(patch: Patch) -> None:
    counted = "size(found) + size([l IN e.lids WHERE NOT coalesce($may[l], 0) IN $view])"
    altered(patch, "size(found)", counted, ["ENTITIES", "ENTITY"], expanding=False)


def timeline_of_hidden(patch: Patch) -> None:
    text = timeline.TIMELINE
    assert WANTED.split("\n", 1)[0] in text
    patch.setattr(timeline, "TIMELINE", text.replace("[l IN e.lids WHERE $may[l] IN $view]", "e.lids"))
    knowing_all_labels(patch)


def common_through_hidden(patch: Patch) -> None:
    # Nothing hidden is listed, but it makes things shared.
    joined = "joins, collect(DISTINCT c) AS found"
    assert joined in common.COMMON and "[l IN e.lids WHERE $may[l] IN $view]" in common.COMMON
    seen = "[c IN collect(DISTINCT c) WHERE $may[c.lid] IN $view] AS found"
    text = common.COMMON.replace(WANTED, "UNWIND e.lids AS l\nCALL (e, l)", 1)
    patch.setattr(common, "COMMON", text.replace("collect(DISTINCT c) AS found", seen))


def names_that_are_withheld(patch: Patch) -> None:
    plain = named.slots_of
    groups = (GROUPS.index("identity"), GROUPS.index("personal"))
    patch.setattr(named, "slots_of", lambda scope: [[lid, n] for lid, _ in plain(scope) for n in groups])


def names_counted_over_hidden(patch: Patch) -> None:
    plain = named.slots_of
    patch.setattr(named, "slots_of", lambda scope: plain(_all_labels(scope)))
    knowing_all_labels(patch)


def parts_counted_over_hidden(patch: Patch) -> None:
    # The first part is as it should be; a later one says that more follows where only what is hidden does.
    plain = read.farther
    hidden = "reduce(n = 0, s IN begun | n + size([l IN s.lids WHERE NOT coalesce($may[l], 0) IN $view]))"
    told = f"size(part) + {hidden} >= $most AS following"

    def farther(hops: int) -> str:
        text = plain(hops)
        assert "size(part) >= $most AS following" in text
        return text.replace("size(part) >= $most AS following", told)

    patch.setattr(read, "farther", farther)


def beginnings_counted_over_hidden(patch: Patch) -> None:
    assert "UNWIND $slots AS l" in begun.FIND
    every = begun.FIND.replace("UNWIND $slots AS l", "UNWIND range(0, 200) AS l")
    # Who owns what is hidden has no place in the reader's order.
    patch.setattr(begun, "FIND", every.replace("$owner[lid] AS owner", "coalesce($owner[lid], 0) AS owner"))


def hubs_by_hidden_links(patch: Patch) -> None:
    met = "size(touching) < $cap THEN"
    hidden = "size(touching) + size([l IN e.lids WHERE NOT coalesce($may[l], 0) IN $view]) < $cap THEN"
    altered(patch, met, hidden, [])


def mask_after_sort(patch: Patch) -> None:
    altered(patch, "ORDER BY a.since,", "ORDER BY a.personal, a.since,", ["ENTITIES", "ENTITY"], expanding=False)
    plain, order = read.ordered, read.claim_order
    patch.setattr(read, "ordered", lambda all, by, tie: list(all) if by is order else plain(all, by, tie))


def order_by_label_number(patch: Patch) -> None:
    plain = read.claim_order
    patch.setattr(read, "claim_order", lambda claim: (*plain(claim), claim.lid))


def identity_through_any_claim(patch: Patch) -> None:
    altered(patch, "CASE WHEN named THEN e.key END", "e.key")


def search_by_withheld_identity(patch: Patch) -> None:
    # Neither change alone shows anything: what is found is read in the world of identified things.
    altered(patch, " AND $may[l] IN $identity", "", ["RESOLVE"], expanding=False)
    masked_joined_with_what_is_named(patch)


def order_by_withheld_identity(patch: Patch) -> None:
    plain, whole = read.entity_order, read.Reader.expand
    # Both sides run in this process, and an integer may be another entity's in the other one.
    keys: ContextVar[Mapping[int, str]] = ContextVar("keys")

    async def expand(self: Any, scope: Any, starts: Any, *more: Any) -> Any:
        with self._graph.session() as session:
            keys.set(dict(session.run("MATCH (e:Entity) RETURN e.id, e.key").values()))
        return await whole(self, scope, starts, *more)

    def order(one: Any) -> Any:
        return sha256(keys.get({}).get(one.id, "").encode()).digest(), *plain(one)

    patch.setattr(read.Reader, "expand", expand)
    patch.setattr(read, "entity_order", order)


def tie_broken_by_a_global_number(patch: Patch) -> None:
    patch.setattr(Shuffle, "entity", lambda self, one: one.id * 1103515245 % 4294967291)


def error_that_tells(patch: Patch) -> None:
    plain = Reading.search

    async def search(self: Reading, kind: str, parts: Mapping[str, str], *more: Any) -> Any:
        found = await plain(self, kind, parts, *more)
        there = await self.core.reader.match(_seeing_all(self), [self._key(kind, parts)], self.now)
        if there and not len(found.members):
            raise InvalidQuery("that entity is not yours to see")
        return found

    patch.setattr(Reading, "search", search)


def contact_of_a_hidden_match(patch: Patch) -> None:
    altered(patch, "l IN $match", "true", ["MATCH"], expanding=False)
    knowing_all_labels(patch)


def cache_without_purpose(patch: Patch) -> None:
    kept: dict[Any, Any] = {}

    def table(self: Decider, policies: Any, profile: Any, labels: Any) -> Any:
        verdicts = kept.setdefault((id(self), replace(profile, purpose="")), {})
        missing = [label for label in labels.values() if label not in verdicts]
        verdicts.update(zip(missing, decide(policies, profile, missing), strict=True))
        return _tabulate(verdicts, labels)

    patch.setattr(Decider, "_table", table)


def expired_grant(patch: Patch) -> None:
    # Asked for at time 0, so no grant has ended.
    plain = Entitled.__call__

    def entitled(self: Entitled, principal: Any, footing: Any, now: float, at_hand: bool = False) -> Any:
        return msgspec.structs.replace(plain(self, principal, footing, 0, at_hand), valid_until=FOREVER)

    patch.setattr(Entitled, "__call__", entitled)


def one_file_for_all_owners(patch: Patch) -> None:
    plain = Decider._table

    def table(self: Decider, policies: Any, profile: Any, labels: Any) -> Any:
        texts = {name: text for name, text in policies.files.items() if rules.is_rulebook(name) or rules.owner_of(name)}
        read = {name: rules._read_rules(text, name, policies.schema) for name, text in texts.items()}
        book = rules._rulebook(texts, read, {})
        return plain(self, replace(policies, digest="one file", shared=book, owners={}), profile, labels)

    patch.setattr(Decider, "_table", table)


def ring_over_what_may_not_be_analysed(patch: Patch) -> None:
    plain = Columns.select

    def select(self: Columns, scope: Any, now: int) -> Any:
        return plain(self, replace(scope, lids={**scope.lids, "analyse": tuple(range(1, 1_000))}), now)

    patch.setattr(Columns, "select", select)
    knowing_all_labels(patch)
    # A search that is kept makes its scope itself.
    known = Core.scope
    patch.setattr(
        Core, "scope", lambda self, *what, **how: replace(known(self, *what, **how), labels=self.applier.labels)
    )


def submissions_of_everybody(patch: Patch) -> None:
    plain = OwnView.submissions

    async def submissions(self: OwnView, first: int, before: int | None, after: int | None) -> Any:
        mine = self._reading
        readings = [_with_scope(mine, _as(mine, org)) for org in ("customs-cn", "pasar", "tide")]
        return [row for one in readings for row in await plain(OwnView(one), first, before, None)]

    patch.setattr(OwnView, "submissions", submissions)


def handle_made_of_a_number(patch: Patch) -> None:
    patch.setattr(Shapes, "handle", lambda self, one: self._handles.seal(self._numbers[one.kind], one.id))


def masked_joined_with_what_is_named(patch: Patch) -> None:
    plain = Scope.masks
    patch.setattr(Scope, "masks", lambda self, world=None: plain(self))


def masked_in_rings_with_what_is_named(patch: Patch) -> None:
    patch.setattr(rings, "take_apart", lambda claims, scope: (claims, rings.Apart((IDENTIFIED,))))


def ties_broken_by_shuffled_numbers(patch: Patch) -> None:
    # By a cube modulo a prime, under a secret key of the reading organisation.
    prime, factor, shift = 2_999_999_777, 1_234_567_891, 987_654_321
    patch.setattr(Shuffle, "claim", lambda self, claim: pow(claim.rec * factor + shift, 3, prime))


MOVES: tuple[tuple[Callable[[Patch], None], Callable[[Twins, Placed], Iterator[Leak]]], ...] = (
    (handle_made_of_a_number, guess),
    (masked_joined_with_what_is_named, guess),
    (masked_in_rings_with_what_is_named, guess),
    (ties_broken_by_shuffled_numbers, lambda twins, _: tie(twins)),
)
"""Bypasses, each with the move by which a reader finds it."""

BYPASSES: tuple[Callable[[Patch], None], ...] = (
    interior_of_paths,
    interior_of_expand,
    graph_rebuilt_without_labels,
    expired_shown,
    limit_before_filter,
    truncated_over_hidden,
    timeline_of_hidden,
    common_through_hidden,
    names_that_are_withheld,
    names_counted_over_hidden,
    parts_counted_over_hidden,
    beginnings_counted_over_hidden,
    hubs_by_hidden_links,
    counted_over_hidden,
    mask_after_sort,
    order_by_label_number,
    identity_through_any_claim,
    search_by_withheld_identity,
    order_by_withheld_identity,
    tie_broken_by_a_global_number,
    error_that_tells,
    contact_of_a_hidden_match,
    cache_without_purpose,
    expired_grant,
    one_file_for_all_owners,
    ring_over_what_may_not_be_analysed,
    submissions_of_everybody,
)


def test_the_known_worlds_do_not_leak(twins: Twins, known: Placed) -> None:
    twins.warm(PROSECUTION)
    assert not "\n".join(map(str, twins.ask(known)))


def test_nothing_is_found_out_by_guesses(twins: Twins, known: Placed) -> None:
    assert not "\n".join(map(str, guess(twins, known)))


def test_the_order_of_equals_tells_no_number(twins: Twins) -> None:
    assert not "\n".join(map(str, tie(twins)))


@pytest.mark.parametrize("bypass", BYPASSES, ids=lambda bypass: bypass.__name__)
def test_a_planted_bypass_is_caught(
    twins: Twins, known: Placed, monkeypatch: Patch, bypass: Callable[[Patch], None]
) -> None:
    bypass(monkeypatch)
    twins.warm(PROSECUTION)
    assert next(twins.ask(known), None) is not None


@pytest.mark.parametrize(("bypass", "move"), MOVES, ids=lambda one: getattr(one, "__name__", ""))
def test_a_planted_bypass_is_found_by_a_move(
    twins: Twins,
    known: Placed,
    monkeypatch: Patch,
    bypass: Callable[[Patch], None],
    move: Callable[[Twins, Placed], Iterator[Leak]],
) -> None:
    bypass(monkeypatch)
    assert list(move(twins, known))


def _seeing_all(reading: Reading) -> Any:
    labels = reading.core.applier.labels
    every = tuple(sorted(labels))
    return replace(reading.scope, labels=labels, lids=dict.fromkeys(reading.scope.lids, every))


def _all_labels(scope: Any) -> Any:
    return replace(scope, lids=dict.fromkeys(scope.lids, tuple(range(1, 200))), packed=None)


def _as(reading: Reading, org: str) -> Any:
    scope = reading.scope
    organisation = reading.core.ledger.organisations()[org]
    principal = type(scope.principal)(organisation, scope.principal.person, scope.principal.roles)
    return replace(scope, principal=principal)


def _with_scope(reading: Reading, scope: Any) -> Reading:
    return Reading(reading._means, scope)
