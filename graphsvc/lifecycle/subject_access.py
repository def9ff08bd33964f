"""Subject access: everything that an organisation holds on a person or an identifier, and to whom it was disclosed.

Its own records only. What has expired or was taken back is held until it is purged, so it is in the report as well.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from graphsvc.core import Core
from graphsvc.graph.handles import RECORD
from graphsvc.ledger.telling import tell_due
from graphsvc.lifecycle.preserve import holds_now
from graphsvc.lifecycle.sealed import Opened, open_records
from graphsvc.lifecycle.store import Read, book_of
from graphsvc.model import ranges
from graphsvc.model.drafts import CleanDraft
from graphsvc.model.errors import IntegrityError, InvalidQuery
from graphsvc.model.places import ROW_BITS, ROW_MASK, record_int
from graphsvc.model.ranges import Ranges
from graphsvc.model.scalars import ValueProblem
from graphsvc.model.times import seconds, written
from graphsvc.wire.answers import Attribute, Handling
from graphsvc.wire.lifecycle import SubjectAccess as SubjectReport
from graphsvc.wire.lifecycle import SubjectDisclosure, SubjectEntity, SubjectLink, SubjectRecord

if TYPE_CHECKING:
    from graphsvc.answers.rendering import Shapes

MOST = 2_000
"""At most this many records in one report; a report that would have more says so."""


class SubjectAccess:
    """Makes reports for one organisation at a moment (epoch seconds). Blocks."""

    def __init__(self, core: Core, org: str, now: int) -> None:
        self._core = core
        self._org = org
        self._now = now

    def report(self, kind: str, parts: Mapping[str, str], shapes: Shapes) -> SubjectReport:
        """The report on the entity that an identifier names; ``shapes`` notes the records. Raises InvalidQuery."""
        # Hits that were to be told late, and are due by now, are told first.
        tell_due(self._core.ledger)
        # 1. Which entity.
        try:
            key = self._core.schema.key_of(kind, parts, self._org)
        except ValueProblem as problem:
            raise InvalidQuery(problem.message, code=problem.code, where="identifier") from None
        # 2. The records about it: those in the graph, those set aside, and those taken back that are not destroyed yet.
        labels = self._core.labels_of(self._org)
        live = self._core.holdings.about([key], list(labels))
        recalled, aside = book_of(self._core).recalled(self._org), book_of(self._core).set_aside(self._org)
        taken = open_records(self._core.ledger, self._core.payloads, ranges.union(recalled, aside))
        kept = [one.record for one in taken if _names(one, key)]
        found = ranges.of_records([*live, *kept])
        shown = ranges.of_records(sorted(ranges.records(found))[:MOST])
        # 3. Each with its row as it came, what was made of it, and every disclosure.
        records = list(self._records(shown, recalled, aside))
        for one in records:
            shapes.note_own(self._org, record_int(one.submission, one.row), one.handle)
        return SubjectReport(
            organisation=self._org,
            kind=kind,
            key=key,
            made_at=written(datetime.fromtimestamp(self._now, UTC)),
            records=records,
            record_count=ranges.count(found),
            truncated=ranges.count(found) > MOST,
            told_late=[],
        )

    def _records(self, of: Ranges, recalled: Ranges, aside: Ranges) -> Iterator[SubjectRecord]:
        book = book_of(self._core)
        received = {one.index: one.t for one in book.submissions(self._org)}
        seen = book.seen(self._org, of, self._core.ledger.head)
        told = [*((one.reads, False) for one in seen.values()), *((one.hits, True) for one in seen.values())]
        entries = sorted({entry for reads, _ in told for some in reads.values() for entry in some})
        reads_at = book.reads(entries)
        held = ranges.union(*(hold.ranges for hold in holds_now(self._core, self._org)))
        states = self._core.holdings.states(list(ranges.records(of)))
        labels, handles = self._core.labels_of(self._org), self._core.handles(self._org)
        for opened in open_records(self._core.ledger, self._core.payloads, of):
            if opened.draft is None or opened.raw is None:
                raise IntegrityError("a record's draft can't be read")
            submission, row = opened.record >> ROW_BITS, opened.record & ROW_MASK
            state = "set aside" if ranges.covers(aside, submission, row) else ""
            lid, _ = states.get(opened.record, (-1, 0))
            disclosures = sorted((entry, hit) for reads, hit in told for entry in reads.get(opened.record, ()))
            draft, label = opened.draft, labels.get(lid, opened.draft.label)
            raw, encoding = _raw(opened.raw)
            yield SubjectRecord(
                handle=handles.seal(RECORD, opened.record),
                submission=submission,
                row=row,
                received_at=received[submission],
                state=state or self._state(draft, submission, row, recalled),
                held=ranges.covers(held, submission, row),
                handling=Handling(scheme=label.handling.scheme, code=label.handling.code),
                pap=label.pap,
                legal_basis=label.legal_basis,
                purposes=list(label.purposes),
                sharing_groups=list(label.groups),
                raw=raw,
                raw_encoding=encoding,
                since=draft.since,
                until=draft.until,
                expires=draft.expires,
                entities=_entities(draft),
                links=_links(draft),
                disclosures=[_disclosure(reads_at[entry], hit) for entry, hit in disclosures],
            )

    def _state(self, draft: CleanDraft, submission: int, row: int, recalled: Ranges) -> str:
        if ranges.covers(recalled, submission, row):
            return "recalled"
        expires = draft.expires
        expired = expires is not None and seconds(expires) <= self._now
        return "expired" if expired else "live"


def _names(opened: Opened, key: str) -> bool:
    return opened.draft is not None and any(entity.key == key for entity in opened.draft.entities)


def _raw(received: bytes) -> tuple[str, str]:
    """A row as it came, and how it is written here."""
    try:
        return received.decode(), "utf-8"
    except UnicodeDecodeError:
        return b64encode(received).decode(), "base64"


def _entities(draft: CleanDraft) -> list[SubjectEntity]:
    return [
        SubjectEntity(kind=entity.kind, key=entity.key, attributes=_attributes(entity.attributes))
        for entity in draft.entities
    ]


def _links(draft: CleanDraft) -> list[SubjectLink]:
    return [
        SubjectLink(
            kind=link.kind,
            source=draft.entities[link.source].key,
            target=draft.entities[link.target].key,
            attributes=_attributes(link.attributes),
        )
        for link in draft.links
    ]


def _attributes(grouped: Mapping[str, Mapping[str, Any]]) -> list[Attribute]:
    return [
        Attribute(name=name, field_group=group, value=str(value))
        for group, values in sorted(grouped.items())
        for name, value in sorted(values.items())
    ]


def _disclosure(read: Read, hit: bool) -> SubjectDisclosure:
    return SubjectDisclosure(
        index=read.index,
        at=read.t,
        reader=read.org,
        person=read.person,
        purpose=read.purpose,
        legal_basis=read.basis,
        case=read.case,
        hit=hit,
        export=read.export,
    )
