"""The schema files: all kinds there, numbers fixed, mistakes named with their file."""

from __future__ import annotations

import json
import shutil

import pytest

from graphsvc.model import generate
from graphsvc.model.errors import InvalidInput
from graphsvc.model.jsonschema import submission_schema
from graphsvc.model.product import product_data
from graphsvc.model.scalars import ValueProblem
from graphsvc.model.schema import load_schema

SCHEMA = load_schema()
NUMBERS = {
    "Person": 1, "Organisation": 2, "Account": 3, "Phone": 4, "Email": 5, "Device": 6, "PaymentAccount": 7,
    "Address": 8, "Vehicle": 9, "Container": 10, "Parcel": 11, "Listing": 12, "Image": 13, "Permit": 14,
    "Specimen": 15, "Taxon": 16, "Seizure": 17, "Case": 18, "Event": 19,
    "IpAddress": 20, "IdentityDocument": 21, "BankCard": 22,
}  # fmt: skip
LINKS = (
    "CONTROLS USES POSTED DEPICTS OFFERS SENT_BY SENT_TO PICKED_UP_BY HANDLED_BY PAID_TO CONTACTED MEMBER_OF "
    "LOCATED_AT SEIZED_IN CONTAINED INVOLVES MENTIONS"
)


def test_kinds_keep_their_numbers():
    assert {kind.name: kind.number for kind in SCHEMA.kinds.values()} == NUMBERS
    assert sorted(SCHEMA.links) == sorted(LINKS.split())


@pytest.mark.parametrize("kind", list(SCHEMA.kinds.values()), ids=lambda kind: kind.name)
def test_every_kind_takes_part_in_links(kind):
    assert any(kind.name in link.sources for link in SCHEMA.links.values()) or any(
        kind.name in link.targets for link in SCHEMA.links.values()
    )


def test_keys_of_contributors_stay_apart():
    mine, theirs = (SCHEMA.key_of("Person", {"ref": "A-1"}, org) for org in ("pasar", "swiftline"))
    assert mine == "person:pasar:A-1" != theirs
    assert SCHEMA.key_of("Organisation", {"ref": "x"}, "pasar") != SCHEMA.key_of("Organisation", {"ref": "x"}, "lei")


@pytest.mark.parametrize(
    ("kind", "parts", "code"),
    [
        ("Ghost", {"ref": "1"}, "unknown_kind"),
        ("Account", {"site": "taobao"}, "missing_key_part"),
        ("Account", {"site": "taobao", "id": ""}, "missing_key_part"),
        ("Account", {"site": "taobao", "id": None}, "missing_key_part"),
        ("Account", {}, "missing_key_part"),
        ("Phone", {"number": "1"}, "unknown_key_part"),
    ],
)
def test_bad_keys_are_refused(kind, parts, code):
    with pytest.raises(ValueProblem) as caught:
        SCHEMA.key_of(kind, parts, "o")
    assert caught.value.code == code and caught.value.rejects


@pytest.fixture
def copy(tmp_path):
    return shutil.copytree(product_data("schema"), tmp_path / "schema")


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("entities/Phone.yaml", "number: 4", "number: 3", "same number"),
        ("entities/Phone.yaml", "number: 4", "number: 0", "1 to 250"),
        ("entities/Phone.yaml", "name: Phone", "name: Fone", "calls itself"),
        ("entities/Phone.yaml", '"code:line-types"', '"code:lines"', "unknown type code:lines"),
        ("entities/Phone.yaml", "group: personal", "group: private", "group must be one of"),
        ("entities/Phone.yaml", "scope: global", "scope: contributor", "scheme <org>"),
        ("entities/Phone.yaml", "scope: global", "scope: global\nscope: global", "comes twice"),
        ("entities/Phone.yaml", "scope: global", "scope: galactic", "Invalid enum value"),
        ("entities/Phone.yaml", '{value: "phone"}', '{value: "fon"}', "without a known type"),
        ("entities/Account.yaml", "label: displayName", "label: shown", "unknown attribute shown"),
        ("entities/Account.yaml", "<site>", "<id>", "must be <org> or the first part"),
        ("links.yaml", "from: [actors, Phone, Email, IpAddress]", "from: [actors, Fone]", "unknown kind Fone"),
        ("links.yaml", "  CONTROLS:", "  controls:", "in capitals"),
        ("codelists/genders.yaml", '"F":', "1:", "in quotes"),
        ("codelists/genders.yaml", '"F":', '"x":', "by case only"),
        ("codelists/genders.yaml", "name: genders", "name: sexes", "calls itself"),
        ("codelists/countries.yaml", '"UK": "GB"', '"UK": "QQ"', "unknown code QQ"),
        ("sites.yaml", "domains: [tmall.com, tmall.hk]", "domains: [taobao.com]", "two sites"),
        ("couriers.yaml", "check: mod7", "check: mod8", "unknown check"),
        ("couriers.yaml", r"'\d{24}'", r"'(\d{24}'", "bad pattern"),
    ],
)
def test_mistakes_are_named_with_their_file(copy, file, old, new, message):
    path = copy / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(InvalidInput, match=message):
        load_schema(copy)


def test_missing_file_is_named(copy):
    (copy / "links.yaml").unlink()
    with pytest.raises(InvalidInput, match=r"links\.yaml"):
        load_schema(copy)


def test_digest_follows_the_files(copy):
    assert load_schema(copy).digest == SCHEMA.digest
    (copy / "sites.yaml").write_text((copy / "sites.yaml").read_text() + "# changed\n")
    assert load_schema(copy).digest != SCHEMA.digest


def test_codelists_of_the_standards():
    lists = SCHEMA.codelists
    assert list(lists["handling-tlp-2.0"].codes) == ["RED", "AMBER+STRICT", "AMBER", "GREEN", "CLEAR"]
    assert list(lists["handling-europol"].codes) == ["H0", "H1", "H2", "H3"]
    assert list(lists["admiralty-source"].codes) == list("ABCDEF")
    assert len(lists["cites-terms"].codes) == 89 and len(lists["countries"].codes) == 249
    assert lists["europol-4x4-information"].verified is False


def test_generated_files_are_up_to_date(capsys):
    assert generate.main(["--check"]) == 0, capsys.readouterr().err


def test_check_fails_on_a_stale_file_and_writing_mends_it(copy, capsys):
    (copy / "submission.schema.json").write_text("{}")
    assert generate.main(["--check", "--schema", str(copy)]) == 1
    assert "submission.schema.json" in capsys.readouterr().err
    assert generate.main(["--schema", str(copy)]) == 0
    assert generate.main(["--check", "--schema", str(copy)]) == 0
    (copy / "links.yaml").write_text("links: 1")
    assert generate.main(["--check", "--schema", str(copy)]) == 2


def test_json_schema_is_complete():
    made = submission_schema(SCHEMA)
    assert made["$schema"].endswith("2020-12/schema") and made["required"] == ["entities"]
    text = json.dumps(made)
    references = {part.split('"')[0] for part in text.split('"$ref": "#/$defs/')[1:]}
    assert references <= set(made["$defs"])
    assert {f"entity-{kind}" for kind in SCHEMA.kinds} | {f"link-{link}" for link in SCHEMA.links} <= references
    assert not [
        name for name, one in made["$defs"].items() if one.get("type") == "object" and one["additionalProperties"]
    ]
