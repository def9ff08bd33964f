"""A mapping proposed for a file: what its columns seem to hold, and what only its owner can say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from graphsvc.model.errors import InvalidInput
from graphsvc.model.schema import Schema
from importers.drafting import drafted
from importers.formats import HEAD, recognise
from importers.mapping import load_mapping
from importers.proposing import Question, propose
from importers.ready import ready_mappings
from importers.rules import columns_needed
from importers.sampling import Sample, sample

__all__ = ["Proposed", "Question", "propose_mapping", "written"]


@dataclass(frozen=True, slots=True)
class Proposed:
    """A proposal. ``columns`` are pairs of a heading and what it seems to hold (empty: not known).

    ``ready`` names a mapping that comes with the product and fits the table: all columns that it needs are there.
    """

    columns: Sequence[tuple[str, str]]
    questions: Sequence[Question]
    ready: str
    path: Path


def propose_mapping(path: Path, schema: Schema) -> Proposed:
    """What a file seems to be. Raises InvalidInput where it is no table, or no row looks like a header."""
    found = propose(_sampled(path).rows)
    if found is None:
        message = "no row looks like a header: name the columns in a mapping (columns: […])"
        raise InvalidInput(message, code="no_header", where=str(path))
    names = {column.name for column in found.columns}
    fitting = []
    for name, ready in ready_mappings().items():
        mapping = load_mapping(ready.read_bytes(), schema)
        needed = columns_needed(mapping)
        if mapping.format != "ndjson" and len(needed) > 1 and needed <= names | {"#row"}:
            fitting.append((len(needed), name))
    shown = [(column.name, column.role) for column in found.columns]
    return Proposed(shown, found.questions, max(fitting)[1] if fitting else "", path)


def written(proposed: Proposed, answers: Mapping[str, str], schema: Schema) -> bytes:
    """The mapping file, with the answers in it. Raises InvalidInput where an answer can't be used."""
    read = _sampled(proposed.path)
    found = propose(read.rows)
    assert found is not None
    data = drafted(found, answers, read.said).encode()
    load_mapping(data, schema)
    return data


def _sampled(path: Path) -> Sample:
    try:
        with path.open("rb") as file:
            kind = recognise(file.read(HEAD), path.name)
            file.seek(0)
            return sample(kind, file)
    except OSError as error:
        raise InvalidInput(f"can't be read: {error.strerror}", code="unreadable", where=str(path)) from None
