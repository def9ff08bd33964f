"""Turns what an act names into the exact rows of the owner's own submissions; these rows go into the ledger."""

from __future__ import annotations

from graphsvc.core import Core
from graphsvc.graph.handles import RECORD
from graphsvc.lifecycle.sealed import open_records
from graphsvc.lifecycle.store import book_of
from graphsvc.model import ranges
from graphsvc.model.errors import InvalidInput, NotFound
from graphsvc.model.hints import hint
from graphsvc.model.places import record_int
from graphsvc.model.ranges import Ranges
from graphsvc.model.scalars import ValueProblem
from graphsvc.model.schema import Schema
from graphsvc.sharing.named import records_of_handles
from graphsvc.wire.acts import Selection, Target


def resolve(core: Core, org: str, target: Target, where: str = "act body target") -> Ranges:
    """The rows of the organisation's own submissions that ``target`` names. Blocks.

    A whole submission is all its rows, rejected ones too. For a selection all entries must be applied
    before. Raises InvalidInput for a wrong target, NotFound for what is absent or another's, alike.
    """
    stated = [name for name in ("records", "submission", "select", "case") if getattr(target, name) is not None]
    if len(stated) != 1 or (target.rows is not None and target.submission is None) or target.case is not None:
        message = "name one of: records by handle, submission (with rows or without), select"
        raise InvalidInput(message, code="bad_act", where=where)
    if target.select is not None:
        return _select(core, org, target.select, where)
    if target.records is not None:
        return ranges.of_records(records_of_handles(core, org, org, target.records))
    assert target.submission is not None
    rows = book_of(core).owned(org, target.submission)
    if target.rows is None:
        return ((target.submission, 0, rows - 1),)
    named = ranges.of_rows(target.submission, target.rows)
    if ranges.minus(named, book_of(core).accepted(target.submission)):
        raise NotFound("there is no such record")
    return named


def records_of(core: Core, named: Ranges) -> Ranges:
    """Those rows of ``named`` that became records."""
    accepted = (book_of(core).accepted(submission) for submission in ranges.submissions(named))
    return ranges.both(named, ranges.union(*accepted))


def _select(core: Core, org: str, chosen: Selection, where: str) -> Ranges:
    conditions = (chosen.entity, chosen.handle, chosen.handling, chosen.legal_basis, chosen.since, chosen.until)
    if all(one is None for one in conditions):
        raise InvalidInput("a selection needs a condition", code="bad_act", where=where)
    _check_codes(core.schema, chosen, where)
    lids = [
        lid
        for lid, label in core.labels_of(org).items()
        if chosen.handling in (None, label.handling) and chosen.legal_basis in (None, label.legal_basis)
    ]
    own = book_of(core).submissions(org, chosen.since, chosen.until)
    found: list[Ranges] = []
    keys = None if chosen.entity is None and chosen.handle is None else _keys(core, org, chosen, where)
    aside = _aside(core, org, chosen, keys)
    found.append(ranges.both(aside, ranges.ranges((one.index, 0, max(one.rows - 1, 0)) for one in own)))
    if keys is not None:
        about = core.holdings.about(keys, lids)
        received = ranges.ranges((one.index, 0, max(one.rows - 1, 0)) for one in own)
        found.append(ranges.both(ranges.of_records(about), received))
        if chosen.handle is not None and (opened := core.handles(org).open(chosen.handle)) and opened[0] == RECORD:
            found.append(ranges.both(ranges.of_records([opened[1]]), received))
    else:
        for one in own:
            low = record_int(one.index, 0)
            found.append(ranges.of_records(core.holdings.under(lids, low, low + one.rows)))
    selected = ranges.union(*found)
    if not selected:
        raise NotFound("there is no such record")
    return selected


def _check_codes(schema: Schema, chosen: Selection, where: str) -> None:
    """Raise InvalidInput for a code that is in no list: it could never select anything."""
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


def _aside(core: Core, org: str, chosen: Selection, keys: list[str] | None) -> Ranges:
    """The rows set aside that meet the conditions, as far as they can be read: the graph does not know them."""
    found = []
    for opened in open_records(core.ledger, core.payloads, book_of(core).set_aside(org)):
        draft = opened.draft
        if draft is None or (keys is not None and not any(entity.key in keys for entity in draft.entities)):
            continue
        label = draft.label
        if chosen.handling in (None, label.handling) and chosen.legal_basis in (None, label.legal_basis):
            found.append(opened.record)
    return ranges.of_records(found)


def _keys(core: Core, org: str, chosen: Selection, where: str) -> list[str]:
    if chosen.entity is not None:
        try:
            return [core.schema.key_in_act(chosen.entity.kind, chosen.entity.parts, org)]
        except ValueProblem as problem:
            raise InvalidInput(problem.message, code=problem.code, where=f"{where} select entity") from None
    assert chosen.handle is not None
    # A masked entity must not be given away by what the caller itself holds on it.
    node = core.handles(org).open_node(chosen.handle)
    return [] if node is None else core.holdings.keys([node.mark])
