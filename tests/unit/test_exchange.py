"""Exports: every format holds what it should, stamped; read back it is the same graph; no cell is a formula."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from xml.etree import ElementTree as ET

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook

from graphsvc.exchange.forms import FORMS
from graphsvc.exchange.stamp import strictest, strictest_pap
from graphsvc.model.errors import InvalidInput
from graphsvc.model.exported import CLAIMS_HEAD, STIX_EXTENSION
from graphsvc.model.keyparts import owner_of, parts_of
from graphsvc.model.labels import Handling
from graphsvc.model.spreadsheets import guarded, released
from tests.exports import AWKWARD, SCHEMA, STAMP, everything, expected, exported, graph_of, keys, read_back

AGAIN = [name for name, form in FORMS.items() if form.again]
CODES = "TLP:RED, europol H1"


def test_every_key_can_be_said_again() -> None:
    seen = set()
    for kind, key in keys():
        own = owner_of(SCHEMA, kind, key)
        for org in ("police-ke", "pasar"):
            parts = parts_of(SCHEMA, kind, key, org)
            assert parts is not None, (kind, key)
            again = SCHEMA.key_of(kind, parts, org)
            assert (again == key) == (own in (None, org)), (kind, key, again)
            seen.add((kind, org, again))
    assert len(seen) >= 2 * len({*keys()}) - 6
    assert parts_of(SCHEMA, "Phone", "phone:e164:nonsense", "pasar") is None
    assert parts_of(SCHEMA, "Email", "email:address:Li@Example.com", "pasar") is None, "it would make another key"
    assert parts_of(SCHEMA, "Nothing", "nothing:x:y", "pasar") is None


@pytest.mark.parametrize("name", FORMS)
def test_every_format_is_stamped_and_says_what_it_lacks(name: str) -> None:
    data, losses = exported(everything(), name)
    text = data.decode("utf-8", "ignore") if name != "xlsx" else " ".join(_xlsx_texts(data))
    for word in (STAMP.viewer, STAMP.root, STAMP.at, "118", "pap-export", "RED"):
        assert word in text, (name, word)
    assert losses["Person: an entity whose key is withheld"] == 1
    assert exported(everything(), name)[0] == data or name == "xlsx", "the same answers give the same file"


@pytest.mark.parametrize("name", AGAIN)
def test_what_is_read_back_is_the_same_graph(name: str) -> None:
    content = everything()
    data, _ = exported(content, name)
    drafts, problems, _ = read_back(data, f"export{FORMS[name].ending}")
    assert not problems
    entities, links = graph_of(drafts)
    wanted = expected(content)
    assert entities == wanted[0]
    assert links == wanted[1] and len(links) == 8


@pytest.mark.parametrize("name", ["ndjson", "csv"])
def test_claims_keep_their_own_terms(name: str) -> None:
    data, _ = exported(everything(), name)
    drafts, _, _ = read_back(data, f"export{FORMS[name].ending}")
    (full,) = [one for one in drafts if any("about" in e.attributes.get("content", {}) for e in one.entities)]
    assert full.label.handling == Handling("tlp-2.0", "RED") and full.label.pap == "AMBER"
    assert (full.since, full.until) == ("2026-01-02T03:04:05Z", "2026-02-02T03:04:05Z")
    assert full.origin.organisation == "customs-cn" and full.origin.reference == "C/9"
    assert (full.grading.source, full.grading.information) == ("B", "2")
    (account,) = [one for one in full.entities if "about" in one.attributes.get("content", {})]
    assert account.attributes["identity"]["displayName"] == AWKWARD[0]
    assert account.attributes["operational"] == {"listings": 3, "realNameVerified": True}
    others = [one for one in drafts if one.label.handling == Handling("europol", "H1")]
    assert others and all(one.origin is None or not one.origin.organisation for one in others), (
        "the viewer's own have no origin"
    )


def test_another_organisation_takes_persons_under_references_of_its_own() -> None:
    from graphsvc.model.principals import Organisation

    data, _ = exported(everything(), "ndjson")
    drafts, problems, _ = read_back(data, "x.ndjson", Organisation("customs-cn", "customs", "CN", "Customs"))
    assert not problems
    entities, _ = graph_of(drafts)
    assert {one for one in entities if one.startswith("person:")} == {
        "person:customs-cn:R/1: a", "person:customs-cn:pasar/R/1: a",
    }  # fmt: skip


# Each format by its own reader


def test_no_cell_of_a_csv_is_a_formula() -> None:
    data, _ = exported(everything(), "csv")
    lines = list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))
    stamp = [line for line in lines if line[0].startswith("# ")]
    head, *rows = lines[len(stamp) :]
    assert tuple(head[: len(CLAIMS_HEAD)]) == CLAIMS_HEAD and len(rows) > 50
    for row in rows:
        assert all(cell[:1] not in ("=", "@", "\t", "\r") for cell in row)
        assert all(cell[:1] not in "+-" or cell[1:].replace("-", "").isdigit() for cell in row if cell)
    assert any(cell == f"'{AWKWARD[0]}" for row in rows for cell in row)


@given(st.text(st.sampled_from("=+-@'\t\r\n1 a＝"), max_size=6))
def test_a_guarded_cell_is_released_as_it_was(cell: str) -> None:
    assert released(guarded(cell)) == cell
    assert guarded(cell)[:1] not in ("=", "@", "\t", "\r", "\n", "＝")


def test_excel_reads_texts_and_no_formula() -> None:
    data, _ = exported(everything(), "xlsx")
    book = CalamineWorkbook.from_filelike(io.BytesIO(data))
    assert book.sheet_names == ["claims", "stamp"]
    rows = book.get_sheet_by_name("claims").to_python()
    assert tuple(rows[0][: len(CLAIMS_HEAD)]) == CLAIMS_HEAD
    assert any(AWKWARD[0] in row for row in rows), "as it was: a cell of text is no formula"
    assert "+8613800138000" in {cell for row in rows for cell in row if isinstance(cell, str)} or any(
        "+8613800138000" in str(cell) for row in rows for cell in row
    )
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for name in archive.namelist():
            assert b"<f>" not in archive.read(name) and b"externalLink" not in archive.read(name)


@pytest.mark.parametrize(("name", "read"), [("graphml", nx.read_graphml), ("gexf", nx.read_gexf)])
def test_networkx_reads_graphs(name: str, read: object) -> None:
    content = everything()
    data, losses = exported(content, name)
    graph = read(io.BytesIO(data))  # type: ignore[operator]
    assert set(graph.nodes) == set(content.nodes) and graph.number_of_edges() == len(content.links)
    assert sorted(said["kind"] for _, _, said in graph.edges(data=True)) == sorted(link.kind for link in content.links)
    assert name == "gexf" or b'"stamp.viewer"' in data[:4_000], "by which the importer knows it, however large it is"
    account = next(said for _, said in graph.nodes(data=True) if said.get("attribute.displayName"))
    assert account["attribute.displayName"] == AWKWARD[0] and account["attribute.also.displayName"] == "Somebody"
    assert losses["which record says which attribute of an entity, its grading, origin, times and expiry"] > 30


def test_analyst_s_notebook_gets_every_icon_and_line() -> None:
    content = everything()
    data, _ = exported(content, "anx")
    chart = ET.fromstring(data)
    items = chart.findall("ChartItemCollection/ChartItem")
    ids = {one.get("EntityId") for item in items for one in item.findall("End/Entity")}
    lines = [one for item in items for one in item.findall("Link")]
    assert len(ids) == len(content.nodes) and len(lines) == len(content.links)
    assert all({one.get("End1Id"), one.get("End2Id")} <= ids for one in lines)
    for element, collection in (("Entity/Icon/IconStyle", "EntityType"), ("LinkStyle", "LinkType")):
        declared = {one.get("Id"): one.get("Name") for one in chart.findall(f"{collection}Collection/{collection}")}
        used = [one for item in chart.iter() for one in item.findall(element)]
        assert used and all(declared[one.get(f"{collection}Reference")] == one.get("Type") for one in used)
    classes = {one.get("Id"): one.get("Name") for one in chart.findall("AttributeClassCollection/AttributeClass")}
    for one in chart.iter("Attribute"):
        assert classes[one.get("AttributeClassReference")] == one.get("AttributeClass") and one.get("Value")
    classified = chart.find("Summary/CustomPropertyCollection/CustomProperty")
    assert classified is not None and classified.get("Value") == CODES


def test_a_bundle_is_marked_object_by_object() -> None:
    bundle = json.loads(exported(everything(), "stix")[0])
    objects = {one["id"]: one for one in bundle["objects"]}
    assert len(objects) == len(bundle["objects"]) and STIX_EXTENSION in objects
    for one in objects.values():
        refs = [
            *one.get("object_marking_refs", []),
            *(one[word] for word in ("source_ref", "target_ref") if word in one),
        ]
        assert set(refs) <= set(objects), one["id"]
        if one["type"] not in ("marking-definition", "extension-definition") and one["id"] in objects:
            assert one["type"] == "identity" or one["object_marking_refs"]
    account = next(one for one in objects.values() if one["type"] == "user-account")
    names = [
        objects[ref].get("name") or objects[ref]["definition"]["statement"] for ref in account["object_marking_refs"]
    ]
    assert "TLP:RED" in names and "handling: europol H1" in names


def test_a_misp_event_has_references_and_tags() -> None:
    event = json.loads(exported(everything(), "misp")[0])["Event"]
    uuids = {one["uuid"] for one in event["Object"]}
    references = [one for made in event["Object"] for one in made["ObjectReference"]]
    assert len(references) == 9 and {one["referenced_uuid"] for one in references} <= uuids
    assert {tag["name"] for tag in event["Tag"]} >= {"graphsvc:export", "tlp:red", 'europol:handling="H1"', "PAP:AMBER"}
    values = {(one["type"], one["value"]) for made in event["Object"] for one in made["Attribute"]}
    assert ("phone-number", "+8613800138000") in values and ("email", "li.wei@example.com") in values


def test_follow_the_money_has_its_own_properties_too() -> None:
    lines = [json.loads(line) for line in exported(everything(), "ftm")[0].splitlines()]
    ids = {one["id"] for one in lines}
    assert len(ids) == len(lines)
    (phone,) = [one for one in lines if one["properties"].get("phone")]
    assert phone["schema"] == "UserAccount" and phone["properties"]["username"] == phone["properties"]["phone"] == [
        "+8613800138000"
    ]
    links = [one for one in lines if one["schema"] in ("UnknownLink", "Membership")]
    assert len(links) == 9
    for one in links:
        ends = [
            end for word in ("subject", "object", "member", "organization") for end in one["properties"].get(word, [])
        ]
        assert len(ends) == 2 and set(ends) <= ids


def test_a_case_graph_names_only_what_is_in_it() -> None:
    graph = json.loads(exported(everything(), "case")[0])
    ids = [one["@id"] for one in graph["@graph"]]
    assert len(set(ids)) == len(ids)

    def named(value: object) -> set[str]:
        if isinstance(value, dict):
            own = {value["@id"]} if set(value) == {"@id"} else set()
            return own.union(*map(named, value.values()))
        return set().union(*map(named, value)) if isinstance(value, list) else set()

    assert named(graph["@graph"]) <= set(ids)


def test_the_strictest_codes() -> None:
    codes = [Handling("tlp-2.0", "AMBER"), Handling("tlp-2.0", "AMBER+STRICT"), Handling("europol", "H0"),
             Handling("own", "X"), Handling("uk-3x5x2", "C"), Handling("europol", "H2")]  # fmt: skip
    assert strictest(codes) == (
        Handling("tlp-2.0", "AMBER+STRICT"), Handling("europol", "H2"), Handling("own", "X"), Handling("uk-3x5x2", "C"),
    )  # fmt: skip
    assert strictest([]) == () and strictest_pap(["GREEN", None, "AMBER"]) == "AMBER"
    assert strictest_pap(["GREEN", "?"]) == "RED", "what isn't known is taken for the strictest"


def _xlsx_texts(data: bytes) -> list[str]:
    book = CalamineWorkbook.from_filelike(io.BytesIO(data))
    return [str(cell) for name in book.sheet_names for row in book.get_sheet_by_name(name).to_python() for cell in row]


# Read back, what somebody has changed on the way


def test_lines_in_another_order_and_cut_short() -> None:
    content = everything()
    lines = exported(content, "csv")[0].split(b"\r\n")
    first = next(n for n, line in enumerate(lines) if line.startswith(b"claim,")) + 1
    whole = b"\r\n".join([*lines[:first], *reversed([line for line in lines[first:] if b"line" not in line]), b""])
    drafts, problems, _ = read_back(whole, "x.csv")
    assert {problem.code for problem in problems} <= {"bad_csv", "row_width"}, "only the cell with a line break was cut"
    assert graph_of(drafts)[0] <= expected(content)[0] and len(graph_of(drafts)[0]) > 40
    for cut in (len(whole) // 3, len(whole) // 2, len(whole) - 40):
        drafts, problems, _ = read_back(whole[:cut], "x.csv")
        assert {problem.code for problem in problems} <= {"row_width", "bad_csv"}
        assert graph_of(drafts)[0] <= expected(content)[0], "what is cut off makes nothing new"


@pytest.mark.parametrize("name", ["stix", "misp", "case", "graphml"])
def test_a_file_cut_short_is_refused(name: str) -> None:
    data, _ = exported(everything(), name)
    with pytest.raises(InvalidInput) as caught:
        read_back(data[: len(data) * 2 // 3], f"x{FORMS[name].ending}")
    assert caught.value.code == "bad_document"


def test_words_that_are_no_key_make_no_entity() -> None:
    data, _ = exported(everything(), "ftm")
    broken = data.replace(b"graphsvc-identifier:{", b"graphsvc-identifier:[{")
    drafts, problems, losses = read_back(broken, "x.ftm.json")
    assert not drafts and not problems
    assert losses["an entity whose key is withheld, or its link"] > 50
