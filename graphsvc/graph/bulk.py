"""The graph as files for Neo4j's offline import: the graph that the writer would make, without a server.

Fields are separated by tabs. Keys and packed attributes hold no control characters (cleaning and JSON see to that), so
nothing needs quoting.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO

from graphsvc.graph.marks import Marks
from graphsvc.model.beginnings import lead_of
from graphsvc.model.claims import FACTS, Facts, entity_facts, expiry, is_storable, link_facts
from graphsvc.model.drafts import CleanDraft
from graphsvc.model.errors import IntegrityError
from graphsvc.model.labels import Label, label_key
from graphsvc.model.names import name_rows
from graphsvc.model.places import record_int

_HEADERS = {
    "record": "id:ID(record){id-type:long}\tlid:long\texp:long",
    "entity": ":ID(entity){id-type:long}\tid:long\tkey\tlids:long[]\tkind\tmark\t:LABEL",
    "label": ":ID(label){id-type:long}\tlid:long\tkey",
    "watermark": ":ID(watermark){id-type:long}\tname\tindex:long",
    "about": "\t".join(
        [
            ":START_ID(record)",
            ":END_ID(entity)",
            "ent:long",
            "rec:long",
            "lid:long",
            "exp:long",
            "lot:long",
            "lead",
            *FACTS,
        ]
    ),
    "named": ":START_ID(record)\t:END_ID(entity)\tgrp:long\ttext\tterm\tlead\trec:long\tlid:long\texp:long",
    "claim": "\t".join(
        [
            *(":START_ID(entity)", ":END_ID(entity)", "src:long", "dst:long", "kind", "rec:long", "lid:long"),
            *("exp:long", "lot:long", *FACTS),
        ]
    ),
}
_NODES_OF_DRAFTS = ("record",)
_NODES = {"record": "Record", "entity": "", "label": "Label", "watermark": "Watermark"}
_RELATIONSHIPS = {"about": "ABOUT", "named": "NAMED", "claim": "CLAIM"}


class DraftFiles:
    """Records with what they are about and their link claims, in files of one writer; a context manager."""

    def __init__(self, directory: Path, number: int, marks: Marks) -> None:
        self._marks = marks
        self._directory = directory
        self._names = {name: f"{name}-{number:04d}.tsv" for name in (*_NODES_OF_DRAFTS, *_RELATIONSHIPS)}
        self._files: dict[str, IO[str]] = {}

    def __enter__(self) -> DraftFiles:
        for name, file in self._names.items():
            self._files[name] = (self._directory / file).open("w", encoding="utf-8", newline="\n", buffering=1 << 20)
        return self

    def __exit__(self, _type: type[BaseException] | None, _error: object, _trace: TracebackType | None) -> None:
        for file in self._files.values():
            file.close()

    def write(
        self, entry_index: int, drafts: Sequence[CleanDraft], ids: Sequence[Sequence[int]], lids: Sequence[int]
    ) -> None:
        """Write drafts of one submission; ``ids`` and ``lids`` as :class:`graphsvc.graph.write.Applied` has them."""
        records: list[str] = []
        about: list[str] = []
        named: list[str] = []
        claims: list[str] = []
        for draft, own, lid in zip(drafts, ids, lids, strict=True):
            record, exp = record_int(entry_index, draft.row), expiry(draft)
            tail = f"{record}\t{lid}\t{exp}"
            records.append(tail)
            for place, (n, facts) in enumerate(zip(own, entity_facts(draft), strict=True)):
                lot, lead = self._marks.about(record, place), lead_of(draft.entities[place].key)
                about.append(f"{record}\t{n}\t{n}\t{tail}\t{lot}\t{lead}\t{_fields(facts)}")
            named += _named_lines(draft, record, own, tail)
            for place, (link, facts) in enumerate(zip(draft.links, link_facts(draft), strict=True)):
                source, target = own[link.source], own[link.target]
                ends, lot = f"{source}\t{target}\t{source}\t{target}", self._marks.claim(record, place)
                claims.append(f"{ends}\t{link.kind}\t{tail}\t{lot}\t{_fields(facts)}")
        for name, lines in (("record", records), ("about", about), ("named", named), ("claim", claims)):
            if lines:
                self._files[name].write("\n".join(lines) + "\n")


def write_rest(
    directory: Path,
    entities: Iterable[tuple[int, str, str, str]],
    labels: Mapping[Label, int],
    index: int,
    marks: Marks,
) -> int:
    """Write entities, as (integer, key, kind, labels joined by ``;``), labels and the watermark after entry ``index``.

    Returns how many entities there were. Raises IntegrityError for a key that no cleaner would have let pass.
    """
    count = 0
    with (directory / "entity-0000.tsv").open("w", encoding="utf-8", newline="\n", buffering=1 << 20) as file:
        for entity, key, kind, lids in entities:
            if not is_storable(key):
                raise IntegrityError("an entity's key holds a control character")
            file.write(f"{entity}\t{entity}\t{key}\t{lids}\t{kind}\t{marks.entity(key)}\tEntity;{kind}\n")
            count += 1
    lines = [f"{lid}\t{lid}\t{label_key(label)}\n" for label, lid in sorted(labels.items(), key=lambda item: item[1])]
    (directory / "label-0000.tsv").write_text("".join(lines), encoding="utf-8")
    (directory / "watermark-0000.tsv").write_text(f"0\tgraph\t{index}\n", encoding="utf-8")
    for name, header in _HEADERS.items():
        (directory / f"{name}.header").write_text(header + "\n", encoding="utf-8")
    return count


def import_arguments(directory: Path) -> list[str]:
    """The arguments of ``neo4j-admin database import full`` for the files in ``directory``."""
    arguments = ["--delimiter=TAB", "--array-delimiter=;", "--quote=U+0001", "--id-type=integer", "--bad-tolerance=0"]
    for option, names in (("--nodes", _NODES), ("--relationships", _RELATIONSHIPS)):
        for name, kind in names.items():
            files = [path for path in sorted(directory.glob(f"{name}-*.tsv")) if path.stat().st_size]
            if files:
                listed = ",".join([str(directory / f"{name}.header"), *map(str, files)])
                arguments.append(f"{option}={kind}={listed}" if kind else f"{option}={listed}")
    return arguments


def _named_lines(draft: CleanDraft, record: int, own: Sequence[int], tail: str) -> list[str]:
    return [
        f"{record}\t{n}\t{group}\t{text}\t{term or ''}\t{lead}\t{tail}"
        for n, entity in zip(own, draft.entities, strict=True)
        for group, text, terms in name_rows(entity.attributes)
        for term, lead in terms
    ]


def _fields(facts: Facts) -> str:
    return "\t".join(fact or "" for fact in facts)
