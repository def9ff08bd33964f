"""The local check of a file before it is sent: importer, schema and cleaners, the same as the service's; no network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from graphsvc.client.counted import Progress
from graphsvc.client.manifest import Outgoing
from graphsvc.model.drafts import CleanDraft, RowProblem
from graphsvc.model.principals import Organisation
from graphsvc.model.references import References
from graphsvc.model.schema import Schema
from graphsvc.model.sharedkeys import SharedKeys
from importers.mapping import load_mapping
from importers.reading import How, Reading

KEPT = 50_000
"""At most this many problems, and notes on unlinked values, are kept, as in the service; the counts are exact."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What would become of the rows.

    ``refused`` are the rejected rows, and ``problems`` say why. ``marked`` rows are accepted with a value that can't be
    linked; ``unlinked`` says where the first such values stand, and why. ``charset`` is how the text was read;
    ``losses`` counts what the file says and the model can't hold; ``warnings`` tell of keys that very many rows share.
    """

    rows: int
    accepted: int
    rejected: int
    marked: tuple[int, ...]
    problems: tuple[RowProblem, ...]
    drafts: tuple[CleanDraft, ...] = ()
    unlinked: tuple[RowProblem, ...] = ()
    refused: tuple[int, ...] = ()
    charset: str = "utf-8"
    losses: Mapping[str, int] = field(default_factory=dict)
    warnings: tuple[RowProblem, ...] = ()


def check_file(
    outgoing: Outgoing, schema: Schema, organisation: Organisation, progress: Progress | None = None, keep: bool = False
) -> Checked:
    """Read a whole file as the service would and say what it would accept; ``keep`` keeps the clean drafts.

    What only the service knows (policy, keys) is not checked. Raises InvalidInput on a bad mapping or media type.
    """
    rows = accepted = 0
    marked: list[int] = []
    refused: list[int] = []
    problems: list[RowProblem] = []
    kept: list[CleanDraft] = []
    unlinked: list[RowProblem] = []
    shared = SharedKeys(schema.kinds)
    mapping = None if outgoing.mapping is None else load_mapping(outgoing.mapping, schema)
    how = How(outgoing.media_type, mapping, schema, outgoing.defaults, organisation)
    with outgoing.path.open("rb") as file:
        reading = Reading(file, how, References(b""))
        for row, found in reading:
            rows = row.number + 1
            if progress is not None:
                progress(row.size + 1)
            if found is None:
                continue
            if isinstance(found, list):
                refused.append(row.number)
                problems += found[: max(0, KEPT - len(problems))]
                continue
            accepted += 1
            shared.take(found.clean)
            marked += [row.number] if found.clean.unlinked else []
            unlinked += found.notes[: max(0, KEPT - len(unlinked))]
            kept += [found.clean] if keep else []
    return Checked(
        rows, accepted, len(refused), tuple(marked), tuple(problems), tuple(kept), tuple(unlinked), tuple(refused),
        reading.charset, dict(reading.losses), tuple(shared.warnings()),
    )  # fmt: skip
