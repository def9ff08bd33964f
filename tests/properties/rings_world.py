"""A world of accounts with planted rings among decoys: families, shops, pick-up points, courier depots."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, fields
from itertools import count

import numpy as np


@dataclass
class World:
    """Claims as lists; ``planted`` are the rings' accounts. Entity integers are shuffled on the way out."""

    random: random.Random
    kinds: dict[int, str] = field(default_factory=dict)
    links: list[tuple[int, int]] = field(default_factory=list)
    planted: list[frozenset[int]] = field(default_factory=list)
    fresh: count = field(default_factory=lambda: count(1))

    def add(self, kind: str) -> int:
        entity = next(self.fresh)
        self.kinds[entity] = kind
        return entity

    def many(self, kind: str, number: int) -> list[int]:
        return [self.add(kind) for _ in range(number)]

    def join(self, account: int, identifier: int) -> None:
        self.links.append((account, identifier))


@dataclass(frozen=True)
class Claims:
    src: np.ndarray
    dst: np.ndarray
    src_kind: np.ndarray
    dst_kind: np.ndarray
    kind: np.ndarray
    rec: np.ndarray
    since: np.ndarray
    until: np.ndarray
    words: tuple[str, ...]

    def only(self, wanted: np.ndarray) -> Claims:
        """Some of the claims, by flags or positions."""
        return Claims(*(getattr(self, one.name)[wanted] for one in fields(self) if one.name != "words"), self.words)


NEVER = -(1 << 62)
"""A time that nobody stated."""
DAY = 86_400


def listed(*rows: tuple) -> tuple[Claims, dict[str, int]]:
    """Claims from rows (from, verb, to, first day, last day), the days being optional; and each name's number.

    A name's first letter tells its kind: a Account, n Person, p Phone, d Device, e Email, h Address, w PaymentAccount,
    c Parcel.
    """
    spelled = {
        "a": "Account", "n": "Person", "p": "Phone", "d": "Device", "e": "Email", "h": "Address",
        "w": "PaymentAccount", "c": "Parcel",
    }  # fmt: skip
    words = tuple(sorted({*spelled.values(), *(row[1] for row in rows)}))
    number: dict[str, int] = {}
    for row in rows:
        for name in (row[0], row[2]):
            number.setdefault(name, len(number))
    days = [[(row[at] * DAY if len(row) > at else NEVER) for row in rows] for at in (3, 4)]
    ends = [[row[at] for row in rows] for at in (0, 2)]
    kinds = [[words.index(spelled[name[0]]) for name in end] for end in ends]
    return Claims(
        *(np.array([number[name] for name in end], np.int64) for end in ends),
        *(np.array(kind, np.int32) for kind in kinds),
        np.array([words.index(row[1]) for row in rows], np.int32),
        np.arange(len(rows)),
        *(np.array(day, np.int64) for day in days),
        words,
    ), number


def make_world(seed: int, accounts: int = 1500, rings: int = 15) -> World:
    world = World(random.Random(seed))
    draw = world.random
    people = world.many("Account", accounts)
    for account in people:
        for kind in ("Phone", "Device", "PaymentAccount"):
            if draw.random() < 0.8:
                world.join(account, world.add(kind))
    _rings(world, rings)
    # Members of rings live among others: they have families, shop and send from the depots like everyone.
    people += [account for ring in world.planted for account in sorted(ring)]
    # Families: two to four accounts behind one phone, sometimes one address as well.
    for _ in range(accounts // 12):
        family = draw.sample(people, draw.randint(2, 4))
        for kind in ("Phone", "Address")[: draw.choice([1, 1, 2])]:
            shared = world.add(kind)
            for account in family:
                world.join(account, shared)
    # Shops and pick-up points: five to fifteen strangers; depots and call centres: hundreds.
    for number, (low, high), kind in (
        (accounts // 60, (5, 15), "Address"),
        (4, (60, 300), "Address"),
        (3, (60, 200), "Phone"),
    ):
        for shared in world.many(kind, number):
            for account in draw.sample(people, draw.randint(low, min(high, accounts))):
                world.join(account, shared)
    draw.shuffle(world.links)
    return world


def _rings(world: World, rings: int) -> None:
    draw = world.random
    for _ in range(rings):
        members = world.many("Account", draw.randint(5, 14))
        shared = [
            world.add(draw.choice(["Phone", "Device", "PaymentAccount", "Email"])) for _ in range(len(members) * 2 // 3)
        ]
        for account in members:
            for identifier in draw.sample(shared, min(len(shared), draw.randint(2, 3))):
                world.join(account, identifier)
        world.planted.append(frozenset(members))


def claims_of(world: World, numbers: dict[int, int] | None = None, order_seed: int = 0) -> Claims:
    """The world's claims, entities numbered by ``numbers``; every third claim the other way round."""
    numbers = numbers or {entity: entity for entity in world.kinds}
    words = (*sorted(set(world.kinds.values())), "USES")
    code = {word: n for n, word in enumerate(words)}
    rows = [(a, b) if n % 3 else (b, a) for n, (a, b) in enumerate(world.links)]
    numbered = [(*row, n) for n, row in enumerate(rows)]
    random.Random(order_seed).shuffle(numbered)
    return Claims(
        src=np.array([numbers[a] for a, _, _ in numbered], np.int64),
        dst=np.array([numbers[b] for _, b, _ in numbered], np.int64),
        src_kind=np.array([code[world.kinds[a]] for a, _, _ in numbered], np.int32),
        dst_kind=np.array([code[world.kinds[b]] for _, b, _ in numbered], np.int32),
        kind=np.full(len(numbered), len(words) - 1, np.int32),
        rec=np.array([n for _, _, n in numbered], np.int64),
        since=np.full(len(numbered), NEVER, np.int64),
        until=np.full(len(numbered), NEVER, np.int64),
        words=words,
    )


def best_jaccard(planted: list[frozenset[int]], found: list[frozenset[int]]) -> float:
    """Mean over planted rings of the best Jaccard index with any found ring."""
    return sum(max((len(p & f) / len(p | f) for f in found), default=0.0) for p in planted) / len(planted)
