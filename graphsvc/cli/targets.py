"""Options that name records of one's own organisation: a submission or rows of it, a handle, or a selection."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Annotated

import typer

from graphsvc.cli.options import identifier
from graphsvc.model.errors import InvalidInput
from graphsvc.model.labels import Handling
from graphsvc.wire.acts import Identifier, Selection, Target


@dataclass(frozen=True)
class Named:
    """Either a submission, with rows or without, or a selection: the records that meet every condition given."""

    submission: Annotated[
        int | None, typer.Option("--submission", help="One of your submissions, by ledger index.")
    ] = None
    row: Annotated[list[int] | None, typer.Option("--row", help="Only this row of the submission; repeat.")] = None
    record: Annotated[str, typer.Option("--record", help="One of your records, or all about an entity: a handle.")] = ""
    about: Annotated[str, typer.Option("--about", help="About an identifier, as Phone:value=+254710000001.")] = ""
    handling: Annotated[str, typer.Option("--handling", help="Under this handling code, as tlp-2.0:RED.")] = ""
    legal_basis: Annotated[str, typer.Option("--legal-basis", help="Labelled with this legal basis.")] = ""
    since: Annotated[str, typer.Option("--since", help="Received from then on, as 2026-01-31T00:00:00Z.")] = ""
    until: Annotated[str, typer.Option("--until", help="Received until then.")] = ""

    @property
    def given(self) -> bool:
        """Whether anything is named."""
        return any(getattr(self, field.name) not in (None, "", []) for field in fields(self))

    @property
    def target(self) -> Target:
        """The records as the target of an act. Raises InvalidInput."""
        selection = Selection(
            entity=_entity(self.about),
            handle=self.record or None,
            handling=_handling(self.handling),
            legal_basis=self.legal_basis or None,
            since=self.since or None,
            until=self.until or None,
        )
        selects = selection != Selection()
        if self.submission is not None and not selects:
            return Target(submission=self.submission, rows=tuple(self.row) if self.row else None)
        if self.submission is not None or self.row or not selects:
            message = "name a submission (with --row or without), or a selection by the other options: not both"
            raise InvalidInput(message, code="no_target")
        return Target(select=selection)


@dataclass(frozen=True)
class NamedOrCase(Named):
    """As :class:`Named`, or else all that was shown under a case of one's own."""

    case: Annotated[str, typer.Option("--case", help="All of yours that is shown under a case of yours.")] = ""

    @property
    def target(self) -> Target:
        """The records as the target of an act. Raises InvalidInput."""
        if not self.case:
            return super().target
        if self != NamedOrCase(case=self.case):
            raise InvalidInput("name a case or records, not both", code="no_target")
        return Target(case=self.case)


def _entity(about: str) -> Identifier | None:
    if not about:
        return None
    kind, parts = identifier(about, "--about")
    return Identifier(kind=kind, parts=parts)


def _handling(code: str) -> Handling | None:
    if not code:
        return None
    scheme, colon, said = code.partition(":")
    if not (scheme and colon and said):
        raise InvalidInput("write it as tlp-2.0:RED", code="bad_handling", where="--handling")
    return Handling(scheme, said)
