"""i2 Analyst's Notebook exchange (``.anx``): a chart with an icon for each entity and a line for each claimed link.

The file is the XML form of a chart that Analyst's Notebook imports. Icons have no place on it yet: choose a layout.
Types are named as the kinds here are; where a chart's template has types of these names, their icons are taken.
"""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree import ElementTree as ET

from graphsvc.exchange.content import Content, Losses
from graphsvc.exchange.graphs import plain
from graphsvc.exchange.stamp import spelled
from graphsvc.model.exported import CLAIMS_BETWEEN as BETWEEN
from graphsvc.wire.answers import Link

_ARROW = "ArrowOnHead"
_STRENGTH = "Default"


def write_anx(content: Content, losses: Losses) -> bytes:
    """The chart; the stamp is its summary, its handling code the classification."""
    chart = ET.Element("Chart", {"Rigorous": "false", "IdReferenceLinking": "false"})
    strengths = ET.SubElement(chart, "StrengthCollection")
    ET.SubElement(strengths, "Strength", {"Id": "ST1", "Name": _STRENGTH, "DotStyle": "DotStyleSolid"})
    nodes = {handle: _of_node(content, handle) for handle in content.nodes}
    lines = [_of_link(content, link) for link in content.links]
    classes = _declared(chart, "AttributeClass", {name for said in (*nodes.values(), *lines) for name in said})
    kinds = _declared(chart, "EntityType", {node.kind for node in content.nodes.values()})
    links = _declared(chart, "LinkType", {link.kind for link in content.links})
    _summary(chart, content, losses)
    items = ET.SubElement(chart, "ChartItemCollection")
    numbers = {handle: str(number) for number, handle in enumerate(content.nodes, 1)}
    for handle, node in content.nodes.items():
        item = ET.SubElement(items, "ChartItem", _item(node.label, (r.owner for r in node.records), losses))
        end = ET.SubElement(item, "End", {"X": "0", "Y": "0", "Z": "0"})
        names = {"EntityId": numbers[handle], "Identity": handle, "LabelIsIdentity": "false"}
        icon = ET.SubElement(ET.SubElement(end, "Entity", names), "Icon")
        ET.SubElement(icon, "IconStyle", {"Type": node.kind, "EntityTypeReference": kinds[node.kind]})
        _attributes(item, nodes[handle], classes, losses)
    for link, said in zip(content.links, lines, strict=True):
        dated = (
            {"DateSet": "true", "TimeSet": "true", "DateTime": link.since[:19]}
            if link.since and _full(link.since)
            else {}
        )
        item = ET.SubElement(items, "ChartItem", _item(link.kind, (link.record.owner,), losses) | dated)
        line = ET.SubElement(item, "Link", {"End1Id": numbers[link.source], "End2Id": numbers[link.target]})
        style = {"Strength": _STRENGTH, "ArrowStyle": _ARROW, "Type": link.kind, "LinkTypeReference": links[link.kind]}
        ET.SubElement(line, "LinkStyle", style)
        _attributes(item, said, classes, losses)
    records = sum(len(node.records) for node in content.nodes.values())
    if records:
        losses["which record says which attribute of an entity, its grading, origin, times and expiry"] += records
    return bytes(ET.tostring(chart, encoding="utf-8", xml_declaration=True))


def _of_node(content: Content, handle: str) -> dict[str, str]:
    node = content.nodes[handle]
    said = {
        "key": node.value if node.key else "",
        "handling": BETWEEN.join(map(spelled, content.handling_of(node))),
        "records": BETWEEN.join(record.handle for record in node.records),
        **{name: BETWEEN.join(values) for name, values in content.attributes(node).items()},
    }
    return {name: value for name, value in said.items() if value}


def _of_link(content: Content, link: Link) -> dict[str, str]:
    said = {
        "handling": f"{link.record.handling.scheme}/{link.record.handling.code}",
        "records": link.record.handle,
        "since": link.since or "",
        "until": link.until or "",
        **{name: BETWEEN.join(values) for name, values in content.of_link(link).items()},
    }
    return {name: value for name, value in said.items() if value}


def _declared(chart: ET.Element, element: str, names: Iterable[str]) -> dict[str, str]:
    """The collection of what a chart uses, each with an id; returns name → id."""
    collection = ET.SubElement(chart, f"{element}Collection")
    more = {"Type": "AttText", "IsUser": "true"} if element == "AttributeClass" else {}
    found = {}
    for number, name in enumerate(sorted(names), 1):
        found[name] = f"{element[:2].upper()}{number}"
        ET.SubElement(collection, element, {"Id": found[name], "Name": name, **more})
    return found


def _summary(chart: ET.Element, content: Content, losses: Losses) -> None:
    summary = ET.SubElement(chart, "Summary")
    fields = ET.SubElement(summary, "FieldCollection")
    for kind, text in (("Title", f"graphsvc export, {content.stamp.codes}"), ("Comments", content.stamp.text())):
        ET.SubElement(fields, "Field", {"Type": f"SummaryField{kind}", "Field": plain(text, losses)})
    properties = ET.SubElement(summary, "CustomPropertyCollection")
    classified = {"Name": "Classification", "Type": "String", "Value": content.stamp.codes}
    ET.SubElement(properties, "CustomProperty", classified)


def _item(label: str, owners: Iterable[str], losses: Losses) -> dict[str, str]:
    source = ", ".join(sorted(set(owners)))
    return {"Label": plain(label, losses), **({"SourceReference": plain(source, losses)} if source else {})}


def _attributes(item: ET.Element, said: dict[str, str], classes: dict[str, str], losses: Losses) -> None:
    collection = ET.SubElement(item, "AttributeCollection")
    for name, value in said.items():
        named = {"AttributeClass": name, "AttributeClassReference": classes[name]}
        ET.SubElement(collection, "Attribute", {**named, "Value": plain(value, losses)})


def _full(moment: str | None) -> bool:
    return moment is not None and len(moment) >= 19 and moment[10] == "T"
