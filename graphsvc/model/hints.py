"""Hints at what a caller probably meant. Only for lists that the caller may see as a whole."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

SHOWN = 12
"""At most this many words of a list are named where none is near."""


def hint(word: str, known: Iterable[str]) -> str:
    """``did you mean …?`` with the nearest of ``known``, whatever the case, or else some of them."""
    words = {one.casefold(): one for one in known}
    near = difflib.get_close_matches(word.casefold(), words, 1, 0.6)
    if near:
        return f"did you mean {words[near[0]]}?"
    shown = ", ".join(list(words.values())[:SHOWN])
    return f"take one of: {shown or 'there is none'}" + (", …" if len(words) > SHOWN else "")
