"""PackStream: the native code and ours write the same bytes and read the same values; cut or changed bytes are told."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from graphsvc.graph.bolt import packstream
from graphsvc.graph.bolt.packstream import pack, plain_pack, plain_unpack, unpack, unpack_list

texts = st.text(max_size=40) | st.sampled_from([15, 16, 255, 256, 65_535, 65_536]).map(lambda size: "x" * size)
bounds = st.sampled_from(
    [b + d for bits in (4, 7, 8, 15, 16, 31, 32, 62) for b in (1 << bits, -(1 << bits)) for d in (-1, 0, 1)]
)
plain = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | bounds | st.floats(allow_nan=False) | texts
values = st.recursive(
    plain | st.binary(max_size=300),
    lambda inner: st.lists(inner, max_size=20) | st.dictionaries(st.text(max_size=20), inner, max_size=17),
    max_leaves=60,
)


def test_the_native_code_is_found() -> None:
    assert packstream._native_pack is not None and packstream._native_unpack is not None


@settings(deadline=None)
@given(value=values)
@example(value=[1] * 65_536)
@example(value=dict.fromkeys(map(str, range(300)), (1, (2,))))
def test_both_write_and_read_the_same(value: object) -> None:
    packed = pack(value)
    assert plain_pack(value) == packed
    data = bytearray(b"\xff" + packed + b"\x01")
    theirs, ours = unpack(data, 1), plain_unpack(data, 1)
    assert repr(theirs) == repr(ours) and ours[1] == len(packed) + 1
    assert plain_pack(ours[0]) == packed


@settings(deadline=None)
@given(columns=st.lists(values, max_size=20))
def test_item_by_item_a_list_is_the_same(columns: list[object]) -> None:
    data = bytearray(pack(columns))
    assert unpack_list(data) == unpack(data)[0]


@settings(deadline=None)
@given(columns=st.lists(values, min_size=1, max_size=8), share=st.floats(0, 1, exclude_max=True))
def test_a_list_that_is_cut_off_is_refused(columns: list[object], share: float) -> None:
    data = bytearray(pack(columns))
    cut = data[: int(len(data) * share)]
    with pytest.raises(ValueError):
        plain_unpack(cut)


@given(data=st.binary(max_size=60))
def test_ours_reads_anything_or_refuses_it(data: bytes) -> None:
    try:
        _, after = plain_unpack(bytearray(data))
        assert 0 < after <= len(data)
    except ValueError:
        pass


@pytest.mark.parametrize("value", [{1, 2}, object, 2**63, -(2**63) - 1, {1: 2}, "\ud800"], ids=str)
def test_what_has_no_encoding_is_refused_by_both(value: object) -> None:
    for way in (pack, plain_pack):
        with pytest.raises((ValueError, TypeError, OverflowError)):
            way(value)
