"""Read custody with a client: an organisation's recalls, notices, legal holds and subject access reports."""

from __future__ import annotations

from collections.abc import Mapping

from graphsvc.client.errors import Refused
from graphsvc.client.questions import HOLDS, NOTICES, RECALLS, SUBJECT_ACCESS
from graphsvc.client.service import Client
from graphsvc.wire.lifecycle import LegalHold, RecalledRecords, RecallNotice, SubjectAccess


def recalls(client: Client, first: int = 50, before: int | None = None) -> list[RecalledRecords]:
    """What one's organisation took back or erased, newest first: who had seen it, who has answered, who is overdue."""
    return client.read(RECALLS, {"first": first, "before": before})


def notices(
    client: Client, *, open_only: bool = True, first: int = 50, before: int | None = None
) -> list[RecallNotice]:
    """Notices to one's organisation about records that it saw and that were taken back since, newest first."""
    return client.read(NOTICES, {"open": open_only, "first": first, "before": before})


def holds(client: Client, *, open_only: bool = True, first: int = 50, before: int | None = None) -> list[LegalHold]:
    """The legal holds of one's organisation, newest first; for its officers."""
    return client.read(HOLDS, {"open": open_only, "first": first, "before": before})


def subject_access(client: Client, kind: str, parts: Mapping[str, str]) -> SubjectAccess:
    """All that one's organisation holds and has disclosed on an identifier. Raises Refused unless an officer asks."""
    named = [{"name": name, "value": value} for name, value in parts.items()]
    found = client.read(SUBJECT_ACCESS, {"kind": kind, "parts": named})
    if found is None:
        raise Refused(403, "only an officer of the organisation makes this report", code="denied")
    return found
