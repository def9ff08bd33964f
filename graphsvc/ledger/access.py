"""What owners ask of the ledger: who saw my records, and the evidence for it."""

from __future__ import annotations

import struct
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select

from graphsvc.ledger.chunks import chunks
from graphsvc.ledger.tables import acts, disclosures, entries, key_events, keys, later, objects, reads, sections
from graphsvc.ledger.tree import Tree, View
from graphsvc.model.errors import Denied, NotFound
from graphsvc_verify.canonical import b64u, decode
from graphsvc_verify.entry import parse_leaf
from graphsvc_verify.errors import VerifyError
from graphsvc_verify.jws import read_act
from graphsvc_verify.note import parse_checkpoint, split_note
from graphsvc_verify.persons import Opening
from graphsvc_verify.signedread import SignedRead, is_signed_read
from graphsvc_verify.stamps import TYPE, read_stamp

MAX_PAGE = 1000
MAX_RECORDS = 20_000


@dataclass(frozen=True, slots=True)
class OwnerEntry:
    """An entry that is part of an owner's evidence.

    ``seq`` numbers the owner's section in it (None: it has an act of the owner, or hits that the owner was told late).
    ``told`` is the entry that told the owner of those hits.
    """

    index: int
    type: str
    t: str
    seq: int | None
    told: int | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """Which part of an access log: RFC 3339 UTC bounds (both included), entries below ``before``, at most ``limit``.

    A page names at most this many ``records``, but it always has one entry, however many that names. With a
    ``submission``, by its ledger index, only its records count, and only reads that showed some of them.
    """

    since: str | None = None
    until: str | None = None
    limit: int = 100
    before: int | None = None
    records: int = MAX_RECORDS
    submission: int | None = None


@dataclass(frozen=True, slots=True)
class Late:
    """By which rule and law an owner was told late; entry ``index`` told it, at the time ``at``."""

    index: int
    at: str
    rule: str
    law: str


@dataclass(frozen=True, slots=True)
class AccessRow:
    """A read that showed records of an owner; ``records`` are (submission, row, hit).

    ``hit``: the read told only that there is a record. ``signed``: the reader's organisation signed its request, so
    this does not rest on the operator's word alone. ``late`` is set where the owner was not told at once.
    """

    index: int
    t: str
    reader: str
    person: str
    purpose: str | None
    basis: str | None
    case: str | None
    policy: str | None
    export: bool
    signed: bool
    late: Late | None
    records: list[tuple[int, int, bool]]


def access_log(connection: Connection, owner: str, window: Window, size: int) -> tuple[list[AccessRow], bool]:
    """Reads that showed records of ``owner``, newest first, and whether there are more than this page has.

    ``size`` is the number of entries in the log.
    """
    low = 0 if window.since is None else _first_at(connection, window.since, size, after=False)
    high = size if window.until is None else _first_at(connection, window.until, size, after=True)
    high = high if window.before is None else min(high, window.before)
    place = disclosures.c["index"]
    limit = max(0, min(window.limit, MAX_PAGE))
    mine = [disclosures.c.owner == owner]
    if window.submission is not None:
        mine.append(disclosures.c.submission == window.submission)
    listed = connection.execute(
        select(place, func.sum(func.length(disclosures.c.rows)))
        .where(*mine, place >= low, place < high)
        .group_by(place)
        .order_by(place.desc())
        .limit(limit + 1)
    ).all()
    # Each row is four bytes.
    upto = list(accumulate(int(held) // 4 for _, held in listed))
    room = max(window.records, upto[0]) if upto else 0
    page = [index for (index, _), held in zip(listed, upto, strict=True) if held <= room][:limit]
    found = []
    for chunk in chunks(page):
        records = _records(connection, mine, chunk)
        signed = set(connection.execute(select(acts.c["index"]).where(acts.c["index"].in_(chunk))).scalars())
        late = told_late(connection, owner, chunk)
        query = select(reads).where(reads.c["index"].in_(chunk)).order_by(reads.c["index"].desc())
        for row in connection.execute(query).mappings():
            index = row["index"]
            found.append(
                AccessRow(
                    *(index, row["t"], row["org"], row["person"], row["purpose"], row["basis"], row["case"]),
                    policy=row["policy"],
                    export=row["export"],
                    signed=index in signed,
                    late=late.get(index),
                    records=records[index],
                )
            )
    return found, len(page) < len(listed)


def _first_at(connection: Connection, t: str, size: int, after: bool) -> int:
    """The first entry whose time is ``t`` or later (``after``: later than ``t``). Bisects, as times never go back."""

    def time_of(index: int) -> datetime:
        found = connection.execute(select(entries.c.t).where(entries.c["index"] == index)).scalar_one()
        return datetime.fromisoformat(found)

    search = bisect_right if after else bisect_left
    return search(range(size), datetime.fromisoformat(t), key=time_of)


def told_late(connection: Connection, owner: str, indexes: Iterable[int] | None = None) -> dict[int, Late]:
    """What the owner was told late, by the entry of the read that hit its records. ``indexes`` None: of all reads."""
    own = (later.c.owner == owner) & later.c.told.is_not(None)
    said = (later.c.told, entries.c.t, later.c.rule, later.c.law)
    query = select(later.c["index"], *said).join(entries, entries.c["index"] == later.c.told).where(own).distinct()
    found: dict[int, Late] = {}
    for chunk in [None] if indexes is None else chunks(list(indexes)):
        chosen = query if chunk is None else query.where(later.c["index"].in_(chunk))
        for index, told, t, rule, law in connection.execute(chosen):
            found[index] = Late(told, t, rule, law)
    return found


def owner_entries(connection: Connection, owner: str) -> list[OwnerEntry]:
    """All entries with a section of ``owner``, an act that it issued, or hits that it was told late, in order."""
    own = dict(connection.execute(select(sections.c["index"], sections.c.seq).where(sections.c.owner == owner)).all())
    issued = connection.execute(select(acts.c["index"]).where(acts.c.iss == owner).distinct()).scalars()
    late = {index: told.index for index, told in told_late(connection, owner).items()}
    wanted = sorted({*own, *issued, *late})
    found = []
    for chunk in chunks(wanted):
        query = select(entries.c["index"], entries.c.type, entries.c.t).where(entries.c["index"].in_(chunk))
        rows = connection.execute(query)
        found += [OwnerEntry(index, kind, t, own.get(index), late.get(index)) for index, kind, t in rows]
    return sorted(found, key=lambda entry: entry.index)


def evidence(
    connection: Connection,
    tree: Tree,
    head: tuple[int, str],
    owner: str,
    indexes: Iterable[int] | None,
    since: int | None,
) -> dict[str, Any]:
    """The content of an evidence file for ``owner``, without the log's name; its sections are still sealed.

    All proofs lead to the checkpoint ``head`` (size, note). ``indexes`` chooses among the owner's entries and the reads
    that it made (None: all its entries); ``since`` is the size of a checkpoint that the owner has pinned. Raises
    NotFound for an entry that is none of these; Denied for a read that was not for export.
    """
    size, note = head
    view = View(tree, size)
    parts = _evidence_parts(connection, view, _choose(connection, owner, indexes, size), size, owner)
    old = size if since is None or since > size else since
    if old < 0:
        raise NotFound("no such tree")
    return {
        "v": 1,
        "format": "graphsvc-evidence",
        "owner": owner,
        "selected": indexes is not None,
        "checkpoint": note,
        "consistency": {"old": old, "proof": [b64u(step) for step in view.consistency(old)]},
        **parts,
    }


def _choose(connection: Connection, owner: str, indexes: Iterable[int] | None, size: int) -> Iterable[int]:
    """The entries for evidence: all of the owner's below ``size``, or those asked for, also reads that it made.

    Raises NotFound for an entry that is neither, or not below ``size``; Denied for a read that it made that showed
    records of others and was not for export.
    """
    all_of_it = owner_entries(connection, owner)
    # In a tree of ``size`` entries, hits that a later entry tells are not told yet.
    own = {one.index for one in all_of_it if one.index < size and (one.seq is not None or (one.told or 0) < size)}
    if indexes is None:
        return own
    _check_exported(connection, owner, sorted(set(indexes)))
    others = {index for index in indexes if index not in own}
    for chunk in chunks(sorted(others)):
        query = select(reads.c["index"]).where(reads.c["index"].in_(chunk), reads.c.org == owner)
        others.difference_update(index for index in connection.execute(query).scalars() if index < size)
    if others:
        raise NotFound("no such entry")
    # The key to hits that were told late is in the entry that told them: that is needed as well.
    told = {one.index: one.told for one in all_of_it if one.told is not None and one.told < size}
    return {*indexes, *(told[index] for index in indexes if index in told)}


def _check_exported(connection: Connection, org: str, indexes: list[int]) -> None:
    shown = disclosures.c
    for chunk in chunks(indexes):
        query = (
            select(reads.c["index"])
            .join(disclosures, shown["index"] == reads.c["index"])
            .where(reads.c["index"].in_(chunk), reads.c.org == org, reads.c.export.is_(False))
            .where(shown.owner != org, shown.hit.is_(False))
            .limit(1)
        )
        if (index := connection.execute(query).scalar()) is not None:
            message = f"the answer of entry {index} was for looking only: ask again for a file, as with ask --out"
            raise Denied(message, code="not_exported", where=f"entry {index}")


def _evidence_parts(
    connection: Connection, view: View, indexes: Iterable[int], size: int, owner: str
) -> dict[str, Any]:
    """The entries, key events, keys entries and objects of an evidence file, with proofs to the tree of ``size``.

    Key events name persons of ``owner`` and of whoever signed an act that is part of it, and no others.
    """
    listed = _leaves(connection, sorted(set(indexes)))
    parsed = {index: decode(leaf) for index, leaf in listed.items()}
    epochs = _leaves(connection, sorted({leaf["epoch"] for leaf in parsed.values()}))
    names = {name for leaf in [*parsed.values(), *map(decode, epochs.values())] for name in _names(leaf)}
    found = _objects(connection, names)
    many = [leaf["sections"]["object"] for leaf in parsed.values() if isinstance(leaf["sections"], dict)]
    found |= _objects(connection, {part["object"] for name in many for part in decode(found[name]) if "object" in part})
    place = key_events.c["index"]
    query = select(place, key_events.c.digest).where(place < size).order_by(place)
    signed = dict(connection.execute(query).all())
    texts = _objects(connection, set(signed.values()))
    carried = {name for leaf in parsed.values() for name in leaf["acts"]}
    persons = _persons(connection, owner, carried, size)
    events = [
        {**_proved(view, index, leaf), "act": texts[signed[index]].decode("ascii"), **persons.get(index, {})}
        for index, leaf in _leaves(connection, list(signed)).items()
    ]
    stamps, tokens = _stamps(connection, view, list(listed), size)
    found |= tokens
    return {
        "entries": [_proved(view, index, leaf) for index, leaf in listed.items()],
        "epochs": [_proved(view, index, leaf) for index, leaf in epochs.items()],
        "keyEvents": events,
        "objects": {name: b64u(content) for name, content in sorted(found.items())},
        **({"timestamps": stamps} if stamps else {}),
    }


def _persons(connection: Connection, owner: str, names: set[str], size: int) -> dict[int, dict[str, Any]]:
    """By key event, what opens its person's hash: for keys of ``owner`` and keys that signed an act in ``names``."""
    signers = {_signer(content) for content in _objects(connection, names).values()}
    query = select(keys.c.org, keys.c.kid, keys.c.person, keys.c.salt, keys.c.enrolled).where(keys.c.enrolled < size)
    return {
        row.enrolled: {"person": Opening(row.person, row.salt).value()}
        for row in connection.execute(query)
        if row.salt and (row.org == owner or (row.org, row.kid) in signers)
    }


def _signer(content: bytes) -> tuple[str, str]:
    """The organisation and key id that signed an act; empty for an object that is no act, such as wrapped day keys."""
    try:
        text = content.decode("ascii")
        if is_signed_read(text):
            signed = SignedRead.read(text)
            return signed.org, signed.kid
        act = read_act(text)
        return str(act.payload.get("iss")), act.kid
    except (VerifyError, UnicodeDecodeError):
        return "", ""


def _stamps(
    connection: Connection, view: View, indexes: list[int], size: int
) -> tuple[list[dict[str, Any]], dict[str, bytes]]:
    """For each entry the last time-stamp before it and the first of a tree that contains it; and their objects."""
    place = entries.c["index"]
    query = select(place).where(entries.c.type == TYPE, place < size).order_by(place)
    logged = list(connection.execute(query).scalars())
    chosen: set[int] = set()
    for index in indexes:
        after = bisect_right(logged, index)
        # The first stamp logged after an entry may be of a tree that ends before it; the second is not.
        chosen.update(logged[max(0, after - 1) : after + 2])
    leaves = _leaves(connection, sorted(chosen))
    found = _objects(connection, {decode(leaf)["acts"][0] for leaf in leaves.values()})
    stamps = []
    for index, leaf in leaves.items():
        note, _ = read_stamp(parse_leaf(leaf), found)
        old = parse_checkpoint(split_note(note)[0], note).size
        grown = [b64u(step) for step in (view.consistency(old) if old < size else [])]
        proved = _proved(view, index, leaf)
        stamps.append({"index": index, "leaf": proved["leaf"], "proof": proved["proof"], "grown": grown})
    return stamps, found


def _leaves(connection: Connection, indexes: list[int]) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    for chunk in chunks(indexes):
        query = select(entries.c["index"], entries.c.leaf).where(entries.c["index"].in_(chunk))
        found.update(connection.execute(query.order_by(entries.c["index"])).all())
    return found


def _objects(connection: Connection, names: set[str]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for chunk in chunks(sorted(names)):
        query = select(objects.c.digest, objects.c.bytes).where(objects.c.digest.in_(chunk))
        found.update(connection.execute(query).all())
    return found


def _proved(view: View, index: int, leaf: bytes) -> dict[str, Any]:
    return {"index": index, "leaf": b64u(leaf), "proof": [b64u(step) for step in view.inclusion(index)], "opened": []}


def _names(leaf: dict[str, Any]) -> set[str]:
    """The digests that a leaf refers to: acts and sealed parts kept as objects."""
    names = set(leaf["acts"])
    parts = leaf["sections"] if isinstance(leaf["sections"], list) else [leaf["sections"]]
    names.update(part["object"] for part in [leaf["header"], *parts] if "object" in part)
    return names


def _records(
    connection: Connection, mine: Sequence[ColumnElement[bool]], indexes: Sequence[int]
) -> dict[int, list[tuple[int, int, bool]]]:
    found: dict[int, list[tuple[int, int, bool]]] = {}
    table = disclosures.c
    for chunk in chunks(indexes):
        query = select(table["index"], table.submission, table.hit, table.rows).where(*mine, table["index"].in_(chunk))
        for index, submission, hit, packed in connection.execute(query):
            rows = struct.unpack(f">{len(packed) // 4}I", packed)
            found.setdefault(index, []).extend((submission, row, hit) for row in rows)
    return {index: sorted(records) for index, records in found.items()}
