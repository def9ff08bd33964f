"""Rows do not depend on how the stream is cut, and agree with Python's csv reader."""

from __future__ import annotations

import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from importers.rows import iter_rows

BODIES = st.lists(st.sampled_from([b'"', b",", b";", b"\n", b"\r", b"\r\n", b"a", b"\xef\xbb\xbf", b'""']), max_size=40)


class Cut:
    """A stream whose reads end where it is told."""

    def __init__(self, data, sizes):
        self.data, self.sizes = data, iter(sizes)

    def read(self, size):
        piece = self.data[: min(size, next(self.sizes, size))]
        self.data = self.data[len(piece) :]
        return piece


@given(
    BODIES.map(b"".join),
    st.lists(st.integers(1, 6), max_size=60),
    st.sampled_from(["ndjson", "csv"]),
    st.integers(0, 30),
)
def test_cutting_changes_nothing(body, sizes, kind, limit):
    def salt(number):
        return number.to_bytes(8, "big")

    whole = list(iter_rows(io.BytesIO(body), kind, limit, salt))
    assert list(iter_rows(Cut(body, sizes), kind, limit, salt)) == whole
    assert [row.number for row in whole] == list(range(len(whole)))


@given(BODIES.map(b"".join))
def test_lines_hold_every_byte_but_terminators(body):
    found = [row.data for row in iter_rows(io.BytesIO(body), "ndjson")]
    lines = body.split(b"\n")
    expected = [line[:-1] if line.endswith(b"\r") else line for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])
    assert found == expected


@given(
    st.lists(
        st.lists(st.text(st.sampled_from('ab",;\n\r é'), max_size=6), min_size=2, max_size=4), min_size=1, max_size=6
    )
)
def test_records_are_those_that_csv_wrote(table):
    written = io.StringIO(newline="")
    csv.writer(written, quoting=csv.QUOTE_ALL).writerows(table)
    found = [row.data.decode() for row in iter_rows(io.BytesIO(written.getvalue().encode()), "csv")]
    assert [next(csv.reader(io.StringIO(record, newline=""))) for record in found] == table
