"""Another organisation's things: whoever asks for one, by any field or route, is answered as if nothing were there.

The calls are those of ``surface`` and ``acts``, which hold every field, route and mutation that introspection finds
(``test_surface``). Each is made twice at one service: about things that Pasar holds for itself alone, by the names that
Pasar has for them, and about things that nobody has.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from graphsvc.model.principals import Footing
from tests.leaks.acts import KINDS, MUTATIONS, Deed, Known
from tests.leaks.side import FOOTING, Side
from tests.leaks.surface import INVENTED, ONCE, QUERIES, ROUTES, Document, Seen, Untouched, documents, finding
from tests.leaks.surface import mutation as handing_in
from tests.leaks.twins import ANALYST, INVESTIGATOR, READERS, Leak, Twins
from tests.leaks.worlds import HIDDEN, THINGS, Secret, World, secret_rows

NOBODYS = "dAAAAAAAAAAAAAAAAAAAAA"
"""Looks like the id of a request, but nobody made it."""


@dataclass(frozen=True)
class Both:
    """The two of each call: a thing of Pasar's, and none. ``there`` and ``absent`` are what a caller would name."""

    there: Seen
    absent: Seen


@pytest.fixture(scope="module")
def both(twins: Twins) -> Iterator[Both]:
    """Rows of Pasar's that it shows to nobody, about every thing of a world."""
    side, space = twins.sides[0], twins.spaces + 1
    twins.spaces += 2
    red = next(n for n, more in enumerate(HIDDEN["pasar"]) if more["handling"]["code"] == "RED")
    secrets = tuple(Secret("pasar", red, "a0" if thing != "a0" else "a1", thing, 1) for thing in THINGS)
    world = World((), (secrets, ()), (), early=True, bare=True)
    index = side.submit("pasar", [text for _, text, _ in secret_rows(space, world, 0)])
    at = replace(twins.at, secret=index)
    there, absent = Seen(space, at), Seen(space + 1, replace(at, secret=at.none))
    waiting = f"{{ submissions(first: 1, after: {index}) {{ index }} }}"
    side.ask("pasar.feed", Footing(), Document(waiting, {}))
    found = side.ask("pasar.feed", Footing(), finding(there))["data"]
    for thing, entities in zip(THINGS, found.values(), strict=True):
        there.handles[thing] = entities[0]["handle"]
        there.handles |= {f"{thing}/{n}": one["handle"] for n, one in enumerate(entities[0]["records"])}
    own, foreign = twins.requests[0]
    there.handles |= {"own request": own, "foreign request": foreign}
    absent.handles |= {"own request": own, "foreign request": NOBODYS}
    yield Both(there, absent)
    twins.level()


def test_the_things_are_there_for_their_owner(twins: Twins, both: Both) -> None:
    assert set(both.there.handles) > set(THINGS)
    side = twins.sides[0]
    for thing in THINGS:
        mine = Document(f'{{ entity(handle: "{both.there.handle(thing)}") {{ kind }} }}', {})
        assert side.ask("pasar.feed", Footing(), mine)["data"]["entity"], thing
        assert side.ask(INVESTIGATOR, FOOTING, mine)["data"] == {"entity": None}, thing


def test_by_every_field(twins: Twins, both: Both) -> None:
    leaks: list[Leak] = []
    asked = [(who, footing, QUERIES, names) for who, footing, names in READERS]
    asked += [(who, FOOTING, ONCE, ()) for who in (INVESTIGATOR, ANALYST)]
    for who, footing, entries, names in asked:
        texts = (documents(entries, seen, names) for seen in (both.there, both.absent))
        for pair in zip(*texts, strict=True):
            answers = [twins.sides[0].ask(who, footing, document) for document in pair]
            leaks += twins.compare(answers, f"{who}: {pair[0].text[:200]}", 0, None)
    assert not leaks, "\n".join(map(str, leaks[:3]))


def test_by_every_route(twins: Twins, both: Both) -> None:
    leaks: list[Leak] = []
    for entry in ROUTES.values():
        if isinstance(entry, Untouched):
            continue
        for pair in zip(entry(both.there.at), entry(both.absent.at), strict=True):
            answers = [twins.sides[0].send(one.method, one.path, one.who, **one.options) for one in pair]
            leaks += twins.compare(answers, f"{pair[0].method} {pair[0].path}", 0, None)
    assert not leaks, "\n".join(map(str, leaks[:3]))


def test_by_every_act(twins: Twins, both: Both) -> None:
    side, leaks = twins.sides[0], list[Leak]()
    known = [
        Known(seen.handles["own request"], seen.handles["foreign request"], seen.handle("a0/0"), seen.at.secret)
        for seen in (both.there, both.absent)
    ]
    for name, entry in MUTATIONS.items():
        if isinstance(entry, Untouched):
            continue
        for pair in zip(*map(entry, known), strict=True):
            if pair[0] == pair[1]:
                continue  # it names nothing of the two
            leaks += twins.compare([_act(side, name, deed, both) for deed in pair], f"{pair[0].by}: {name}", 0, None)
        alike = list(entry(known[0]))
        theirs = known[0].own not in [one.sub for one in alike]
        if theirs and len(alike) == 2 and alike[0].body == alike[1].body:
            # About two subjects: a thing of others' and none.
            answers = [_act(side, name, deed, both) for deed in alike]
            leaks += twins.compare(answers, f"{alike[0].by}: {name}, {alike[0].sub} and {alike[1].sub}", 0, None)
    assert not leaks, "\n".join(map(str, leaks[:3]))


def test_a_difference_would_be_seen(twins: Twins, both: Both) -> None:
    """The same comparison for their owner, who does see them."""
    asked = [Document(f'{{ entity(handle: "{one}") {{ kind }} }}', {}) for one in (both.there.handle("p0"), INVENTED)]
    answers = [twins.sides[0].ask("pasar.feed", Footing(), document) for document in asked]
    assert list(twins.compare(answers, "their owner", 0, None))


def _act(side: Side, name: str, deed: Deed, both: Both) -> dict[str, object]:
    compact = side.members.sign(deed.by, KINDS[name], deed.sub, deed.body, both.there.at.secret)
    return side.ask(deed.by, FOOTING, handing_in(name, compact))
