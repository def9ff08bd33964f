"""``graphsvc match``: hit or no hit for identifiers, one or a file of them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from graphsvc.cli.options import FootingOptions, grouped, identifier
from graphsvc.cli.output import BAD_INPUT, DONE, NO_ANSWER, REFUSED, looked, warn, write_json
from graphsvc.client import Answer, Client
from graphsvc.client.errors import Refused
from graphsvc.client.profile import read_profile
from graphsvc.model.errors import InvalidInput
from graphsvc.model.files import write_durably
from graphsvc.model.principals import Footing
from graphsvc.model.schema import Schema, load_schema
from graphsvc.model.spreadsheets import guarded
from graphsvc.wire.answers import Budget, IdentifierProblem, Match
from graphsvc.wire.shapes import selection

BATCH = 1_000
"""At most this many identifiers go into one request: the service takes no more."""
DOCUMENT = (
    "query($identifiers: [IdentifierInput!]!, $after: Int) {"
    f" match(identifiers: $identifiers, after: $after){selection(Match)} budget{selection(Budget)} }}"
)
ANSWERS = ("hit", "contacts", "problem")
"""The columns that are added to a file."""
WORDS = {"HIT": "hit", "NO_HIT": "no hit", "NOT_ASKED": "not asked"}
AGAIN, REFUSALS = frozenset({"not_applied_yet"}), frozenset({"budget_spent", "nobody_to_ask"})
"""Codes of not asked: AGAIN goes away by itself, REFUSALS is not allowed; any other is for the caller to mend."""


class Found(msgspec.Struct):
    """What one request answers."""

    match: list[Match] | None = None
    budget: Budget | None = None


@dataclass(slots=True)
class Asked:
    """Identifiers as (kind, key parts), with the rows and columns of the file that they come from, if any."""

    identifiers: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    rows: list[dict[str, str]] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Stated:
    """Identifiers on the command line, and the kind for a file without that column."""

    phone: Annotated[list[str] | None, typer.Option("--phone", help="A number, with +; may be repeated.")] = None
    email: Annotated[list[str] | None, typer.Option("--email", help="An address; may be repeated.")] = None
    identifier: Annotated[
        list[str] | None, typer.Option("--id", help="Any other, as Account:site=shopee,id=u17; may be repeated.")
    ] = None
    kind: Annotated[str, typer.Option("--kind", help="Kind of all rows of a file without the column kind.")] = ""

    @property
    def identifiers(self) -> list[tuple[str, dict[str, str]]]:
        """All that were given, as kind and key parts."""
        phones = [("Phone", {"value": one}) for one in self.phone or ()]
        emails = [("Email", {"value": one}) for one in self.email or ()]
        return [*phones, *emails, *(identifier(one) for one in self.identifier or ())]


@grouped
def match(
    file: Annotated[
        Path | None,
        typer.Argument(help="CSV with a column kind and one for each key part, as kind,value.", dir_okay=False),
    ] = None,
    *,
    stated: Stated,
    footing: FootingOptions,
    out: Annotated[Path | None, typer.Option("--out", help="Write the file's rows with their answers as CSV.")] = None,
    profile: Annotated[
        Path | None, typer.Option("--profile", help="How to reach the service.", envvar="GRAPHSVC_PROFILE")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Ask whether anybody holds something on exact identifiers, and whom to ask about it.

    Nothing of what is held is shown; a holder whose policy keeps that hidden counts as no hit. Each identifier counts
    once a day against the budget of your organisation; a file is asked in batches of 1,000, each counted as a whole.
    Where the budget ends within a file, what was answered is shown. "Not asked" does not mean "no hit": it comes with
    the reason, and the exit code is 2 (mend what you ask), 3 (you may not) or 4 (later), the highest that applies.
    """
    asked = _read(file, stated.kind) if file is not None else Asked()
    asked.identifiers += stated.identifiers
    if not asked.identifiers:
        raise InvalidInput("name a file, or identifiers with --phone, --email or --id", code="nothing_asked")
    if out is not None and (file is None or len(asked.rows) != len(asked.identifiers)):
        raise InvalidInput("--out writes the rows of a file: give one, and no identifiers beside it", code="no_rows")
    with read_profile(profile).client(signed=footing.signed) as client:
        why = msgspec.structs.replace(footing.footing, export=out is not None)
        answers, budget, came = _ask(client, asked.identifiers, why)
    if out is not None:
        _write(out, asked, answers)
    if json:
        write_json({"matches": answers, "budget": budget, **looked(came)})
    else:
        _tell(Console(highlight=False, soft_wrap=True), asked, answers, budget)
        warn(Console(stderr=True, highlight=False, soft_wrap=True), came)
    if code := max(map(_code, answers)):
        raise typer.Exit(code)


def _read(path: Path, kind: str) -> Asked:
    """The identifiers of a CSV file, one a row."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            columns = list(reader.fieldnames or ())
            rows = list(reader)
    except OSError as error:
        raise InvalidInput(f"can't be read: {error.strerror}", code="unreadable", where=str(path)) from None
    except (csv.Error, UnicodeDecodeError):
        raise InvalidInput("not a CSV file in UTF-8", code="bad_csv", where=str(path)) from None
    if taken := [name for name in ANSWERS if name in columns]:
        raise InvalidInput(
            f"rename the columns {', '.join(taken)}: they are for answers", code="bad_csv", where="row 0"
        )
    if "kind" not in columns and not kind:
        raise InvalidInput("add a column kind, or say --kind Phone", code="no_kind", where="row 0")
    for number, row in enumerate(rows, 1):
        if None in row or None in row.values():
            raise InvalidInput("the row has not as many cells as the header", code="row_width", where=f"row {number}")
    schema = load_schema()
    return Asked([_of_row(row, kind, schema) for row in rows], rows, columns)


def _of_row(row: Mapping[str, str], kind: str, schema: Schema) -> tuple[str, dict[str, str]]:
    """A row's identifier; columns that are no part of a key of its kind are left alone."""
    kind = row.get("kind", "").strip() or kind
    known = schema.kinds.get(kind)
    names = set(row) if known is None else {name for form in known.keys for name, _ in form.parts}
    return kind, {name: row[name].strip() for name in row if name in names - {"kind"} and row[name].strip()}


def _ask(
    client: Client, identifiers: Sequence[tuple[str, dict[str, str]]], footing: Footing
) -> tuple[list[Match], Budget | None, Answer]:
    """Answers to all identifiers, the budget's state, and the first batch's answer: later ones looked at least as far.

    Raises Refused when nothing was answered.
    """
    answers, came = list[Match](), list[Answer]()
    budget: Budget | None = None
    while len(answers) < len(identifiers):
        batch = identifiers[len(answers) : len(answers) + BATCH]
        inputs = [
            {"kind": kind, "parts": [{"name": name, "value": value} for name, value in parts.items()]}
            for kind, parts in batch
        ]
        answer = client.query(DOCUMENT, {"identifiers": inputs}, footing)
        found = msgspec.json.decode(answer.raw, type=Found)
        budget = found.budget or budget
        for error in answer.errors:
            refused = Refused(429, error.message, code=error.extensions.code)
            if not answers:
                raise refused
            why = IdentifierProblem(code=refused.code, message=refused.message, where="")
            answers += [
                Match(kind=kind, outcome="NOT_ASKED", hit=None, contacts=[], problem=why)
                for kind, _ in identifiers[len(answers) :]
            ]
            return answers, budget, came[0]
        answers += found.match or ()
        came.append(answer)
    return answers, budget, came[0]


def _code(answer: Match) -> int:
    """The exit code for one identifier."""
    if answer.problem is None:
        return DONE
    code = answer.problem.code
    return NO_ANSWER if code in AGAIN else REFUSED if code in REFUSALS else BAD_INPUT


def _write(path: Path, asked: Asked, answers: Sequence[Match]) -> None:
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow([*asked.columns, *ANSWERS])
    for row, answer in zip(asked.rows, answers, strict=True):
        writer.writerow([*(guarded(row[name]) for name in asked.columns), *map(guarded, _cells(answer))])
    write_durably(path, file.getvalue().encode())


def _cells(answer: Match) -> Iterator[str]:
    yield WORDS[answer.outcome]
    yield "; ".join(f"{one.name} ({one.contact or one.org})" for one in answer.contacts)
    yield f"{answer.problem.code}: {answer.problem.message}" if answer.problem else ""


def _tell(console: Console, asked: Asked, answers: Sequence[Match], budget: Budget | None) -> None:
    table = Table("kind", "identifier", *ANSWERS, box=None, pad_edge=False)
    for (kind, parts), answer in zip(asked.identifiers, answers, strict=True):
        table.add_row(*map(escape, (kind, _shown(parts.values()), *_cells(answer))))
    console.print(table)
    hits, bad = (sum(one.outcome == word for one in answers) for word in ("HIT", "NOT_ASKED"))
    console.print(f"{hits} of {len(answers)} hit" + (f", {bad} not asked" if bad else ""))
    if budget is not None:
        console.print(f"{budget.used} of {budget.limit} identifiers used today; anew at {budget.resets_at}")


def _shown(values: Iterable[str]) -> str:
    return " ".join(values)
