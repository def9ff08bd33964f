"""GraphML and GEXF, written by networkx: a node for each entity, an edge for each claimed link.

A node's data are what all its records say together. ``identifier`` has the key parts as JSON, by which the importer of
GraphML reads such a file without a mapping.
"""

from __future__ import annotations

import io
import re
from typing import Any

import msgspec

from graphsvc.exchange.content import Content, Losses
from graphsvc.exchange.stamp import spelled
from graphsvc.model.exported import CLAIMS_ATTRIBUTE as ATTRIBUTE
from graphsvc.model.exported import CLAIMS_BETWEEN as BETWEEN
from graphsvc.model.exported import GRAPH_STAMP

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 can't hold."""


def write_graphml(content: Content, losses: Losses) -> bytes:
    """GraphML; the stamp is the graph's data."""
    import networkx as nx

    graph = _graph(content, losses)
    graph.graph.update({f"{GRAPH_STAMP}{name}": plain(value, losses) for name, value in content.stamp.lines()})
    file = io.BytesIO()
    nx.write_graphml_xml(graph, file)
    return file.getvalue()


def write_gexf(content: Content, losses: Losses) -> bytes:
    """GEXF 1.2; the stamp is its description."""
    import networkx as nx

    graph = _graph(content, losses)
    file = io.BytesIO()
    nx.write_gexf(graph, file, version="1.2draft")
    return _described(file.getvalue(), content)


def _graph(content: Content, losses: Losses) -> Any:
    import networkx as nx

    graph: Any = nx.MultiDiGraph()
    for handle, node in content.nodes.items():
        said = {
            "label": node.label,
            "kind": node.kind,
            "key": node.value if node.key else "",
            "identifier": "" if node.parts is None else msgspec.json.encode(node.parts).decode(),
            "owners": BETWEEN.join(sorted({record.owner for record in node.records})),
            "handling": BETWEEN.join(map(spelled, content.handling_of(node))),
            "records": BETWEEN.join(record.handle for record in node.records),
            **{f"{ATTRIBUTE}{name}": BETWEEN.join(values) for name, values in content.attributes(node).items()},
        }
        _count(content.attributes(node), losses)
        graph.add_node(handle, **{name: plain(value, losses) for name, value in said.items() if value})
    for nth, link in enumerate(content.links):
        code = link.record.handling
        said = {
            "kind": link.kind,
            "owner": link.record.owner,
            "handling": f"{code.scheme}/{code.code}",
            "record": link.record.handle,
            "since": link.since or "",
            "until": link.until or "",
            **{f"{ATTRIBUTE}{name}": BETWEEN.join(values) for name, values in content.of_link(link).items()},
        }
        data = {name: plain(value, losses) for name, value in said.items() if value}
        graph.add_edge(link.source, link.target, key=str(nth), **data)
    records = sum(len(node.records) for node in content.nodes.values())
    if records:
        losses["which record says which attribute of an entity, its grading, origin, times and expiry"] += records
    return graph


def _count(found: dict[str, list[str]], losses: Losses) -> None:
    for name, values in found.items():
        if len(values) > 1 and any(BETWEEN in value for value in values):
            losses[f"attribute {name}: where one of several values ends"] += 1


def plain(text: str, losses: Losses) -> str:
    """Text that XML can hold; what it can't is replaced, and counted."""
    plain = _NO_XML.sub("\ufffd", text)
    if plain != text:
        losses["characters that XML can't hold"] += 1
    return plain


def _described(data: bytes, content: Content) -> bytes:
    """The GEXF with the stamp in its meta element, which networkx fills by itself."""
    from xml.sax.saxutils import escape

    told = escape(_NO_XML.sub("\ufffd", content.stamp.text()))
    creator = f"<creator>{escape(content.stamp.viewer)}</creator><description>{told}</description>"
    meta = re.sub(rb"<creator>.*?</creator>", b"", data, count=1, flags=re.DOTALL)
    meta = re.sub(rb'lastmodifieddate="[^"]*"', f'lastmodifieddate="{content.stamp.at[:10]}"'.encode(), meta, count=1)
    return meta.replace(b"</meta>", creator.encode() + b"</meta>", 1)
