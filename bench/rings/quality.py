"""How many of the planted rings are found, in worlds A to F, by the recipe and by others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.rings.baseline import OTHERS, Links
from bench.rings.ground import World
from bench.rings.worlds import make_world
from graphsvc.detect.evidence import DAY, UNKNOWN, Kinds
from graphsvc.detect.recipe import Found, Parameters, detect
from graphsvc.edgelists.truth import ALIKE, Scores, score

TOP = 50
KINDS = ("Account", "Phone", "Email", "Device", "PaymentAccount", "Address", "Parcel")
VERBS = ("USES", "SENT_BY", "SENT_TO", "PICKED_UP_BY", "PAID_TO")


@dataclass(frozen=True)
class Told:
    """A world as claims, and what its entities are called."""

    src: np.ndarray
    dst: np.ndarray
    src_kind: np.ndarray
    dst_kind: np.ndarray
    kind: np.ndarray
    rec: np.ndarray
    since: np.ndarray
    until: np.ndarray
    words: tuple[str, ...]
    names: list[str]


@dataclass(frozen=True)
class Quality:
    """Scores of one recipe in one world: agreement, share of rings among the first 50, and of the significant ones."""

    scores: Scores
    top: float = 0.0
    significant: float = 0.0
    networks: float = 0.0


def told(world: World) -> Told:
    """The claims of a world."""
    numbers: dict[str, int] = {}
    words = (*KINDS, *VERBS)
    rows = [
        (one.actor, one.identifier, "Account", one.kind, one.verb, one.since, one.until) for one in world.sightings
    ] + [(one.a, one.b, "Phone", "Device", "USES", one.since, one.until) for one in world.behind]
    ends = [[numbers.setdefault(row[at], len(numbers)) for row in rows] for at in (0, 1)]
    codes = [np.array([words.index(str(row[at])) for row in rows], np.int32) for at in (2, 3, 4)]
    days = [np.array([int(row[at]) * DAY for row in rows], np.int64) for at in (5, 6)]
    assert all((day > UNKNOWN).all() for day in days)
    sides = [np.array(end, np.int64) for end in ends]
    return Told(*sides, *codes, np.arange(len(rows)), *days, words, list(numbers))


def measure(world: World, others: bool) -> dict[str, Quality]:
    """The recipe's quality in ``world``, and that of the ``others`` too."""
    claims = told(world)
    found = detect(claims, Parameters(kinds=Kinds()), lambda ids: [claims.names[one] for one in ids])
    qualities = {"the recipe": _of_recipe(world, claims, found)}
    if not others:
        return qualities
    numbers = {name: number for number, name in enumerate(claims.names)}
    links: Links = sorted({(numbers[one.actor], numbers[one.identifier]) for one in world.sightings})
    actors, identifiers = ({end: n for n, end in enumerate(sorted({link[side] for link in links}))} for side in (0, 1))
    close: Links = [(actors[a], identifiers[i]) for a, i in links]
    back = {n: claims.names[end] for end, n in actors.items()}
    for name, other in OTHERS.items():
        try:
            groups = other(close)
        except ImportError:
            continue
        ranked = [frozenset(back[one] for one in group) for group in groups]
        qualities[name] = Quality(score(world.rings, ranked), _share(world, ranked[:TOP]))
    return qualities


def _of_recipe(world: World, claims: Told, found: Found) -> Quality:
    ranked = [frozenset(claims.names[one] for one in ring.accounts) for ring in found.rings]
    sure = [one for one, ring in zip(ranked, found.rings, strict=True) if ring.significant and not ring.tag]
    networks: dict[int, set[str]] = {}
    for one, ring in zip(ranked, found.rings, strict=True):
        networks.setdefault(ring.network, set()).update(one, (claims.names[between] for between in ring.between))
    wide = [*map(frozenset, networks.values()), *ranked]
    return Quality(
        score(world.rings, ranked), _share(world, ranked[:TOP]), _share(world, sure), score(world.rings, wide).jaccard
    )  # fmt: skip


def _share(world: World, ranked: Sequence[frozenset[str]]) -> float:
    """The share of ``ranked`` that are like a planted ring."""
    return score(world.rings, ranked).precision if ranked else 1.0


def table(
    accounts: int, letters: str, rates: Sequence[float], seed: int = 1
) -> dict[tuple[str, float], dict[str, Quality]]:
    """All qualities by world and by the share of links that is seen."""
    found = {}
    for letter in letters:
        whole = make_world(letter, accounts, seed)
        for rate in rates:
            found[letter, rate] = measure(whole if rate == 1 else whole.seen(rate, seed), rate == 1)
            best = found[letter, rate]["the recipe"].scores
            print(f"{letter} {rate}: {best.jaccard:.3f} {best.average_precision:.3f}", flush=True)
    return found


def figures(found: Mapping[tuple[str, float], Mapping[str, Quality]]) -> dict[str, float]:
    """The figures of the benchmark, of worlds of which all is seen."""
    whole = {letter: each["the recipe"] for (letter, rate), each in found.items() if rate == 1}
    five = [quality for letter, quality in whole.items() if letter in "ABCDE"]
    told: dict[str, float] = {f"jaccard_{letter.lower()}": one.scores.jaccard for letter, one in whole.items()}
    told["average_precision"] = sum(one.scores.average_precision for one in five) / max(len(five), 1)
    told["top50_precision"] = sum(one.top for one in five) / max(len(five), 1)
    sure = [whole[letter].significant for letter in "AB" if letter in whole]
    told["significant_precision"] = sum(sure) / max(len(sure), 1)
    if "F" in whole:
        told["network_jaccard_f"] = whole["F"].networks
    return {name: round(value, 4) for name, value in told.items()}


assert ALIKE == 0.5, "what counts as found"
