"""A ring keeps its identity over runs: the one of today is that of before with which it has most accounts in common.

They must have half of the smaller one in common, so that a ring that grows, or is seen through a narrower window, stays
itself. Each goes on as one: of two that a ring fell into, the one with more of it. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from graphsvc.rings.kept import Head, Known
from graphsvc_verify.canonical import b64u

REMEMBERED = 100_000
"""So many rings are remembered; those found last."""


def name_rings(run: str, heads: Sequence[Head], known: Sequence[Known]) -> tuple[list[str], list[Known]]:
    """The ids of a run's rings, ranked, and all rings that are known after it."""
    pairs = _continued(heads, known)
    ids, now = list[str](), list[Known]()
    for place, head in enumerate(heads):
        old = known[pairs[place]] if place in pairs else None
        ids.append(_new(run, place) if old is None else old.id)
        before = None if old is None else (old.run, old.rank)
        now.append(Known(ids[-1], head.world, head.accounts, run, place + 1, before))
    found = set(ids)
    return ids, [*now, *(one for one in known if one.id not in found)][:REMEMBERED]


def _continued(heads: Sequence[Head], known: Sequence[Known]) -> dict[int, int]:
    """Place of a ring → place of the known one that it is."""
    holders: dict[tuple[str, int], list[int]] = {}
    for number, one in enumerate(known):
        for account in one.accounts:
            holders.setdefault((one.world, account), []).append(number)
    alike: list[tuple[int, int, int, int]] = []
    for place, head in enumerate(heads):
        common: dict[int, int] = {}
        for account in head.accounts:
            for number in holders.get((head.world, account), ()):
                common[number] = common.get(number, 0) + 1
        for number, both in common.items():
            sizes = len(head.accounts), len(known[number].accounts)
            if 2 * both >= min(sizes):
                # Most in common first; of equals what differs least, then by rank, then what was found lately.
                alike.append((-both, sum(sizes), place, number))
    pairs: dict[int, int] = {}
    taken = set[int]()
    for _, _, place, number in sorted(alike):
        if place not in pairs and number not in taken:
            pairs[place] = number
            taken.add(number)
    return pairs


def _new(run: str, place: int) -> str:
    return "c" + b64u(sha256(f"{run}|{place}".encode()).digest())[:21].replace("-", "0").replace("_", "1")
