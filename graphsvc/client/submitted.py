"""What the service says of a submission, row by row where something is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from graphsvc.client.errors import Refused
from graphsvc.model.drafts import RowProblem

NO_ROW = "no_row_accepted"
"""The code of the refusal that lists what is wrong with the rows."""


@dataclass(frozen=True, slots=True)
class Submitted:
    """What became of a file; ``index`` is -1 where nothing was stored, ``receipt`` was checked.

    ``unlinked`` counts values of accepted rows that can't be linked; of the first, ``notes`` say where and why.
    ``superseded`` counts older records that the rows supersede.
    """

    index: int
    rows: int
    accepted: int
    rejected: int
    receipt: dict[str, Any]
    problems: tuple[RowProblem, ...] = ()
    unlinked: int = 0
    notes: tuple[RowProblem, ...] = ()
    superseded: int = 0


class NothingAccepted(Refused):
    """No row was accepted, nothing was stored; ``answer`` says what is wrong with which row."""

    def __init__(self, refused: Refused, answer: Submitted) -> None:
        super().__init__(refused.status, refused.message, code=refused.code, where=refused.where)
        self.answer = answer


def read_submitted(body: dict[str, Any]) -> Submitted:
    """What an answer of ``POST /v1/submissions`` says."""
    return Submitted(
        index=int(body.get("index", -1)),
        rows=int(body.get("rows", 0)),
        accepted=int(body.get("accepted", 0)),
        rejected=int(body.get("rejected", 0)),
        receipt=body.get("receipt") or {},
        problems=tuple(map(read_problem, body.get("errors") or ())),
        unlinked=int(body.get("unlinked", 0)),
        notes=tuple(map(read_problem, body.get("notes") or ())),
        superseded=int(body.get("superseded", 0)),
    )


def read_problem(line: dict[str, Any]) -> RowProblem:
    """One line of what is wrong with the rows."""
    return RowProblem(int(line["row"]), str(line["code"]), str(line.get("pointer", "")), str(line.get("message", "")))
