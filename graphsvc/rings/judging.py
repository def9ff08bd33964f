"""The acts that judge a ring: each is an entry of the signer's organisation, kept apart from what searches compute."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from graphsvc.acts.signed import Acted, SignedAct, carries_out
from graphsvc.core import Core
from graphsvc.model.errors import InvalidInput
from graphsvc.rings import store
from graphsvc.rings.detecting import write
from graphsvc.rings.judged import UNJUDGED, Judged, fold
from graphsvc.wire.rings import AcceptRing, AnnotateRing, DismissRing, MergeRings, ReopenRing, RingJudged, SplitRing


@dataclass(frozen=True, slots=True)
class Judging:
    """Carries out the acts that judge rings. An act on a ring that somebody judged meanwhile is refused."""

    core: Core

    @carries_out(AcceptRing)
    async def accept(self, act: SignedAct, _: AcceptRing) -> Acted:
        """Accept a ring as one."""
        return await self._judge(act)

    @carries_out(DismissRing)
    async def dismiss(self, act: SignedAct, _: DismissRing) -> Acted:
        """Dismiss a ring."""
        return await self._judge(act)

    @carries_out(ReopenRing)
    async def reopen(self, act: SignedAct, _: ReopenRing) -> Acted:
        """Take a verdict back."""
        return await self._judge(act)

    @carries_out(AnnotateRing)
    async def annotate(self, act: SignedAct, _: AnnotateRing) -> Acted:
        """Note something on a ring."""
        return await self._judge(act)

    @carries_out(MergeRings)
    async def merge(self, act: SignedAct, body: MergeRings) -> Acted:
        """Judge that several rings are one."""
        if act.sub in body.rings or len(set(body.rings)) != len(body.rings):
            raise InvalidInput("name each of the other rings once", code="bad_act", where="act body rings")
        return await self._judge(act, body.rings)

    @carries_out(SplitRing)
    async def split(self, act: SignedAct, body: SplitRing) -> Acted:
        """Judge that a ring is several."""
        named = [handle for part in body.parts for handle in part]
        if len(set(named)) != len(named):
            raise InvalidInput("an account is in one part", code="bad_act", where="act body parts")
        if len(body.parts) == 1:
            raise InvalidInput("name two parts or more, or none", code="bad_act", where="act body parts")
        return await self._judge(act)

    async def _judge(self, act: SignedAct, others: Sequence[str] = ()) -> Acted:
        rings, ledger = (act.sub, *others), self.core.ledger

        def judge(connection: Connection, index: int, t: str) -> None:
            store.check_rings(connection, act.org, rings)
            known = fold(store.judgements(connection, act.org))
            last = (one.index for ring in rings for one in known.get(ring, UNJUDGED).judgements)
            act.unmoved(max(last, default=-1))
            store.judge(connection, Judged(index, act.org, act.sub, act.kind, act.person, t, dict(act.body)))

        def check() -> None:
            with ledger.reading() as connection:
                store.check_rings(connection, act.org, rings)

        await asyncio.to_thread(check)
        appended = await write(self.core, act, judge)

        def read() -> RingJudged:
            with ledger.reading() as connection:
                standing = fold(store.judgements(connection, act.org))[act.sub]
            merged = sorted(standing.merged)
            return RingJudged(index=appended.index, ring=act.sub, verdict=standing.verdict, merged_with=merged)

        return Acted(await asyncio.to_thread(read), appended.encoded)
