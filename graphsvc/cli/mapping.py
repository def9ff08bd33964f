"""``graphsvc map``: a mapping for a table of one's own, proposed, tried and asked about."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from graphsvc.cli.convert import show_drafts, tell_converted
from graphsvc.cli.output import NOT_HOLDING, table, write_json
from graphsvc.client.convert import Input, convert
from graphsvc.client.propose import Proposed, propose_mapping, written
from graphsvc.client.rejected import check_free
from graphsvc.model.errors import InvalidInput
from graphsvc.model.schema import load_schema

TRIED = 10
"""Rows on which a proposal is shown."""


def propose_map(
    file: Annotated[Path, typer.Argument(help="A table: CSV, Excel, Parquet.", exists=True, dir_okay=False)],
    *,
    answer: Annotated[
        list[str] | None, typer.Option("--answer", help="Answer a question, as region=ID; repeat.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Write the mapping to this new file.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Propose a mapping for a table, and show it on its first rows.

    It tells what columns hold by their headings, in several languages, and their cells. What the file does not say it
    asks, on a terminal, or by --answer. The exit code is 1 while a question is open.
    """
    if out is not None:
        check_free(out)
    schema = load_schema()
    proposed = propose_mapping(file, schema)
    console = Console(stderr=True, highlight=False)
    answers = _given(answer or (), proposed)
    if not json:
        _tell(proposed)
        if sys.stdin.isatty():
            answers = _asked(proposed, answers)
    open_questions = [question for question in proposed.questions if question.name not in answers]
    data = written(proposed, answers, schema)
    tried = convert(Input(file, data), schema, most=TRIED)
    if out is not None:
        with os.fdopen(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644), "wb") as target:
            target.write(data)
    if json:
        write_json(
            {
                "columns": [{"column": name, "holds": role} for name, role in proposed.columns],
                "questions": [{"name": one.name, "question": one.text} for one in open_questions],
                "ready": proposed.ready,
                "mapping": data.decode(),
                "drafts": tried.drafts,
                "problems": tried.problems,
                "unlinked": tried.unlinked,
            }
        )
    else:
        if out is None:
            Console(highlight=False, soft_wrap=True).print(data.decode(), markup=False)
        show_drafts(tried, TRIED)
        tell_converted(tried, file, console)
        for one in open_questions:
            console.print(f"open: {one.text} Say it with --answer {one.name}=…", markup=False)
        if out is not None:
            console.print(f"{out} is written: check it, then graphsvc convert {file} --map {out}", markup=False)
    if open_questions:
        raise typer.Exit(NOT_HOLDING)


def _given(words: list[str] | tuple[str, ...], proposed: Proposed) -> dict[str, str]:
    names = {question.name for question in proposed.questions}
    answers = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or name not in names:
            known = ", ".join(sorted(names))
            raise InvalidInput(f"write name=answer; asked is: {known}", code="no_question", where="--answer")
        answers[name] = value.strip()
    return answers


def _tell(proposed: Proposed) -> None:
    table(("column", "seems to hold"), [(name, role.replace("_", " ") or "–") for name, role in proposed.columns])
    if proposed.ready:
        told = f"the mapping {proposed.ready} that comes with graphsvc fits this table: --map {proposed.ready}"
        Console(highlight=False, soft_wrap=True).print(told, markup=False)


def _asked(proposed: Proposed, answers: Mapping[str, str]) -> dict[str, str]:
    """The answers, with those that a person gives now; an empty one leaves the question open."""
    made = dict(answers)
    for question in proposed.questions:
        if question.name not in made:
            said = typer.prompt(question.text, default="", show_default=False).strip()
            if said:
                made[question.name] = said
    return made
