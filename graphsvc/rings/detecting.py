"""The acts about searches for rings: one is asked for, or cancelled. The worker carries it out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection

from graphsvc.acts.signed import Acted, SignedAct, carries_out
from graphsvc.core import Core
from graphsvc.detect.evidence import Kinds
from graphsvc.detect.recipe import Parameters
from graphsvc.ledger.entry import EntryDraft, OwnerPart
from graphsvc.ledger.own import cases_of
from graphsvc.ledger.receipts import Appended
from graphsvc.model.errors import Conflict, InvalidInput
from graphsvc.model.hints import hint
from graphsvc.model.times import epoch
from graphsvc.policy.footings import check_footing
from graphsvc.rings import store
from graphsvc.rings.store import CANCELLED, Run, footing_of
from graphsvc.rings.views import run_shape
from graphsvc.wire.rings import CancelDetection, DetectRings
from graphsvc_verify.meaning import run_id

MOST_WAITING = 20
"""An organisation may have so many searches waiting."""
Effect = Callable[[Connection, int, str], None]


@dataclass(frozen=True, slots=True)
class Detecting:
    """Carries out the acts about searches. ``wake`` tells the worker that there is one; ``stop`` that one ended."""

    core: Core
    wake: Callable[[], None]
    stop: Callable[[str], None]

    @carries_out(DetectRings)
    async def detect(self, act: SignedAct, body: DetectRings) -> Acted:
        """Enter a search; it begins when its turn comes."""
        name = run_id(act.deed)
        await asyncio.to_thread(self._check, act, body)

        def begin(connection: Connection, index: int, t: str) -> None:
            own = (one for one in store.waiting(connection) if one.org == act.org)
            if sum(1 for _ in own) >= MOST_WAITING:
                raise Conflict("so many searches of your organisation wait: cancel some", code="too_many_waiting")
            store.begin(connection, Run(name, act.org, act.person, act.roles, index, t, dict(act.body)))

        appended = await write(self.core, act, begin)
        self.wake()
        return await self._shown(act, name, appended)

    @carries_out(CancelDetection)
    async def cancel(self, act: SignedAct, _: CancelDetection) -> Acted:
        """End a search that waits or runs; what it did is dropped."""

        def cancel(connection: Connection, index: int, t: str) -> None:
            store.find_run(connection, act.org, act.sub)
            store.end(connection, act.sub, CANCELLED, (index, t))

        with self.core.ledger.reading() as connection:
            store.find_run(connection, act.org, act.sub)
        appended = await write(self.core, act, cancel)
        self.stop(act.sub)
        return await self._shown(act, act.sub, appended)

    def _check(self, act: SignedAct, body: DetectRings) -> None:
        """Refuse now what the worker could only refuse later. Raises InvalidInput."""
        core, where = self.core, "act body"
        parameters_of(body)
        footing = footing_of(body)
        codelists, ledger = core.schema.codelists, core.ledger
        org = act.org
        check_footing(footing, codelists, lambda case: ledger.has_case(org, case), lambda: cases_of(ledger, org))
        for kind in body.kinds:
            if kind not in core.schema.kinds:
                message = f"there is no such kind; {hint(kind, core.schema.kinds)}"
                raise InvalidInput(message, code="unknown_kind", where=f"{where} kinds")
        for agency in body.agencies:
            if agency not in ledger.organisations():
                message, code = "there is no such organisation", "unknown_organisation"
                raise InvalidInput(message, code=code, where=f"{where} agencies")
        window = window_of(body)
        if None not in window and window[0] > window[1]:  # type: ignore[operator]
            raise InvalidInput("since is after until", code="bad_act", where=f"{where} since")

    async def _shown(self, act: SignedAct, name: str, appended: Appended) -> Acted:
        def read() -> Run:
            with self.core.ledger.reading() as connection:
                return store.find_run(connection, act.org, name)

        return Acted(run_shape(await asyncio.to_thread(read)), appended.encoded)


async def write(core: Core, act: SignedAct, effect: Effect) -> Appended:
    """Write the entry of an act about rings, which tells the signer's organisation and nobody else."""
    meaning = act.meaning
    purpose, basis, case = meaning.footing
    draft = EntryDraft(
        type=meaning.type,
        who={"org": act.org, "person": act.person},
        purpose=purpose,
        basis=basis,
        case=case,
        requester=act.org,
        owners=[OwnerPart(act.org, meaning.told(act.org, act.org), [])],
        acts=[act.compact],
        body=dict(meaning.body),
        effects=effect,
    )
    return await asyncio.wrap_future(core.ledger.append(draft))


def parameters_of(body: DetectRings) -> Parameters:
    """The parameters of a search. Raises InvalidInput where they can't be used."""
    kinds = Kinds(cap=body.hub_cap)
    if body.kinds:
        kinds = Kinds(kinds.actors, body.kinds, body.hub_cap)
    return Parameters(kinds, body.resolution, body.min_accounts, None, body.seed, body.order)


def window_of(body: DetectRings) -> tuple[int | None, int | None]:
    """The time that is looked at, in epoch seconds."""
    since, until = (None if one is None else epoch(one, 0) for one in (body.since, body.until))
    return since, until
