"""Questions that go by time, by what is shared, or by a name: the part of a reading that answers them.

Everything is noted when a table is made, as in :mod:`graphsvc.answers.questions`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphsvc.answers.asked import Narrowing, Page, bound_to
from graphsvc.answers.listed import Commons, Counts, Events, NamesFound, SharedThings, Things, Timelines
from graphsvc.answers.questions import Reading, check_known, claims_in, shaped
from graphsvc.answers.tables import Cuts
from graphsvc.api.tables import One
from graphsvc.graph.common import common
from graphsvc.graph.named import named
from graphsvc.graph.timeline import Timeline, timeline
from graphsvc.model.errors import InvalidQuery
from graphsvc.model.names import Sought
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
        place, bound = self._place("timeline", [*entities], page, narrowing)
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
        following = None if found.last is None else self._reading.handles.seal_place(found.last, bound)
        if following is not None:
            shapes.cut.more.add("events")
        counts = Counts(found.claims, found.undated, found.owners, following)
        return One(Timelines(events, Things(things, handles), counts))

    async def common(
        self, entities: Sequence[str], limit: int, narrowing: Narrowing, after: int | None
    ) -> One[asking.Common] | None:
        """What entities have in common. None where fewer than two of them are visible."""
        reading = self._reading
        scope, sieve = reading.narrowed(narrowing), reading.sieve(narrowing)
        await reading.reach(after)
        nodes = reading.opened_together(entities, "entities")
        if len(set(nodes)) < 2:
            return None
        async with reading.wide():
            found = await common(reading.core.reader, scope, nodes, limit, reading.now, sieve)
        if found is None:
            return None
        shown = await shaped(
            claims_in(found.entities, found.links), lambda: reading.network(found.entities, [found.links], found.told)
        )
        handles = {one.id: handle for one, handle in zip(found.entities, shown[0].handles, strict=True)}
        cut = reading.cut("links", found.truncated, found.entities)
        return One(Commons(shown, SharedThings(found.shared, handles), found.total, Cuts(cut, found.truncated)))

    async def names(
        self, search: Sought, page: Page, narrowing: Narrowing, after: int | None
    ) -> One[asking.NamesFound]:
        """Entities that visible records call so. Counts as one identifier asked."""
        reading = self._reading
        scope, sieve = reading.narrowed(narrowing), reading.sieve(narrowing, links=False, records=True)
        check_known(search.kinds or (), reading.core.schema.kinds, "kind", "kinds")
        place, bound = self._place("searchNames", search, page, narrowing)
        # Parts of one list are one question: each is counted as the same identifier.
        await reading.spend([f"name:{' '.join(search.parts)}"])
        await reading.reach(after)
        async with reading.wide():
            found = await named(reading.core.reader, scope, search, page.first, place, reading.now, sieve)

        def tabled() -> One[asking.NamesFound]:
            entities = reading.shapes.entities(found.entities)
            following = None if found.last is None else reading.handles.seal_place(found.last, bound)
            cut = reading.cut("entities", following is not None, found.entities)
            return One(NamesFound(entities, found.total, cut, following))

        return await shaped(claims_in(found.entities, ()), tabled)

    def _place(self, field: str, asked: Any, page: Page, narrowing: Narrowing) -> tuple[Any, bytes]:
        """Where a part begins, and what its cursors are bound to. Raises InvalidQuery for another question's."""
        bound = bound_to(field, asked, narrowing, self._reading.scope.footing)
        if page.after is None:
            return None, bound
        place = self._reading.handles.open_place(page.after, bound)
        if place is None:
            message = "this cursor is of another question, footing or organisation: ask as you did for the part before"
            raise InvalidQuery(message, code="bad_cursor", where="cursor")
        return place, bound
