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
from graphsvc.lifecycle.store import book_of
from graphsvc.model import ranges
from graphsvc.model.drafts import CleanDraft
from graphsvc.model.errors import IntegrityError, InvalidQuery
from graphsvc.model.labels import Label
from graphsvc.model.places import ROW_BITS, ROW_MASK, record_int
from graphsvc.model.ranges import Ranges
from graphsvc.model.scalars import ValueProblem
from graphsvc.model.times import seconds, written

if TYPE_CHECKING:
    from graphsvc.answers.rendering import Shapes

Shape = dict[str, Any]
MOST = 2_000
"""Records in one report; a report that would have more says so."""


class SubjectAccess:
    """Makes reports for one organisation at a moment (epoch seconds). Blocks."""

    def __init__(self, core: Core, org: str, now: int) -> None:
        self._core = core
        self._org = org
        self._now = now

    def report(self, kind: str, parts: Mapping[str, str], shapes: Shapes) -> Shape:
        """The report on the entity that an identifier names; ``shapes`` notes the records. Raises InvalidQuery."""
        # What is due to be told is told first.
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
        handles = self._core.handles(self._org)
        for one in records:
            record = record_int(one["submission"], one["row"])
            one["handle"] = handles.seal(RECORD, record)
            shapes.note_own(self._org, record, one["handle"])
        return {
            "key": key,
            "kind": kind,
            "organisation": self._org,
            "made_at": written(datetime.fromtimestamp(self._now, UTC)),
            "records": records,
            "record_count": ranges.count(found),
            "truncated": ranges.count(found) > MOST,
        }

    def _records(self, of: Ranges, recalled: Ranges, aside: Ranges) -> Iterator[Shape]:
        book = book_of(self._core)
        received = {one["index"]: one["t"] for one in book.submissions(self._org)}
        seen = book.seen(self._org, of, self._core.ledger.head)
        told = [*((one.reads, False) for one in seen.values()), *((one.hits, True) for one in seen.values())]
        entries = sorted({entry for reads, _ in told for some in reads.values() for entry in some})
        times = book.times(entries)
        held = ranges.union(*(hold.ranges for hold in holds_now(self._core, self._org)))
        states = self._core.holdings.states(list(ranges.records(of)))
        labels = self._core.labels_of(self._org)
        for opened in open_records(self._core.ledger, self._core.payloads, of):
            if opened.draft is None or opened.raw is None:
                raise IntegrityError("a record's draft can't be read")
            submission, row = opened.record >> ROW_BITS, opened.record & ROW_MASK
            state = "set aside" if ranges.covers(aside, submission, row) else ""
            lid, _ = states.get(opened.record, (-1, 0))
            disclosures = sorted((entry, hit) for reads, hit in told for entry in reads.get(opened.record, ()))
            yield {
                "submission": submission,
                "row": row,
                "received_at": received[submission],
                "state": state or self._state(opened.draft, submission, row, recalled),
                "held": ranges.covers(held, submission, row),
                **_label(labels.get(lid, opened.draft.label)),
                **_said(opened.raw, opened.draft),
                "disclosures": [_disclosure(times[entry], hit) for entry, hit in disclosures],
            }

    def _state(self, draft: CleanDraft, submission: int, row: int, recalled: Ranges) -> str:
        if ranges.covers(recalled, submission, row):
            return "recalled"
        expires = draft.expires
        expired = expires is not None and seconds(expires) <= self._now
        return "expired" if expired else "live"


def _names(opened: Opened, key: str) -> bool:
    return opened.draft is not None and any(entity.key == key for entity in opened.draft.entities)


def _label(label: Label) -> Shape:
    return {
        "handling": {"scheme": label.handling.scheme, "code": label.handling.code},
        "pap": label.pap,
        "legal_basis": label.legal_basis,
        "purposes": list(label.purposes),
        "groups": list(label.groups),
    }


def _said(received: bytes, draft: CleanDraft) -> Shape:
    try:
        raw, encoding = received.decode(), "utf-8"
    except UnicodeDecodeError:
        raw, encoding = b64encode(received).decode(), "base64"
    return {
        "raw": raw,
        "raw_encoding": encoding,
        "since": draft.since,
        "until": draft.until,
        "expires": draft.expires,
        "entities": [
            {"kind": entity.kind, "key": entity.key, "attributes": _attributes(entity.attributes)}
            for entity in draft.entities
        ],
        "links": [
            {
                "kind": link.kind,
                "source": draft.entities[link.source].key,
                "target": draft.entities[link.target].key,
                "attributes": _attributes(link.attributes),
            }
            for link in draft.links
        ],
    }


def _attributes(grouped: Mapping[str, Mapping[str, Any]]) -> list[Shape]:
    return [
        {"name": name, "group": group, "value": str(value)}
        for group, values in sorted(grouped.items())
        for name, value in sorted(values.items())
    ]


def _disclosure(read: Mapping[str, Any], hit: bool) -> Shape:
    return {
        "index": read["index"],
        "at": read["t"],
        "reader": read["org"],
        "person": read["person"],
        "purpose": read["purpose"],
        "legal_basis": read["basis"],
        "case": read["case"],
        "hit": hit,
        "export": read["export"],
    }
