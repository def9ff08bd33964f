"""A reader of DER (X.690), as far as time-stamp tokens need it: definite lengths, tags below 31."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from graphsvc_verify.errors import VerifyError

INTEGER, OCTETS, OID, SEQUENCE, SET, TIME = 0x02, 0x04, 0x06, 0x30, 0x31, 0x18
DEEPEST = 64
"""Elements within one element at most, so that nobody can make a reader work for ever."""


@dataclass(frozen=True, slots=True)
class Element:
    """One element: its tag byte, its content, and both with the length as they stand."""

    tag: int
    content: bytes
    whole: bytes

    def parts(self) -> list[Element]:
        """The elements within. Raises VerifyError ``bad_der``."""
        return list(_elements(self.content))

    def expect(self, tag: int) -> Element:
        """The same if it has this tag. Raises VerifyError ``bad_der``."""
        if self.tag != tag:
            raise VerifyError("bad_der", "an element of another kind is needed")
        return self

    @property
    def number(self) -> int:
        """The value of an INTEGER."""
        return int.from_bytes(self.expect(INTEGER).content, "big", signed=True)

    @property
    def oid(self) -> str:
        """The value of an OBJECT IDENTIFIER, in dots."""
        numbers, value = list[int](), 0
        for byte in self.expect(OID).content:
            value = value << 7 | byte & 0x7F
            if not byte & 0x80:
                numbers.append(value)
                value = 0
        if not numbers:
            raise VerifyError("bad_der", "an object identifier is empty")
        first = min(numbers[0] // 40, 2)
        return ".".join(map(str, [first, numbers[0] - 40 * first, *numbers[1:]]))


def read_der(data: bytes) -> Element:
    """The one element that ``data`` is. Raises VerifyError ``bad_der``."""
    found = list(_elements(data))
    if len(found) != 1:
        raise VerifyError("bad_der", "not one element")
    return found[0]


def _elements(data: bytes) -> Iterator[Element]:
    at = count = 0
    while at < len(data):
        start, count = at, count + 1
        if count > DEEPEST or len(data) - at < 2 or data[at] & 0x1F == 0x1F:
            raise VerifyError("bad_der", "an element is cut off, or there are too many")
        length, at = data[at + 1], at + 2
        if length & 0x80:
            size = length & 0x7F
            if not 1 <= size <= 4 or len(data) - at < size:
                raise VerifyError("bad_der", "a length is malformed")
            length, at = int.from_bytes(data[at : at + size], "big"), at + size
        if len(data) - at < length:
            raise VerifyError("bad_der", "an element is cut off")
        yield Element(data[start], data[at : at + length], data[start : at + length])
        at += length
