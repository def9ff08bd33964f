"""How many identifiers may be asked for in a day: a file beside the rules, decided on and versioned with them."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from graphsvc.model.datafiles import parse_yaml
from graphsvc.model.errors import InvalidInput
from graphsvc.model.principals import Organisation

LIMITS_FILE = "budget.yaml"


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Identifiers a day: of one organisation, else of its kind, else ``default``. Zero: none may be asked for."""

    default: int
    kinds: dict[str, int] = {}
    organisations: dict[str, int] = {}

    def of(self, organisation: Organisation) -> int:
        """The limit that holds for an organisation."""
        return self.organisations.get(organisation.org, self.kinds.get(organisation.kind, self.default))

    def places(self) -> dict[str, int]:
        """Every limit by its place in the file, as ``kinds.police``."""
        kinds = {f"kinds.{kind}": limit for kind, limit in self.kinds.items()}
        return {"default": self.default, **kinds, **{f"organisations.{o}": n for o, n in self.organisations.items()}}


def parse_limits(text: str) -> Limits:
    """The limits in a file's text; InvalidInput says where it is wrong."""
    limits = parse_yaml(text.encode(), Limits, LIMITS_FILE)
    for place, number in limits.places().items():
        if number < 0:
            raise InvalidInput(f"{place}: a number from 0 up is needed", code="bad_file", where=LIMITS_FILE)
    return limits


def changed_limits(old: Limits | None, new: Limits | None) -> Iterator[str]:
    """The limits that differ between ``old`` and ``new``, a line each."""
    before, after = (limits.places() if limits is not None else {} for limits in (old, new))
    for place in sorted({*before, *after}):
        if before.get(place) != after.get(place):
            yield f"~ {LIMITS_FILE} {place}: {before.get(place, 'none')} → {after.get(place, 'none')}"
