"""The bodies of the acts of sharing, in their declared form (``docs/formats.md``, Acts)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from graphsvc.model.errors import InvalidInput
from graphsvc.model.labels import GROUPS
from graphsvc.model.places import ROW_MASK
from graphsvc_verify.errors import VerifyError
from graphsvc_verify.jws import noted

Slug = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{1,62}[a-z0-9]$")]
Text = Annotated[str, Meta(min_length=1, max_length=4_000)]
Note = Annotated[str, Meta(max_length=4_000)]
Moment = Annotated[str, Meta(min_length=20, max_length=40)]
Handle = Annotated[str, Meta(min_length=1, max_length=64)]
Group = Literal["identity", "personal", "content", "financial", "operational"]
Urgency = Literal["routine", "urgent", "emergency"]

MAX_IDENTIFIERS, MAX_RECORDS, MAX_SHARED = 20, 500, 20_000
"""The most identifiers of a request, records of a request or grant, and records that one act shares."""


class _Form(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    pass


class Identifier(_Form):
    """An identifier: entity kind and raw key parts."""

    kind: Annotated[str, Meta(min_length=1, max_length=64)]
    key: Annotated[dict[str, Annotated[str, Meta(max_length=1_024)]], Meta(min_length=1, max_length=8)]


class DisclosureRequest(_Form):
    """``disclosure-request``: what is asked of a holder, and why. ``records`` are handles of the asker."""

    holder: Slug
    purpose: Text
    legal_basis: Text
    case: Text
    deadline: Moment
    groups: Annotated[list[Group], Meta(min_length=1, max_length=len(GROUPS))]
    justification: Text
    identifiers: Annotated[list[Identifier], Meta(max_length=MAX_IDENTIFIERS)] = []
    records: Annotated[list[Handle], Meta(max_length=MAX_RECORDS)] = []
    urgency: Urgency = "routine"


class Decision(_Form):
    """``disclosure-decision``: grant (records and field groups), refuse (reason) or ask back (question).

    ``records`` are handles of the holder; ``uses`` allow more than looking; a ``legal_basis`` must then be stated by
    every question that uses the grant.
    """

    decision: Literal["grant", "refuse", "ask"]
    records: Annotated[list[Handle], Meta(max_length=MAX_RECORDS)] = []
    groups: Annotated[list[Group], Meta(max_length=len(GROUPS))] = []
    uses: Annotated[list[Literal["analyse", "export"]], Meta(max_length=2)] = []
    until: str = ""
    conditions: Note = ""
    legal_basis: str = ""
    reason: Note = ""
    question: Note = ""


class Answer(_Form):
    """``disclosure-answer``: the asker's answer to a question."""

    answer: Text


class Remark(_Form):
    """``request-remind``, ``request-withdraw``, ``preservation-lift``: with a word or without."""

    note: Note = ""


class Revocation(_Form):
    """``grant-revoke``."""

    reason: Text


class PreservationRequest(_Form):
    """``preservation-request``: keep what you have on these identifiers until then."""

    holder: Slug
    identifiers: Annotated[list[Identifier], Meta(min_length=1, max_length=MAX_IDENTIFIERS)]
    purpose: Text
    legal_basis: Text
    case: Text
    until: Moment
    deadline: Moment
    justification: Text
    urgency: Urgency = "urgent"


class Acknowledgement(_Form):
    """``preservation-acknowledge``: the holder keeps it, or says why not."""

    accept: bool
    note: Note = ""


class Extension(_Form):
    """``preservation-extend``."""

    until: Moment
    note: Note = ""


class Production(_Form):
    """``production-request``: hand in what was kept, on this legal basis."""

    legal_basis: Text
    deadline: Moment
    justification: Text


class GroupCreation(_Form):
    """``group-create``; ``sub`` is the group's id."""

    purpose: Text
    rulebook: Annotated[str, Meta(pattern=r"^[a-z0-9-]{0,64}$")] = ""


class Invitation(_Form):
    """``group-invite``: an organisation, for good or until a moment."""

    org: Slug
    until: str = ""


class Removal(_Form):
    """``group-remove``."""

    org: Slug


class Nothing(_Form):
    """``group-accept`` and ``group-leave`` say all by their ``sub``."""


class Sharing(_Form):
    """``records-share`` and ``records-unshare``; ``sub`` is the group.

    Own records by handle, or a submission as a whole or in some rows.
    """

    records: Annotated[list[Handle], Meta(max_length=MAX_SHARED)] = []
    submission: Annotated[int, Meta(ge=0)] | None = None
    rows: Annotated[list[Annotated[int, Meta(ge=0, le=ROW_MASK)]], Meta(min_length=1)] | None = None


def coming(moment: str, where: str) -> str:
    """A time in RFC 3339 that lies ahead, in UTC to the second. Raises InvalidInput."""
    try:
        said = noted(moment)
    except VerifyError as error:
        raise InvalidInput(error.message, code="bad_act", where=where) from None
    if datetime.fromisoformat(moment) <= datetime.now(UTC):
        raise InvalidInput("this time has passed", code="bad_act", where=where)
    return said
