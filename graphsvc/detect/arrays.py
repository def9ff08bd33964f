"""What the steps of the recipe have in common: types of arrays, and how pairs and neighbours are numbered."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]
Flags = npt.NDArray[np.bool_]
Reals = npt.NDArray[np.float64]


def number_pairs(a: Ints, b: Ints) -> tuple[Ints, Ints, Ints]:
    """The distinct pairs of two arrays of small numbers, sorted: (a of each, b of each, each position's pair)."""
    width = int(b.max(initial=0)) + 1
    keys, number = np.unique(a * width + b, return_inverse=True)
    return keys // width, keys % width, number.astype(np.int64)


def compact(values: Ints) -> tuple[Ints, Ints]:
    """The distinct values, sorted, and each position's place among them."""
    distinct, place = np.unique(values, return_inverse=True)
    return distinct, place.astype(np.int64)


def starts_of(group: Ints, count: int) -> Ints:
    """Where each of ``count`` groups starts when positions are sorted by ``group``; one more at the end."""
    return np.concatenate([[0], np.cumsum(np.bincount(group, minlength=count))]).astype(np.int64)


def spans(starts: Ints, counts: Ints) -> Ints:
    """``starts[0] … starts[0] + counts[0] - 1``, then the same of the next, and so on."""
    ends = np.cumsum(counts)
    total = int(ends[-1]) if len(ends) else 0
    places: Ints = np.arange(total, dtype=np.int64) + np.repeat(starts - (ends - counts), counts)
    return places


def bounds_in(ordered: Ints, values: Ints) -> tuple[Ints, Ints]:
    """For each value where it starts, and where it ends, in a sorted array."""
    return np.searchsorted(ordered, values, side="left"), np.searchsorted(ordered, values, side="right")


def sums(group: Ints, weight: Reals | Ints | Flags, count: int) -> Reals:
    """For each of ``count`` groups the sum of the weights in it."""
    found: Reals = np.bincount(group, weights=weight, minlength=count).astype(np.float64, copy=False)
    return found


def first_of_each(group: Ints) -> Flags:
    """Which positions start a new group, ``group`` being sorted."""
    first = np.ones(len(group), dtype=np.bool_)
    first[1:] = group[1:] != group[:-1]
    return first
