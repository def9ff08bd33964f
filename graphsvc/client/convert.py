"""What a file would become, without a service: drafts, what is wrong with which row, what is not linked, what is lost.

It reads as the service reads (:mod:`importers.reading`), so both say the same of every row. What only the service knows
(whose key signs, which policies are in force) is not asked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from graphsvc.client.check import KEPT
from graphsvc.client.profile import local_organisation
from graphsvc.model.drafts import CleanDraft, Defaults, Draft, RowProblem
from graphsvc.model.errors import InvalidInput
from graphsvc.model.principals import Organisation
from graphsvc.model.references import References
from graphsvc.model.schema import Schema
from graphsvc.model.sharedkeys import SharedKeys
from importers.formats import HEAD, Format, format_of, recognise
from importers.mapping import load_mapping
from importers.provenance import place_of
from importers.reading import ASSUMED, How, Reading
from importers.ready import mapping_bytes as ready_mapping
from importers.ready import template_bytes

SHOWN = 100
"""At most this many drafts are kept to be shown."""
LOCAL = local_organisation(None)

__all__ = ["ASSUMED", "LOCAL", "Converted", "Input", "Told", "convert", "ready_mapping", "template_bytes"]


@dataclass(frozen=True, slots=True)
class Input:
    """A file and how it is read. ``media_type`` is empty where it is to be recognised."""

    path: Path
    mapping: bytes | None = None
    defaults: Defaults = field(default_factory=Defaults)
    organisation: Organisation = LOCAL
    media_type: str = ""


class Told(msgspec.Struct, frozen=True):
    """One thing that is wrong, or not linked: where it stands, of what type the value is, and what to do."""

    row: int
    code: str
    pointer: str
    columns: tuple[str, ...]
    type: str
    message: str


@dataclass(slots=True)
class Converted:
    """What a file would become. ``assumed`` are the fields of all rows that nothing says yet; see :data:`ASSUMED`.

    ``drafts`` are the first clean ones. ``problems`` say why rows are rejected, ``unlinked`` which values are kept and
    not linked, and why; ``losses`` count what the format says and the model can't hold; ``warnings`` tell of keys that
    very many rows share.
    """

    format: Format
    charset: str = "utf-8"
    rows: int = 0
    accepted: int = 0
    rejected: int = 0
    entities: int = 0
    links: int = 0
    assumed: tuple[str, ...] = ()
    drafts: list[CleanDraft] = field(default_factory=list)
    problems: list[Told] = field(default_factory=list)
    unlinked: list[Told] = field(default_factory=list)
    losses: dict[str, int] = field(default_factory=dict)
    warnings: list[RowProblem] = field(default_factory=list)


def convert(
    given: Input, schema: Schema, write: Callable[[bytes], object] | None = None, most: int | None = None
) -> Converted:
    """Read a whole file; each accepted row goes to ``write`` as a line of NDJSON that can be submitted by itself.

    With ``most`` only so many rows are read that something can be made of.

    Raises InvalidInput for what stops the whole file.
    """
    mapping = None if given.mapping is None else load_mapping(given.mapping, schema)
    try:
        with given.path.open("rb") as file:
            kind = format_of(given.media_type) if given.media_type else recognise(file.read(HEAD), given.path.name)
            file.seek(0)
            said = given.defaults if mapping is None else _first(given.defaults, mapping.defaults)
            assumed = tuple(name for name in ("handling", "legal_basis") if getattr(said, name) is None)
            missing = {name: getattr(ASSUMED, name) for name in assumed}
            defaults = msgspec.structs.replace(given.defaults, **missing)
            how = How(kind.media_type, mapping, schema, defaults, given.organisation)
            reading = Reading(file, how, References(b""))
            made = Converted(kind, reading.charset, assumed=assumed)
            shared = SharedKeys(schema.kinds)
            spoken = msgspec.structs.replace(reading.defaults, **dict.fromkeys(assumed))

            def told(problems: Sequence[RowProblem]) -> list[Told]:
                places = [place_of(one.pointer, reading.draft, schema, mapping) for one in problems]
                return [
                    Told(one.row, one.code, one.pointer, place.columns, place.type, one.message)
                    for one, place in zip(problems, places, strict=True)
                ]

            for row, found in reading:
                if most is not None and made.accepted + made.rejected >= most:
                    break
                made.rows = row.number + 1
                if found is None:
                    continue
                if isinstance(found, list):
                    made.rejected += 1
                    made.problems += told(found[: max(0, KEPT - len(made.problems))])
                    continue
                made.accepted += 1
                shared.take(found.clean)
                made.entities += len(found.clean.entities)
                made.links += len(found.clean.links)
                made.unlinked += told(found.notes[: max(0, KEPT - len(made.unlinked))])
                if len(made.drafts) < SHOWN:
                    made.drafts.append(found.clean)
                if write is not None:
                    write(_line(found.draft, spoken))
            made.warnings = shared.warnings()
            made.losses = dict(sorted(reading.losses.items(), key=lambda one: (-one[1], one[0])))
    except OSError as error:
        raise InvalidInput(f"can't be read: {error.strerror}", code="unreadable", where=str(given.path)) from None
    return made


def _first(*layers: Defaults) -> Defaults:
    """The defaults that the first layer which says something gives, field by field."""
    named = {name: [getattr(layer, name) for layer in layers] for name in Defaults.__struct_fields__}
    return Defaults(**{name: next((one for one in said if one is not None), None) for name, said in named.items()})


def _line(draft: Draft, defaults: Defaults) -> bytes:
    """A draft as a line that says by itself what the file's mapping and defaults say for all rows."""
    filled = {name: getattr(defaults, name) for name in _OF_ROWS if getattr(draft, name) is None}
    entities = [msgspec.structs.replace(entity, region=entity.region or defaults.region) for entity in draft.entities]
    value = msgspec.to_builtins(msgspec.structs.replace(draft, entities=entities, **filled))
    del value["row"]
    return msgspec.json.encode(_without_nothing(value)) + b"\n"


_OF_ROWS = ("grading", "handling", "pap", "purposes", "legal_basis", "groups", "expires", "origin")


def _without_nothing(value: dict[str, object]) -> dict[str, object]:
    kept = {name: one for name, one in value.items() if one is not None and (one or name == "entities")}
    kept["entities"] = [{n: v for n, v in one.items() if v or n == "key"} for one in value["entities"]]  # type: ignore[attr-defined]
    if links := value.get("links"):
        kept["links"] = [{n: v for n, v in one.items() if v} for one in links]  # type: ignore[attr-defined]
    return kept
