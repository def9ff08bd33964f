"""Sets of records as ranges of rows, by submission: the form in which entries name records, however many. Pure."""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from operator import itemgetter

from graphsvc.model.places import ROW_BITS, ROW_MASK, record_int

Range = tuple[int, int, int]
"""A submission's ledger index, and its first and last row."""
Ranges = tuple[Range, ...]
"""Sorted, disjoint and not adjacent."""


def ranges(parts: Iterable[Iterable[int]]) -> Ranges:
    """The union of ranges in any order. Raises ValueError for what is no range of rows."""
    found: list[Range] = []
    for submission, first, last in sorted((s, f, t) for s, f, t in parts):
        if submission < 0 or not 0 <= first <= last <= ROW_MASK:
            raise ValueError("not a range of rows")
        if found and found[-1][0] == submission and first <= found[-1][2] + 1:
            found[-1] = (submission, found[-1][1], max(last, found[-1][2]))
        else:
            found.append((submission, first, last))
    return tuple(found)


def of_records(records: Iterable[int]) -> Ranges:
    """The ranges of record integers."""
    return ranges((record >> ROW_BITS, record & ROW_MASK, record & ROW_MASK) for record in records)


def of_rows(submission: int, rows: Iterable[int]) -> Ranges:
    """The ranges of some rows of one submission."""
    return ranges((submission, row, row) for row in rows)


def records(of: Ranges) -> Iterator[int]:
    """Every record integer, ascending."""
    for submission, first, last in of:
        yield from range(record_int(submission, first), record_int(submission, last) + 1)


def count(of: Ranges) -> int:
    """How many rows."""
    return sum(last - first + 1 for _, first, last in of)


def submissions(of: Ranges) -> list[int]:
    """The submissions, ascending."""
    return [submission for submission, _ in groupby(of, key=itemgetter(0))]


def of_submission(of: Ranges, submission: int) -> Ranges:
    """The ranges that lie in one submission."""
    return tuple(part for part in of if part[0] == submission)


def by_submission(of: Ranges) -> dict[int, Ranges]:
    """The ranges of each submission, found in one pass."""
    return {submission: tuple(parts) for submission, parts in groupby(of, key=itemgetter(0))}


def both(one: Ranges, other: Ranges) -> Ranges:
    """The intersection."""
    found: list[Range] = []
    at = 0
    for submission, first, last in one:
        while at < len(other) and (other[at][0], other[at][2]) < (submission, first):
            at += 1
        here = at
        while here < len(other) and (other[here][0], other[here][1]) <= (submission, last):
            found.append((submission, max(first, other[here][1]), min(last, other[here][2])))
            here += 1
    return tuple(found)


def minus(one: Ranges, other: Ranges) -> Ranges:
    """What is in ``one`` and not in ``other``."""
    found: list[Range] = []
    for submission, first, last in one:
        start = first
        for _, low, high in both(((submission, first, last),), other):
            if start < low:
                found.append((submission, start, low - 1))
            start = high + 1
        if start <= last:
            found.append((submission, start, last))
    return tuple(found)


def union(*parts: Ranges) -> Ranges:
    """The union of several sets of ranges."""
    return ranges(part for one in parts for part in one)


def covers(of: Ranges, submission: int, row: int) -> bool:
    """Whether the ranges hold this row."""
    return bool(both(((submission, row, row),), of))


def among(of: Ranges) -> Callable[[int], bool]:
    """A function that tells whether the ranges of one submission hold a row; quick for many rows."""
    starts = [first for _, first, _ in of]
    ends = [last for _, _, last in of]

    def found(row: int) -> bool:
        at = bisect_right(starts, row)
        return at > 0 and row <= ends[at - 1]

    return found


def pack(of: Ranges) -> bytes:
    """The rows of one submission's ranges as pairs of uint32 (first, last), big-endian."""
    return b"".join(struct.pack(">II", first, last) for _, first, last in of)


def unpack(submission: int, packed: bytes) -> Ranges:
    """What :func:`pack` made, for its submission."""
    return tuple((submission, first, last) for first, last in struct.iter_unpack(">II", packed))
