"""What worlds are built of: accounts that go about their lives, and the sightings that get into a file.

Shares no code with the recipe that is measured on them. Days are counted from the first of 2023.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from random import Random

YEARS = 730
"""All that happens in a world happens within so many days."""
OWN = (("Phone", 0.8), ("Device", 0.7), ("PaymentAccount", 0.5), ("Email", 0.6), ("Address", 0.5))
"""Kinds of identifier that nobody else uses, and the share of accounts that have one."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """That an actor had to do with an identifier, from one day to another."""

    actor: str
    identifier: str
    kind: str
    verb: str
    since: int
    until: int


@dataclass(frozen=True, slots=True)
class Behind:
    """That two identifiers were joined, as a SIM card in a handset, from one day to another."""

    a: str
    b: str
    since: int
    until: int


@dataclass
class World:
    """Sightings, joined identifiers, and the planted rings' members."""

    draw: Random
    sightings: list[Sighting] = field(default_factory=list)
    behind: list[Behind] = field(default_factory=list)
    rings: list[frozenset[str]] = field(default_factory=list)
    people: list[str] = field(default_factory=list)
    made: int = 0

    def name(self, kind: str) -> str:
        """A name nobody has yet, which tells nothing but its kind."""
        self.made += 1
        return f"{kind[:2].lower()}{self.made:07d}{self.draw.randrange(10_000):04d}"

    def accounts(self, number: int) -> list[str]:
        """New accounts with what is theirs alone."""
        fresh = [self.name("Account") for _ in range(number)]
        for account in fresh:
            for kind, share in OWN:
                if self.draw.random() < share:
                    self.use(account, self.name(kind), kind)
        self.people += fresh
        return fresh

    def use(self, actor: str, identifier: str, kind: str, days: tuple[int, int] | None = None) -> None:
        """``actor`` uses ``identifier``, for ``days`` or for long."""
        since, until = days or self.long()
        self.sightings.append(Sighting(actor, identifier, kind, "USES", since, until))

    def act(self, actor: str, identifier: str, kind: str, verb: str, day: int) -> None:
        """``actor`` has to do with ``identifier`` on one day, in the way of ``verb``."""
        self.sightings.append(Sighting(actor, identifier, kind, verb, day, day))

    def join(self, a: str, b: str, days: tuple[int, int] | None = None) -> None:
        """``a`` and ``b`` are joined, for ``days`` or for long."""
        self.behind.append(Behind(a, b, *(days or self.long())))

    def long(self) -> tuple[int, int]:
        """A stretch of days that takes in the middle of the time."""
        return self.draw.randrange(YEARS // 3), YEARS - 1 - self.draw.randrange(YEARS // 3)

    def share(self, accounts: Iterable[str], kind: str, days: tuple[int, int] | None = None) -> str:
        """A new identifier that all of ``accounts`` use."""
        identifier = self.name(kind)
        for account in accounts:
            self.use(account, identifier, kind, days)
        return identifier

    def some(self, low: int, high: int) -> list[str]:
        """Between ``low`` and ``high`` of all people."""
        return self.draw.sample(self.people, min(self.draw.randint(low, high), len(self.people)))

    def one(self, kinds: Sequence[str]) -> str:
        """One of ``kinds``."""
        return self.draw.choice(kinds)

    def seen(self, rate: float, seed: int) -> World:
        """The same world, of which a share ``rate`` of all that happens is seen."""
        draw = Random(seed)
        sightings = [one for one in self.sightings if draw.random() < rate]
        behind = [one for one in self.behind if draw.random() < rate]
        draw.shuffle(sightings)
        return World(draw, sightings, behind, self.rings, self.people, self.made)


def families(world: World, share: float) -> None:
    """Families of two to six accounts: one address, often a telephone or a device as well; ``share`` of all people."""
    draw, left = world.draw, list(world.people)
    draw.shuffle(left)
    del left[int(len(left) * share) :]
    while len(left) >= 2:
        family = [left.pop() for _ in range(min(len(left), draw.randint(2, 6)))]
        world.share(family, "Address")
        for kind, chance in (("Phone", 0.5), ("Device", 0.4), ("PaymentAccount", 0.2)):
            if draw.random() < chance:
                world.share(draw.sample(family, draw.randint(2, len(family))), kind)


def crowds(world: World) -> None:
    """Shops where strangers are known by one address or number, pick-up points, depots, call centres."""
    many = len(world.people)
    for number, kind, low, high in (
        (many // 80, "Address", 4, 14),
        (many // 200, "Phone", 3, 8),
        (max(3, many // 1500), "Address", 60, 300),
        (max(2, many // 2500), "Phone", 40, 200),
    ):
        for _ in range(number):
            world.share(world.some(low, high), kind)


def chance(world: World, share: float) -> None:
    """Two strangers with one identifier: mistyped, borrowed, sold at a second hand; ``share`` of all people."""
    for _ in range(int(len(world.people) * share / 2)):
        world.share(world.some(2, 2), world.one(("Phone", "Device", "PaymentAccount", "Email")))


def recycled(world: World, share: float) -> None:
    """A number lies idle for two months to a year, then the provider gives it to a stranger."""
    draw = world.draw
    for first in world.people:
        second = draw.choice(world.people)
        if first == second or draw.random() >= share:
            continue
        number, end = world.name("Phone"), draw.randrange(60, 360)
        again = end + draw.randrange(60, 300)
        world.use(first, number, "Phone", (max(0, end - draw.randrange(40, 300)), end))
        world.use(second, number, "Phone", (again, min(YEARS - 1, again + draw.randrange(40, 300))))
