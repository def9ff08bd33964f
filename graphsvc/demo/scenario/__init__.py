"""A seeded, invented case: four organisations, each with its slice of one trade in wildlife products.

Everything is drawn from one seed, so two machines write the same bytes. Names and numbers are invented; the habits
(code words, hours of posting, third-party pick-ups, shared payment accounts) are those that the field reports.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random

from graphsvc.demo.scenario.agencies import (
    CUSTOMS_BAD,
    OTHER_SITE,
    POLICE_BAD,
    SELLER,
    SUSPECT,
    Customs,
    police_drafts,
    with_bad_rows,
)
from graphsvc.demo.scenario.companies import (
    ACCOUNT_MAPPING,
    PARCEL_MAPPING,
    account_key,
    accounts_csv,
    adverts,
    device_key,
    parcel_key,
    parcels_csv,
    phone_key,
    wallet_key,
)
from graphsvc.demo.scenario.numbers import Numbers
from graphsvc.demo.scenario.truth import Claims, PlantedRing, Scenario, Slice, Truth
from graphsvc.demo.scenario.world import Builder, Ring
from graphsvc.model.drafts import Defaults, Grading
from graphsvc.model.labels import Handling
from graphsvc.model.principals import Organisation

ORGANISATIONS = (
    Organisation("pasar", "company", "ID", "Pasar Online Marketplace", "trust@pasar.example"),
    Organisation("swiftline", "courier", "VN", "Swiftline Express", "compliance@swiftline.example"),
    Organisation("customs-cn", "customs", "CN", "China Customs, Pingxiang", "wildlife@customs.example"),
    Organisation("police-ke", "police", "KE", "Kenya Police, Wildlife Crime Unit", "desk@police.example"),
)
"""The four organisations of the scenario."""

CSV, NDJSON = "text/csv", "application/x-ndjson"
_PURPOSES = ["analysis", "interdiction", "investigation", "prosecution"]


def make_scenario(directory: Path, seed: int = 7, accounts: int = 2_000) -> Scenario:
    """Write every organisation's files below ``directory`` and return what was planted.

    ``accounts`` is the number of marketplace accounts, at least 600. Takes about half a second.
    """
    builder = Builder(Random(seed), Numbers(Random(f"numbers {seed}")))  # noqa: S311 -- no secrets are drawn here
    world, claims = builder.build(accounts), Claims()
    withheld, absent = builder.numbers.phone("CN"), builder.numbers.phone("CN")
    customs = Customs(builder, claims)
    customs.build(withheld)
    assert customs.start is not None
    write = _Writer(directory)
    rng = builder.rng
    slices = (
        write.table("pasar", "accounts.csv", ACCOUNT_MAPPING, accounts_csv(world, rng, claims)),
        write.drafts("pasar", "adverts.ndjson", with_bad_rows(adverts(world, claims), {})),
        write.table("swiftline", "parcels.csv", PARCEL_MAPPING, parcels_csv(world, rng, claims)),
        write.drafts("customs-cn", "seizures.ndjson", with_bad_rows(customs.drafts, CUSTOMS_BAD)),
        write.drafts("police-ke", "suspects.ndjson", with_bad_rows(police_drafts(builder, claims), POLICE_BAD)),
    )
    start, seller = phone_key(customs.start.sender), f"account:{OTHER_SITE}:{SELLER}"
    truth = Truth(
        rings=tuple(_planted(ring) for ring in world.rings),
        start_phone=customs.start.sender,
        seized_parcel=parcel_key(customs.start.waybill),
        seller=seller,
        path_length=claims.distance(start, seller),
        path_owners=frozenset({"pasar", "customs-cn"}),
        withheld_phone=withheld,
        withheld_holder="customs-cn",
        withheld_person=f"person:customs-cn:{SUSPECT}",
        withheld_name=customs.suspect_name,
        absent_phone=absent,
        hidden=claims.only_hidden(),
        withheld_group=("swiftline", "personal"),
        hubs=tuple(phone_key(phone) for phone in world.hubs),
    )
    return Scenario(seed, slices, truth, len(world.accounts))


def _planted(ring: Ring) -> PlantedRing:
    identifiers: Sequence[str] = (
        *map(phone_key, ring.phones),
        *map(device_key, ring.devices),
        *map(wallet_key, ring.payments),
    )
    return PlantedRing(ring.goods, tuple(account_key(account.user) for account in ring.accounts), tuple(identifiers))


_LABELS = {
    "pasar": ("AMBER", "GREEN", "legitimate-interest", "B", "2", "ID"),
    "swiftline": ("GREEN", "GREEN", "agreement", "B", "3", "VN"),
    "customs-cn": ("AMBER", "AMBER", "mutual-assistance", "A", "1", "CN"),
    "police-ke": ("AMBER", "AMBER", "law-enforcement", "B", "3", "KE"),
}
"""What each says once for its rows: TLP, PAP, legal basis, grading of source and information, region of phones."""


class _Writer:
    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def table(self, org: str, name: str, mapping: str, made: tuple[bytes, dict[int, str], tuple[int, ...]]) -> Slice:
        data, rejected, marked = made
        path = self._write(org, name, data)
        beside = self._write(org, name.replace(".csv", ".yaml"), mapping.encode())
        rows = data.count(b"\r\n")
        return Slice(org, path, beside, CSV, _defaults(org), rows, rows - 1 - len(rejected), rejected, marked)

    def drafts(self, org: str, name: str, made: tuple[bytes, dict[int, str]]) -> Slice:
        data, rejected = made
        path = self._write(org, name, data)
        rows = data.count(b"\n")
        return Slice(org, path, None, NDJSON, _defaults(org), rows, rows - len(rejected), rejected, ())

    def _write(self, org: str, name: str, data: bytes) -> Path:
        path = self._directory / org / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path


def _defaults(org: str) -> Defaults:
    tlp, pap, basis, source, information, region = _LABELS[org]
    return Defaults(
        grading=Grading("admiralty", source, information),
        handling=Handling("tlp-2.0", tlp),
        pap=pap,
        purposes=_PURPOSES,
        legal_basis=basis,
        expires="2036-12-31T00:00:00Z",
        region=region,
    )
