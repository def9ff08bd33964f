"""What a declaration of a signed act is made of.

An act is declared once, as the struct of what it says: its name is the kind's (``InviteToGroup`` is
``invite-to-group``) and the mutation's (``inviteToGroup``), its docstring the description, ``answer`` what comes back.
"""

from __future__ import annotations

import re
from typing import Annotated, ClassVar

import msgspec
from msgspec import Meta

from graphsvc.model.labels import Handling
from graphsvc.model.places import ROW_BITS
from graphsvc.wire.shapes import Shape

Text = Annotated[str, Meta(min_length=1, max_length=4_000)]
Note = Annotated[str, Meta(max_length=4_000)]
Reason = Annotated[str, Meta(min_length=1, max_length=1_000)]
Short = Annotated[str, Meta(min_length=1, max_length=200)]
Index = Annotated[int, Meta(ge=0, lt=2**31)]
Row = Annotated[int, Meta(ge=0, lt=1 << ROW_BITS)]
Handle = Annotated[str, Meta(min_length=1, max_length=64)]
Moment = Annotated[str, Meta(pattern=r"\A\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,3})?Z\Z")]
"""A time in RFC 3339, in UTC."""


MAX_NAMED = 20_000
"""At most this many records are named by handle in one act."""


class Form(msgspec.Struct, kw_only=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True):
    """A part of what an act says."""


class Body(Form):
    """What an act says."""

    answer: ClassVar[type[Shape]]


class Identifier(Form):
    """An identifier as somebody states it: entity kind and raw key parts."""

    kind: Annotated[str, Meta(min_length=1, max_length=64)]
    parts: Annotated[dict[str, Annotated[str, Meta(min_length=1, max_length=1_024)]], Meta(min_length=1, max_length=8)]


class Selection(Form):
    """Own records that meet every condition that is there; ``since`` and ``until`` are times of receipt, included."""

    entity: Identifier | None = None
    handle: Handle | None = None
    handling: Handling | None = None
    legal_basis: Short | None = None
    since: Moment | None = None
    until: Moment | None = None


class Target(Form):
    """Own records that an act is about, named in one way.

    By handle (``records``); a submission, whole or some rows of it; a selection; for holds also what was shown under a
    case.
    """

    records: Annotated[tuple[Handle, ...], Meta(min_length=1, max_length=MAX_NAMED)] | None = None
    submission: Index | None = None
    rows: Annotated[tuple[Row, ...], Meta(min_length=1)] | None = None
    select: Selection | None = None
    case: Short | None = None


def kind_of(body: type[Body]) -> str:
    """The kind of an act, as ``invite-to-group``."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", body.__name__).lower()


def field_of(body: type[Body]) -> str:
    """The mutation that takes an act, as ``inviteToGroup``."""
    return body.__name__[0].lower() + body.__name__[1:]
