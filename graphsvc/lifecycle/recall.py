"""Records taken back: one entry that hides them from the moment it is durable, then everyone who saw them is told.

What a crash leaves. After the entry the records are hidden whatever happens; the applier takes them out of graph and
columns from the ledger. If telling is cut off, the worker of custody goes on with it at the next start: nobody can have
been shown the records since, so those to be told are still the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, insert, select, update

from graphsvc.acts.signed import Acted, SignedAct, carries_out
from graphsvc.core import Core
from graphsvc.graph.handles import RECORD
from graphsvc.ledger import tables
from graphsvc.ledger.entry import EntryDraft, OwnerPart
from graphsvc.ledger.receipts import Appended
from graphsvc.ledger.scopeheads import Concern
from graphsvc.lifecycle.store import RECALLED, TOLD, Seen, Withdrawal, book_of
from graphsvc.lifecycle.targets import records_of, resolve
from graphsvc.model import ranges
from graphsvc.model.errors import Conflict, NotFound
from graphsvc.model.ranges import Ranges
from graphsvc.model.times import coming, written
from graphsvc.projection.changes import WITHDRAWAL
from graphsvc.wire.acts import Target
from graphsvc.wire.lifecycle import Recall, Withdrawn
from graphsvc_verify.canonical import digest, encode
from graphsvc_verify.meaning import taken_back

ANSWER_WITHIN = timedelta(days=14)
LISTED = 1_000
"""At most this many handles stand in a notice's section itself; its digest covers all of them."""
NOTICE = "notice"


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision to take records back: whose, why, by whom; ``act`` is the signed act that says so, if there is one."""

    owner: str
    cause: str
    person: str
    reason: str
    deadline: str = ""
    act: SignedAct | None = None

    def said(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Facts and body of the entry; they follow from the act where there is one."""
        if self.act is not None:
            meaning = self.act.meaning
            return meaning.told(self.owner, self.owner), dict(meaning.body)
        facts, body = taken_back(self.cause, self.reason)
        return {**facts, "by": self.person}, body


@carries_out(Recall)
async def recall(core: Core, act: SignedAct, body: Recall) -> Acted:
    """Carry a signed recall out: by the owner's submitters or officers, of own records that are still there.

    Raises InvalidInput, Denied, NotFound (absent, another's or recalled already, alike), Conflict (something of the
    same submissions was taken out since the signer looked), Unavailable when a selection can't wait for the applier.
    """
    # 1. Who may, and what exactly (targets).
    deadline = checked_deadline(body.deadline)
    if body.target.select is not None:
        await core.applier.settle(act.org)
    live = await asyncio.to_thread(_live, core, act, body.target)
    # 2. Durable, hidden; everyone who saw them is told.
    decision = Decision(act.org, RECALLED, act.person, body.reason, deadline, act)
    appended = await withdraw(core, decision, live)
    recipients = await tell(core, appended.index)
    answer = Withdrawn(index=appended.index, records=ranges.count(live), organisations=sorted(recipients))
    return Acted(answer, appended.encoded)


async def withdraw(core: Core, decision: Decision, live: Ranges, more: Mapping[str, Any] | None = None) -> Appended:
    """Append the entry that takes ``live`` back and wake the applier; ``more`` goes into its body."""
    draft = withdrawal_entry(decision, live, WITHDRAWAL, more or {}, ranges.count(live))
    appended = await asyncio.wrap_future(core.ledger.append(draft))
    core.applier.notify()
    return appended


def withdrawal_entry(
    decision: Decision, named: Ranges, kind: str, more: Mapping[str, Any], records: int, told: bool = True
) -> EntryDraft:
    """The entry of a withdrawal or an erasure with its side-table rows. ``told``: those who saw them will be told."""

    def effects(connection: Connection, index: int, t: str) -> None:
        row = {
            "index": index,
            "owner": decision.owner,
            "cause": decision.cause,
            "person": decision.person,
            "reason": decision.reason,
            "deadline": decision.deadline,
            "t": t,
            "records": records,
            "told": None if told else index,
        }
        connection.execute(insert(tables.withdrawals), row)
        rows = [
            {"submission": one, "index": index, "rows": ranges.pack(rows)}
            for one, rows in ranges.by_submission(named).items()
        ]
        if rows:
            connection.execute(insert(tables.withdrawn), rows)

    facts, own = decision.said()
    return EntryDraft(
        type=kind,
        who={"org": decision.owner, "person": decision.person},
        requester=decision.owner,
        owners=[OwnerPart(owner=decision.owner, facts={**facts, "records": records}, disclosures=[])],
        acts=[] if decision.act is None else [decision.act.compact],
        body={"deadline": decision.deadline, **own, "count": records, "ranges": [list(part) for part in named], **more},
        concerns=Concern(owners=frozenset({decision.owner})),
        effects=effects,
    )


async def tell(core: Core, index: int) -> dict[str, int]:
    """Tell everyone who saw records of withdrawal ``index``, in one entry; returns records by organisation.

    Done once: when it was done before, says whom it told. Raises NotFound.
    """
    withdrawal, seen = await asyncio.to_thread(_whom, core, index)
    told = {org: ranges.count(one.rows) for org, one in seen.items()}
    if withdrawal.told is not None or withdrawal.cause not in TOLD:
        return told
    draft = await asyncio.to_thread(_notice, core, withdrawal, seen)
    try:
        await asyncio.wrap_future(core.ledger.append(draft))
    except Conflict as conflict:
        if conflict.code != "told_already":
            raise
    return told


def untold(core: Core) -> list[int]:
    """Withdrawals that nobody was told of yet."""
    table = tables.withdrawals
    query = select(table.c["index"]).where(table.c.told.is_(None)).order_by(table.c["index"])
    with core.ledger.reading() as connection:
        return list(connection.execute(query).scalars())


def checked_deadline(stated: str | None) -> str:
    """The deadline as stated; without one, in 14 days. Raises InvalidInput for one that has passed."""
    now = datetime.now(UTC)
    if stated is None:
        return written(now + ANSWER_WITHIN)
    return coming(stated, "act body deadline")


def unchanged(core: Core, act: SignedAct, submissions: list[int]) -> None:
    """Raise Conflict when something of these submissions was taken out since the signer looked."""
    rows = tables.withdrawn
    for start in range(0, len(submissions), 500):
        query = select(rows.c["index"]).where(rows.c.submission.in_(submissions[start : start + 500]))
        with core.ledger.reading() as connection:
            act.unmoved(max(connection.execute(query).scalars(), default=-1))


def _live(core: Core, act: SignedAct, target: Target) -> Ranges:
    named = records_of(core, resolve(core, act.org, target))
    submissions = ranges.submissions(named)
    gone = book_of(core).gone(submissions)
    live = ranges.minus(named, gone)
    if not live or (target.rows is not None and live != named):
        raise NotFound("there is no such record")
    unchanged(core, act, submissions)
    return live


def _whom(core: Core, index: int) -> tuple[Withdrawal, dict[str, Seen]]:
    book = book_of(core)
    withdrawal, named = book.withdrawal(index)
    seen = book.seen(withdrawal.owner, named, index)
    # An organisation that was only told of a hit holds nothing of the record, and no handle of it.
    return withdrawal, {org: one for org, one in seen.items() if one.rows}


def _notice(core: Core, withdrawal: Withdrawal, seen: dict[str, Seen]) -> EntryDraft:
    owner, index = withdrawal.owner, withdrawal.index
    told = [{"org": org, "records": ranges.count(one.rows)} for org, one in sorted(seen.items())]

    def effects(connection: Connection, told_in: int, t: str) -> None:
        table = tables.withdrawals
        chosen = (table.c["index"] == index) & table.c.told.is_(None)
        if connection.execute(update(table).where(chosen).values(told=told_in)).rowcount != 1:
            raise Conflict("it was told already", code="told_already")
        rows = [
            {
                "index": index,
                "recipient": one["org"],
                "told": told_in,
                "t": t,
                "records": one["records"],
                "acknowledged": None,
                "acknowledged_at": "",
                "outcome": "",
                "because": "",
            }
            for one in told
        ]
        if rows:
            connection.execute(insert(tables.notices), rows)

    facts = {name: getattr(withdrawal, name) for name in ("cause", "reason", "deadline")}
    common = {"action": NOTICE, "notice": index, "owner": owner, **facts}
    parts_ = [OwnerPart(owner, {**common, "recipients": told}, [])]
    for org, one in sorted(seen.items()):
        handles = core.handles(org)
        known = sorted(handles.seal(RECORD, record) for record in one.reads)
        about = {"records": known[:LISTED], "count": len(known), "digest": digest(encode(known))}
        parts_.append(OwnerPart(org, {**common, **about}, []))
    return EntryDraft(
        type=NOTICE,
        who={"org": owner, "person": withdrawal.person},
        requester=owner,
        owners=parts_,
        body={"withdrawal": index, "recipients": told},
        effects=effects,
    )
