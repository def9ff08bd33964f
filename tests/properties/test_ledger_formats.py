from __future__ import annotations

import hmac

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from graphsvc.ledger.tree import Tree, View
from graphsvc_verify import canonical, merkle
from graphsvc_verify.boxes import open_box, seal, size_class
from graphsvc_verify.disclosures import commitments
from graphsvc_verify.errors import VerifyError
from graphsvc_verify.proof import format_proof, parse_proof

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NUMBER = st.integers(-(2**53) + 1, 2**53 - 1)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBER | TEXT,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXT, inner, max_size=5),
    max_leaves=20,
)


@given(VALUES)
def test_canonical_json_is_that_of_another_implementation(value: object) -> None:
    data = canonical.encode(value)
    assert data == rfc8785.dumps(value)
    assert canonical.decode(data) == value


@given(st.binary(max_size=60))
def test_bytes_that_are_not_canonical_are_refused(data: bytes) -> None:
    try:
        value = canonical.decode(data)
    except VerifyError:
        return
    assert canonical.encode(value) == data


@pytest.mark.parametrize("value", [1.0, float("nan"), 2**53, -(2**53), {1: 2}, b"x", "\ud800", {"\ud800": 1}, object()])
def test_what_has_no_canonical_form_is_refused(value: object) -> None:
    with pytest.raises(VerifyError, match="not_canonical"):
        canonical.encode([value])


@given(st.binary(max_size=40))
def test_base64url_has_one_spelling(data: bytes) -> None:
    text = canonical.b64u(data)
    assert canonical.unb64u(text) == data
    for other in (text + "=", text + "A", " " + text):
        try:
            assert canonical.unb64u(other) != data
        except VerifyError:
            continue


def naive_root(leaves: list[bytes]) -> bytes:
    """RFC 6962 section 2.1, as it stands there."""
    if not leaves:
        return merkle.EMPTY_ROOT
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    return merkle.node_hash(naive_root(leaves[:k]), naive_root(leaves[k:]))


LEAVES = [merkle.leaf_hash(str(i).encode()) for i in range(1400)]


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_the_tree_proves_every_leaf_and_every_growth(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 1400))
    reopened = data.draw(st.integers(0, size))
    stored: dict[tuple[int, int], bytes] = {}

    def load(level: int, n: int) -> bytes | None:
        return stored.get((level, n))

    tree = Tree(load)
    for count, leaf in enumerate(LEAVES[:size]):
        if count == reopened:
            tree = Tree(load)
            tree.restore(count, lambda start, stop: LEAVES[start:stop])
        tree.append(leaf)
        stored.update({(level, n): content for level, n, content in tree.full})
        tree.full.clear()
    new = data.draw(st.integers(1, size))
    old = data.draw(st.integers(1, new))
    index = data.draw(st.integers(0, new - 1))
    root = tree.root(new)
    assert root == naive_root(LEAVES[:new]) == merkle.root(LEAVES[:new])
    view = View(tree, new)
    merkle.verify_inclusion(LEAVES[index], index, new, view.inclusion(index), root)
    merkle.verify_consistency(old, new, tree.root(old), root, view.consistency(old))
    text = format_proof(index, view.inclusion(index), "a\n\n— b c\n")
    assert parse_proof(text).path == view.inclusion(index)


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=9000))
def test_boxes_open_to_what_was_sealed_and_show_a_size_class_only(key: bytes, content: bytes) -> None:
    box = seal(key, content)
    assert open_box(key, box) == content
    assert len(box) == size_class(len(content)) and len(box) in (512, 2048, 8192, 16384)


@given(
    st.binary(min_size=32, max_size=32),
    st.lists(st.tuples(st.integers(0, 2**50), st.integers(0, 2**32 - 1)), max_size=5),
)
def test_commitments_are_salted_by_hmac(seed: bytes, records: list[tuple[int, int]]) -> None:
    from hashlib import sha256

    for i, (found, (submission, row)) in enumerate(zip(commitments(seed, records), records, strict=True)):
        salt = hmac.digest(seed, i.to_bytes(8, "big"), "sha256")
        assert found == sha256(salt + canonical.encode({"submission": submission, "row": row})).digest()
