"""Submissions: what a submitter is told of its rows, before it sends them and after."""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from graphsvc.model.drafts import Defaults, RowProblem


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


class Sheet(msgspec.Struct, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """A file to be looked at, and what a person has said of it so far; nothing of it is kept.

    ``ending`` is that of the file's name, as ``.csv``. ``holds`` says of columns what they hold, ``answers`` are those
    to the questions that a preview asks. ``delimiter`` is a comma where a page wrote the table itself.
    """

    body: bytes
    ending: str = ""
    delimiter: Literal["", ","] = ""
    holds: dict[str, str] = {}
    answers: dict[str, str] = {}
    defaults: Defaults = Defaults()


class ColumnHolds(msgspec.Struct):
    """A column of a table, and what it holds (empty: nothing that is read)."""

    name: str
    holds: str


class Asked(msgspec.Struct):
    """What the table does not say: a word for the answer, and the question."""

    name: str
    question: str


class Becomes(msgspec.Struct):
    """What a row becomes: entities as kind and canonical key, links by kind."""

    row: int
    entities: list[str]
    links: list[str]


class CellProblem(msgspec.Struct):
    """What is wrong with a row, or not linked in it: also the columns it came from, and what such a value is."""

    row: int
    code: str
    pointer: str
    message: str
    columns: tuple[str, ...]
    type: str


class Preview(msgspec.Struct, kw_only=True, rename="camel"):
    """What a file would become under a mapping that is proposed for it.

    ``cells`` are all its rows, as a person may correct them. ``apart``: rows of this form can't be submitted as they
    stand in the file, and have to be written as CSV first; then nothing more is said. ``header`` is the number of rows
    up to the header and with it. ``mapping`` is empty where rows say by themselves what they are. ``kinds`` is all that
    a column may hold.
    """

    media_type: str
    title: str
    charset: str = "utf-8"
    apart: bool = False
    header: int = 0
    columns: list[ColumnHolds] = []
    kinds: list[str] = []
    questions: list[Asked] = []
    mapping: str = ""
    cells: list[list[str]] = []
    accepted: int = 0
    rejected: int = 0
    becomes: list[Becomes] = []
    errors: list[CellProblem] = []
    notes: list[CellProblem] = []
    losses: dict[str, int] = {}
    warnings: list[RowProblem] = []
