"""What a submission supersedes, by place and by own reference: found before its entry is sealed, checked again in it.

The entry says what it supersedes, so that is found before the entry has its place in the log. Two submissions of one
organisation may be under way at once: in its transaction, the entry is refused if what it says has become untrue, and
it is made again. So one reference has one current record, whichever submission came first.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from graphsvc.ledger import references
from graphsvc.ledger.log import Ledger
from graphsvc.lifecycle.correct import Superseding, note_superseded
from graphsvc.model.errors import Conflict
from graphsvc.submission.intake import Intake

MOVED = "references_moved"


@dataclass(frozen=True, slots=True)
class Superseded:
    """The older records that rows of a submission supersede, as (row, submission, row), ascending.

    ``at``: the organisation's last entry that was looked at.
    """

    pairs: tuple[Superseding, ...]
    at: int

    @property
    def records(self) -> int:
        """How many older records that are."""
        return len({(submission, row) for _, submission, row in self.pairs})

    def hold(self, connection: Connection, org: str, intake: Intake) -> None:
        """Check, in the entry's transaction, that this is still so. Raises Conflict with code :data:`MOVED`."""
        if not _names(intake) or references.last_change(connection, org) == self.at:
            return
        by_place = ((submission, row) for _, submission, row in intake.supersedes)
        if not references.are_there(connection, by_place) or _pairs(connection, intake) != self.pairs:
            raise Conflict("records of your organisation have changed meanwhile; send it again", code=MOVED)

    def enter(self, connection: Connection, index: int, who: tuple[str, str], intake: Intake) -> None:
        """Write down, with the submission's entry, what it names and what is still to be taken back."""
        references.enter(connection, index, intake.references)
        if self.pairs:
            note_superseded(connection, index, who, self.pairs)


def find_superseded(ledger: Ledger, org: str, intake: Intake) -> Superseded:
    """What the accepted rows supersede as the ledger is now. Blocks."""
    if not _names(intake):
        return Superseded((), -1)
    with ledger.reading() as connection:
        at = references.last_change(connection, org)
        return Superseded(_pairs(connection, intake), at)


def _names(intake: Intake) -> bool:
    """Whether any row names a place or has a reference."""
    return bool(intake.supersedes or intake.references)


def _pairs(connection: Connection, intake: Intake) -> tuple[Superseding, ...]:
    return tuple(sorted({*intake.supersedes, *references.standing(connection, intake.references)}))
