"""Cleaning anew what was kept unlinked, by the rules and numbering plans of today: an operator's act.

A call works through what is kept pack by pack and makes one entry at most. Whether anything becomes a key is decided
here, once: the entry commits to a pack of what the rows say now, so a rebuild, by whatever version of the rules, makes
the same graph. Nothing but the records' own values decides it, and a record keeps its label, expiry and place.

What a crash leaves. Before the entry is durable a pack that nothing refers to, whose keys go with those of its rows;
after it the applier brings the rows in at the entry's place. A second run finds what is left, and nothing of what is
done. What was taken back, erased or set aside is never touched; the entry's transaction looks again.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from sqlalchemy import Connection, select, update

from graphsvc.acts.signed import Acted
from graphsvc.core import Core
from graphsvc.ledger import anew, tables
from graphsvc.ledger.entry import EntryDraft
from graphsvc.ledger.payload import draft_leaf, read_drafts
from graphsvc.ledger.receipts import Appended
from graphsvc.ledger.taken import unreadable
from graphsvc.lifecycle.sealed import latest_drafts
from graphsvc.model import ranges
from graphsvc.model.claims import decode_draft, encode_draft
from graphsvc.model.cleaning import CLEANER, NUMBERING_PLAN
from graphsvc.model.draftleaves import draft_contents
from graphsvc.model.drafts import CleanDraft
from graphsvc.model.errors import Conflict, Denied, IntegrityError
from graphsvc.model.merkle import GrowingRoot
from graphsvc.model.principals import Principal
from graphsvc.model.ranges import Ranges
from graphsvc.model.unread import LINKED, clean_anew
from graphsvc.projection.aside import not_there, reclean_entry
from graphsvc.wire.upkeep import Recleaned, ValuesRead

MOST_PACKS = 16
"""At most this many packs, a few MiB each, are worked through in one call."""
ATTEMPTS = 3
"""So often a pack is looked at anew because its records have changed meanwhile."""
MOVED = "records_moved"


@dataclass(frozen=True, slots=True)
class _Place:
    """One pack of a submission that has unlinked values."""

    submission: int
    owner: str
    number: int
    name: str
    pack: str


@dataclass(slots=True)
class _Found:
    """What a pack gives: values by type and reason, and of rows in which one becomes a key what they say now.

    ``seen`` are the entries that cleaned rows of the submission anew before; ``read`` what becomes a key, as (row,
    pointer).
    """

    values: Counter[tuple[str, str]] = field(default_factory=Counter)
    drafts: list[tuple[bytes, CleanDraft]] = field(default_factory=list)
    read: set[tuple[int, str]] = field(default_factory=set)
    seen: list[int] = field(default_factory=list)


async def reclean(core: Core, principal: Principal, begin: tuple[int, int], apply: bool) -> Acted | Recleaned:
    """Clean anew from pack ``begin`` (submission, number of its pack) on; without ``apply`` only say what would come.

    Raises Denied, Unavailable where the applier is too slow: then the entry, if one was made, is there all the same.
    """
    if "operator" not in principal.roles:
        raise Denied("only an operator cleans anew")
    # 1. Which packs there are: those of submissions that have unlinked values.
    submissions = await asyncio.to_thread(_submissions, core, begin[0])
    places = await asyncio.to_thread(lambda: list(islice(_places(core, submissions, begin), MOST_PACKS + 1)))
    values: Counter[tuple[str, str]] = Counter()
    rows = 0
    for place, after in zip(places[:MOST_PACKS], [*places[1:], None], strict=False):
        # 2. What is under way about these records is applied first.
        if apply:
            await core.applier.settle(place.owner)
        for attempt in range(ATTEMPTS):
            # 3. What of a pack becomes a key today.
            found = await asyncio.to_thread(_look, core, place)
            if not (apply and found.drafts):
                break
            # 4. Durable; the applier puts the rows in the place of what is there of them.
            told = _told(submissions, after, rows + len(found.drafts), values + found.values)
            try:
                return await _enter(core, principal, place, found, told)
            except Conflict:
                if attempt + 1 == ATTEMPTS:
                    raise
        values += found.values
        rows += len(found.drafts)
    return _told(submissions, places[MOST_PACKS] if len(places) > MOST_PACKS else None, rows, values)


def _told(
    submissions: Sequence[tuple[int, str]], after: _Place | None, records: int, values: Counter[tuple[str, str]]
) -> Recleaned:
    return Recleaned(
        entry=None if after is None else after.submission,
        pack=None if after is None else after.number,
        left=0 if after is None else sum(index >= after.submission for index, _ in submissions),
        records=records,
        values=[
            ValuesRead(type=type_, reason=reason, count=count) for (type_, reason), count in sorted(values.items())
        ],
        index=None,
        set_aside=0,
    )


def _submissions(core: Core, begin: int) -> list[tuple[int, str]]:
    """The submissions from an index on that have unlinked values, with their owners, in the order of the log."""
    own, notes = tables.submissions, tables.unlinked
    query = (
        select(own.c["index"], own.c.org)
        .join(notes, notes.c["index"] == own.c["index"])
        .where(own.c["index"] >= begin)
        .order_by(own.c["index"])
    )
    with core.ledger.reading() as connection:
        return [(int(index), str(org)) for index, org in connection.execute(query)]


def _places(core: Core, submissions: Sequence[tuple[int, str]], begin: tuple[int, int]) -> Iterator[_Place]:
    """The packs of some submissions from one on; a submission that can't be read, and is set aside, has none."""
    for index, org in submissions:
        try:
            body = core.ledger.open_header(index)["body"]
        except IntegrityError:
            with core.ledger.reading() as connection:
                if unreadable(connection, index):
                    continue
            raise
        for number, pack in enumerate(body["packs"]):
            if (index, number) >= begin:
                yield _Place(index, org, number, body["name"], pack)


def _look(core: Core, place: _Place) -> _Found:
    """What of a pack becomes a key today. A pack that can't be read is passed over where its rows are set aside."""
    found = _Found()
    with core.ledger.reading() as connection:
        found.seen = list(anew.known(connection, place.submission))
        out = ranges.among(not_there(connection, place.submission))
        lost = unreadable(connection, place.submission)
    store, keys = core.payloads.store, core.payloads.keys
    try:
        data, secret = store.get(place.pack), keys.open(place.pack)
        pairs = anew.row_pairs(data, secret)
        newer = latest_drafts(core.ledger, core.payloads, place.submission, lambda row: row in pairs)
        for sealed in read_drafts(data, secret, place.name):
            draft = newer.get(sealed.row) or sealed.draft
            if draft is not None and not out(sealed.row):
                _weigh(core, place, found, pairs[sealed.row], decode_draft(draft))
    except IntegrityError:
        if not lost:
            raise
    return found


def _weigh(core: Core, place: _Place, found: _Found, pair: bytes, draft: CleanDraft) -> None:
    if not draft.unlinked:
        return
    cleaned = clean_anew(draft, core.schema, place.owner, CLEANER)
    for outcome in cleaned.outcomes:
        found.values[outcome.type, outcome.reason] += 1
    if cleaned.draft is not None:
        found.drafts.append((pair, cleaned.draft))
        found.read |= {(draft.row, one.pointer) for one in cleaned.outcomes if one.reason == LINKED}


async def _enter(core: Core, principal: Principal, place: _Place, found: _Found, told: Recleaned) -> Acted:
    def append() -> Appended:
        packs = list[str]()
        with core.payloads.store.or_removed(packs):
            return core.ledger.append(_sealed(core, place, found, principal.person, packs)).result()

    # In one thread: a caller who goes away must not take the pack from an entry that becomes durable.
    appended = await asyncio.to_thread(append)
    core.applier.notify()
    await core.applier.wait(appended.index, place.owner)
    applied = await asyncio.to_thread(_applied, core, place.submission, appended.index)
    told.index, told.set_aside = appended.index, len(found.drafts) - ranges.count(applied)
    return Acted(told, appended.encoded)


def _applied(core: Core, submission: int, entry: int) -> Ranges:
    with core.ledger.reading() as connection:
        return anew.known(connection, submission).get(entry, ())


def _sealed(core: Core, place: _Place, found: _Found, by: str, packs: list[str]) -> EntryDraft:
    """The entry, its pack stored and named in ``packs``."""
    name = f"{place.name}|reclean|{secrets.token_hex(16)}"
    rows = ((one.row, pair, encode_draft(one), (len(one.entities), len(one.links))) for pair, one in found.drafts)
    stored, salts = anew.seal_anew(core.payloads.store, name, rows)
    packs += stored
    root = GrowingRoot()
    for salt, (_, one) in zip(salts, found.drafts, strict=True):
        for group, content in draft_contents(one):
            root.add(draft_leaf(salt, group, content))
    named = ranges.of_rows(place.submission, [one.row for _, one in found.drafts])
    said = anew.Anew(place.submission, place.pack, name, packs[0], [(first, last) for _, first, last in named])
    body = {
        "draftsRoot": f"sha256:{root.root().hex()}",
        "draftLeaves": root.count,
        "cleaner": CLEANER,
        "numberingPlan": NUMBERING_PLAN,
        "schema": core.schema.digest,
    }

    def still(connection: Connection, _index: int, _t: str) -> None:
        if list(anew.known(connection, place.submission)) != found.seen:
            raise Conflict("these rows were cleaned anew meanwhile", code=MOVED)
        _forget_notes(connection, place.submission, found.read)

    return reclean_entry(place.owner, by, said, body, still)


def _forget_notes(connection: Connection, submission: int, read: set[tuple[int, str]]) -> None:
    """Take the notes on values that are linked now from what the owner is told of its submission."""
    table = tables.unlinked
    at = table.c["index"] == submission
    notes = connection.execute(select(table.c.notes).where(at)).scalar() or []
    left = [one for one in notes if (one["row"], one["pointer"]) not in read]
    if len(left) != len(notes):
        connection.execute(update(table).where(at).values(notes=left))
