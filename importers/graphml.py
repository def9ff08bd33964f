"""GraphML: nodes and edges with data, turned into drafts by a mapping of NDJSON.

A record is ``{type: node, id, data: {name: value}}`` or ``{type: edge, source, target, directed, data, from, to}``,
where ``from`` and ``to`` hold the data of both nodes. Data are named by their key's ``attr.name``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO
from xml.parsers import expat

from graphsvc.model.errors import InvalidInput, TooLarge
from importers.documents import broken, encoded, read_whole
from importers.formats import Format, Salt
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


def _open(mapping: Mapping | None, body: BinaryIO) -> ObjectImporter:
    assert mapping is not None
    if mapping.format != "ndjson":
        message = "GraphML is read by a mapping whose columns are paths: write format: ndjson"
        raise InvalidInput(message, code="mapping_mismatch", where="mapping")
    return ObjectImporter(mapping)


FORMAT = Format(
    name="graphml",
    title="GraphML",
    media_type="application/x-graphml+xml",
    endings=(".graphml",),
    mapping="needed",
    recognises=lambda head, ending: b"<graphml" in head or (ending == ".graphml" and head.lstrip()[:1] == b"<"),
    cut=_cut,
    open=_open,
    row="a node or an edge, as JSON; an edge has the data of both its nodes",
    read=("nodes (`type`, `id`, `data.NAME`) and edges (`source`, `target`, `directed`, `from.NAME`, `to.NAME`)",),
    lost=(
        "members that no rule of the mapping reads",
        "hyperedges, ports, what drawing programs add in other elements",
    ),
    rank=5,
)
"""GraphML, http://graphml.graphdrawing.org/specification.html."""
