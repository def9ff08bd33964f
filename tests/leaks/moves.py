"""What a reader does, one thing after another, to find out what it is not shown.

* **Guesses**: it submits rows of its own about identifiers that others may hold, reads, takes the rows back and submits
  them again. Nothing that it reads may depend on whether others hold one, or on what others mask.
* **Masked rings**: it begins at things that an owner shows without their identity, and goes on from there.
* **Ties**: it submits many rows that say the same. They can only be told apart by the numbers that it knows of them:
  if their order follows these by any rule, the rule tells the numbers of others' rows as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import comb, cos, pi
from typing import TYPE_CHECKING, Any

from tests.leaks.acts import search_rings
from tests.leaks.side import FOOTING, Side
from tests.leaks.surface import FAR, QUERIES, Document, Indexes, Seen, document, documents
from tests.leaks.worlds import GUESSES, ROOT, TIED, guess_rows, tied_rows

if TYPE_CHECKING:
    from tests.leaks.twins import Leak, Twins
    from tests.leaks.worlds import World

FEED, OFFICER = "police-ke.feed", "police-ke.dpo"
INVESTIGATOR, ANALYST = "police-ke.investigator", "police-ke.analyst"
MANY = 300
"""How many rows say the same."""
FOLLOWS = 0.3
"""The highest :func:`likeness` that an order may have, from 0 to 1; by chance it comes to some 0.06."""
RING = {"parameters": {"minAccounts": 2, "identifierKinds": ["Email"]}}


def guess(twins: Twins, placed: Sequence[tuple[int, World]]) -> Iterator[Leak]:
    """Submit, read, recall, submit again, read again, in all these worlds; yields what differs."""
    for turn in ("first", "again"):
        rows = [row for space, _ in placed for row in guess_rows(space)]
        twins.level()
        indexes = twins.both(lambda _, side, rows=rows: _submit(side, rows))
        assert indexes[0] == indexes[1]
        for space, world in placed:
            seen = [Seen(space, twins.at), Seen(space, twins.at)]
            named = twins.both(lambda _, side, space=space: side.ask(INVESTIGATOR, FOOTING, _naming(space)))
            for one, answer in zip(seen, named, strict=True):
                found = answer["data"].values()
                one.handles = {thing: f[0]["handle"] for thing, f in zip(_named(), found, strict=True) if f}
            yield from twins.compare(named, f"{INVESTIGATOR} submits guesses, {turn}, and searches", space, world)
            walks = twins.both(lambda twin, side, seen=seen: side.ask(INVESTIGATOR, FOOTING, _walking(seen[twin])))
            yield from twins.compare(walks, f"{INVESTIGATOR} submits guesses, {turn}, and walks", space, world)
        yield from mask(twins)
        twins.both(lambda _, side, index=indexes[0]: _recall(side, index))


def mask(twins: Twins) -> Iterator[Leak]:
    """Asks for rings of masked things, and all about the things in them; yields what differs."""
    answers = twins.both(lambda _, side: side.ask(ANALYST, FOOTING, document([("rings", RING)])))
    found = [_members(answer) for answer in answers]
    yield from twins.compare(answers, f"{ANALYST} looks for rings of what is named to nobody", 0, None, nameless=True)
    if len(found[0]) != len(found[1]):
        return
    for name in ("entity", "expand", "paths"):
        entries = {name: QUERIES[name]}

        def walk(twin: int, side: Side, entries: Mapping[str, Any] = entries) -> dict[str, Any]:
            seen = Seen(1, twins.at, dict(zip(("a0", "a1", "p0", "w0"), found[twin], strict=False)))
            (one,) = documents(entries, seen)
            return side.ask(INVESTIGATOR, FOOTING, one)

        yield from twins.compare(twins.both(walk), f"{INVESTIGATOR}: {name} of a masked thing", 0, None, nameless=True)


def mask_kept(twins: Twins) -> Iterator[Leak]:
    """Searches for rings of masked things as a job, and asks for what is kept of them; yields what differs."""
    twins.level()
    ids = twins.both(lambda _, side: search_rings(side, ("Email",)))

    def kept(twin: int, side: Side) -> dict[str, Any]:
        run, ring = ids[twin]["own run"], ids[twin]["own ring"]
        asked = [("keptRings", {"run": run, "first": 100}), ("ring", {"id": ring, "run": run, "hoursFromUtc": 0})]
        return side.ask(ANALYST, FOOTING, document(asked))

    what = f"{ANALYST}: kept rings of what is named to nobody"
    yield from twins.compare(twins.both(kept), what, 0, None, nameless=True)


def tie(twins: Twins) -> Iterator[Leak]:
    """Many rows that say the same; yields a leak where their order follows their numbers."""
    if not twins.tied:
        twins.level()
        indexes = twins.both(lambda _, side: _submit(side, tied_rows(MANY)))
        assert indexes[0] == indexes[1]
        twins.tied = indexes[0]
    for order in twins.both(lambda _, side: _order(side, twins.tied)):
        worst = max((abs(likeness(order, degree)), degree) for degree in range(1, 5))
        if worst[0] > FOLLOWS:
            yield twins.leak("the order of equals", f"it follows their numbers, by degree {worst[1]}: {worst[0]:.2f}")


def likeness(order: Sequence[int], degree: int) -> float:
    """How nearly each number's place in ``order`` is a polynomial of the number, modulo their count; 1: exactly.

    The differences of order ``degree + 1`` of such a polynomial are zero; those of places without a rule are arbitrary.
    """
    count = len(order)
    places = [0] * count
    for place, number in enumerate(order):
        places[number] = place
    weights = [(-1) ** n * comb(degree, n) for n in range(degree + 1)]
    runs = range(count - degree)
    steps = [sum(weight * places[n + at] for n, weight in enumerate(weights)) for at in runs]
    # A polynomial's differences of order ``degree`` are all equal: as angles on a circle, how far do they agree?
    rounds = [2 * pi * step / count for step in steps]
    east, north = sum(map(cos, rounds)), sum(cos(one - pi / 2) for one in rounds)
    return float((east**2 + north**2) ** 0.5 / len(steps))


def _named() -> tuple[str, ...]:
    return ("a0", *GUESSES)


def _naming(space: int) -> Document:
    seen = Seen(space, Indexes())
    asked = [("search", seen.identifier(thing)) for thing in _named()]
    return document(asked, "{ handle kind key independentSources }")


def _walking(seen: Seen) -> Document:
    calls = {
        "entity": lambda seen: [{"handle": seen.handle(thing)} for thing in GUESSES[-4:]],
        "expand": lambda seen: [{"start": seen.handle("a0"), "hops": 2, "limit": 300}],
    }
    (one,) = documents(calls, seen)
    return one


def _members(answer: Mapping[str, Any]) -> list[str]:
    """Handles of the accounts of the first ring and of its identifiers."""
    rings = next(iter(answer["data"].values()))["rings"]
    return [one["handle"] for ring in rings[:1] for one in (*ring["accounts"], *ring["identifiers"])]


def _submit(side: Side, rows: Sequence[bytes]) -> int:
    index = side.submit("police-ke", rows)
    _wait(side, index)
    return index


def _recall(side: Side, index: int) -> None:
    body = {"target": {"submission": index}, "reason": "a guess", "deadline": FAR}
    done = side.members.act(FEED, "recall", "records", body)
    _wait(side, done["index"])


def _wait(side: Side, index: int) -> None:
    side.ask(INVESTIGATOR, FOOTING, Document(f"{{ submissions(first: 1, after: {index}) {{ index }} }}", {}))


def _order(side: Side, index: int) -> list[int]:
    """The rows in the order in which their link claims are shown."""
    seen = Seen(ROOT, Indexes())
    found = side.ask(INVESTIGATOR, FOOTING, document([("search", seen.identifier(TIED[0]))], "{ handle }"))
    start = {"start": found["data"]["search_0"][0]["handle"], "hops": 1, "limit": 2 * MANY}
    shown = side.ask(INVESTIGATOR, FOOTING, document([("expand", start)], "{ links { record { handle } } }"))
    handles = [link["record"]["handle"] for link in shown["data"]["expand_0"]["links"]]
    access = document([("subjectAccess", seen.identifier(TIED[0]))], "{ records { handle row submission } }")
    own = side.ask(OFFICER, FOOTING, access)["data"]["subjectAccess_0"]["records"]
    rows = {one["handle"]: one["row"] for one in own if one["submission"] == index}
    assert len(rows) == MANY
    return [rows[handle] for handle in handles]
