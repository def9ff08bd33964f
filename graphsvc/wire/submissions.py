"""Submissions: what a submitter is told of its rows."""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType

from graphsvc.model.drafts import RowProblem


class RowsTaken(msgspec.Struct, kw_only=True, rename="camel"):
    """What became of a file's rows: counts, and what is wrong with the first of them.

    ``unlinked`` counts values of accepted rows that can't be linked, ``superseded`` older records that rows supersede.
    ``warnings``, of a dry run, tell of keys that very many rows share.
    ``index`` and ``receipt`` are there when something was stored, ``dry_run`` when it was only checked, ``code`` when
    no row was accepted.
    """

    rows: int
    accepted: int
    rejected: int
    unlinked: int = 0
    superseded: int = 0
    charset: str = "utf-8"
    errors: list[RowProblem]
    notes: list[RowProblem] = msgspec.field(default_factory=list)
    index: int | UnsetType = UNSET
    receipt: msgspec.Raw | UnsetType = UNSET
    dry_run: bool | UnsetType = UNSET
    warnings: list[RowProblem] | UnsetType = UNSET
    code: str | UnsetType = UNSET
