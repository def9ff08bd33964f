"""Handles open for the organisation that they were made for, in exactly the form in which they were given."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from graphsvc.graph.facts import IDENTIFIED, Node
from graphsvc.graph.handles import LENGTH, RECORD, Handles
from graphsvc.graph.marks import Marks
from graphsvc.model.accelerator import OFF

OURS, THEIRS = Handles(b"\x01" * 64), Handles(b"\x02" * 64)
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
keys = st.binary(min_size=64, max_size=64)
numbers = st.tuples(st.integers(0, 250), st.integers(0, 2**192 - 1))


@given(numbers)
def test_a_handle_opens_to_what_was_sealed_and_only_at_home(pair: tuple[int, int]) -> None:
    handle = OURS.seal(*pair)
    assert len(handle) == LENGTH == 55
    assert OURS.seal(*pair) == handle
    assert OURS.open(handle) == pair
    assert THEIRS.open(handle) is None
    assert THEIRS.seal(*pair) != handle


@given(numbers, st.integers(0, LENGTH - 1), st.sampled_from(LETTERS))
def test_a_changed_handle_opens_to_nothing(pair: tuple[int, int], at: int, letter: str) -> None:
    handle = OURS.seal(*pair)
    changed = handle[:at] + letter + handle[at + 1 :]
    assert OURS.open(changed) == (pair if changed == handle else None)


@given(st.text(max_size=40))
def test_anything_else_opens_to_nothing(text: str) -> None:
    assert OURS.open(text) is None


def test_spare_bits_and_padding_count() -> None:
    handle = OURS.seal(4, 7)
    last = LETTERS.index(handle[-1])
    assert last % 4 == 0, "the two spare bits are zero"
    assert OURS.open(handle[:-1] + LETTERS[last + 1]) is None
    assert OURS.open(handle + "=") is None
    assert OURS.open(handle.replace(handle[0], "é", 1)) is None


@given(st.text(), st.sampled_from([IDENTIFIED, "pasar", "tide"]))
def test_an_entity_has_a_handle_in_each_world(key: str, world: str) -> None:
    node = Node(Marks(b"secret").entity(key), world)
    handle = OURS.seal_node(7, node)
    assert len(handle) == LENGTH and THEIRS.open_node(handle, ["pasar", "tide"]) is None
    assert OURS.open_node(handle, ["pasar", "tide"]) == node
    assert OURS.open_node(handle) == (node if world == IDENTIFIED else None), "no such world is the reader's"
    others = {OURS.seal_node(7, node._replace(world=one)) for one in (IDENTIFIED, "pasar", "tide")}
    assert len(others) == 3 and handle in others


def test_a_record_is_no_entity() -> None:
    assert OURS.open_node(OURS.seal(RECORD, 5)) is None and OURS.open(OURS.seal(RECORD, 5)) == (RECORD, 5)


class Counted:
    """The cipher of some handles, which counts what it is asked to seal."""

    def __init__(self, handles: Handles) -> None:
        self._cipher = handles._cipher
        self.sealed = 0
        handles._cipher = self  # type: ignore[assignment]

    def encrypt(self, data: bytes, associated: None) -> bytes:
        """Seal, and count it."""
        self.sealed += 1
        return self._cipher.encrypt(data, associated)


@given(
    st.lists(st.integers(0, 6), max_size=30), st.lists(st.tuples(st.integers(1, 2), st.sampled_from(["", "a"]))), keys
)
def test_what_is_remembered_is_what_would_be_sealed(
    records: list[int], nodes: list[tuple[int, str]], key: bytes
) -> None:
    remembering, forgetful = Handles(key, 3, OFF), Handles(key, 0, OFF)
    for n in records:
        assert remembering.seal(RECORD, n) == forgetful.seal(RECORD, n)
    for kind, world in nodes:
        node = Node(Marks(b"secret").entity("phone:1"), world)
        assert remembering.seal_node(kind, node) == forgetful.seal_node(kind, node)


def test_a_handle_is_sealed_once_while_it_is_among_the_last_asked_for() -> None:
    handles = Handles(b"\x03" * 64, 2, OFF)
    cipher = Counted(handles)
    for n in (1, 2, 1, 2):
        handles.seal(RECORD, n)
    assert cipher.sealed == 2
    handles.seal(RECORD, 3)
    handles.seal(RECORD, 2)
    assert cipher.sealed == 3, "the last two are still there"
    handles.seal(RECORD, 1)
    assert cipher.sealed == 4, "the first one had to go"
    node = Node(Marks(b"secret").entity("phone:1"))
    assert handles.seal_node(7, node) == handles.seal_node(7, node) != handles.seal_node(8, node)
    assert cipher.sealed == 6, "each kind for itself"


def test_one_organisations_questions_leave_no_trace_in_anothers_memory() -> None:
    ours, theirs = Handles(b"\x04" * 64, 2, OFF), Handles(b"\x05" * 64, 2, OFF)
    mine, other = Counted(ours), Counted(theirs)
    first = ours.seal(RECORD, 1)
    for n in range(9):
        assert theirs.seal(RECORD, n) != first
    assert (mine.sealed, other.sealed) == (1, 9), "what one was given is made anew for the other"
    assert ours.seal(RECORD, 1) == first and mine.sealed == 1, "what the other asked for pushes nothing out"
