"""Drafts of entries, as callers hand them to the ledger, and the work on them that is done outside the sequencer.

A draft is prepared in the caller's thread: commitments, roots and the sealed header do not depend on the index that
the entry will get. The sequencer adds only what it alone knows (:mod:`graphsvc.ledger.sealing`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
from sqlalchemy import Connection

from graphsvc.ledger.daykeys import OVERSIGHT, later_role
from graphsvc.ledger.registry import Registry
from graphsvc.ledger.scopeheads import Concern
from graphsvc.model.errors import InvalidInput
from graphsvc_verify.boxes import CLASSES, seal, size_class
from graphsvc_verify.canonical import b64u, digest, encode, quote
from graphsvc_verify.deeds import check_id
from graphsvc_verify.disclosures import HIT, commitments, disclosure_leaf, facts_root, groups_json, hits_commitment
from graphsvc_verify.errors import VerifyError
from graphsvc_verify.jws import read_act
from graphsvc_verify.lines import READ, later_salt, owner_line, read_salt
from graphsvc_verify.merkle import root
from graphsvc_verify.receipt import answer_digest, query_digest
from graphsvc_verify.signedread import SignedRead

Effects = Callable[[Connection, int, str], None]
"""Writes side tables within the entry's own transaction: (connection, index, time)."""
Draw = Callable[[int], bytes]
"""Gives so many random bytes, as :func:`os.urandom` does."""
DRAWN, DRAWN_EACH = 96, 64
"""Random bytes that an entry needs, and each of its owners."""
Recheck = Callable[[Registry, str], None]
"""Checks a key event again, by the keys in force at its entry and the entry's time. Raises as the first check did."""


class Disclosure(msgspec.Struct, frozen=True, array_like=True):
    """One record shown: its submission's index, its row, its handle as the requester sees it, the groups shown."""

    submission: int
    row: int
    handle: str
    groups: tuple[str, ...]


class Hits(msgspec.Struct, frozen=True):
    """An owner's records that were only hit, as (submission, row); ``more``: an identifier had more than are listed."""

    records: list[tuple[int, int]]
    more: bool = False


class Late(msgspec.Struct, frozen=True):
    """By which rule, resting on which law, an owner is told late: from the day ``due`` on (UTC); empty: never."""

    rule: str
    law: str
    due: str

    def value(self) -> dict[str, str | None]:
        """The form in which headers and facts have it."""
        return {"rule": self.rule, "law": self.law, "due": self.due or None}


@dataclass(frozen=True, slots=True)
class OwnerPart:
    """What one owner is told: facts (name → JSON value), what was shown of its records, and which were only hit.

    ``late``: the owner is told later. Such a part has hits only; what was shown is in another part of the same owner.
    """

    owner: str
    facts: dict[str, Any]
    disclosures: list[Disclosure]
    hits: Hits | None = None
    late: Late | None = None


@dataclass(frozen=True, slots=True)
class SectionDraft:
    """A section before it is sealed. ``content`` is canonical JSON, for an owner in two parts around its numbering.

    What an owner is told late has the role :func:`later_role`, is sealed to oversight and has no number.

    ``line`` ties an owner's section to the header; it is empty for all others.
    """

    recipient: str
    role: str
    content: tuple[bytes, bytes]
    line: bytes = b""


@dataclass(frozen=True, slots=True)
class PreparedAct:
    """A signed act that the entry carries: unique by (iss, jti), kept by digest."""

    iss: str
    jti: str
    digest: str
    compact: bytes


@dataclass(frozen=True, slots=True)
class OwnerOpening:
    """What a receipt says of one owner: each leaf's commitment, handle and groups, in the root's order.

    ``rows`` (by submission) were shown, those in ``hit`` only hit: for the ledger's own index, not for the receipt.
    ``late`` is set where the owner is told later.
    """

    owner: str
    leaves: list[tuple[bytes, str, tuple[str, ...]]]
    rows: dict[int, list[int]]
    hit: dict[int, list[int]]
    late: Late | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """A draft ready for the sequencer. ``registry`` marks entries that change organisations or keys.

    ``key_event``, set for a key event, checks the event again once the entry has its place.
    """

    draft: EntryDraft
    nonce: bytes
    header_key: bytes
    header_box: bytes
    sections: list[SectionDraft]
    openings: list[OwnerOpening]
    acts: list[PreparedAct]
    registry: bool = False
    key_event: Recheck | None = None
    act_digests: tuple[str, ...] = ()

    def with_digests(self, names: tuple[str, ...]) -> Prepared:
        """A copy with digests of public objects among its acts."""
        return replace(self, act_digests=names)

    def as_registry_event(self, key_event: Recheck | None = None) -> Prepared:
        """A copy, marked as an entry that changes organisations or (``key_event``) keys."""
        return replace(self, registry=True, key_event=key_event)


@dataclass(frozen=True, slots=True)
class Asked:
    """Salted digests of a question and its answer, kept in place of their bytes."""

    salt: bytes
    query: str | None
    answer: str | None


@dataclass(slots=True)
class EntryDraft:
    """One entry to append.

    ``who`` is {org, person}; ``at`` the index at which a read's scope was made; ``query`` the request and ``answer``
    the bytes of ``data``, of which digests are kept; ``requester`` the organisation that can open the header;
    ``acts`` compact JWS; ``signed`` a read's request, where that was signed; ``public`` objects that everyone may
    read, named among the acts; ``body`` what else the entry says.

    An entry with ``concerns`` is a scope event. A ``read`` fails with ScopeMoved when a scope event after ``at``
    concerns its ``requester``, or an owner in ``sees``: the owners of the labels in its scope (None: not known, so any
    event concerns it). A ``registry`` entry changes organisations or keys. ``effects`` runs in the transaction; if it
    raises, only this entry fails. ``asked``, once set, takes the place of ``query`` and ``answer``.
    """

    type: str
    who: dict[str, str] | None = None
    purpose: str | None = None
    basis: str | None = None
    case: str | None = None
    policy: str | None = None
    at: int | None = None
    query: bytes | None = None
    answer: bytes | None = None
    requester: str | None = None
    owners: list[OwnerPart] = field(default_factory=list)
    acts: list[str] = field(default_factory=list)
    signed: SignedRead | None = None
    public: list[bytes] = field(default_factory=list)
    body: dict[str, Any] = field(default_factory=dict)
    read: bool = False
    sees: frozenset[str] | None = None
    concerns: Concern | None = None
    registry: bool = False
    effects: Effects | None = None
    asked: Asked | None = None

    @property
    def plain(self) -> bool:
        """Whether it is a read and nothing more: no act, no effects, nothing signed or public."""
        return self.read and not (self.acts or self.signed or self.public or self.registry or self.effects)

    def let_go(self) -> None:
        """Replace question and answer, which may be long, by their digests."""
        self.asked = self._asked(os.urandom(32))
        self.query = self.answer = None

    def prepare(self, draw: Draw = os.urandom) -> Prepared:
        """Do all work that needs no index, with random bytes from ``draw``.

        Raises InvalidInput on values with no canonical form or malformed acts.
        """
        try:
            return self._prepare(draw)
        except VerifyError as error:
            raise InvalidInput(error.message, code=error.code) from None

    def _prepare(self, draw: Draw) -> Prepared:
        random = draw(DRAWN + DRAWN_EACH * len(self.owners))
        nonce, header_key = random[:32], random[32:64]
        asked = self._asked(random[64:96]) if self.asked is None else self.asked
        owners, sections, openings = [], [], []
        if len({(part.owner, part.late is None) for part in self.owners}) != len(self.owners):
            raise InvalidInput("an owner is named twice in one entry")
        for number, part in enumerate(self.owners):
            drawn = random[DRAWN + DRAWN_EACH * number :][:DRAWN_EACH]
            # The reader also checks what an owner is told of its read, so it must be able to derive the salt.
            salt = drawn[32:]
            if self.type == READ:
                salt = (read_salt if part.late is None else later_salt)(header_key, part.owner)
            summary, section, opening = _prepare_owner(part, drawn[:32], salt)
            owners.append((part.late, summary))
            sections.append(section)
            openings.append(opening)
        key = (f'{{"headerKey":"{b64u(header_key)}"}}'.encode(), b"")
        if self.requester is not None:
            sections.append(SectionDraft(self.requester, "requester", key))
        return Prepared(
            draft=self,
            nonce=nonce,
            header_key=header_key,
            header_box=_header_box(header_key, self._header(asked, owners)),
            sections=[*sections, SectionDraft(OVERSIGHT, OVERSIGHT, key)],
            openings=openings,
            act_digests=tuple(map(digest, self.public)),
            acts=[*_prepare_acts(self.acts), *([] if self.signed is None else [_signed_read(self.signed)])],
            registry=self.registry,
        )

    def _asked(self, salt: bytes) -> Asked:
        query = None if self.query is None else query_digest(self.query, salt)
        return Asked(salt, query, None if self.answer is None else answer_digest(self.answer, salt))

    def _header(self, asked: Asked, parts: Sequence[tuple[Late | None, str]]) -> bytes:
        """The header as canonical JSON; its names are known, so they need no sorting."""
        owners = [summary for late, summary in parts if late is None]
        later = _later(parts)
        query, answer = _text(asked.query), _text(asked.answer)
        at = "null" if self.at is None else format(self.at, "d")
        who = "null" if self.who is None else encode(self.who).decode()
        said = {**self.body, "later": later} if later else self.body
        body = encode(said).decode() if said else "{}"
        try:
            return (
                f'{{"answer":{answer},"answerSalt":"{b64u(asked.salt)}","at":{at},"basis":{_text(self.basis)},"body":{body},'
                f'"case":{_text(self.case)},"owners":[{",".join(owners)}],"policy":{_text(self.policy)},'
                f'"purpose":{_text(self.purpose)},"query":{query},"v":1,"who":{who}}}'
            ).encode()
        except UnicodeEncodeError:
            raise VerifyError("not_canonical", "a text of an entry is not Unicode") from None


def _later(parts: Sequence[tuple[Late | None, str]]) -> list[dict[str, Any]]:
    """Who is told late, grouped by rule: what the rule says is written once, which keeps the header small."""
    groups: dict[Late, list[Any]] = {}
    for late, summary in parts:
        if late is not None:
            groups.setdefault(late, []).append(msgspec.json.decode(summary))
    return [{**late.value(), "owners": owners} for late, owners in groups.items()]


def _header_box(key: bytes, header: bytes) -> bytes:
    """The header's box, of the same size whether it names a few owners or none."""
    return seal(key, header, max(size_class(len(header)), CLASSES[1]))


def _text(value: str | None) -> str:
    return "null" if value is None else quote(value)


def _prepare_owner(part: OwnerPart, seed: bytes, facts_salt: bytes) -> tuple[str, SectionDraft, OwnerOpening]:
    submissions: dict[int, int] = {}
    groups: dict[tuple[str, ...], tuple[int, str]] = {}
    hashes: list[bytes] = []
    lines: list[str] = []
    rows: dict[int, list[int]] = {}
    shown = part.disclosures
    commits = commitments(seed, [(item.submission, item.row) for item in shown])
    for item, c in zip(shown, commits, strict=True):
        group = groups.get(item.groups)
        if group is None:
            group = groups[item.groups] = (len(groups), groups_json(item.groups))
        if item.submission not in submissions:
            submissions[item.submission] = len(submissions)
            rows[item.submission] = []
        rows[item.submission].append(item.row)
        handle = quote(item.handle)
        hashes.append(disclosure_leaf(c, handle, group[1]))
        lines.append(f"[{submissions[item.submission]:d},{item.row:d},{handle},{group[0]:d}]")
    leaves = [(c, item.handle, item.groups) for c, item in zip(commits, shown, strict=True)]
    hit: dict[int, list[int]] = {}
    hits = ""
    if part.hits is not None:
        c = hits_commitment(seed, len(shown), part.hits.records, part.hits.more)
        hashes.append(disclosure_leaf(c, quote(""), groups_json((HIT,))))
        leaves.append((c, "", (HIT,)))
        for submission, row in part.hits.records:
            submissions.setdefault(submission, len(submissions))
            hit.setdefault(submission, []).append(row)
        records = [[submissions[submission], row] for submission, row in part.hits.records]
        hits = f'"hits":{encode({"more": part.hits.more, "records": records}).decode()},'
    before = (
        f'{{"facts":{encode(part.facts).decode()},"factsSalt":"{b64u(facts_salt)}",'
        f'"groups":[{",".join(text for _, text in groups.values())}],{hits}"leaves":[{",".join(lines)}],'
        f'"owner":{quote(part.owner)}'
    ).encode()
    after = f'"seed":"{b64u(seed)}","submissions":[{",".join(map(str, submissions))}]}}'.encode()
    total, facts = b64u(root(hashes)), b64u(facts_root(part.facts, facts_salt))
    summary = f'{{"facts":"{facts}","owner":{quote(part.owner)},"root":"{total}"}}'
    line = owner_line(part.owner, total, facts)
    if part.late is None:
        section = SectionDraft(part.owner, "owner", (before, after), line)
    else:
        section = SectionDraft(OVERSIGHT, later_role(part.owner), (b"%b,%b" % (before, after), b""), line)
    return summary, section, OwnerOpening(part.owner, leaves, rows, hit, part.late)


def _prepare_acts(acts: Sequence[str]) -> list[PreparedAct]:
    if len(acts) > 1:
        raise InvalidInput("an entry carries at most one act")
    prepared = []
    for compact in acts:
        payload = read_act(compact).payload
        check_id(payload)
        raw = compact.encode("ascii")
        prepared.append(PreparedAct(payload["iss"], payload["jti"], digest(raw), raw))
    return prepared


def _signed_read(signed: SignedRead) -> PreparedAct:
    """A signed request as an act: its nonce is unique for ever, like any act's jti."""
    raw = signed.write()
    return PreparedAct(signed.org, signed.nonce, digest(raw), raw)
