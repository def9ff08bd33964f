"""A card and a passport from the submission to the screen: they link records, and their numbers are nowhere."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from graphsvc.client import Client, fixed_token
from graphsvc.demo.cast import CLIENTS
from graphsvc.demo.company import Members
from graphsvc.exchange.forms import FORMS
from graphsvc.local.run import LocalService
from graphsvc.model.drafts import Defaults
from graphsvc.model.labels import Handling
from graphsvc.model.principals import Footing
from tests.commands import Desk, running
from tests.paths.conftest import FOOTING
from tests.paths.wire import DEFAULTS, MintingIdentity, file_of, phone

NUMBER = 7_110_000
CARD, WRONG, PASSPORT, IP = "4929003184672057", "4929003184672058", "K7310582", "41.90.77.12"
WRITINGS = ("4929 0031 8467 2057", "4929-0031-8467-2057")
HIDDEN = Defaults(handling=Handling("tlp-2.0", "RED"), legal_basis="statutory-duty", pap="RED")
INVESTIGATOR = "police-ke.investigator"
STATED = ("--purpose", FOOTING.purpose, "--legal-basis", FOOTING.legal_basis, "--case", FOOTING.case)
SEARCH = """query($kind: String!, $parts: [KeyPart!]!, $after: Int) {
  search(kind: $kind, parts: $parts, after: $after) { handle kind key
    records { owner attributes { name value } withheld { fieldGroup } } } }"""
MATCH = """query($identifiers: [IdentifierInput!]!, $after: Int) {
  match(identifiers: $identifiers, after: $after) { hit outcome contacts { org } problem { code message } } }"""


def parts(**said: str) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in said.items()]


def paper(**changes: str) -> list[dict[str, str]]:
    return parts(**{"country": "VN", "type": "passport", "number": PASSPORT, **changes})


def paid(account: str, card: str, passport: str, seen: str | None) -> bytes:
    """An account with a telephone, a card, a passport, and the address that it was used from."""
    entities = [
        {"ref": "a", "kind": "Account", "key": {"site": "pasar", "id": account}},
        {"ref": "p", "kind": "Phone", "key": {"value": phone(NUMBER)}},
        {"ref": "c", "kind": "BankCard", "key": {"number": card}, "attributes": {"issuer": "Equity Bank"}},
        {"ref": "d", "kind": "IdentityDocument", "key": {"country": "vn", "type": "Passport", "number": passport}},
        {"ref": "i", "kind": "IpAddress", "key": {"address": IP}},
    ]
    links: list[dict[str, Any]] = [{"kind": "USES", "from": "a", "to": to} for to in "pcdi"]
    if seen is not None:
        links[-1]["observed"] = {"since": seen, "until": seen}
    return json.dumps({"entities": entities, "links": links}).encode()


@pytest.fixture(scope="module")
def held(members: Members, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Pasar shows two accounts with the card, in two writings; customs keep a third to themselves, but for a hit."""
    folder, told = tmp_path_factory.mktemp("cards"), {}
    given = [
        paid("kept-1", WRITINGS[0], "K 7310582", "2026-03-01T10:00:00Z"),
        paid("kept-2", WRITINGS[1], "k-7310582", None),
        paid("kept-3", WRONG, f"{PASSPORT[:-2]}**", "2026-03-01T10:00:00Z"),
    ]
    for org, rows, defaults in (("pasar", given, DEFAULTS), ("customs-cn", given[:1], HIDDEN)):
        client = members.client(f"{org}.feed")
        outgoing = file_of(folder / f"{org}.ndjson", rows, defaults)
        told[f"{org}-checked"] = client.dry_run(outgoing, org, members.by_name[org].working)
        told[org] = client.submit(outgoing, org, members.by_name[org].working)
    return told


@pytest.fixture(autouse=True)
def silent(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """No number is in what the service logs."""
    with caplog.at_level(logging.DEBUG):
        yield
    assert not any(word in caplog.text for word in (CARD, PASSPORT, *WRITINGS))


def found(
    client: Client, kind: str, said: list[dict[str, str]], after: int, footing: Footing = FOOTING
) -> list[dict[str, Any]]:
    answer = client.query(SEARCH, {"kind": kind, "parts": said}, footing, after)
    assert CARD not in answer.raw.decode() and PASSPORT not in answer.raw.decode()
    entities: list[dict[str, Any]] = answer.data["search"]
    return entities


def test_a_card_in_any_writing_is_found_and_shown_masked(members: Members, held: dict[str, Any]) -> None:
    after, client = held["customs-cn"].index, members.client(INVESTIGATOR)
    one = [found(client, "BankCard", parts(number=written), after) for written in (CARD, *WRITINGS)]
    assert one[0] == one[1] == one[2] and len(one[0]) == 1
    (card,) = one[0]
    assert card["key"].startswith("bankcard:pan:k1.")
    assert {record["owner"] for record in card["records"]} == {"pasar"} and len(card["records"]) == 2
    # Pasar shows payment data on a court's order only.
    assert card["records"][0]["attributes"] == []
    assert {"fieldGroup": "financial"} in card["records"][0]["withheld"]
    ordered = msgspec.structs.replace(FOOTING, legal_basis="court-order")
    (shown,) = found(client, "BankCard", parts(number=CARD), after, ordered)
    said = {one["name"]: one["value"] for one in shown["records"][0]["attributes"]}
    assert said == {"masked": "492900******2057", "issuer": "Equity Bank"}
    assert found(client, "BankCard", parts(number=card["key"].rpartition(":")[2]), after) == one[0]


def test_a_passport_is_found_and_its_last_characters_are_for_investigators(
    members: Members, held: dict[str, Any], identity: MintingIdentity, local_service: LocalService
) -> None:
    after = held["customs-cn"].index
    (shown,) = found(members.client(INVESTIGATOR), "IdentityDocument", paper(), after)
    person = next(one for one in CLIENTS if one.client_id == INVESTIGATOR)
    token = identity.mint(person, roles=["analyst"])
    with Client(local_service.url, fixed_token(token), members.trust()) as analyst:
        (less,) = found(analyst, "IdentityDocument", paper(number="k 7310582"), after)
    assert [one["value"] for one in shown["records"][0]["attributes"]] == ["***582"]
    assert less["records"][0]["attributes"] == []
    assert {"fieldGroup": "personal"} in less["records"][0]["withheld"]
    assert found(members.client(INVESTIGATOR), "IdentityDocument", paper(country="TH"), after) == []


def test_who_may_not_see_it_gets_a_hit_at_most(members: Members, held: dict[str, Any]) -> None:
    identifiers = [
        {"kind": "BankCard", "parts": parts(number=CARD)},
        {"kind": "IdentityDocument", "parts": paper()},
        {"kind": "BankCard", "parts": parts(number=WRONG)},
    ]
    answer = members.client(INVESTIGATOR).query(MATCH, {"identifiers": identifiers}, FOOTING, held["customs-cn"].index)
    card, passport, wrong = answer.data["match"]
    assert [one["org"] for one in card["contacts"]] == [one["org"] for one in passport["contacts"]]
    assert {one["org"] for one in card["contacts"]} == {"customs-cn", "pasar"}
    assert wrong["problem"]["code"] == "invalid_card"
    assert WRONG not in answer.raw.decode() and CARD not in answer.raw.decode()
    assert found(members.client("swiftline.feed"), "BankCard", parts(number=CARD), held["pasar"].index) == []


def test_what_links_nothing_says_why_without_the_number(members: Members, held: dict[str, Any]) -> None:
    notes = list(members.client("pasar.feed").notes(held["pasar"].index))
    assert {(one.row, one.code) for one in notes} == {
        (1, "no_time"), (2, "invalid_card"), (2, "invalid_document"),
    }  # fmt: skip
    said = json.dumps([[one.message, one.pointer] for one in notes]) + repr(held["pasar-checked"])
    assert WRONG not in said and PASSPORT[:-2] not in said and CARD not in said
    assert held["pasar-checked"].accepted == held["pasar"].accepted == 3


def test_an_address_is_linked_where_it_is_said_when(members: Members, held: dict[str, Any]) -> None:
    client = members.client(INVESTIGATOR)
    (address,) = found(client, "IpAddress", parts(address=f"{IP}:443"), held["customs-cn"].index)
    assert address["key"] == f"ipaddress:ip:{IP}"
    expand = "query($s: ID!) { expand(start: $s, hops: 1) { links { kind since } } }"
    links = client.query(expand, {"s": address["handle"]}, FOOTING).data["expand"]["links"]
    assert [one["since"] for one in links] == ["2026-03-01T10:00:00Z"] * 2


@pytest.mark.parametrize("form", ["ndjson", "stix", "csv"])
def test_exports_hold_digests_and_can_be_given_back(
    form: str, members: Members, local_service: LocalService, held: dict[str, Any], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    desk, out = Desk(running(monkeypatch, capfd), local_service, members, tmp_path), tmp_path / f"o{FORMS[form].ending}"
    desk(
        INVESTIGATOR, "export", str(out), "--format", form, "--phone", phone(NUMBER), "--hops", "2", *STATED, json=True
    )
    text = "".join(path.read_text() for path in (out.rglob("*") if out.is_dir() else [out]) if path.is_file())
    assert "BankCard" in text and "k1." in text
    assert CARD not in text and PASSPORT not in text and WRONG not in text


def test_no_file_and_no_value_of_the_service_has_a_number(
    held: dict[str, Any], service_folder: Path, local_service: LocalService
) -> None:
    needles = [word.encode() for word in (CARD, WRONG, PASSPORT, *WRITINGS, "K 7310582", "k-7310582")]
    files = [path for path in service_folder.rglob("*") if path.is_file() and "/neo4j/" not in str(path)]
    assert any(path.name == "ledger.db" for path in files)
    for path in files:
        data = path.read_bytes()
        assert not any(needle in data for needle in needles), path
    numbers = [CARD, WRONG, PASSPORT]
    holding = "any(k IN keys(x) WHERE any(one IN $numbers WHERE toStringOrNull(x[k]) CONTAINS one))"
    assert local_service.parts is not None
    for pattern in ("(x)", "()-[x]->()"):
        with local_service.parts.graph.session() as session:
            seen = session.run(f"MATCH {pattern} WHERE {holding} RETURN count(x) AS n", numbers=numbers).single()
        assert seen is not None and seen["n"] == 0
