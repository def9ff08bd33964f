"""Options that name records of one's own organisation: a submission or rows of it, a handle, or a selection."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Annotated, Any

import typer

from graphsvc.cli.options import identifier
from graphsvc.client import custody
from graphsvc.model.errors import InvalidInput


@dataclass(frozen=True)
class Named:
    """One of: a submission with rows or without; a selection, which meets every condition that is given."""

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
    def target(self) -> dict[str, Any]:
        """What an act says of it. Raises InvalidInput."""
        selection: dict[str, Any] = {
            name: value
            for name, value in (
                ("handle", self.record),
                ("legalBasis", self.legal_basis),
                ("since", self.since),
                ("until", self.until),
            )
            if value
        }
        if self.about:
            kind, parts = identifier(self.about, "--about")
            selection["entity"] = {"kind": kind, "parts": parts}
        if self.handling:
            scheme, colon, code = self.handling.partition(":")
            if not (scheme and colon and code):
                raise InvalidInput("write it as tlp-2.0:RED", code="bad_handling", where="--handling")
            selection["handling"] = {"scheme": scheme, "code": code}
        if self.submission is not None and not selection:
            return custody.submission(self.submission, self.row or ())
        if self.submission is not None or self.row or not selection:
            message = "name a submission (with --row or without), or a selection by the other options: not both"
            raise InvalidInput(message, code="no_target")
        return custody.selected(selection)
