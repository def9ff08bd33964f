"""A gigabyte of a seized phone's report, and of a table, take no more memory than a hundredth of it."""

from __future__ import annotations

import io
import multiprocessing
from collections.abc import Callable, Iterator
from typing import cast

import pytest

from bench.formats import HEADER, MAPPING, ORGANISATION, highest, lines
from bench.ingest import DEFAULTS
from graphsvc.model.references import References
from graphsvc.model.schema import load_schema
from importers.mapping import load_mapping
from importers.reading import How, Reading, Ready
from tests.unit.test_seized_phones import OWNER, chat, message, party, report

GIGABYTE = 1 << 30
ROOM = 60 << 20
"""Bytes by which the peaks may differ: what is remembered of a file's values has its own bound."""


class Made(io.RawIOBase):
    """A file that is made while it is read, and made anew when it is read again."""

    def __init__(self, pieces: Callable[[], Iterator[bytes]]) -> None:
        super().__init__()
        self._pieces = pieces
        self.seek(0)

    def seek(self, at: int, whence: int = 0, /) -> int:
        assert at == 0 and whence == 0
        self._left, self._held = self._pieces(), b""
        return 0

    def read(self, size: int = -1, /) -> bytes:
        while not self._held and (piece := next(self._left, b"")):
            self._held = piece
        piece, self._held = self._held[:size], self._held[size:]
        return piece


def table(size: int) -> Iterator[bytes]:
    """A CSV of about ``size`` bytes, whose values hardly come twice."""
    yield (",".join((*HEADER, "text")) + "\n").encode()
    text, made = "x" * 900, 0
    for row in lines(size // 900, 1):
        line = f"{','.join(row)},{text}\n".encode()
        made += len(line)
        if made > size:
            return
        yield line


def phone(size: int) -> Iterator[bytes]:
    """A report with one chat of about ``size`` bytes."""
    begin, end = report(chat("WhatsApp", "g@g.us", party(OWNER), "")).split(b'type="InstantMessage"></multiModelField>')
    yield begin + b'type="InstantMessage">'
    one = message(OWNER, "2026-01-02T03:04:05+00:00", "x" * 4_000).encode()
    for _ in range(size // len(one)):
        yield one
    yield b"</multiModelField>" + end


FORMS = {"csv": (table, "text/csv", MAPPING), "ufed": (phone, "application/x-ufed-report+xml", None)}


def peak(name: str, size: int) -> tuple[int, int]:
    """Accepted rows, and by how many bytes the peak of memory grew; in a process of its own."""
    pieces, media_type, mapping = FORMS[name]
    schema = load_schema()
    how = How(media_type, load_mapping(mapping, schema) if mapping else None, schema, DEFAULTS, ORGANISATION)
    before = highest(anew=True)
    body = cast(io.BufferedReader, Made(lambda: pieces(size)))
    accepted = sum(isinstance(found, Ready) for _, found in Reading(body, how, References(b"soak")))
    return accepted, highest() - before


@pytest.mark.soak
@pytest.mark.parametrize("name", sorted(FORMS))
def test_a_gigabyte_takes_no_more_memory_than_ten_megabytes(name: str) -> None:
    found = []
    for size in (GIGABYTE // 100, GIGABYTE):
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            found.append(pool.apply(peak, (name, size)))
    (few, small), (many, large) = found
    print(f"{name}: {small >> 20} MiB at 10 MiB, {large >> 20} MiB at 1 GiB, {many} rows")
    assert few > 0 and (name == "ufed" or many > 50 * few)
    assert large < small + ROOM
