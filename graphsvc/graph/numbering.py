"""The numbers of labels: from 1, in the order of their first coming in the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count

from graphsvc.model.labels import Label


class Numbering:
    """Gives out numbers beside those ``known``. Gaps are filled: there, erased records had the labels in between."""

    def __init__(self, known: Mapping[Label, int]) -> None:
        self._known = known
        self._taken = set(known.values())
        self._next = count(1)
        self.new: dict[Label, int] = {}

    def number(self, label: Label) -> int:
        """The label's number, a new one if it has none."""
        found = self._known.get(label) or self.new.get(label)
        if found is None:
            found = self.new[label] = next(n for n in self._next if n not in self._taken)
        return found
