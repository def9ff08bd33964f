"""An edge list as claims: actors and identifiers by name, kinds and link kinds of the schema, times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from graphsvc.detect.arrays import Codes, Flags, Ints
from graphsvc.detect.evidence import ACTORS, UNKNOWN, Kinds
from graphsvc.edgelists.columns import place_of, read_columns
from graphsvc.model.errors import InvalidInput
from graphsvc.model.hints import hint
from graphsvc.model.schema import Schema
from graphsvc.model.times import epoch

ACTOR, USES, CONTACTED = "Account", "USES", "CONTACTED"
TIMES = ("since", "until")


@dataclass(frozen=True, slots=True)
class EdgeList:
    """Claims as arrays of equal length, as :class:`graphsvc.detect.evidence.Claims`, and their entities' names.

    ``identifying`` are the kinds of identifier. ``rec`` numbers the rows of the edge list from 0, then those of the
    links. Actors come before identifiers.
    """

    src: Ints
    dst: Ints
    src_kind: Codes
    dst_kind: Codes
    kind: Codes
    rec: Ints
    since: Ints
    until: Ints
    words: tuple[str, ...]
    identifying: tuple[str, ...]
    names: tuple[str, ...]
    actors: int
    rows: int

    def kinds(self, cap: int) -> Kinds:
        """What acts and what identifies in this list."""
        return Kinds(identifiers=self.identifying, cap=cap)

    def spell(self, ids: Sequence[int]) -> list[str]:
        """Names by which ties are broken: different for an actor and an identifier that are called the same."""
        return [f"{'a' if one < self.actors else 'i'}{self.names[one]}" for one in ids]


def read_edges(path: Path, links: Path | None, schema: Schema) -> EdgeList:
    """The edge list in ``path``, with links between identifiers from ``links``.

    Raises InvalidInput with line and column where something is not as it should be.
    """
    # 1. Rows as text; kinds, kinds of link and times checked.
    table = read_columns(path, ("actor", "identifier"), ("kind", "verb", *TIMES))
    kind, verb = _coded(table, "kind", list(schema.kinds), path), _coded(table, "verb", list(schema.links), path)
    since, until = _times(table, path)
    # 2. A row is a contact, between two of a kind, by its kind or by its verb.
    actor, identifier = (table.column(name).combine_chunks() for name in ("actor", "identifier"))
    contact = np.isin(kind, [_code(schema.kinds, one) for one in ACTORS]) | (verb == _code(schema.links, CONTACTED))
    # 3. Entities by name: identifiers by kind too; what is in contact is the identifier of that name, if there is one.
    joined = None if links is None else read_columns(links, ("a", "b"), TIMES)
    entities = _Entities.of((actor, identifier), kind, contact, joined, len(schema.kinds))
    source, target = entities.of_actors(actor, contact), entities.of_identifiers(identifier, contact)
    words = ("", ACTOR, *schema.kinds, *schema.links)
    n, is_actor = len(source), entities.actors
    of_kind = np.concatenate([np.ones(is_actor, dtype=np.int64), entities.kind + _OFFSET]).astype(np.int32)
    of_kind[is_actor:][entities.kind == len(schema.kinds)] = 0
    verbs_from = _OFFSET + len(schema.kinds)
    used = verbs_from + _code(schema.links, USES)
    of_verb = np.where(verb == len(schema.links), used, verb + verbs_from)
    parts = [(source, target, of_verb, since, until)]
    # 4. Links between identifiers.
    if links is not None and joined is not None:
        a, b = (entities.of_links(joined.column(name).combine_chunks()) for name in ("a", "b"))
        parts.append((a, b, np.full(len(a), used), *_times(joined, links)))
    src, dst, verbs, starts, ends = (np.concatenate(column) for column in zip(*parts, strict=True))
    return EdgeList(
        src, dst, of_kind[src], of_kind[dst], verbs.astype(np.int32), np.arange(len(src)), starts, ends, words,
        ("", *(one for one in schema.kinds if one not in ACTORS)), entities.names, is_actor, n,
    )  # fmt: skip


_OFFSET = 2
"""Before the kinds of the schema the words hold that for none, and that of an actor."""


def _code(known: Any, word: str) -> int:
    """The code of a kind or a kind of link: its place in the schema, and one beyond for none."""
    return list(known).index(word) if word else len(list(known))


def _coded(table: Any, column: str, known: list[str], path: Path) -> Ints:
    """Each row's code; empty is the code beyond the last. Raises InvalidInput for a word that the schema has not."""
    encoded = table.column(column).combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    codes = np.empty(len(encoded.dictionary), dtype=np.int64)
    indices = encoded.indices.to_numpy(zero_copy_only=False)
    for place, word in enumerate(encoded.dictionary.to_pylist()):
        if word and word not in known:
            row = int(np.flatnonzero(indices == place)[0])
            what = "kind" if column == "kind" else "link kind"
            told = f"there is no such {what}; {hint(word, known)}"
            raise InvalidInput(told, code=f"unknown_{what.replace(' ', '_')}", where=place_of(path, row, column))
        codes[place] = known.index(word) if word else len(known)
    found: Ints = codes[indices] if len(indices) else np.empty(0, dtype=np.int64)
    return found


def _times(table: Any, path: Path) -> tuple[Ints, Ints]:
    """Since and until of each row in epoch seconds. Raises InvalidInput for what is no ISO date or ends too early."""
    found = list[Ints]()
    for column in TIMES:
        encoded = table.column(column).combine_chunks().dictionary_encode()
        if isinstance(encoded, pa.ChunkedArray):
            encoded = encoded.combine_chunks()
        indices = encoded.indices.to_numpy(zero_copy_only=False)
        seconds = np.empty(len(encoded.dictionary), dtype=np.int64)
        for place, word in enumerate(encoded.dictionary.to_pylist()):
            try:
                seconds[place] = epoch(word, UNKNOWN) if word else UNKNOWN
            except ValueError:
                row = int(np.flatnonzero(indices == place)[0])
                where = place_of(path, row, column)
                raise InvalidInput("no date; write it as 2026-03-01", code="bad_date", where=where) from None
        found.append(seconds[indices] if len(indices) else np.empty(0, dtype=np.int64))
    since, until = found
    wrong = np.flatnonzero((since != UNKNOWN) & (until != UNKNOWN) & (until < since))
    if len(wrong):
        where = place_of(path, int(wrong[0]), "until")
        raise InvalidInput("until is before since", code="bad_interval", where=where)
    return since, until


@dataclass(frozen=True, slots=True)
class _Entities:
    """Actors by name, then identifiers by name and kind."""

    actor_names: Any
    identifier_names: Any
    kind: npt.NDArray[np.int64]
    names: tuple[str, ...]

    @property
    def actors(self) -> int:
        return len(self.actor_names)

    @classmethod
    def of(cls, ends: tuple[Any, Any], kind: Ints, contact: Flags, joined: Any, none: int) -> _Entities:
        """All entities of the rows; a name with several kinds is of the first of them, one with none of ``none``."""
        actor, identifier = ends
        plain = pa.array(~contact)
        used = identifier.filter(plain)
        more = [] if joined is None else [joined.column(name).combine_chunks() for name in ("a", "b")]
        named = pc.unique(pa.chunked_array([used, *more]))
        first = np.full(len(named), np.iinfo(np.int64).max)
        place = pc.index_in(used, value_set=named).to_numpy(zero_copy_only=False)
        np.minimum.at(first, place.astype(np.int64), kind[~contact])
        first[first == np.iinfo(np.int64).max] = none
        met = pc.unique(pa.chunked_array([actor.filter(pa.array(contact)), identifier.filter(pa.array(contact))]))
        met = met.filter(pc.invert(pc.is_in(met, value_set=named)))
        acting = pc.unique(pa.chunked_array([actor.filter(plain), met]))
        return cls(acting, named, first, (*acting.to_pylist(), *named.to_pylist()))

    def of_actors(self, actor: Any, contact: Flags) -> Ints:
        return self._found(actor, contact)

    def of_identifiers(self, identifier: Any, contact: Flags) -> Ints:
        found = self._found(identifier, contact)
        plain = self._place(identifier, self.identifier_names) + self.actors
        return np.where(contact, found, plain)

    def of_links(self, name: Any) -> Ints:
        return self._place(name, self.identifier_names) + self.actors

    def _found(self, name: Any, contact: Flags) -> Ints:
        """Actors; in contacts the identifier of that name, if there is one."""
        as_actor, as_identifier = self._place(name, self.actor_names), self._place(name, self.identifier_names)
        either = np.where(as_identifier >= 0, as_identifier + self.actors, as_actor)
        return np.where(contact, either, as_actor)

    @staticmethod
    def _place(name: Any, among: Any) -> Ints:
        place = pc.fill_null(pc.index_in(name, value_set=among), -1).to_numpy(zero_copy_only=False)
        found: Ints = place.astype(np.int64)
        return found
