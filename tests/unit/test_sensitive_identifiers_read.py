"""Importers and identifiers that are never kept whole, and addresses of the internet: each format by one file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from graphsvc.client.convert import Converted, Input, convert
from graphsvc.model.schema import load_schema
from importers.drafting import drafted
from importers.proposing import propose

SCHEMA = load_schema()
CARD, PASSPORT, IP = "4539148803436467", "B7654321", "41.90.1.2"
STIX = {
    "type": "bundle",
    "id": "bundle--1d3a1a4e-1f0c-4b0e-9c52-0a1f3f0f8a01",
    "objects": [
        {"type": "ipv4-addr", "spec_version": "2.1", "id": "ipv4-addr--1", "value": IP},
        {"type": "ipv6-addr", "spec_version": "2.1", "id": "ipv6-addr--1", "value": "fd00::1"},
        {"type": "user-account", "spec_version": "2.1", "id": "user-account--1", "account_type": "Discord",
         "account_login": "@IvoryKing"},
        {"type": "relationship", "spec_version": "2.1", "id": "relationship--1", "relationship_type": "uses",
         "source_ref": "user-account--1", "target_ref": "ipv4-addr--1", "start_time": "2026-03-01T10:00:00Z",
         "stop_time": "2026-03-01T11:00:00Z"},
        {"type": "relationship", "spec_version": "2.1", "id": "relationship--2", "relationship_type": "uses",
         "source_ref": "user-account--1", "target_ref": "ipv4-addr--1"},
    ],
}  # fmt: skip
MISP = {"Event": {"uuid": "5e0a8a1c-0000-4000-8000-000000000001", "info": "a", "Attribute": [
    {"uuid": "5e0a8a1c-0000-4000-8000-000000000002", "type": "ip-src", "category": "Network activity", "value": IP},
    {"uuid": "5e0a8a1c-0000-4000-8000-000000000003", "type": "cc-number", "category": "Financial fraud", "value": CARD},
]}}  # fmt: skip
FTM = [
    {"id": "p", "schema": "Person", "properties": {"name": ["Li Wei"]}},
    {"id": "d", "schema": "Passport",
     "properties": {"number": [PASSPORT], "country": ["vn"], "type": ["P"], "holder": ["p"]}},
]  # fmt: skip
UFED = f"""<?xml version="1.0" encoding="utf-8"?>
<project xmlns="http://pa.cellebrite.com/report/2.0" name="r">
 <metadata section="Device Info"><item name="IMEI">490154203237518</item></metadata>
 <decodedData><modelType type="CreditCard"><model type="CreditCard" id="c1">
  <field name="CreditCardNumber" type="String"><value type="String">{CARD}</value></field>
  <field name="NameOnCard" type="String"><value type="String">LI WEI</value></field>
 </model></modelType></decodedData></project>"""


def read(path: Path, text: str) -> tuple[Converted, dict[str, int], bytes]:
    """What becomes of a file: how many entities of each kind, and all that clean drafts hold."""
    path.write_text(text)
    made = convert(Input(path), SCHEMA)
    kinds: dict[str, int] = {}
    for draft in made.drafts:
        for entity in draft.entities:
            kinds[entity.kind] = kinds.get(entity.kind, 0) + 1
    return made, kinds, repr([made.drafts, made.unlinked, made.losses]).encode()


def test_stix_addresses_and_accounts(tmp_path: Path) -> None:
    made, kinds, _ = read(tmp_path / "a.stix", json.dumps(STIX))
    assert kinds == {"IpAddress": 3, "Account": 3}
    keys = {entity.key for draft in made.drafts for entity in draft.entities}
    assert {f"ipaddress:ip:{IP}", "account:discord:ivoryking"} == keys
    assert [len(draft.links) for draft in made.drafts] == [0, 0, 1, 0]
    assert [one.code for one in made.problems] == [
        "nothing_left"
    ]  # a record of nothing but an address that many networks have


@pytest.mark.parametrize(
    ("name", "text", "kinds"),
    [
        ("a.misp.json", json.dumps(MISP), {"IpAddress", "BankCard"}),
        ("a.ftm.json", "\n".join(map(json.dumps, FTM)), {"Person", "IdentityDocument"}),
        ("report.xml", UFED, {"Device", "BankCard"}),
    ],
)
def test_numbers_are_read_and_not_kept(tmp_path: Path, name: str, text: str, kinds: set[str]) -> None:
    made, found, kept = read(tmp_path / name, text)
    assert kinds <= set(found) and not made.problems
    assert CARD.encode() not in kept and PASSPORT.encode() not in kept
    if name != "a.misp.json":
        assert any(link.kind == "USES" for draft in made.drafts for link in draft.links)


def test_a_table_of_logins_and_cards_is_proposed_so(tmp_path: Path) -> None:
    rows = [["user id", "login ip", "bank card"]]
    rows += [[f"u{n}", f"41.90.1.{n}", CARD] for n in range(1, 9)]
    proposal = propose(rows)
    assert proposal is not None and [one.role for one in proposal.columns] == ["user_id", "ip", "card"]
    text = drafted(proposal, {"site": "pasar"})
    assert "kind: IpAddress" in text and "kind: BankCard" in text
    path = tmp_path / "t.csv"
    path.write_text("\n".join(",".join(one) for one in rows))
    made = convert(Input(path, text.encode()), SCHEMA)
    assert made.accepted == 8 and {one.code for one in made.unlinked} == {"no_time"}
    assert CARD not in repr(made.drafts)
