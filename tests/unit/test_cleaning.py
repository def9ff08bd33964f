"""Cleaning of drafts: what is accepted, what is kept unlinked, and what each refused row is told."""

from __future__ import annotations

import msgspec
import pytest

from graphsvc.model.cleaning import clean_draft, merge_defaults
from graphsvc.model.drafts import CleanDraft, Defaults, Draft, Grading, Origin, RowProblem
from graphsvc.model.labels import Handling
from graphsvc.model.principals import Organisation
from graphsvc.model.schema import load_schema

SCHEMA = load_schema()
PASAR = Organisation("pasar", "company", "ID", "Pasar")
DEFAULTS = Defaults(
    handling=Handling("tlp-2.0", "TLP:AMBER"),
    purposes=["prevention", "investigation"],
    legal_basis="agreement",
    region="CN",
)
ACCOUNT = {"ref": "a", "kind": "Account", "key": {"site": "Taobao", "id": "@u1"}}
PHONE = {"ref": "p", "kind": "Phone", "key": {"value": "138 0013 8000"}}
USES = {"kind": "USES", "from": "a", "to": "p"}


def cleaned(entities, links=(), defaults=DEFAULTS, notes=None, **more):
    draft = msgspec.convert({"entities": list(entities), "links": list(links), "row": 7, **more}, Draft)
    return clean_draft(draft, SCHEMA, defaults, PASAR, notes)


def accepted(*args, **more) -> CleanDraft:
    found = cleaned(*args, **more)
    assert isinstance(found, CleanDraft), found
    return found


def refused(*args, **more) -> list[tuple[str, str]]:
    found = cleaned(*args, **more)
    assert isinstance(found, list) and all(isinstance(p, RowProblem) and p.row == 7 and p.message for p in found), found
    return [(problem.code, problem.pointer) for problem in found]


def test_row_becomes_record():
    account = ACCOUNT | {
        "attributes": {"displayName": " Old  shop ", "followers": "12", "about": None, "verifiedName": ""}
    }
    link = USES | {"observed": {"since": "2025-03-01", "until": "2025-03-01"}}
    row = accepted(
        [account, PHONE],
        [link],
        expires="2027-01-01",
        grading={"scheme": "admiralty", "source": "b", "information": "2"},
    )
    assert [entity.key for entity in row.entities] == ["account:taobao:u1", "phone:e164:+8613800138000"]
    assert row.entities[0].attributes == {"identity": {"displayName": "Old shop"}, "operational": {"followers": 12}}
    assert (row.links[0].source, row.links[0].target) == (0, 1)
    assert (row.links[0].since, row.links[0].until) == ("2025-03-01T00:00:00Z", "2025-03-01T23:59:59Z")
    assert row.expires == "2027-01-01T00:00:00Z" and row.grading == Grading("admiralty", "B", "2")
    assert row.row == 7 and row.unlinked == []


def test_label_is_complete_sorted_and_shared():
    row = accepted([PHONE], groups=["task-force-9", "Alliance"])
    label = row.label
    assert (label.owner, label.owner_kind, label.jurisdiction) == ("pasar", "company", "ID")
    assert label.handling == Handling("tlp-2.0", "AMBER") and label.pap == "RED"
    assert label.purposes == ("investigation", "prevention") and label.groups == ("alliance", "task-force-9")
    assert accepted([ACCOUNT], groups=["alliance", "task-force-9"]).label == label
    assert accepted([PHONE]).label is accepted([ACCOUNT]).label


def test_row_may_be_given_for_no_purpose():
    assert accepted([PHONE], purposes=[]).label.purposes == ()


def test_row_overrides_defaults():
    label = accepted([PHONE], handling={"scheme": "europol", "code": "h1"}, pap="green", purposes=["analysis"]).label
    assert (label.handling.code, label.pap, label.purposes) == ("H1", "GREEN", ("analysis",))


def test_masked_phone_is_kept_marked_and_never_linked():
    row = accepted([ACCOUNT, PHONE | {"key": {"value": "+420 608 447 63X"}}], [USES])
    assert [entity.kind for entity in row.entities] == ["Account"] and row.links == []
    assert row.unlinked == [["/entities/1/key", "invalid_phone", "+420 608 447 63X"]]


def test_bad_attribute_is_kept_and_marked():
    row = accepted([ACCOUNT | {"attributes": {"registeredAt": "yesterday", "displayName": "x"}}])
    assert row.entities[0].attributes == {"identity": {"displayName": "x"}}
    assert row.unlinked == [["/entities/0/attributes/registeredAt", "invalid_date", "yesterday"]]


def test_nothing_left_refuses_the_row():
    assert refused([PHONE | {"key": {"value": "+420 608 447 63X"}}]) == [("nothing_left", "/entities")]
    assert refused([]) == [("no_entities", "/entities")]


def test_one_thing_named_twice_is_one_entity():
    other = {"ref": "q", "kind": "Phone", "key": {"value": "+86 138-0013-8000"}, "attributes": {"carrier": "CM"}}
    row = accepted([ACCOUNT, PHONE, other], [USES, USES | {"to": "q"}])
    assert [entity.kind for entity in row.entities] == ["Account", "Phone"]
    assert [link.target for link in row.links] == [1, 1]
    assert row.entities[1].attributes == {"operational": {"carrier": "CM"}}
    clash = PHONE | {"attributes": {"carrier": "CU"}}
    assert refused([clash, other]) == [("contradiction", "/entities/1/attributes/carrier")]


def test_several_values_lose_doubles_and_bad_ones_are_marked():
    device = {
        "ref": "d",
        "kind": "Device",
        "key": {"imei": "49015420323751"},
        "attributes": {"ipAddress": ["192.0.2.1", "x", "192.0.2.1"]},
    }
    row = accepted([device])
    assert row.entities[0].attributes == {"operational": {"ipAddress": ["192.0.2.1"]}}
    assert row.unlinked == [["/entities/0/attributes/ipAddress/1", "invalid_ip", "x"]]


@pytest.mark.parametrize(
    ("entities", "links", "problem"),
    [
        ([ACCOUNT | {"kind": "Acount"}], [], ("unknown_kind", "/entities/0/kind")),
        ([ACCOUNT | {"key": {"site": "taobao"}}], [], ("missing_key_part", "/entities/0/key")),
        ([ACCOUNT | {"key": {"site": "taobao", "id": "1", "x": "2"}}], [], ("unknown_key_part", "/entities/0/key")),
        ([ACCOUNT | {"key": {"site": ["taobao"], "id": "1"}}], [], ("wrong_type", "/entities/0/key")),
        (
            [ACCOUNT | {"attributes": {"colour/x": "red"}}],
            [],
            ("unknown_attribute", "/entities/0/attributes/colour~1x"),
        ),
        ([ACCOUNT | {"attributes": {"displayName": {}}}], [], ("wrong_type", "/entities/0/attributes/displayName")),
        ([ACCOUNT, ACCOUNT], [], ("double_ref", "/entities/1/ref")),
        ([ACCOUNT, PHONE], [USES | {"to": "z"}], ("unknown_ref", "/links/0/to")),
        ([ACCOUNT, PHONE], [USES | {"from": "z"}], ("unknown_ref", "/links/0/from")),
        ([ACCOUNT, PHONE], [USES | {"kind": "USE"}], ("unknown_link", "/links/0/kind")),
        ([ACCOUNT, PHONE], [USES | {"from": "p", "to": "a"}], ("link_not_allowed", "/links/0")),
        ([ACCOUNT, PHONE], [USES | {"attributes": {"x": 1}}], ("unknown_attribute", "/links/0/attributes/x")),
        (
            [ACCOUNT, PHONE],
            [USES | {"observed": {"since": "2025", "until": "2024"}}],
            ("invalid_time", "/links/0/observed/since"),
        ),
        ([ACCOUNT] * 201, [], ("too_many_claims", "/entities")),
        ([ACCOUNT, PHONE], [USES] * 999, ("too_many_claims", "/links")),
    ],
)
def test_wrong_rows_say_where_and_why(entities, links, problem):
    assert problem in refused(entities, links)


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ({"handling": {"scheme": "tlp", "code": "RED"}}, ("unknown_scheme", "/handling/scheme")),
        ({"handling": {"scheme": "tlp-2.0", "code": "PINK"}}, ("not_in_list", "/handling/code")),
        ({"pap": "PINK"}, ("not_in_list", "/pap")),
        ({"purposes": ["curiosity"]}, ("not_in_list", "/purposes/0")),
        ({"legalBasis": "because"}, ("not_in_list", "/legalBasis")),
        ({"groups": ["a b"]}, ("bad_group", "/groups/0")),
        ({"grading": {"scheme": "stars", "source": "5", "information": "5"}}, ("bad_grading", "/grading/scheme")),
        ({"grading": {"scheme": "admiralty", "source": "Z", "information": "1"}}, ("bad_grading", "/grading/source")),
        ({"grading": {"scheme": "admiralty", "source": "A"}}, ("bad_grading", "/grading/information")),
        ({"expires": "soon"}, ("invalid_date", "/expires")),
        ({"observed": {"since": "2025-02-01", "until": "2025-01-01"}}, ("bad_interval", "/observed")),
    ],
)
def test_wrong_conditions_say_where_and_why(more, problem):
    assert refused([PHONE], **more) == [problem]


def test_conditions_must_come_from_somewhere():
    assert refused([PHONE], defaults=Defaults(region="CN")) == [("handling_missing", "/handling")]
    bare = Defaults(region="CN", handling=DEFAULTS.handling, purposes=["analysis"])
    assert refused([PHONE], defaults=bare) == [("legal_basis_missing", "/legalBasis")]


def test_all_problems_of_a_row_come_at_once():
    found = refused([ACCOUNT | {"kind": "X"}, PHONE | {"ref": "q", "key": {}}], [USES | {"to": "z"}], pap="PINK")
    assert [code for code, _ in found] == ["not_in_list", "unknown_kind", "missing_key_part", "unknown_ref"]


def test_messages_tell_what_to_do_and_repeat_no_value():
    found = cleaned([ACCOUNT | {"kind": "Acount"}])
    assert "did you mean Account?" in found[0].message
    notes: list[RowProblem] = []
    accepted([PHONE | {"attributes": {"lineType": "secret-word"}}], notes=notes)
    assert "mobile" in notes[0].message and "secret-word" not in notes[0].message


def test_a_bad_code_costs_its_value_and_not_the_row():
    notes: list[RowProblem] = []
    account = ACCOUNT | {"attributes": {"state": "sleeping", "displayName": "Old Tusk", "registrationCountry": "XX"}}
    row = accepted([account, PHONE], [USES], notes=notes)
    assert row.entities[0].attributes == {"identity": {"displayName": "Old Tusk"}}
    assert [entity.key for entity in row.entities] == ["account:taobao:u1", "phone:e164:+8613800138000"] and len(
        row.links
    ) == 1
    assert [one[:2] for one in row.unlinked] == [[f"/entities/0/attributes/{name}", "not_in_list"] for name in
                                                 ("state", "registrationCountry")]  # fmt: skip
    assert [(note.code, note.pointer) for note in notes] == [(code, pointer) for pointer, code, _ in row.unlinked]


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("#N/A", "error_cell"),
        ("#REF!", "error_cell"),
        ("#WERT!", "error_cell"),
        ("Err:502", "error_cell"),
        ("########", "error_cell"),
        ("NULL", "no_value"),
        ("nan", "no_value"),
        ("(null)", "no_value"),
        ("N/A", "no_value"),
        ("\\N", "no_value"),
        ("—", "no_value"),
        ("1.23457E+14", "digits_lost"),
        ("2,5e+11", "digits_lost"),
        ("3E+14", "digits_lost"),
        ("12345678901234567.0", "digits_lost"),
    ],
)
def test_what_a_spreadsheet_left_of_an_identifier_is_never_a_key(value, code):
    for kind, key in (
        ("Account", {"site": "taobao", "id": value}),
        ("Phone", {"value": value}),
        ("Parcel", {"courier": "sto", "waybill": value}),
        ("Vehicle", {"country": "KE", "plate": value}),
        ("PaymentAccount", {"provider": "alipay", "account": value}),
        ("Person", {"ref": value}),
    ):
        row = accepted([ACCOUNT, {"ref": "x", "kind": kind, "key": key}])
        assert len(row.entities) == 1 and row.unlinked == [["/entities/1/key", code, " ".join(key.values())]], kind


def test_a_float_artefact_is_the_number_that_it_was():
    number, phone = {"site": "taobao", "id": "1234567.0"}, {"value": "13800138000.0"}
    row = accepted([ACCOUNT | {"key": number}, PHONE | {"key": phone}])
    assert [entity.key for entity in row.entities] == ["account:taobao:1234567", "phone:e164:+8613800138000"]
    assert accepted([ACCOUNT | {"key": {"site": "x.example", "id": "2.0"}}]).entities[0].key == "account:x.example:2.0"


def test_manifest_wins_over_mapping_but_for_the_region():
    merged = merge_defaults(Defaults(pap="GREEN", region="ID"), None, Defaults(pap="RED", region="VN"))
    assert merged == Defaults(pap="GREEN", region="VN")
    assert merge_defaults(Defaults(region="ID"), Defaults(pap="RED")) == Defaults(pap="RED", region="ID")


def test_clean_drafts_survive_msgpack_and_json():
    row = accepted([ACCOUNT, PHONE], [USES])
    for codec in (msgspec.json, msgspec.msgpack):
        assert codec.decode(codec.encode(row), type=CleanDraft) == row


def test_an_origin_is_cleaned_and_falls_back_to_the_submissions():
    origin = {"organisation": " Police-KE ", "reference": "Ｒ 7"}
    assert accepted([PHONE], origin=origin).origin == Origin("police-ke", "R 7")
    assert accepted([PHONE], origin={"reference": "R 7"}).origin == Origin("pasar", "R 7"), "one's own, by default"
    assert accepted([PHONE], origin={}).origin is accepted([PHONE], origin={"organisation": "pasar"}).origin is None
    said = msgspec.structs.replace(DEFAULTS, origin=Origin("police-ke", "all"))
    assert accepted([PHONE], defaults=said).origin == Origin("police-ke", "all")
    assert accepted([PHONE], defaults=said, origin={"reference": "12"}).origin == Origin("police-ke", "12")
    assert accepted([PHONE], defaults=said, origin={"organisation": "watch"}).origin == Origin("watch")
    for wrong in ("x", "-ab", "ab-", "0ab", "a b c", "a" * 41):
        assert refused([PHONE], origin={"organisation": wrong}) == [("bad_origin", "/origin/organisation")]
    assert refused([PHONE], origin={"reference": "x" * 201}) == [("bad_origin", "/origin/reference")]


def test_two_numbers_in_a_cell_are_two_entities_with_the_same_links():
    phones = PHONE | {"key": {"value": "138 0013 8000、13900139000"}, "attributes": {"carrier": "CM"}}
    row = accepted([ACCOUNT, phones], [USES])
    keys = [entity.key for entity in row.entities]
    assert keys == ["account:taobao:u1", "phone:e164:+8613800138000", "phone:e164:+8613900139000"]
    assert [(link.source, link.target) for link in row.links] == [(0, 1), (0, 2)]
    assert row.entities[1].attributes == row.entities[2].attributes and row.unlinked == []
    assert row.entities[1].attributes is not row.entities[2].attributes


def test_what_else_stands_beside_a_number_is_kept_with_its_reason():
    notes: list[RowProblem] = []
    row = accepted([ACCOUNT, PHONE | {"key": {"value": "13800138000; 139****9000"}}], [USES], notes=notes)
    assert [entity.key for entity in row.entities] == ["account:taobao:u1", "phone:e164:+8613800138000"]
    assert row.unlinked == [["/entities/1/key", "invalid_phone", "139****9000"]]
    assert len(row.links) == 1 and "masked" in notes[0].message


def test_an_amount_for_two_numbers_is_no_amount_for_each():
    phones = PHONE | {"key": {"value": "13800138000/13900139000"}}
    other = {"ref": "q", "kind": "Phone", "key": {"value": "13700137000"}}
    paid = {"kind": "PAID_TO", "from": "q", "to": "p", "attributes": {"amount": "100"}}
    row = accepted([phones, other], [paid])
    assert len(row.entities) == 3 and row.links == []
    assert row.unlinked == [["/links/0", "several_values", "PAID_TO"]]
