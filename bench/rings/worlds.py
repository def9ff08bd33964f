"""Worlds A to F: each hides rings in another way, among people who share things for ordinary reasons."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from random import Random

from bench.rings.ground import YEARS, World, chance, crowds, families, recycled

HELD = ("Phone", "Device", "PaymentAccount", "Email")
PER_RING = 110
"""One ring for so many accounts of other people."""


def make_world(which: str, accounts: int, seed: int) -> World:
    """World ``which`` ("A" to "F", or "0" without rings) with some ``accounts`` accounts that are in no ring."""
    world = World(Random(f"{which} {accounts} {seed}"))
    world.accounts(accounts)
    WORLDS[which](world, accounts // PER_RING)
    return world


def none(world: World, _rings: int) -> None:
    """No ring: families, crowds, chance and recycled numbers."""
    _others(world)


def shared_pool(world: World, rings: int) -> None:
    """A: a ring's members take two or three things each out of one pool."""
    for _ in range(rings):
        members = world.accounts(world.draw.randint(5, 14))
        pool = [(world.name(kind), kind) for kind in (world.one(HELD) for _ in range(len(members) * 2 // 3))]
        for member in members:
            for identifier, kind in world.draw.sample(pool, min(len(pool), world.draw.randint(2, 3))):
                world.use(member, identifier, kind)
        world.rings.append(frozenset(members))
    _others(world)


def pairs(world: World, rings: int) -> None:
    """B: each thing is shared by two members only; each member shares with two to four others."""
    for _ in range(rings):
        members = world.accounts(world.draw.randint(5, 12))
        _pairwise(world, members)
        world.rings.append(frozenset(members))
    _others(world)


def rotation(world: World, rings: int) -> None:
    """C: burner phones go from hand to hand; later their numbers go to strangers, like everybody's."""
    draw, burnt = world.draw, []
    for _ in range(rings):
        members = world.accounts(draw.randint(5, 14))
        for _ in range(len(members)):
            phone, day = world.name("Phone"), draw.randrange(0, 200)
            hands = draw.sample(members, min(len(members), draw.randint(2, 4)))
            for hand in hands:
                end = day + draw.randrange(15, 60)
                world.use(hand, phone, "Phone", (day, end))
                day = end + draw.randrange(0, 10)
            burnt.append((phone, day))
        world.rings.append(frozenset(members))
    for phone, day in burnt:
        if draw.random() < 0.6:
            again = day + draw.randrange(50, 200)
            world.use(draw.choice(world.people), phone, "Phone", (again, min(YEARS - 1, again + 150)))
    _others(world)
    recycled(world, 0.7)


def helpers(world: World, rings: int) -> None:
    """D: parcels go out and money comes in; runners, mules and brokers work for two rings; buyers belong to none."""
    draw = world.draw
    buyers, helping = draw.sample(world.people, len(world.people) // 8), list[str]()
    for number in range(rings):
        if number % 2 == 0:
            helping = world.accounts(draw.randint(1, 3))
        members = [*world.accounts(draw.randint(4, 10)), *helping]
        purses = [world.name("PaymentAccount") for _ in range(max(2, len(members) // 3))]
        phones = [world.name("Phone") for _ in range(max(2, len(members) // 3))]
        for member in members:
            for things, kind in ((purses, "PaymentAccount"), (phones, "Phone")):
                for thing in draw.sample(things, draw.choice([1, 1, 2])):
                    world.use(member, thing, kind)
        for buyer in draw.sample(buyers, min(len(buyers), draw.randint(10, 25))):
            _purchase(world, members, purses, buyer)
        for _ in range(len(members) // 2):
            parcel, day = world.name("Parcel"), draw.randrange(YEARS)
            sender, receiver = draw.sample(members, 2)
            world.act(sender, parcel, "Parcel", "SENT_BY", day)
            world.act(receiver, parcel, "Parcel", draw.choice(["SENT_TO", "PICKED_UP_BY"]), day + 4)
        world.rings.append(frozenset(members))
    _trade(world)
    _others(world)


def behind_things(world: World, rings: int) -> None:
    """E: SIM cards in shared handsets, among families, staff, dormitories and account farms."""
    draw = world.draw
    for _ in range(rings):
        members = world.accounts(draw.randint(5, 12))
        handsets = [world.name("Device") for _ in range(max(3, len(members) * 2 // 3))]
        for member in members:
            for handset in draw.sample(handsets, draw.randint(2, 3)):
                card, (since, until) = world.name("Phone"), world.long()
                world.use(member, card, "Phone", (since, until))
                world.join(card, handset, (since, until))
        if draw.random() < 0.5:
            world.share(draw.sample(members, 3), world.one(HELD))
        world.rings.append(frozenset(members))
    many = len(world.people)
    for _ in range(many // 150):
        _staff(world, draw.randint(4, 10), draw.randint(1, 3))
    for _ in range(many // 800):
        _dormitory(world, draw.randint(9, 18))
    for _ in range(max(1, many // 2500)):
        _farm(world, draw.randint(30, 80))
    _others(world)
    recycled(world, 0.4)


def compartments(world: World, rings: int) -> None:
    """F: a ring is cells of four to six; two cells know of each other through one cut-out alone."""
    draw = world.draw
    for _ in range(rings // 2):
        cells = [world.accounts(draw.randint(4, 6)) for _ in range(draw.randint(2, 5))]
        for cell in cells:
            _pairwise(world, cell)
        members = [account for cell in cells for account in cell]
        for left, right in pairwise(cells):
            (between,) = world.accounts(1)
            for cell in (left, right):
                world.share([between, draw.choice(cell)], world.one(HELD))
            members.append(between)
        world.rings.append(frozenset(members))
    _others(world)


def _others(world: World) -> None:
    families(world, 0.15)
    crowds(world)
    chance(world, 0.15)


def _pairwise(world: World, members: list[str]) -> None:
    draw = world.draw
    chosen = set[tuple[str, ...]]()
    for member in members:
        others = draw.sample([other for other in members if other != member], draw.choice([2, 3]))
        chosen |= {tuple(sorted((member, other))) for other in others}
    for pair in sorted(chosen):
        world.share(pair, world.one(HELD))


def _purchase(world: World, members: list[str], purses: list[str], buyer: str) -> None:
    draw = world.draw
    for _ in range(draw.choice([1, 1, 2, 3])):
        day, parcel = draw.randrange(YEARS - 10), world.name("Parcel")
        world.act(draw.choice(members), parcel, "Parcel", "SENT_BY", day)
        world.act(buyer, parcel, "Parcel", "SENT_TO", day + draw.randrange(1, 9))
        if draw.random() < 0.7:
            world.act(buyer, draw.choice(purses), "PaymentAccount", "PAID_TO", day)


def _trade(world: World) -> None:
    """Ordinary people sell to each other: a parcel, a payment."""
    draw = world.draw
    for _ in range(len(world.people) // 4):
        seller, buyer = draw.sample(world.people, 2)
        day, parcel, purse = draw.randrange(YEARS), world.name("Parcel"), world.name("PaymentAccount")
        world.act(seller, parcel, "Parcel", "SENT_BY", day)
        world.act(buyer, parcel, "Parcel", "SENT_TO", day + 3)
        world.use(seller, purse, "PaymentAccount")
        world.act(buyer, purse, "PaymentAccount", "PAID_TO", day)


def _staff(world: World, size: int, phones: int) -> None:
    """A shop's staff: its address, and telephones that whoever is on duty uses."""
    staff = world.some(size, size)
    world.share(staff, "Address")
    for _ in range(phones):
        world.share(world.draw.sample(staff, world.draw.randint(2, len(staff))), "Phone")


def _dormitory(world: World, size: int) -> None:
    """A dormitory: one address, and a few who lend each other a telephone."""
    there = world.some(size, size)
    world.share(there, "Address")
    for _ in range(size // 4):
        world.share(world.draw.sample(there, 2), "Phone")


def _farm(world: World, size: int) -> None:
    """Accounts made by the dozen on one device, with numbers bought in lots; they sell likes."""
    there = world.accounts(size)
    world.share(there, "Device")
    for at in range(0, size, 6):
        world.share(there[at : at + 8], "Phone")


WORLDS: dict[str, Callable[[World, int], None]] = {
    "0": none, "A": shared_pool, "B": pairs, "C": rotation, "D": helpers, "E": behind_things, "F": compartments,
}  # fmt: skip
"""The worlds by their letters."""
