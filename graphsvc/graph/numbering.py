"""The numbers of labels: from 1, in the order in which they are met. Nothing that anybody is shown depends on them."""

from __future__ import annotations

from collections.abc import Mapping

from graphsvc.model.labels import Label


class Numbering:
    """Gives labels numbers above those ``known``."""

    def __init__(self, known: Mapping[Label, int]) -> None:
        self._known = known
        self._next = max(known.values(), default=0) + 1
        self.new: dict[Label, int] = {}

    def number(self, label: Label) -> int:
        """The label's number, a new one if it has none."""
        found = self._known.get(label) or self.new.get(label)
        if found is None:
            found = self.new[label] = self._next
            self._next += 1
        return found
