"""The world of the scenario: who has which account, phone, payment account and device, and what was sent to whom.

Five rings are planted among some two thousand accounts, and beside them what looks like a ring but is none:
families that share a phone, shops with one till, an internet café, pick-up points and courier depots.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from graphsvc.demo.scenario.numbers import Numbers
from graphsvc.demo.scenario.people import ADVERTS, CODE_WORDS, DECLARED, FAMILY, GIVEN, ORDINARY, TOWNS

SITE = "pasar"
WALLET = "dompet"
START = datetime(2025, 1, 1)
DAYS = 180
RINGS = 5


@dataclass(slots=True)
class Account:
    """A marketplace account; ``role`` says what the scenario made it for."""

    user: str
    name: str
    country: str
    phone: str
    device: str
    payment: str
    registered: datetime
    role: str = "ordinary"


@dataclass(slots=True)
class Advert:
    """A listing; ``posted`` and ``removed`` are local time (UTC+7), ``words`` the code words in it."""

    item: str
    user: str
    title: str
    posted: datetime
    removed: datetime | None
    price: int
    words: tuple[str, ...] = ()


@dataclass(slots=True)
class Parcel:
    """A parcel as the courier knows it; a person behind a phone is a name as written, often not the real one."""

    waybill: str
    sender: str
    sender_name: str
    receiver: str
    receiver_name: str
    accepted: datetime
    depot: str
    declared: str
    grams: int
    destination: str
    ring: int = -1


@dataclass(slots=True)
class Ring:
    """A planted ring: its accounts and the identifiers that they share."""

    goods: str
    accounts: list[Account]
    phones: list[str]
    devices: list[str]
    payments: list[str]


@dataclass(slots=True)
class World:
    """All there is, in the order in which it was drawn."""

    rings: list[Ring] = field(default_factory=list)
    accounts: list[Account] = field(default_factory=list)
    adverts: list[Advert] = field(default_factory=list)
    parcels: list[Parcel] = field(default_factory=list)
    hubs: list[str] = field(default_factory=list)


class Builder:
    """Draws a world from one seeded source; nothing depends on hash order or on the clock."""

    def __init__(self, rng: Random, numbers: Numbers) -> None:
        self.rng = rng
        self.numbers = numbers
        self.world = World()

    def build(self, accounts: int) -> World:
        """A world with about ``accounts`` marketplace accounts."""
        for number in range(RINGS):
            self._ring(number)
        for _ in range(accounts // 22):
            self._family()
        for _ in range(12):
            self._shop()
        cafe, pickup = self.numbers.device(), self.numbers.phone("ID")
        for _ in range(60):
            self._account("ID", device=cafe, role="internet-cafe")
        for _ in range(40):
            self._account("ID", phone=pickup, role="pick-up-customer")
        self.world.hubs += [pickup]
        while len(self.world.accounts) < accounts:
            self._account(self.rng.choices(("ID", "VN", "CN"), (8, 2, 1))[0])
        self._adverts()
        self._parcels()
        return self.world

    def name(self, country: str) -> str:
        """A name as people of the country write it."""
        given, family = self.rng.choice(GIVEN[country]), self.rng.choice(FAMILY[country])
        return (
            f"{given} {family}"
            if country in ("ID", "KE")
            else (family + given if country == "CN" else f"{family} {given}")
        )

    def moment(self) -> datetime:
        """Some moment of the period that the scenario covers."""
        return START + timedelta(days=self.rng.randrange(DAYS), seconds=self.rng.randrange(86_400))

    def _account(self, country: str, role: str = "ordinary", **shared: str) -> Account:
        account = Account(
            user=self.numbers.user(),
            name=self.name(country),
            country=country,
            phone=shared.get("phone") or self.numbers.phone(country),
            device=shared.get("device") or self.numbers.device(),
            payment=shared.get("payment") or self.numbers.payment(),
            registered=START - timedelta(days=self.rng.randrange(30, 1500), seconds=self.rng.randrange(86_400)),
            role=role,
        )
        self.world.accounts.append(account)
        return account

    def _ring(self, number: int) -> None:
        size = self.rng.randrange(9, 16)
        pool = max(2, size // 4)
        goods = ("ivory", "rhino horn")[number % 2]
        phones = [self.numbers.phone("ID" if turn else "VN") for turn in range(pool)]
        devices = [self.numbers.device() for _ in range(pool)]
        payments = [self.numbers.payment() for _ in range(pool)]
        ring = Ring(goods, [], phones, devices, payments)
        # Each pool is given out in another order, so that cycles of shared identifiers connect the ring.
        for place in range(size):
            shared = {
                "phone": phones[place % pool],
                "device": devices[(place // 2) % pool],
                "payment": payments[(place + place // pool) % pool],
            }
            if place >= 2 * pool and self.rng.random() < 0.25:
                shared.pop(self.rng.choice(("phone", "device", "payment")))
            ring.accounts.append(self._account("ID", role=f"ring-{number}", **shared))
        self.world.rings.append(ring)

    def _family(self) -> None:
        phone, payment = self.numbers.phone("ID"), self.numbers.payment()
        size = self.rng.choice((2, 2, 2, 3, 3, 4))
        purse = size < 4 and self.rng.random() < 0.3
        for _ in range(size):
            self._account("ID", phone=phone, role="family", **({"payment": payment} if purse else {}))

    def _shop(self) -> None:
        till = self.numbers.payment()
        for _ in range(self.rng.randrange(5, 12)):
            self._account("ID", payment=till, role="shop")

    def _adverts(self) -> None:
        for ring in self.world.rings:
            for account in ring.accounts:
                for _ in range(self.rng.randrange(2, 7)):
                    self._code_advert(account, ring.goods)
        sellers = [account for account in self.world.accounts if account.role in ("ordinary", "shop", "family")]
        for account in self.rng.sample(sellers, len(sellers) // 2):
            posted = self.moment().replace(hour=self.rng.randrange(7, 21))
            title = self.rng.choice(ORDINARY)
            price = self.rng.randrange(20, 900) * 1000
            self.world.adverts.append(Advert(self.numbers.item(), account.user, title, posted, None, price))

    def _code_advert(self, account: Account, goods: str) -> None:
        # Posted between nine in the evening and six in the morning, and removed hours later.
        posted = self.moment().replace(hour=0) + timedelta(hours=21 + self.rng.randrange(9))
        removed = posted + timedelta(minutes=self.rng.randrange(90, 420))
        word = self.rng.choice(CODE_WORDS[goods])
        title = self.rng.choice(ADVERTS[goods]).format(word=word)
        price = self.rng.randrange(1500, 40_000) * 1000
        self.world.adverts.append(Advert(self.numbers.item(), account.user, title, posted, removed, price, (word,)))

    def _parcels(self) -> None:
        world = self.world
        customers = [account for account in world.accounts if not account.role.startswith("ring")]
        for number, ring in enumerate(world.rings):
            for turn in range(4 * len(ring.phones) + 4):
                self._parcel(ring.phones[turn % len(ring.phones)], self.numbers.phone("CN"), "CN", number)
        depots = [self.numbers.phone("VN") for _ in range(2)]
        counters = [self.numbers.phone("VN") for _ in range(3)]
        world.hubs += depots + counters
        for depot in depots:
            for _ in range(140):
                self._parcel(depot, self.rng.choice(customers).phone, "ID")
        for counter in counters:
            for _ in range(110):
                self._parcel(self.rng.choice(customers).phone, counter, "VN")
        for _ in range(500):
            self._parcel(
                self.rng.choice(customers).phone, self.rng.choice(customers).phone, self.rng.choice(("ID", "VN", "CN"))
            )

    def _parcel(self, sender: str, receiver: str, destination: str, ring: int = -1) -> None:
        self.world.parcels.append(
            Parcel(
                waybill=self.numbers.waybill("VN"),
                sender=sender,
                sender_name=self.name("VN"),
                receiver=receiver,
                receiver_name=self.name(destination),
                accepted=self.moment(),
                depot=self.rng.choice(TOWNS["VN"]),
                declared=self.rng.choice(DECLARED),
                grams=self.rng.randrange(80, 9_000),
                destination=destination,
                ring=ring,
            )
        )
