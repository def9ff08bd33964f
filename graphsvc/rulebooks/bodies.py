"""What the bodies of acts about policies say."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

Digest = Annotated[str, Meta(pattern=r"^sha256:[0-9a-f]{64}$")]
Name = Annotated[str, Meta(min_length=1, max_length=80)]
Note = Annotated[str, Meta(max_length=500)]


class Change(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``policy-propose``: which files of the part become which (null: taken away), on top of version ``base``.

    ``tables`` are decision tables that the result must keep to; they are run before anything is accepted.
    """

    base: Digest
    files: dict[Name, str | None]
    tables: dict[Name, str] = {}
    note: Note = ""


class Return(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``policy-rollback``: the part becomes version ``to`` again."""

    base: Digest
    to: Digest
    note: Note = ""
