"""``graphsvc subject-access``: what your organisation holds on an identifier, and to whom it was shown."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graphsvc.cli.accessreport import counted, told_in_general, write_report
from graphsvc.cli.options import identifier
from graphsvc.cli.output import table, write_json
from graphsvc.cli.sharing import JsonFlag, ProfileOption
from graphsvc.client import custody
from graphsvc.client.keys import write_private
from graphsvc.client.profile import read_profile
from graphsvc.model.errors import InvalidInput


def subject_access(
    about: Annotated[str, typer.Argument(metavar="IDENTIFIER", help="As Phone:value=+254710000001.")],
    *,
    html: Annotated[
        Path | None, typer.Option("--html", help="Write the report as a page; must not exist.", dir_okay=False)
    ] = None,
    profile: ProfileOption = None,
    json: JsonFlag = False,
) -> None:
    """Report all that your organisation holds and has disclosed on an identifier; for its officers.

    The report lists your organisation's own records, each as it was received, with every read that showed it to another
    organisation. Recalled and expired records are listed as long as they are held. The report itself becomes an entry
    of the ledger.
    """
    kind, parts = identifier(about, "IDENTIFIER")
    if html is not None and html.exists():
        raise InvalidInput("there is a file already", code="exists", where=str(html))
    with read_profile(profile).client() as client:
        report = custody.subject_access(client, kind, parts)
    if html is not None:
        write_private(html, write_report(report))
    if json:
        write_json(report)
        return
    rows = (
        (
            *(one.submission, one.row, one.received_at, one.state, "yes" if one.held else "no"),
            *(one.handling.code, one.legal_basis, len(one.disclosures)),
            ", ".join(sorted({read.reader for read in one.disclosures})) or None,
        )
        for one in report.records
    )
    columns = ("submission", "row", "received", "state", "hold", "handling", "legal basis", "disclosures", "to")
    table(columns, rows)
    typer.echo(counted(report))
    for line in told_in_general(report.told_late):
        typer.echo(line)
    if html is not None:
        typer.echo(f"{html}: the report with everything that they say")
