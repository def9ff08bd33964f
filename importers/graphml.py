"""GraphML: nodes and edges with data, turned into drafts by a mapping of NDJSON.

A record is ``{type: node, id, data: {name: value}}`` or ``{type: edge, source, target, directed, data, from, to}``,
where ``from`` and ``to`` hold the data of both nodes. Data are named by their key's ``attr.name``.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from typing import Any, BinaryIO
from xml.parsers import expat

from graphsvc.model.drafts import Draft, DraftLink, Observed, RowProblem, Superseded
from graphsvc.model.errors import InvalidInput, TooLarge
from graphsvc.model.exported import CLAIMS_ATTRIBUTE, CLAIMS_BETWEEN, GRAPH_STAMP
from importers.documents import RecordImporter, broken, encoded, read_whole
from importers.exported import attributes_of, entity_of, handling_of
from importers.formats import HEAD, Format, Importer, Salt
from importers.native import ObjectImporter
from importers.rows import Readable, Row, records_as_rows
from importers.rules import Mapping

_WHAT = "GraphML"
_MAX_DEPTH = 100
_MAX_PARTS = 2_000_000


class _Reader:
    """Collects the nodes and edges of a document as it is parsed."""

    def __init__(self) -> None:
        self.nodes: dict[str, dict[str, str]] = {}
        self.edges: list[tuple[str, str, bool, dict[str, str]]] = []
        self._names: dict[str, str] = {}
        self._data: dict[str, str] | None = None
        self._open: list[str] = []
        self._key, self._text = "", list[str]()
        self._directed = True

    def start(self, name: str, given: dict[str, str]) -> None:
        name = name.rpartition(" ")[2]
        self._open.append(name)
        if len(self._open) > _MAX_DEPTH or len(self.nodes) + len(self.edges) > _MAX_PARTS:
            raise TooLarge(f"the {_WHAT} has too many parts: split it", code="document_too_large", where="body")
        if name == "key":
            self._names[given.get("id", "")] = given.get("attr.name", given.get("id", ""))
        elif name == "graph":
            self._directed = given.get("edgedefault") != "undirected"
        elif name == "node":
            self._data = self.nodes.setdefault(given.get("id", ""), {})
        elif name == "edge":
            self._data = {}
            directed = given.get("directed", str(self._directed).lower()) != "false"
            self.edges.append((given.get("source", ""), given.get("target", ""), directed, self._data))
        elif name == "data":
            self._key, self._text = given.get("key", ""), []

    def end(self, name: str) -> None:
        name = name.rpartition(" ")[2]
        self._open.pop()
        if name == "data" and self._data is not None:
            self._data[self._names.get(self._key, self._key)] = "".join(self._text).strip()
        elif name in ("node", "edge"):
            self._data = None

    def text(self, piece: str) -> None:
        if "data" in self._open:
            self._text.append(piece)


def _refuse(*_: Any) -> None:
    raise InvalidInput(
        f"a document type or entities have no place in {_WHAT}: save it without", code="bad_document", where="body"
    )


def _cut(body: Readable, max_row: int, salt: Salt) -> Iterator[Row]:
    data = read_whole(body)
    parser, reader = expat.ParserCreate(namespace_separator=" "), _Reader()
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = reader.start, reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = _refuse
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise broken(_WHAT, f"line {error.lineno}: {expat.ErrorString(error.code)}") from None
    except (LookupError, ValueError):
        raise broken(_WHAT, "its encoding is not known") from None
    yield from records_as_rows(_records(reader), max_row, salt)


def _records(reader: _Reader) -> Iterator[bytes]:
    for name, data in reader.nodes.items():
        yield encoded({"type": "node", "id": name, "data": data})
    for source, target, directed, data in reader.edges:
        ends = {"from": reader.nodes.get(source, {}), "to": reader.nodes.get(target, {})}
        yield encoded({"type": "edge", "source": source, "target": target, "directed": directed, "data": data, **ends})


def _make(record: dict[str, Any], row: int, losses: Counter[str]) -> Draft | RowProblem | None:
    """The draft of a node or an edge of an export."""
    data = record.get("data")
    if not isinstance(data, dict):
        return RowProblem(row, "bad_record", "", "this is no node or edge of an export: export again")
    said = [
        (name.removeprefix(CLAIMS_ATTRIBUTE), value)
        for name, text in data.items()
        if name.startswith(CLAIMS_ATTRIBUTE)
        for value in str(text).split(CLAIMS_BETWEEN)
    ]
    draft = Draft([], row=row)
    if record.get("type") == "node":
        made = entity_of("e1", data.get("kind"), data.get("identifier"), said, losses)
        ends, reference = [made], record.get("id")
        draft.handling = handling_of(str(data.get("handling", "")).split(CLAIMS_BETWEEN), losses)
    else:
        ends = [entity_of(f"e{nth}", end.get("kind"), end.get("identifier"), ())
                for nth, end in enumerate((record.get("from", {}), record.get("to", {})), 1)]  # fmt: skip
        observed = Observed(data.get("since"), data.get("until"))
        draft.links = [DraftLink(str(data.get("kind")), "e1", "e2", attributes_of(said, losses), observed)]
        draft.handling = handling_of([data.get("handling")])
        named = "\0".join(str(record.get(word)) for word in ("source", "target")) + str(data.get("kind"))
        digest = hashlib.sha256(f"{named}{data.get('since')}{data.get('until')}".encode()).hexdigest()
        reference = f"{data.get('record')}/{digest[:16]}"
    draft.entities = [one for one in ends if one is not None]
    if len(draft.entities) < len(ends):
        losses["an entity whose key is withheld, or its link"] += 1
        return None
    draft.supersedes = Superseded(reference=str(reference)[:200])
    return draft


def _open(mapping: Mapping | None, body: BinaryIO) -> Importer:
    if mapping is None:
        head = body.read(HEAD)
        body.seek(0)
        if f'"{GRAPH_STAMP}viewer"'.encode() not in head:
            message = "a file in GraphML needs a mapping, unless it is an export of graphsvc"
            raise InvalidInput(message, code="mapping_missing", where="mapping")
        return RecordImporter(_make)
    if mapping.format != "ndjson":
        message = "GraphML is read by a mapping whose columns are paths: write format: ndjson"
        raise InvalidInput(message, code="mapping_mismatch", where="mapping")
    return ObjectImporter(mapping)


FORMAT = Format(
    name="graphml",
    title="GraphML",
    media_type="application/x-graphml+xml",
    endings=(".graphml",),
    mapping="possible",
    recognises=lambda head, ending: b"<graphml" in head or (ending == ".graphml" and head.lstrip()[:1] == b"<"),
    cut=_cut,
    open=_open,
    row="a node or an edge, as JSON; an edge has the data of both its nodes",
    read=(
        "an export of graphsvc, without a mapping",
        "nodes (`type`, `id`, `data.NAME`) and edges (`source`, `target`, `directed`, `from.NAME`, `to.NAME`)",
    ),
    lost=(
        "members that no rule of the mapping reads",
        "hyperedges, ports, what drawing programs add in other elements",
    ),
    rank=5,
)
"""GraphML, http://graphml.graphdrawing.org/specification.html."""
