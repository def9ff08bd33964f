"""Questions that go by time, by what is shared, or by a name: the part of a reading that answers them.

Everything is noted when a table is made, as in :mod:`graphsvc.answers.questions`.
"""

from __future__ import annotations

from collections.abc import Sequence

from graphsvc.answers.asked import Narrowing, Page
from graphsvc.answers.listed import (
    Commons,
    Counts,
    Events,
    IdentifiersFound,
    NamesFound,
    SharedThings,
    Things,
    Timelines,
)
from graphsvc.answers.questions import Identifier, Reading, check_known, claims_in, shaped
from graphsvc.answers.tables import Cuts, Entities
from graphsvc.api.tables import One
from graphsvc.graph.begun import begun
from graphsvc.graph.common import Part as Claims
from graphsvc.graph.common import common
from graphsvc.graph.named import Named, named
from graphsvc.graph.timeline import Timeline, timeline
from graphsvc.model.beginnings import beginning_of
from graphsvc.model.errors import InvalidQuery
from graphsvc.model.names import Sought
from graphsvc.model.scalars import ValueProblem
from graphsvc.wire import asking


class Finding:
    """The part of a reading that goes by time, by what is shared, or by a name."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    async def timeline(
        self, entities: Sequence[str], page: Page, narrowing: Narrowing, after: int | None
    ) -> One[asking.Timeline]:
        """What is claimed of entities, in the order of time. Nothing of those that are not visible."""
        reading = self._reading
        scope, sieve = reading.narrowed(narrowing), reading.sieve(narrowing, records=True)
        place, bound = reading.place("timeline", [*entities], page, narrowing)
        await reading.reach(after)
        nodes = reading.opened_together(entities, "entities")
        found = Timeline([], {}, 0, 0, 0, None)
        if nodes:
            async with reading.wide():
                found = await timeline(reading.core.reader, scope, nodes, page.first, place, reading.now, sieve)
        return await shaped(len(found.page), lambda: self._timeline(found, bound))

    def _timeline(self, found: Timeline, bound: bytes) -> One[asking.Timeline]:
        shapes = self._reading.shapes
        things = list(found.things.values())
        handles = [shapes.thing(one) for one in things]
        named = dict(zip(found.things, handles, strict=True))
        events = Events(shapes.links([found.page], named, {}))
        following = self._reading.following(found.last, bound)
        if following is not None:
            shapes.cut.more.add("events")
        counts = Counts(found.claims, found.undated, found.owners, following)
        return One(Timelines(events, Things(things, handles), counts))

    async def common(
        self, entities: Sequence[str], page: Page, narrowing: Narrowing, after: int | None
    ) -> One[asking.Common] | None:
        """What entities have in common. None where fewer than two of them are visible."""
        reading = self._reading
        scope, sieve = reading.narrowed(narrowing), reading.sieve(narrowing)
        place, bound = reading.place("common", [*entities], page, narrowing)
        await reading.reach(after)
        nodes = reading.opened_together(entities, "entities")
        if len(set(nodes)) < 2:
            return None
        async with reading.wide():
            found = await common(reading.core.reader, scope, nodes, Claims(page.first, place), reading.now, sieve)
        if found is None:
            return None
        shown = await shaped(
            claims_in(found.entities, found.links), lambda: reading.network(found.entities, [found.links], found.told)
        )
        handles = {one.id: handle for one, handle in zip(found.entities, shown[0].handles, strict=True)}
        cut = reading.cut("links", found.truncated, found.entities)
        cuts = Cuts(cut, found.truncated, reading.following(found.last, bound))
        return One(Commons(shown, SharedThings(found.shared, handles), found.total, cuts))

    async def names(
        self, search: Sought, page: Page, narrowing: Narrowing, after: int | None
    ) -> One[asking.NamesFound]:
        """Entities that visible records call so. Counts as one identifier asked."""
        reading = self._reading
        scope, sieve = reading.narrowed(narrowing), reading.sieve(narrowing, links=False, records=True)
        check_known(search.kinds or (), reading.core.schema.kinds, "kind", "kinds")
        place, bound = reading.place("searchNames", search, page, narrowing)
        # Parts of one list are one question: each is counted as the same identifier.
        await reading.spend([f"name:{' '.join(search.parts)}"])
        await reading.reach(after)
        async with reading.wide():
            found = await named(reading.core.reader, scope, search, page.first, place, reading.now, sieve)

        return await shaped(claims_in(found.entities, ()), lambda: One(NamesFound(*self._listed(found, bound))))

    async def identifiers(
        self, stated: Identifier, page: Page, narrowing: Narrowing, after: int | None
    ) -> One[asking.IdentifiersFound]:
        """Entities whose identifier begins as stated. A part counts as as many identifiers as it has room for."""
        reading = self._reading
        scope, sieve = reading.narrowed(narrowing), reading.sieve(narrowing, links=False, records=True)
        try:
            search = beginning_of(reading.core.schema, stated.kind, stated.parts, scope.principal.org)
        except ValueProblem as problem:
            raise InvalidQuery(problem.message, code=problem.code, where="parts") from None
        place, bound = reading.place("searchIdentifiers", search, page, narrowing)
        # Before anything is looked up, and whatever is found: what is counted tells nothing, and beginnings show no
        # more identifiers in a day than could be asked for one by one.
        question = f"beginning:{bound.hex()}:{place}"
        await reading.spend([f"{question}:{number}" for number in range(page.first)])
        await reading.reach(after)
        async with reading.wide():
            found = await begun(reading.core.reader, scope, search, (page.first, place), reading.now, sieve)
        return await shaped(claims_in(found.entities, ()), lambda: One(IdentifiersFound(*self._listed(found, bound))))

    def _listed(self, found: Named, bound: bytes) -> tuple[Entities, int, bool, str | None]:
        entities = self._reading.shapes.entities(found.entities)
        following = self._reading.following(found.last, bound)
        cut = self._reading.cut("entities", following is not None, found.entities)
        return entities, found.total, cut, following
