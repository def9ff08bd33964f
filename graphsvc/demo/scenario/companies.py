"""The slices of the two companies: a marketplace's accounts and adverts, a courier's parcels."""

from __future__ import annotations

import csv
import io
from datetime import datetime, timedelta
from random import Random

from graphsvc.demo.scenario.numbers import as_written, spoil_s10
from graphsvc.demo.scenario.truth import Claims, Written
from graphsvc.demo.scenario.world import SITE, WALLET, Account, Parcel, World

_ACCOUNT = "user_id display_name verified_name phone device_id provider wallet registered_at country state"
_PARCEL = (
    "waybill accepted_at depot sender_phone sender_name receiver_phone receiver_name destination weight_kg "
    "declared state"
)
ACCOUNT_MAPPING = """\
# User-link data of a marketplace: one row an account, with what it signs in with and is paid on.
format: csv
delimiter: ","
region: ID
rows:
  - entities:
      - ref: account
        kind: Account
        key: {site: {const: pasar}, id: {column: user_id}}
        attributes:
          displayName: {column: display_name}
          verifiedName: {column: verified_name}
          registeredAt: {column: registered_at}
          registrationCountry: {column: country}
          state: {column: state}
      - {ref: phone, kind: Phone, key: {value: {column: phone}}}
      - {ref: device, kind: Device, key: {site: {const: pasar}, id: {column: device_id}}}
      - {ref: wallet, kind: PaymentAccount, key: {provider: {column: provider}, account: {column: wallet}}}
    links:
      - {kind: USES, from: account, to: phone}
      - {kind: USES, from: account, to: device}
      - {kind: USES, from: account, to: wallet}
"""
PARCEL_MAPPING = """\
# Parcels of a courier: one row a waybill, with the phones of both ends.
format: csv
delimiter: ";"
region: VN
rows:
  - entities:
      - ref: parcel
        kind: Parcel
        key: {waybill: {column: waybill}}
        attributes:
          acceptedAt: {column: accepted_at}
          depot: {column: depot}
          senderName: {column: sender_name}
          receiverName: {column: receiver_name}
          destinationCountry: {column: destination}
          weightKg: {column: weight_kg}
          description: {column: declared}
          state: {column: state}
      - {ref: sender, kind: Phone, key: {value: {column: sender_phone}}}
      - {ref: receiver, kind: Phone, key: {value: {column: receiver_phone}}}
    links:
      - {kind: SENT_BY, from: parcel, to: sender}
      - {kind: SENT_TO, from: parcel, to: receiver}
"""


def utc(moment: datetime) -> str:
    """Local wall time at UTC+7 as RFC 3339 UTC."""
    return (moment - timedelta(hours=7)).strftime("%Y-%m-%dT%H:%M:%SZ")


def account_key(user: str) -> str:
    """Canonical key of a marketplace account."""
    return f"account:{SITE}:{user}"


def phone_key(phone: str) -> str:
    """Canonical key of a phone in E.164."""
    return f"phone:e164:{phone}"


def device_key(device: str) -> str:
    """Canonical key of a device as the marketplace's app numbers it."""
    return f"device:app:{SITE}/{device}"


def wallet_key(account: str) -> str:
    """Canonical key of an account at the payment app."""
    return f"paymentaccount:app:{WALLET}/{account}"


def parcel_key(waybill: str) -> str:
    """Canonical key of a parcel with a waybill by S10."""
    return f"parcel:s10:{waybill}"


def accounts_csv(world: World, rng: Random, claims: Claims) -> tuple[bytes, dict[int, str], tuple[int, ...]]:
    """The marketplace's accounts, shuffled, with a few bad rows: bytes, rejected rows, marked rows."""
    accounts = rng.sample(world.accounts, len(world.accounts))
    spoilt = _some(rng, [row for row, account in enumerate(accounts, 1) if account.role == "ordinary"], 6)
    rejected: dict[int, str] = {}
    marked: list[int] = []
    lines = []
    for row, account in enumerate(accounts, 1):
        line = _account_line(account, rng)
        turn = spoilt.get(row)
        if turn in (0, 1):
            line["phone"] = f"0812-XXXX-{rng.randrange(1000)}"
            marked.append(row)
        elif turn in (2, 3):
            line["state"] = "baned"
            marked.append(row)
        elif turn in (4, 5):
            line["user_id"] = ""
            rejected[row] = "no user number"
        if row not in rejected:
            _claim_account(account, claims, phone=turn not in (0, 1))
        lines.append(line)
    return _table(_ACCOUNT.split(), ",", lines), rejected, tuple(marked)


def parcels_csv(world: World, rng: Random, claims: Claims) -> tuple[bytes, dict[int, str], tuple[int, ...]]:
    """The courier's parcels by time, with a few bad rows: bytes, rejected rows, marked rows."""
    parcels = sorted(world.parcels, key=lambda parcel: (parcel.accepted, parcel.waybill))
    spoilt = _some(rng, [row for row, parcel in enumerate(parcels, 1) if parcel.ring < 0], 7)
    rejected: dict[int, str] = {}
    marked: list[int] = []
    lines = []
    for row, parcel in enumerate(parcels, 1):
        line = _parcel_line(parcel, rng)
        turn = spoilt.get(row)
        if turn in (0, 1, 2):
            line["waybill"] = spoil_s10(parcel.waybill)
            marked.append(row)
        elif turn in (3, 4):
            line["state"] = "teleported"
            marked.append(row)
        elif turn in (5, 6):
            line["waybill"] = ""
            rejected[row] = "no waybill"
        if row not in rejected and turn not in (0, 1, 2):
            claims.say("swiftline", parcel_key(parcel.waybill), phone_key(parcel.sender))
            claims.say("swiftline", parcel_key(parcel.waybill), phone_key(parcel.receiver))
        lines.append(line)
    return _table(_PARCEL.split(), ";", lines), rejected, tuple(marked)


def adverts(world: World, claims: Claims) -> list[Written]:
    """The marketplace's adverts as native drafts, by time."""
    drafts = []
    for advert in sorted(world.adverts, key=lambda advert: (advert.posted, advert.item)):
        claims.say("pasar", account_key(advert.user), f"listing:{SITE}:{advert.item}")
        attributes: Written = {
            "title": advert.title,
            "price": str(advert.price),
            "currency": "IDR",
            "postedAt": utc(advert.posted),
            "state": "active",
        }
        if advert.removed is not None:
            attributes |= {
                "removedAt": utc(advert.removed),
                "state": "removed-by-seller",
                "codeWords": list(advert.words),
            }
        drafts.append(
            {
                "entities": [
                    {"ref": "seller", "kind": "Account", "key": {"site": SITE, "id": advert.user}},
                    {
                        "ref": "advert",
                        "kind": "Listing",
                        "key": {"site": SITE, "item": advert.item},
                        "attributes": attributes,
                    },
                ],
                "links": [{"kind": "POSTED", "from": "seller", "to": "advert"}],
                "observed": {"since": utc(advert.posted)},
            }
        )
    return drafts


def _account_line(account: Account, rng: Random) -> dict[str, str]:
    first = account.name.split()[0].lower()
    return {
        "user_id": account.user,
        "display_name": f"{first}_{account.user[-3:]}",
        "verified_name": account.name if rng.random() < 0.6 else "",
        "phone": as_written(account.phone, account.country, rng.randrange(4))
        if account.country == "ID"
        else account.phone,
        "device_id": account.device,
        "provider": WALLET,
        "wallet": account.payment,
        "registered_at": utc(account.registered),
        "country": account.country,
        "state": "suspended" if rng.random() < 0.04 else "active",
    }


def _claim_account(account: Account, claims: Claims, *, phone: bool) -> None:
    key = account_key(account.user)
    if phone:
        claims.say("pasar", key, phone_key(account.phone))
    claims.say("pasar", key, device_key(account.device))
    claims.say("pasar", key, wallet_key(account.payment))


def _parcel_line(parcel: Parcel, rng: Random) -> dict[str, str]:
    return {
        "waybill": f"{parcel.waybill[:2]} {parcel.waybill[2:5]} {parcel.waybill[5:8]} {parcel.waybill[8:]}"
        if rng.random() < 0.3
        else parcel.waybill,
        "accepted_at": utc(parcel.accepted),
        "depot": parcel.depot,
        "sender_phone": as_written(parcel.sender, "VN", rng.randrange(4)),
        "sender_name": parcel.sender_name,
        "receiver_phone": as_written(parcel.receiver, "VN", rng.randrange(4)),
        "receiver_name": parcel.receiver_name,
        "destination": parcel.destination,
        "weight_kg": f"{parcel.grams / 1000:.2f}",
        "declared": parcel.declared,
        "state": "collected" if rng.random() < 0.4 else "delivered",
    }


def _some(rng: Random, rows: list[int], count: int) -> dict[int, int]:
    return {row: turn for turn, row in enumerate(rng.sample(rows, count))}


def _table(columns: list[str], delimiter: str, lines: list[dict[str, str]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, delimiter=delimiter, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue().encode()
