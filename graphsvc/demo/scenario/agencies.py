"""The slices of the two agencies: a customs service's seizures and a police unit's suspects, as native drafts."""

from __future__ import annotations

import json
from datetime import timedelta

from graphsvc.demo.scenario.companies import account_key, parcel_key, phone_key, utc, wallet_key
from graphsvc.demo.scenario.people import SPECIES
from graphsvc.demo.scenario.truth import Claims, Written
from graphsvc.demo.scenario.world import WALLET, Builder, Parcel

OTHER_SITE = "maoshi"
SELLER = "old.tusk.studio"
SUSPECT = "S-17"
STRICT = {"scheme": "tlp-2.0", "code": "AMBER+STRICT"}
RED = {"scheme": "tlp-2.0", "code": "RED"}


def _phone(ref: str, phone: str) -> Written:
    return {"ref": ref, "kind": "Phone", "key": {"value": phone}}


def _link(kind: str, first: str, second: str, **attributes: str) -> Written:
    link: Written = {"kind": kind, "from": first, "to": second}
    return link | {"attributes": attributes} if attributes else link


class Customs:
    """What ``customs-cn`` holds: seizures, one seller seen on another site, and what it does not give away."""

    def __init__(self, builder: Builder, claims: Claims) -> None:
        self._builder = builder
        self._claims = claims
        self.drafts: list[Written] = []
        self.start: Parcel | None = None
        self.suspect_name = ""

    def build(self, withheld_phone: str) -> None:
        """Fill :attr:`drafts`; the first seizure is the one that the story starts from."""
        world, rng = self._builder.world, self._builder.rng
        for number in range(len(world.rings)):
            sent = [parcel for parcel in world.parcels if parcel.ring == number]
            for parcel in rng.sample(sent, 3):
                self._seizure(parcel, world.rings[number].goods)
        first = self.drafts[0]["entities"][1]["key"]["waybill"]
        self.start = next(parcel for parcel in world.parcels if parcel.waybill == first)
        for parcel in rng.sample([parcel for parcel in world.parcels if parcel.ring < 0], 25):
            self._seizure(parcel, rng.choice(("ivory", "rhino horn")))
        for _ in range(40):
            self._unrelated()
        self._seller()
        self._strict(withheld_phone)

    def _seizure(self, parcel: Parcel, goods: str) -> None:
        key = parcel_key(parcel.waybill)
        for phone in (parcel.sender, parcel.receiver):
            self._claims.say("customs-cn", key, phone_key(phone))
        self._claims.say("customs-cn", key, f"seizure:customs-cn:{self._reference()}")
        self._claims.say("customs-cn", key, f"taxon:name:{SPECIES[goods][0]}")
        entities = [
            *self._taken({"waybill": parcel.waybill}, goods, utc(parcel.accepted + timedelta(days=3))),
            _phone("sender", parcel.sender),
            _phone("receiver", parcel.receiver),
        ]
        links = [*self._took(goods), _link("SENT_BY", "parcel", "sender"), _link("SENT_TO", "parcel", "receiver")]
        self.drafts.append({"entities": entities, "links": links})

    def _unrelated(self) -> None:
        goods = self._builder.rng.choice(("ivory", "rhino horn"))
        waybill = {"courier": "sf-express", "waybill": self._builder.numbers.courier_waybill()}
        entities = self._taken(waybill, goods, utc(self._builder.moment()))
        self.drafts.append({"entities": entities, "links": self._took(goods)})

    def _reference(self) -> str:
        return f"GX-2025-{len(self.drafts) + 1:04d}"

    def _taken(self, parcel: dict[str, str], goods: str, at: str) -> list[Written]:
        reference = self._reference()
        seizure = {
            "ref": reference,
            "seizedAt": at,
            "agency": "China Customs, Pingxiang",
            "country": "CN",
            "method": self._builder.rng.choice(("x-ray", "risk-assessment", "canine", "intelligence")),
            "reason": "no-permit",
            "transport": "post",
        }
        return [
            {"ref": "seizure", "kind": "Seizure", "key": {"ref": reference}, "attributes": seizure},
            {"ref": "parcel", "kind": "Parcel", "key": parcel, "attributes": {"state": "seized"}},
            {"ref": "taxon", "kind": "Taxon", "key": {"name": SPECIES[goods][0]}},
        ]

    def _took(self, goods: str) -> list[Written]:
        grams = str(self._builder.rng.randrange(60, 4_000))
        taken = {"term": SPECIES[goods][1], "quantity": grams, "unit": "g"}
        return [_link("SEIZED_IN", "parcel", "seizure"), _link("CONTAINED", "parcel", "taxon", **taken)]

    def _seller(self) -> None:
        """A seller on another site is paid on an account that the first ring uses too."""
        payment = self._builder.world.rings[0].payments[-1]
        seller = f"account:{OTHER_SITE}:{SELLER}"
        self._claims.say("customs-cn", seller, wallet_key(payment))
        self.drafts.append(
            {
                "entities": [
                    {
                        "ref": "seller",
                        "kind": "Account",
                        "key": {"site": OTHER_SITE, "id": SELLER},
                        "attributes": {"displayName": "Old Tusk Studio"},
                    },
                    {"ref": "wallet", "kind": "PaymentAccount", "key": {"provider": WALLET, "account": payment}},
                ],
                "links": [_link("USES", "seller", "wallet")],
                "grading": {"scheme": "admiralty", "source": "B", "information": "2"},
            }
        )

    def _strict(self, withheld_phone: str) -> None:
        """Records that stay within customs: a suspect's phone, and a direct link of the story's phone to the seller."""
        assert self.start is not None
        seller = {"ref": "seller", "kind": "Account", "key": {"site": OTHER_SITE, "id": SELLER}}
        self._claims.say("customs-cn", f"person:customs-cn:{SUSPECT}", phone_key(withheld_phone), hidden=True)
        self._claims.say("customs-cn", f"account:{OTHER_SITE}:{SELLER}", phone_key(self.start.sender), hidden=True)
        self.suspect_name = self._builder.name("CN")
        suspect = {
            "ref": "suspect",
            "kind": "Person",
            "key": {"ref": SUSPECT},
            "attributes": {"name": self.suspect_name, "role": ["broker"]},
        }
        self.drafts.append(
            {
                "entities": [suspect, _phone("phone", withheld_phone)],
                "links": [_link("USES", "suspect", "phone")],
                "handling": STRICT,
            }
        )
        self.drafts.append(
            {
                "entities": [seller, _phone("phone", self.start.sender)],
                "links": [_link("USES", "seller", "phone")],
                "handling": RED,
            }
        )


def police_drafts(builder: Builder, claims: Claims) -> list[Written]:
    """What ``police-ke`` holds itself: suspects, their phones, and calls to phones of the rings."""
    drafts: list[Written] = []
    for number in range(40):
        reference, phone = f"NBI-{number + 101}", builder.numbers.phone("KE")
        claims.say("police-ke", f"person:police-ke:{reference}", phone_key(phone))
        entities = [
            {
                "ref": "person",
                "kind": "Person",
                "key": {"ref": reference},
                "attributes": {"name": builder.name("KE"), "role": ["suspect"]},
            },
            _phone("phone", phone),
        ]
        links = [_link("USES", "person", "phone")]
        if number % 5 == 0:
            ring = builder.world.rings[(number // 5) % len(builder.world.rings)]
            called = builder.rng.choice(ring.phones)
            claims.say("police-ke", phone_key(phone), phone_key(called))
            entities.append(_phone("called", called))
            links.append(_link("CONTACTED", "phone", "called", channel="call", count=str(builder.rng.randrange(2, 40))))
        drafts.append({"entities": entities, "links": links})
    return [*drafts, *_go_between(builder, claims)]


GO_BETWEEN = "NBI-160"
"""A suspect who has a mailbox in common with one seller of each of two rings: it joins them."""


def _go_between(builder: Builder, claims: Claims) -> list[Written]:
    drafts: list[Written] = []
    person = {"ref": "person", "kind": "Person", "key": {"ref": GO_BETWEEN}, "attributes": {"role": ["suspect"]}}
    for number, ring in enumerate(builder.world.rings[:2]):
        seller, address = ring.accounts[0], f"harbour.{number + 1}@mail.example"
        for user in (f"person:police-ke:{GO_BETWEEN}", account_key(seller.user)):
            claims.say("police-ke", user, f"email:address:{address}")
        account = {"ref": "seller", "kind": "Account", "key": {"site": "pasar", "id": seller.user}}
        mailbox = {"ref": "mailbox", "kind": "Email", "key": {"value": address}}
        links = [_link("USES", "person", "mailbox"), _link("USES", "seller", "mailbox")]
        drafts.append({"entities": [person, account, mailbox], "links": links})
    return drafts


def with_bad_rows(drafts: list[Written], bad: dict[int, tuple[bytes, str]]) -> tuple[bytes, dict[int, str]]:
    """The drafts as NDJSON with bad rows put in at their row numbers; returns the bytes, and what is wrong by row."""
    rows = [json.dumps(draft, ensure_ascii=False, separators=(",", ":")).encode() for draft in drafts]
    for row in sorted(bad):
        rows.insert(row, bad[row][0])
    return b"".join(row + b"\n" for row in rows), {row: why for row, (_, why) in bad.items()}


CUSTOMS_BAD = {
    7: (b'{"entities":[{"ref":"s","kind":"Siezure","key":{"ref":"GX-2025-9001"}}]}', "unknown kind"),
    19: (
        b'{"entities":[{"ref":"s","kind":"Seizure","key":{"ref":"GX-2025-9002"},"attributes":{"luck":"bad"}}]}',
        "no such attribute",
    ),
    33: (
        b'{"entities":[{"ref":"p","kind":"Parcel","key":{"waybill":"EE123456780VN"}}]}',
        "wrong check digit and nothing else in the row",
    ),
    50: (b'{"entities":[{"ref":"s","kind":"Seizure","key":{"ref":"\xff\xfe"}}]}', "not UTF-8"),
}
POLICE_BAD = {
    4: (b'{"entities":[{"ref":"p","kind":"Person","key":{},"attributes":{"name":"Unknown"}}]}', "no reference"),
    21: (
        b'{"entities":[{"ref":"p","kind":"Phone","key":{"value":"call me"}}]}',
        "not a phone number and nothing else in the row",
    ),
    30: (b'{"entities":[{"ref":"a"', "not JSON"),
}
