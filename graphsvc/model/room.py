"""How much one answer may hold, whatever is asked for: counted before it is put into memory, never after.

Only what the reader is shown is counted, so reaching the bound tells nothing about what is hidden.
"""

from __future__ import annotations

from graphsvc.model.errors import TooLarge

ROOM = 8_000_000
"""At most this many characters in one answer: those of values, and :data:`CLAIM` for each claim that is shown."""
CLAIM = 500
"""How many characters a claim counts for beside its values: handles, owner, handling, dates, names of fields."""
CODE = "answer_too_large"


class Room:
    """What is left for one answer. Not to be used by two threads at once."""

    def __init__(self, characters: int = ROOM) -> None:
        self.left = characters

    def take(self, characters: int) -> None:
        """Use up some of it; raises TooLarge when there is not enough left."""
        self.left -= characters
        if self.left < 0:
            raise too_large()


def too_large() -> TooLarge:
    """The error of an answer that would pass the bound; it says how to ask for less."""
    message = (
        f"the answer would hold more than {ROOM:,} characters, so nothing was shown: ask for fewer hops, links, paths "
        "or entries (limit, k, first), for fewer things in one request, or from a page on (before)"
    )
    return TooLarge(message, code=CODE)
