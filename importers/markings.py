"""The Traffic Light Protocol as bundles and events write it, versions 1 and 2: https://www.first.org/tlp/."""

from __future__ import annotations

from collections.abc import Collection

from graphsvc.model.labels import Handling

TLP = {
    "white": "CLEAR",
    "clear": "CLEAR",
    "green": "GREEN",
    "amber": "AMBER",
    "amber+strict": "AMBER+STRICT",
    "red": "RED",
}
"""What is written, in lower case → the code of TLP 2.0."""
_STRICTNESS = ("CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED")


def strictest(codes: Collection[str]) -> Handling | None:
    """The strictest of some codes of TLP 2.0; None where there are none."""
    return Handling("tlp-2.0", max(codes, key=_STRICTNESS.index)) if codes else None
