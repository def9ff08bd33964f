"""What an organisation reads of custody with a :class:`Client`: what it took back, was told, holds, and has on someone.

Acts of custody are signed as all others (:mod:`graphsvc.client.acts`); :func:`submission`, :func:`handle` and
:func:`selected` make what they name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from graphsvc.client.errors import Refused
from graphsvc.client.service import Client

Shape = dict[str, Any]

RECALLS = """query($first: Int!, $before: Int) { recalls(first: $first, before: $before) {
  index cause reason person at deadline records told open overdue
  notices { org records toldAt acknowledged acknowledgedAt outcome because overdue } } }"""
NOTICES = """query($open: Boolean!, $first: Int!, $before: Int) {
  recallNotices(open: $open, first: $first, before: $before) {
    notice owner cause reason deadline toldAt count records { handle reads { index at } }
    acknowledged outcome because overdue } }"""
HOLDS = """query($open: Boolean!) { holds(open: $open) {
  index at reason person case records ranges { submission first last } released inForce request until } }"""
SUBJECT_ACCESS = """query($kind: String!, $parts: [KeyPart!]!) { subjectAccess(kind: $kind, parts: $parts) {
  organisation kind key madeAt recordCount truncated
  toldLate { rule law purposes legalBases askers owners delay }
  records {
    handle submission row receivedAt state held handling { scheme code } pap legalBasis purposes groups
    raw rawEncoding since until expires
    entities { kind key attributes { name group value } }
    links { kind source target attributes { name group value } }
    disclosures { index at reader person purpose legalBasis case hit export } } } }"""


def submission(index: int, rows: Sequence[int] = ()) -> Shape:
    """The target of an act: one of one's own submissions by its ledger index, whole or some rows of it."""
    return {"submission": index, **({"rows": list(rows)} if rows else {})}


def handle(one: str) -> Shape:
    """The target of an act: an own record by its handle, or all own records about an entity by its handle."""
    return selected({"handle": one})


def selected(conditions: Mapping[str, Any]) -> Shape:
    """The target of an act: own records that meet every condition.

    Conditions: entity, handle, handling, legalBasis, since, until (docs/formats.md).
    """
    return {"select": dict(conditions)}


def recalls(client: Client, first: int = 50, before: int | None = None) -> list[Shape]:
    """What one's organisation took back or erased, newest first: who had seen it, who has answered, who is overdue."""
    found: list[Shape] = client.query(RECALLS, {"first": first, "before": before}).data["recalls"]
    return found


def notices(client: Client, *, open_only: bool = True, first: int = 50, before: int | None = None) -> list[Shape]:
    """What one's organisation was told of records that it saw and that were taken back since, newest first."""
    asked = {"open": open_only, "first": first, "before": before}
    found: list[Shape] = client.query(NOTICES, asked).data["recallNotices"]
    return found


def holds(client: Client, *, open_only: bool = True) -> list[Shape]:
    """The legal holds of one's organisation; for its officers."""
    found: list[Shape] = client.query(HOLDS, {"open": open_only}).data["holds"]
    return found


def subject_access(client: Client, kind: str, parts: Mapping[str, str]) -> Shape:
    """All that one's organisation holds and has disclosed on an identifier. Raises Refused for who is no officer."""
    named = [{"name": name, "value": value} for name, value in parts.items()]
    found: Shape | None = client.query(SUBJECT_ACCESS, {"kind": kind, "parts": named}).data["subjectAccess"]
    if found is None:
        raise Refused(403, "only an officer of the organisation makes this report", code="denied")
    return found
