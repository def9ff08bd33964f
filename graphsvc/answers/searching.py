"""The direct search for rings: the part of a reading that looks for them in what the caller may analyse now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from graphsvc.answers.asked import Narrowing, Page
from graphsvc.answers.questions import Reading, check_known, claims_in, shaped
from graphsvc.answers.rings import LIMIT, Apart, Detected, find_rings, node_names
from graphsvc.graph.facts import EntityFacts
from graphsvc.graph.sieve import ALL
from graphsvc.model.errors import CHANGED, Conflict, Denied
from graphsvc.wire import answers as wire
from graphsvc.wire.answers import RingReport, Setting

ANALYST = "analyst"
"""The role that the shared rules require for analysis; without it no record is in scope for that."""
MOST = 1_000
"""Parts of one list of rings end after so many: a search that is kept has them all."""


class RingSearch:
    """The part of a reading that searches for rings."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    async def rings(self, parameters: Mapping[str, Any], cursor: str | None, after: int | None) -> RingReport:
        """The rings in what the caller may analyse, each explained by records. Raises Denied for all but analysts.

        Each part is a search of its own: it raises Conflict ``list_changed`` where the rings before it are others now.
        """
        reading = self._reading
        if ANALYST not in reading.scope.principal.roles:
            raise Denied("only analysts search for rings", where="role")
        kinds = parameters.get("identifier_kinds", ())
        check_known(kinds, reading.core.schema.kinds, "kind", "parameters/identifierKinds")
        limit = parameters.get("limit", LIMIT)
        question = {name: value for name, value in parameters.items() if name != "limit"}
        place, bound = reading.place("rings", question, Page(limit, cursor), Narrowing())
        before, seen = place or (0, "")
        await reading.reach(after)
        async with reading.heavy():
            most = min(before + limit, MOST)
            detected = await find_rings(reading.core.columns, reading.scope, {**parameters, "limit": most}, self._names)
            if place is not None and await self._trace(detected, before) != seen:
                raise Conflict("these rings have changed: ask from the first part on", code=CHANGED, where="cursor")
            found, rings = detected.found, detected.found.rings[before:]
            members = sorted({n for ring in rings for n in (*ring.accounts, *ring.identifiers)})
            facts, numbers = await self._facts(detected.apart, members)
            last = (most, await self._trace(detected, most)) if found.more and most < MOST else None

        def shapes() -> list[wire.Ring]:
            shown = zip(facts, reading.shapes.entities(facts).shapes(), strict=True)
            known = {numbers[one.world, one.id]: shape for one, shape in shown}
            # A ring whose accounts have all gone since the columns were read is left out.
            return [reading.shapes.ring(ring, known) for ring in rings if known.keys() & set(ring.accounts)]

        return RingReport(
            rings=await shaped(claims_in(facts, ()), shapes),
            truncated=reading.cut("rings", found.more, facts),
            more_rings=found.more,
            next=reading.following(last, bound),
            excluded_hubs=found.excluded_hubs,
            accounts=found.accounts,
            links=found.links,
            parameters=[
                Setting(name=name, value=str(limit) if name == "limit" else value) for name, value in detected.stated
            ],
        )

    async def _facts(
        self, apart: Apart, members: Sequence[int]
    ) -> tuple[list[EntityFacts], dict[tuple[str, int], int]]:
        """Facts of members that may be seen, and every member's node by world and entity integer."""
        reading = self._reading
        numbers, facts = dict[tuple[str, int], int](), list[EntityFacts]()
        for world, there in apart.by_world(members).items():
            numbers |= {(world, n): node for n, node in there.items()}
            facts += await reading.core.reader.entities(reading.scope, list(there), reading.now, ALL, world)
        return facts, numbers

    async def _trace(self, detected: Detected, count: int) -> str:
        """What the first rings leave behind in a cursor: equal for equal accounts in equal order alone."""
        rings = [sorted(ring.accounts) for ring in detected.found.rings[:count]]
        members = sorted({n for ring in rings for n in ring})
        names = dict(zip(members, await self._names(detected.apart, members), strict=True))
        said = "\n".join(" ".join(sorted(names[n] for n in ring)) for ring in rings)
        return f"{len(rings)} {sha256(said.encode()).hexdigest()[:32]}"

    async def _names(self, apart: Apart, numbers: Sequence[int]) -> list[str]:
        reading = self._reading
        return await node_names(reading.core, reading.scope, apart, numbers, reading.now)
