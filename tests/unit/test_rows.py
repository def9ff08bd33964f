"""Cutting bodies into rows: terminators, quotes, limits, leaves."""

from __future__ import annotations

import hashlib
import io
import tracemalloc

import pytest

from importers.rows import iter_rows


def rows(data, kind="ndjson", **more):
    return [row.data for row in iter_rows(io.BytesIO(data), kind, **more)]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", []),
        (b"\n", [b""]),
        (b"a", [b"a"]),
        (b"a\n", [b"a"]),
        (b"a\r\nb\r\n", [b"a", b"b"]),
        (b"a\n\n# c\nb", [b"a", b"", b"# c", b"b"]),
        (b"a\r", [b"a\r"]),
        (b"a\r\r\nb\rc\n", [b"a\r", b"b\rc"]),
        (b'{"a":"x"}\n"\n', [b'{"a":"x"}', b'"']),
    ],
)
def test_lines(data, expected):
    assert rows(data) == expected


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b'a,"b\nc",d\ne\n', [b'a,"b\nc",d', b"e"]),
        (b'a,"b\r\nc"\r\ne', [b'a,"b\r\nc"', b"e"]),
        (b'"say ""hi""\n"\nx', [b'"say ""hi""\n"', b"x"]),
        (b'5" pipe,1\nx\n', [b'5" pipe,1', b"x"]),
        (b'a;"x\ny";b\n', [b'a;"x\ny";b']),
        (b'\xef\xbb\xbf"a\nb",c\nd', [b'\xef\xbb\xbf"a\nb",c', b"d"]),
        (b'""\n"",""\n', [b'""', b'"",""']),
        (b'a,"never closed\nb\n', [b'a,"never closed\nb\n']),
    ],
)
def test_records(data, expected):
    assert rows(data, "csv") == expected


def test_numbers_and_leaves():
    def salt(number):
        return bytes([number]) * 32

    found = list(iter_rows(io.BytesIO(b"first\r\n\nlast"), "ndjson", salt=salt))
    assert [(row.number, row.size) for row in found] == [(0, 5), (1, 0), (2, 4)]
    for row, data in zip(found, (b"first", b"", b"last"), strict=True):
        assert row.leaf == hashlib.sha256(b"\0" + salt(row.number) + data).digest()


def test_row_at_and_above_the_limit():
    found = list(iter_rows(io.BytesIO(b"x" * 10 + b"\n" + b"y" * 11 + b"\r\nz\n"), "ndjson", 10, lambda i: b"s"))
    assert [(row.data, row.size, row.too_long) for row in found] == [
        (b"x" * 10, 10, False),
        (None, 11, True),
        (b"z", 1, False),
    ]
    assert found[1].leaf == hashlib.sha256(b"\0s" + b"y" * 11).digest()


class LongLine:
    """A stream of one line, made as it is read."""

    def __init__(self, size):
        self.left, self.hash = size, hashlib.sha256(b"\0salt")

    def read(self, size):
        size = min(size, self.left)
        self.left -= size
        piece = b"x" * size
        self.hash.update(piece)
        return piece


@pytest.mark.parametrize("kind", ["ndjson", "csv"])
def test_line_of_a_gigabyte_is_hashed_not_held(kind):
    stream = LongLine(1 << 30)
    tracemalloc.start()
    found = list(iter_rows(stream, kind, salt=lambda i: b"salt"))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [(row.size, row.too_long) for row in found] == [(1 << 30, True)]
    assert found[0].leaf == stream.hash.digest()
    assert peak < 8 << 20
