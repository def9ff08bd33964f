"""Contacts as evidence: a call, a meeting or a payment between two members joins the two, like a thing both use.

A contact becomes an identifier of its own that its two ends share. At an end is whoever alone uses the telephone (or
account) that took part; where nobody or several are known to use it, it is itself a member.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from graphsvc.detect.arrays import Codes, Flags, Ints, compact, number_pairs
from graphsvc.detect.evidence import USED, Pairs, Uses

CAP = 100
"""A member in contact with more others than this is a switchboard: its contacts say nothing."""


def as_uses(contacts: Pairs, uses: Uses) -> tuple[Uses, Ints]:
    """Uses of contacts, and the members of each contact's two ends as an array of shape (contacts, 2).

    Contacts are numbered from -1 downwards, in the order of the pairs of their entity integers.
    """
    if not len(contacts):
        return uses.only(np.zeros(len(uses), dtype=np.bool_)), np.empty((0, 2), dtype=np.int64)
    # 1. Who is at each end: the one who uses it, or itself.
    ends, place = compact(np.concatenate([contacts.a, contacts.b]))
    holder, via = _holders(ends, uses)
    members, claims = holder[place], via[place]
    a, b = np.split(members, 2)
    # 2. One contact for each pair of members.
    low, high = np.minimum(a, b), np.maximum(a, b)
    names, at = compact(np.concatenate([low, high]))
    first, second, number = number_pairs(*np.split(at, 2))
    pairs = np.stack([names[first], names[second]], axis=1)
    # 3. Nobody is in contact with itself, and switchboards with everybody.
    others = np.bincount(np.concatenate([first, second]), minlength=len(names))
    fine = ((first != second) & (others[first] <= CAP) & (others[second] <= CAP))[number]
    found = [
        _ends(contacts, fine, number, member, claim) for member, claim in zip((a, b), np.split(claims, 2), strict=True)
    ]
    return found[0].with_more(found[1]), pairs


def by_holders(acts: Uses, uses: Uses) -> Uses:
    """``acts`` at telephones and mailboxes as uses by whoever alone uses these; else by the telephone itself."""
    if not len(acts):
        return acts
    ends, place = compact(acts.actor)
    holder, via = _holders(ends, uses)
    return replace(acts, actor=holder[place], via=via[place])


def _ends(contacts: Pairs, fine: Flags, number: Ints, member: Ints, via: Ints) -> Uses:
    at = np.flatnonzero(fine)
    code: Codes = np.full(len(at), -1, dtype=np.int32)
    way: Codes = np.full(len(at), USED, dtype=np.int32)
    return Uses(
        member[at], -1 - number[at], code, way, contacts.since[at], contacts.until[at], contacts.claim[at], via[at]
    )  # fmt: skip


def _holders(ends: Ints, uses: Uses) -> tuple[Ints, Ints]:
    """For each of the sorted ``ends`` the one actor that uses it and the claim that says so; else itself, and -1."""
    holder, via = ends.copy(), np.full(len(ends), -1, dtype=np.int64)
    place = np.minimum(np.searchsorted(ends, uses.identifier), len(ends) - 1)
    used = np.flatnonzero(ends[place] == uses.identifier)
    place, actor = place[used], uses.actor[used]
    order = np.lexsort((uses.claim[used], actor, place))
    lowest, highest = (np.full(len(ends), -1, dtype=np.int64) for _ in range(2))
    lowest[place[order[::-1]]] = actor[order[::-1]]
    highest[place[order]] = actor[order]
    claim = np.full(len(ends), -1, dtype=np.int64)
    claim[place[order[::-1]]] = uses.claim[used][order[::-1]]
    alone = (lowest == highest) & (lowest != -1)
    holder[alone], via[alone] = lowest[alone], claim[alone]
    return holder, via
