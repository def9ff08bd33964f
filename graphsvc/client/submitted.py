"""What the service says of a submission, row by row where something is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from graphsvc.client.errors import Refused
from graphsvc.model.drafts import RowProblem
from graphsvc.wire.submissions import RowsTaken

NO_ROW = "no_row_accepted"
"""The code of the refusal that lists what is wrong with the rows."""


@dataclass(frozen=True, slots=True)
class Submitted:
    """What became of a file; ``index`` is -1 where nothing was stored, ``receipt`` was checked.

    ``unlinked`` counts values of accepted rows that can't be linked; ``notes`` say of the first where and why.
    ``superseded`` counts older records that the rows supersede. ``warnings``, of a dry run, tell of keys that very many
    rows share.
    """

    index: int
    rows: int
    accepted: int
    rejected: int
    receipt: Mapping[str, Any]
    problems: tuple[RowProblem, ...] = ()
    unlinked: int = 0
    notes: tuple[RowProblem, ...] = ()
    superseded: int = 0
    warnings: tuple[RowProblem, ...] = ()


class NothingAccepted(Refused):
    """No row was accepted, nothing was stored; ``answer`` says what is wrong with which row."""

    def __init__(self, refused: Refused, answer: Submitted) -> None:
        super().__init__(refused.status, refused.message, code=refused.code, where=refused.where)
        self.answer = answer


def read_submitted(response: bytes) -> Submitted:
    """What an answer of ``POST /v1/submissions`` says. Raises Refused when it is of another form."""
    try:
        taken = msgspec.json.decode(response, type=RowsTaken)
    except msgspec.DecodeError:
        message = "the service answers in another form: client and service are of different versions"
        raise Refused(502, message, code="bad_answer") from None
    return Submitted(
        index=-1 if taken.index is msgspec.UNSET else taken.index,
        rows=taken.rows,
        accepted=taken.accepted,
        rejected=taken.rejected,
        receipt={} if taken.receipt is msgspec.UNSET else msgspec.json.decode(taken.receipt),
        problems=tuple(taken.errors),
        unlinked=taken.unlinked,
        notes=tuple(taken.notes),
        superseded=taken.superseded,
        warnings=() if taken.warnings is msgspec.UNSET else tuple(taken.warnings),
    )
