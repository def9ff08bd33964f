"""What a file says and the model can't hold, counted by what it is: the loss report."""

from __future__ import annotations

from collections import Counter

MOST = 1_000
"""At most this many kinds of loss are told apart: names of kinds may come from the file."""
OTHERS = "more kinds than are told apart"
_LONGEST = 200


class Losses(Counter[str]):
    """Counts by what is lost. Names from the file are kept short, printable and few."""

    def __setitem__(self, what: str, count: int) -> None:
        more = count - self[what]
        shown = "".join(char if char.isprintable() else "?" for char in what[:_LONGEST])
        if shown not in self and len(self) >= MOST:
            shown = OTHERS
        super().__setitem__(shown, self[shown] + more)
