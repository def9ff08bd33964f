"""Importers: native NDJSON, tables by mapping, real files, and what is said of wrong input."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import pytest

from graphsvc.model.cleaning import clean_draft, merge_defaults
from graphsvc.model.drafts import CleanDraft, Defaults, Draft, RowProblem
from graphsvc.model.errors import InvalidInput
from graphsvc.model.labels import Handling
from graphsvc.model.principals import Organisation
from graphsvc.model.schema import load_schema
from importers import CSV, NDJSON, format_of, importer_for
from importers.charsets import detect_charset
from importers.mapping import load_mapping
from importers.native import NativeImporter
from importers.rows import iter_rows
from importers.table import TableImporter

SCHEMA = load_schema()
MAPPINGS = Path(__file__).parents[2] / "importers" / "mappings"
POLICE = Organisation("police-ke", "police", "KE", "Police")
DEFAULTS = Defaults(handling=Handling("tlp-2.0", "GREEN"), purposes=["investigation"], legal_basis="law-enforcement")
ACCOUNTS = b"""format: csv
rows:
  - entities: [{ref: user, kind: Account, key: {site: {const: my-site}, id: user_id}},
               {ref: phone, kind: Phone, key: {value: phone}, optional: true}]
    links: [{kind: USES, from: user, to: phone}]
"""


def native(data, **more):
    return [found for _, found in NativeImporter().drafts(iter_rows(io.BytesIO(data), "ndjson", **more))]


def table(mapping, data):
    loaded = load_mapping(mapping, SCHEMA)
    body = io.BytesIO(data)
    importer = importer_for(CSV if loaded.format == "csv" else NDJSON, loaded, body)
    return [found for _, found in importer.drafts(iter_rows(body, loaded.format))]


def clean(draft, defaults=DEFAULTS):
    found = clean_draft(draft, SCHEMA, defaults, POLICE)
    assert isinstance(found, CleanDraft), found
    return found


def line(**more):
    return json.dumps(
        {"entities": [{"ref": "a", "kind": "Phone", "key": {"value": "+86 13800138000"}}]} | more
    ).encode()


def test_native_rows_keep_their_numbers():
    found = native(b"\xef\xbb\xbf" + line(row=99) + b"\n\n  \n" + line() + b"\n")
    assert [draft and draft.row for draft in found] == [0, None, None, 3]


def test_numbers_keep_every_digit():
    [draft] = native(
        b'{"entities":[{"ref":"l","kind":"Listing","key":{"site":"x","item":1},"attributes":{"price":0.10000000000000000001}}]}'
    )
    assert clean(draft).entities[0].attributes == {"financial": {"price": "0.10000000000000000001"}}


@pytest.mark.parametrize(
    ("data", "code", "pointer", "message"),
    [
        (b'{"entities":[{"ref":"a","kind":"Phone","key":{"value":"\xff"}}]}', "broken_utf8", "", "UTF-8"),
        (b"\xff\xfe{", "broken_utf8", "", "byte 0"),
        (b'{"entities":', "bad_json", "", "one a line"),
        (b'{"entities":[{"ref":"a","kind":"x","key":{"v":' + b"[" * 100_000, "bad_json", "", "nested"),
        (b"[]", "bad_draft", "", "schema/submission.schema.json"),
        (b"{}", "bad_draft", "", "entities"),
        (b'{"entities":[{"ref":"a","kind":1,"key":{}}]}', "bad_draft", "/entities/0/kind", "Expected `str`"),
        (b'{"entities":[{"ref":"a","kind":"x","keys":{}}]}', "bad_draft", "/entities/0", "keys"),
        (b'{"entities":[],"links":[{"kind":"USES","from":"a"}]}', "bad_draft", "/links/0", "to"),
        (line(handling="RED"), "bad_draft", "/handling", "Expected `object"),
    ],
)
def test_native_problems(data, code, pointer, message):
    [problem] = native(data)
    assert isinstance(problem, RowProblem)
    assert (problem.row, problem.code, problem.pointer) == (0, code, pointer) and message in problem.message


def test_row_above_the_limit_is_told_apart():
    found = native(line() + b"\n" + line(expires="x" * 500) + b"\n" + line(), max_row=300)
    assert isinstance(found[0], Draft) and isinstance(found[2], Draft)
    assert (found[1].code, found[1].row) == ("row_too_long", 1)


def test_five_lines_load_a_csv():
    found = table(ACCOUNTS, b"user_id,phone\nu1,+86 138 0013 8000\nu2,\n\n")
    assert found[0] is None and found[3] is None
    first, second = clean(found[1]), clean(found[2])
    assert [entity.key for entity in first.entities] == ["account:my-site:u1", "phone:e164:+8613800138000"]
    assert len(first.links) == 1 and (len(second.entities), second.links) == (1, [])


def test_every_value_and_rule_feature():
    mapping = b"""
format: csv
delimiter: ";"
comment: "#"
region: CN
defaults: {handling: {scheme: tlp-2.0, code: GREEN}, purposes: [analysis]}
otherwise: skip
rows:
  - when: [{column: what, equals: parcel}, {column: state, in: [ok, held]}]
    expires: until
    observed: {since: {column: seen, timezone: "+08:00"}}
    handling: {scheme: {const: europol}, code: code}
    grading: {scheme: {const: admiralty}, source: {const: B}, information: {const: "2"}}
    entities:
      - ref: p
        kind: Parcel
        key: {courier: {const: swiftline}, waybill: {template: "{prefix}-{no}"}}
        attributes:
          state: {column: state, map: {ok: delivered}, other: held}
          acceptedAt: {column: seen, timezone: "+08:00"}
          description: {column: text, absent: [n/a]}
      - {ref: s, kind: Phone, key: {value: phone}}
    links:
      - {kind: SENT_BY, from: p, to: s, attributes: {name: name}, observed: {until: until}}
  - when: {column: ip, present: true}
    entities:
      - {ref: d, kind: Device, key: {imei: imei}, attributes: {ipAddress: {column: ip, split: "|"}}}
  - when: {column: ip, absent: true}
    entities: [{ref: x, kind: Person, key: {ref: name}}]
"""
    header = b"what;state;until;seen;code;prefix;no;text;phone;name;ip;imei\n"
    row = b'parcel;held;2027-01-01;2025-03-01 22:14;h2;SW;123456;"N/A";138 0013 8000;"Li; Wei";'
    row += b"192.0.2.1|192.0.2.2;49015420323751\n"
    found = table(mapping, b"# made by hand\n" + header + row + b"other;;;;;;;;;;;\nother;;;;;;;;;Li;;\n")
    assert found[0] is None and found[1] is None
    done = clean(found[2], merge_defaults(DEFAULTS, load_mapping(mapping).defaults))
    parcel, phone, device = done.entities
    assert parcel.key == "parcel:swiftline:SW123456" and phone.key == "phone:e164:+8613800138000"
    assert parcel.attributes == {"operational": {"state": "held", "acceptedAt": "2025-03-01T14:14:00Z"}}
    assert device.attributes == {"operational": {"ipAddress": ["192.0.2.1", "192.0.2.2"]}}
    assert (
        done.links[0].attributes == {"personal": {"name": "Li; Wei"}} and done.links[0].until == "2027-01-01T23:59:59Z"
    )
    assert (done.since, done.expires) == ("2025-03-01T14:14:00Z", "2027-01-01T00:00:00Z")
    assert (done.label.handling.code, done.grading.source) == ("H2", "B")
    assert found[3].code == "missing_value" and "name" in found[3].message
    assert clean(found[4]).entities[0].key == "person:police-ke:Li"


def test_quoted_records_over_several_lines():
    mapping = b"format: csv\nrows: [{entities: [{ref: a, kind: Person, key: {ref: id}, attributes: {note: text}}]}]"
    found = table(mapping, b'\xef\xbb\xbf"id","text"\r\n1,"said ""no""\r\nand left"\r\n"2",x\xe2\x80\xa8y\r\n')
    assert [draft and draft.row for draft in found] == [None, 1, 2]
    assert clean(found[1]).entities[0].attributes == {"content": {"note": 'said "no"\nand left'}}


def test_csv_without_header_and_tabs():
    mapping = (
        b'format: csv\ndelimiter: "\\t"\ncolumns: [id, x]\nrows: [{entities: [{ref: a, kind: Person, key: {ref: id}}]}]'
    )
    assert [draft.entities[0].key for draft in table(mapping, b"Mr.\t1\nMs.CC\t2\n")] == [
        {"ref": "Mr."},
        {"ref": "Ms.CC"},
    ]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"user_id,phone\nu1,1,2\n", "row_width"),
        (b"user_id,phone\n,1\n", "missing_value"),
        (b'user_id,phone\n"u1"x,1\n', "bad_csv"),
        (b'user_id,phone\nu1,"1\n', "bad_csv"),
        (b'user_id,phone\nu1,"' + b"1" * 140_000 + b'"\n', "cell_too_long"),
        (b"user_id,phone\n" + b"u" * (1 << 20) + b",1\n", "row_too_long"),
    ],
)
def test_table_problems(data, code):
    problem = table(ACCOUNTS, data)[1]
    assert isinstance(problem, RowProblem) and (problem.code, problem.row) == (code, 1) and problem.message


def test_empty_cells_after_the_last_column_are_no_problem():
    assert isinstance(table(ACCOUNTS, b"user_id,phone\nu1,1,,\n")[1], Draft)


@pytest.mark.parametrize(
    ("header", "code"),
    [(b"user,phone\n", "missing_column"), (b"user_id,user_id,phone\n", "double_column")],
)
def test_wrong_headers_refuse_the_table(header, code):
    with pytest.raises(InvalidInput) as caught:
        table(ACCOUNTS, header + b"1,2,3\n")
    assert caught.value.code == code and "user_id" in caught.value.message


def test_row_that_no_rule_holds_for_is_reported():
    mapping = b"format: csv\nrows: [{when: {column: t, equals: x}, entities: [{ref: a, kind: Person, key: {ref: t}}]}]"
    assert [found and found.code for found in table(mapping, b"t\ny\n")] == [None, "no_rule"]


def test_ndjson_by_mapping():
    entity = b"{ref: a, kind: Person, key: {ref: a.b}, attributes: {alias: n}}"
    mapping = b"format: ndjson\nrows: [{when: {column: ok, equals: true}, entities: [" + entity + b"]}]"
    found = table(mapping, b'{"ok":true,"a":{"b":5},"n":["x","","y"]}\n{"ok":true,"a":1}\n[]\n{"ok":false}\n\xff\n')
    assert clean(found[0]).entities[0].key == "person:police-ke:5"
    assert clean(found[0]).entities[0].attributes == {"personal": {"alias": ["x", "y"]}}
    assert [problem.code for problem in found[1:]] == ["missing_value", "bad_json", "no_rule", "broken_utf8"]


def test_charset_is_found_and_reported():
    rows = "user_id,phone\n" + "plain,\n" * 50_000 + "联通,+8613800138000\n"
    for charset in ("utf-8", "gb18030"):
        body = io.BytesIO(rows.encode(charset))
        assert detect_charset(body) == charset and body.tell() == 0
        importer = importer_for(CSV, load_mapping(ACCOUNTS), body)
        assert importer.charset == charset
        *_, (_, last) = importer.drafts(iter_rows(body, "csv"))
        assert clean(last).entities[0].key == "account:my-site:联通"
    with pytest.raises(InvalidInput) as caught:
        detect_charset(io.BytesIO(b"\xff\xff"))
    assert caught.value.code == "unknown_charset"


def test_stated_charset_is_strict():
    importer = TableImporter(load_mapping(ACCOUNTS), "utf-8")
    found = [found for _, found in importer.drafts(iter_rows(io.BytesIO(b"user_id,phone\n\xc1\xaa,1\n"), "csv"))]
    assert found[1].code == "broken_utf8"


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ("format: csv", "format: xls", "Invalid enum"),
        ("kind: Account", "kind: Acount", "/rows/0/entities/0/kind"),
        ("id: user_id", "number: user_id", "/rows/0/entities/0/key"),
        ("kind: USES", "kind: USED", "/rows/0/links/0/kind"),
        ("from: user, to: phone", "from: phone, to: user", "/rows/0/links/0"),
        ("to: phone}", "to: fone}", "/rows/0/links/0/to"),
        ("to: phone}", "to: phone, attributes: {x: y}}", "/rows/0/links/0/attributes/x"),
        ("optional: true", "optional: true, attributes: {x: y}", "/rows/0/entities/1/attributes/x"),
        ("{const: my-site}", "{const: a, column: b}", "/rows/0/entities/0/key/site"),
        ("{const: my-site}", "{column: b, timezone: CST}", "/rows/0/entities/0/key/site/timezone"),
        ("{const: my-site}", "{konst: a}", "konst"),
        ("ref: phone", "ref: user", "/rows/0/entities"),
        ("format: csv", "format: csv\ndelimiter: a", "/delimiter"),
        ("format: csv", "format: csv\nencoding: utf-16", "/encoding"),
        ("format: csv", "format: ndjson\ncolumns: [a]", "/format"),
        ("  - entities", "  - when: {column: a}\n    entities", "/rows/0/when"),
        ("format: csv", "format: csv\nformat: csv", "comes twice"),
        ("format: csv", "format: [", "YAML"),
    ],
)
def test_mistakes_in_a_mapping_say_where(old, new, where):
    text = ACCOUNTS.decode()
    assert old in text
    with pytest.raises(InvalidInput) as caught:
        load_mapping(text.replace(old, new, 1).encode(), SCHEMA)
    assert where in caught.value.message


def test_bodies_and_mappings_must_fit():
    mapping = load_mapping(ACCOUNTS)
    assert mapping.digest.startswith("sha256:") and mapping.digest != load_mapping(ACCOUNTS + b"\n").digest
    assert format_of("Text/CSV; charset=utf-8").name == "csv"
    for media, given, code in (
        (CSV, None, "mapping_missing"),
        (NDJSON, mapping, "mapping_mismatch"),
        ("text/html", None, "unknown_media_type"),
    ):
        with pytest.raises(InvalidInput) as caught:
            importer_for(media, given, io.BytesIO())
        assert caught.value.code == code


@pytest.mark.parametrize("path", sorted(MAPPINGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_ready_mappings_fit_the_schema(path):
    assert load_mapping(path.read_bytes(), SCHEMA).title


READY = {
    "marketplace-accounts": (
        "site,user_id,display_name,phone,email,device_imei,listing_id,listing_title\n"
        "taobao,u9,Old carvings,+86 138 0013 8000,li@example.com,49015420323751,778899,XY jelly\n",
        ["account:taobao:u9", "phone:e164:+8613800138000", "email:address:li@example.com",
         "device:imei:490154203237518",
         "listing:taobao:778899"],
    ),
    "courier-parcels": (
        "courier,waybill,sender_phone,receiver_phone,sender_name,destination,receiver_address\n"
        "swiftline,SWL-0042-77,+84 91 234 56 78,0086 13800138000,Anh,CN,\n",
        ["parcel:swiftline:SWL004277", "phone:e164:+84912345678", "phone:e164:+8613800138000"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(READY))
def test_ready_mappings_of_contributors(name):
    text, keys = READY[name]
    defaults = merge_defaults(DEFAULTS, Defaults(region="VN"))
    found = table((MAPPINGS / f"{name}.yaml").read_bytes(), text.encode())
    done = clean(found[1], defaults)
    assert [entity.key for entity in done.entities] == keys and len(done.links) == len(keys) - 1


def data_directory() -> Path:
    found = Path(os.environ.get("GRAPHSVC_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))
    if not found.is_dir() and not os.environ.get("GRAPHSVC_REQUIRE_TEST_DATA"):
        pytest.skip("no test data here: set GRAPHSVC_TEST_DATA")
    return found


@pytest.mark.parametrize(
    ("file", "mapping", "entities", "links", "first"),
    [
        ("roxanne/roxsd_drug.json", "roxanne", 21, 38, "account:roxsd:C01_M"),
        ("roxanne/roxsd_money.json", "roxanne", 21, 38, "account:roxsd:G01_M"),
        ("covert_13_Cocaine-Dealing-Natarajan/covert_13.nodes.csv", "covert-nodes", 28, 0, "person:police-ke:Bill"),
        ("covert_13_Cocaine-Dealing-Natarajan/covert_13.edges.csv", "covert-edges", 28, 40, "person:police-ke:Bill"),
        ("covert_21_Heroin-Dealing-Natarajan/covert_21.nodes.csv", "covert-nodes", 38, 0, "person:police-ke:Mr.A"),
        ("covert_21_Heroin-Dealing-Natarajan/covert_21.edges.csv", "covert-edges", 38, 87, "person:police-ke:Mr.A"),
        ("covert_47_Togo/covert_47.nodes.csv", "covert-nodes", 33, 0, "person:police-ke:1"),
        ("covert_47_Togo/covert_47.edges.csv", "covert-edges", 33, 47, "person:police-ke:1"),
        ("covert_17_Drugnet/covert_17.nodes.csv", "covert-nodes", 293, 0, "person:police-ke:1"),
    ],
)
def test_real_networks(file, mapping, entities, links, first):
    data = (data_directory() / "networks" / file).read_bytes()
    found = [draft for draft in table((MAPPINGS / f"{mapping}.yaml").read_bytes(), data) if draft is not None]
    done = [clean(draft) for draft in found]
    assert done[0].entities[0].key == first
    assert len({entity.key for draft in done for entity in draft.entities}) == entities
    assert sum(len(draft.links) for draft in done) == links
    assert not [draft.unlinked for draft in done if draft.unlinked]


def test_masked_phones_and_weights_of_the_real_files():
    networks = data_directory() / "networks"
    roxanne = table((MAPPINGS / "roxanne.yaml").read_bytes(), (networks / "roxanne/roxsd_drug.json").read_bytes())
    assert roxanne[0] is None, "the first line is a comment"
    assert clean(roxanne[1]).entities[0].attributes["content"] == {"about": "+420 608 447 63X"}
    operational = clean(roxanne[22]).links[0].attributes["operational"]
    assert operational == {"channel": "call", "observed": True, "confidence": "0.11071130074560642"}
    edges = (networks / "covert_13_Cocaine-Dealing-Natarajan/covert_13.edges.csv").read_bytes()
    assert clean(table((MAPPINGS / "covert-edges.yaml").read_bytes(), edges)[1]).links[0].attributes == {
        "operational": {"weight": "2"}
    }


def test_a_mapping_reads_grading_and_origin_from_columns():
    mapping = b"""format: csv
defaults: {origin: {organisation: watch}}
rows:
  - entities: [{ref: phone, kind: Phone, key: {value: phone}}]
    grading: {scheme: {const: admiralty}, source: source, information: information}
    origin: {organisation: {column: from, optional: true}, reference: report}
"""
    rows = table(mapping, b"phone,source,information,from,report\n+254712345678,B,2,police-ke,7\n+254712345679,A,1,,\n")
    first, second = (one for one in rows if isinstance(one, Draft))
    assert (first.grading.source, first.grading.information) == ("B", "2")
    assert (first.origin.organisation, first.origin.reference) == ("police-ke", "7")
    defaults = merge_defaults(DEFAULTS, load_mapping(mapping).defaults)
    clean = clean_draft(second, SCHEMA, defaults, POLICE)
    assert isinstance(clean, CleanDraft) and (clean.origin.organisation, clean.origin.reference) == ("watch", "")
