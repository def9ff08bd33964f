"""``graphsvc case``, ``cases``, ``submissions``, ``access-log``: what one's organisation has registered and sent."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

from graphsvc.cli.accessreport import told_in_general
from graphsvc.cli.options import Page, grouped
from graphsvc.cli.output import table, write_json
from graphsvc.cli.sharing import JsonFlag, ProfileOption
from graphsvc.client.profile import read_profile
from graphsvc.client.questions import ACCESS_LOG, CASES, REGISTER_CASE, SUBMISSIONS

IndexArgument = Annotated[
    int | None, typer.Argument(help="A submission, by its ledger index: list its rows that were not accepted.", min=0)
]


def case(
    reference: Annotated[str, typer.Argument(help="The case's reference, as KE-2026-17: up to 80 plain characters.")],
    *,
    title: Annotated[str, typer.Option("--title", help="What it is about; seen by your organisation only.")],
    legal_basis: Annotated[str, typer.Option("--legal-basis", help="Under which law you work on it, as court-order.")],
    profile: ProfileOption = None,
    json: JsonFlag = False,
) -> None:
    """Register a case of your organisation, so that questions can name it; for investigators and analysts."""
    asked = {"reference": reference, "title": title, "legalBasis": legal_basis}
    with read_profile(profile).client() as client:
        registered, answer = client.ask(REGISTER_CASE, asked)
    if json:
        write_json({**msgspec.to_builtins(registered), "index": answer.proof.index})
        return
    typer.echo(f"case {registered.reference} is registered: ledger index {answer.proof.index}, receipt checked")


def cases(profile: ProfileOption = None, json: JsonFlag = False) -> None:
    """List the cases that your organisation has registered."""
    with read_profile(profile).client() as client:
        found = client.read(CASES)
    if json:
        write_json({"cases": found})
        return
    rows = ((one.reference, one.title, one.legal_basis, one.registered_at) for one in found)
    table(("reference", "title", "legal basis", "registered"), rows)


@grouped
def submissions(
    index: IndexArgument = None, *, page: Page, profile: ProfileOption = None, json: JsonFlag = False
) -> None:
    """List your organisation's submissions, newest first, or the rows of one that were not accepted."""
    with read_profile(profile).client() as client:
        if index is not None:
            problems = list(client.problems(index))
            if json:
                write_json({"index": index, "problems": problems})
                return
            table(("row", "code", "where", "what to do"), ((p.row, p.code, p.pointer, p.message) for p in problems))
            return
        found = client.read(SUBMISSIONS, page.asked)
    if json:
        write_json({"submissions": found, "nextBefore": page.next_before([one.index for one in found])})
        return
    rows = (
        (
            *(one.index, one.received_at, one.media_type, one.rows, one.accepted, one.rejected),
            "yes" if one.applied else "not yet",
        )
        for one in found
    )
    table(("ledger", "received", "format", "rows", "accepted", "rejected", "in the graph"), rows)
    page.tell_more([one.index for one in found])


@grouped
def access_log(
    *,
    since: Annotated[str, typer.Option("--since", help="From this time on, as 2026-01-31T00:00:00Z.")] = "",
    until: Annotated[str, typer.Option("--until", help="Up to this time.")] = "",
    submission: Annotated[int | None, typer.Option("--submission", help="Records of this submission only.")] = None,
    page: Page,
    profile: ProfileOption = None,
    json: JsonFlag = False,
) -> None:
    """List who was shown records of your organisation, and on what footing, newest first."""
    asked = {"since": since or None, "until": until or None, "submission": submission, **page.asked}
    with read_profile(profile).client() as client:
        found = client.read(ACCESS_LOG, asked)
    if json:
        write_json(found)
        return
    rows = (
        (
            *(one.index, one.at, one.reader, one.person, one.purpose, one.legal_basis, one.case),
            *(len(one.records), "yes" if one.signed else "no"),
        )
        for one in found.entries
    )
    columns = ("ledger", "when", "reader", "person", "purpose", "legal basis", "case", "records", "signed")
    table(columns, rows)
    if found.next_before is not None:
        typer.echo(f"more with --before {found.next_before}")
    for line in told_in_general(found.told_late):
        typer.echo(line)
