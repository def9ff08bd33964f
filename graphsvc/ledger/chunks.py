"""Lists cut into pieces that fit into one statement."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")
_MOST = 500
"""At most this many items in a piece: databases limit the parameters of a statement."""


def chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """The items in order, in pieces of some hundred."""
    return (items[start : start + _MOST] for start in range(0, len(items), _MOST))
