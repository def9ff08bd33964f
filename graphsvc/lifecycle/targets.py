"""From what an act names to rows of the owner's own submissions, exactly: what is written into the ledger is these."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from graphsvc.graph.handles import RECORD, Handles
from graphsvc.graph.holdings import Holdings
from graphsvc.ledger.log import Ledger
from graphsvc.lifecycle.bodies import Selection, Target
from graphsvc.lifecycle.sealed import open_records
from graphsvc.lifecycle.store import Book
from graphsvc.model import ranges
from graphsvc.model.errors import InvalidInput, NotFound
from graphsvc.model.hints import hint
from graphsvc.model.labels import Label
from graphsvc.model.places import record_int
from graphsvc.model.ranges import Ranges
from graphsvc.model.scalars import ValueProblem
from graphsvc.model.schema import Schema
from graphsvc.projection.apply import Applier, Payloads


@dataclass(frozen=True, slots=True)
class Parts:
    """What custody works with."""

    ledger: Ledger
    payloads: Payloads
    applier: Applier
    holdings: Holdings
    schema: Schema
    handles: Callable[[str], Handles]

    @property
    def book(self) -> Book:
        """What the side tables know."""
        return Book(self.ledger, self.payloads.store)

    def labels_of(self, org: str) -> Mapping[int, Label]:
        """The owner's labels by number."""
        return {lid: label for lid, label in self.applier.labels.items() if label.owner == org}


def resolve(parts: Parts, org: str, target: Target, where: str = "act body target") -> Ranges:
    """The rows of the organisation's own submissions that ``target`` names. Blocks.

    A whole submission is all its rows, rejected ones too. For a selection everything that is in the ledger must be
    applied. Raises InvalidInput for a target that is none, NotFound for what is absent or another's, alike.
    """
    stated = [name for name in ("submission", "select", "case") if getattr(target, name) is not None]
    if len(stated) != 1 or (target.rows is not None and target.submission is None) or target.case is not None:
        message = "name one of: submission (with rows or without), select"
        raise InvalidInput(message, code="bad_act", where=where)
    if target.select is not None:
        return _select(parts, org, target.select, where)
    assert target.submission is not None
    rows = parts.book.owned(org, target.submission)
    if target.rows is None:
        return ((target.submission, 0, rows - 1),)
    named = ranges.of_rows(target.submission, target.rows)
    if ranges.minus(named, parts.book.accepted(target.submission)):
        raise NotFound("there is no such record")
    return named


def records_of(parts: Parts, named: Ranges) -> Ranges:
    """Those of some rows that became records."""
    accepted = (parts.book.accepted(submission) for submission in ranges.submissions(named))
    return ranges.both(named, ranges.union(*accepted))


def _select(parts: Parts, org: str, chosen: Selection, where: str) -> Ranges:
    conditions = (chosen.entity, chosen.handle, chosen.handling, chosen.legal_basis, chosen.since, chosen.until)
    if all(one is None for one in conditions):
        raise InvalidInput("a selection needs a condition", code="bad_act", where=where)
    _check_codes(parts.schema, chosen, where)
    lids = [
        lid
        for lid, label in parts.labels_of(org).items()
        if chosen.handling in (None, label.handling) and chosen.legal_basis in (None, label.legal_basis)
    ]
    own = parts.book.submissions(org, chosen.since, chosen.until)
    found: list[Ranges] = []
    keys = None if chosen.entity is None and chosen.handle is None else _keys(parts, org, chosen, where)
    aside = _aside(parts, org, chosen, keys)
    found.append(ranges.both(aside, ranges.ranges((one["index"], 0, max(one["rows"] - 1, 0)) for one in own)))
    if keys is not None:
        about = parts.holdings.about(keys, lids)
        received = ranges.ranges((one["index"], 0, max(one["rows"] - 1, 0)) for one in own)
        found.append(ranges.both(ranges.of_records(about), received))
        if chosen.handle is not None and (opened := parts.handles(org).open(chosen.handle)) and opened[0] == RECORD:
            found.append(ranges.both(ranges.of_records([opened[1]]), received))
    else:
        for one in own:
            low = record_int(one["index"], 0)
            found.append(ranges.of_records(parts.holdings.under(lids, low, low + one["rows"])))
    selected = ranges.union(*found)
    if not selected:
        raise NotFound("there is no such record")
    return selected


def _check_codes(schema: Schema, chosen: Selection, where: str) -> None:
    """Raise InvalidInput for a code that is in no list: it selects nothing, whatever there is."""
    handling, basis = chosen.handling, chosen.legal_basis
    if handling is not None:
        schemes = [name.removeprefix("handling-") for name in schema.codelists if name.startswith("handling-")]
        if handling.scheme not in schemes:
            message = f"there is no such handling scheme; {hint(handling.scheme, schemes)}"
            raise InvalidInput(message, code="unknown_scheme", where=f"{where} select handling")
        codes = schema.codelists[f"handling-{handling.scheme}"]
        if handling.code not in codes.codes:
            message = f"there is no such handling code; {codes.hint(handling.code)}"
            raise InvalidInput(message, code="unknown_code", where=f"{where} select handling")
    bases = schema.codelists["legal-bases"]
    if basis is not None and basis not in bases.codes:
        message = f"there is no such legal basis; {bases.hint(basis)}"
        raise InvalidInput(message, code="unknown_legal_basis", where=f"{where} select legalBasis")


def _aside(parts: Parts, org: str, chosen: Selection, keys: list[str] | None) -> Ranges:
    """The rows set aside that meet the conditions, as far as they can be read: the graph does not know them."""
    found = []
    for opened in open_records(parts.ledger, parts.payloads, parts.book.set_aside(org)):
        draft = opened.draft
        if draft is None or (keys is not None and not any(entity.key in keys for entity in draft.entities)):
            continue
        label = draft.label
        if chosen.handling in (None, label.handling) and chosen.legal_basis in (None, label.legal_basis):
            found.append(opened.record)
    return ranges.of_records(found)


def _keys(parts: Parts, org: str, chosen: Selection, where: str) -> list[str]:
    if chosen.entity is not None:
        try:
            return [parts.schema.key_of(chosen.entity.kind, chosen.entity.parts, org)]
        except ValueProblem as problem:
            raise InvalidInput(problem.message, code=problem.code, where=f"{where} select entity") from None
    assert chosen.handle is not None
    # Of what is masked nothing is told by what one holds oneself.
    node = parts.handles(org).open_node(chosen.handle)
    return [] if node is None else parts.holdings.keys([node.mark])
