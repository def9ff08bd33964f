"""HMAC-SHA-256 spelled out is the library's, whatever key and message."""

from __future__ import annotations

import hmac

from hypothesis import given
from hypothesis import strategies as st

from graphsvc_verify.keyed import Keyed, row_salt, short_digest


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_spelled_out_is_the_librarys(key: bytes, message: bytes) -> None:
    expected = hmac.digest(key, message, "sha256")
    assert short_digest(key, message) == expected
    if len(key) <= 64:
        assert Keyed(key).digest(message) == expected


@given(st.binary(min_size=32, max_size=32), st.integers(0, (1 << 64) - 1))
def test_the_salt_of_a_row_is_of_its_number(seed: bytes, row: int) -> None:
    assert row_salt(seed, row) == hmac.digest(seed, row.to_bytes(8, "big"), "sha256")
