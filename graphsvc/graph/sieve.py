"""Which of the claims that a reader may see count for a question: what does not pass counts as not there.

What passes is decided wherever the expiry is checked, before claims are ordered, cut or counted. So what is left out
uses up no limit and is in no total, and no claim is looked at that would not be looked at anyway.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

Grades = Sequence[str] | None
"""The gradings that a claim may have, as ``scheme source information``; an empty text where those without one pass.

None: any, or none.
"""

LINK, RECORD = "c", "a"
"""What statements call a link claim, and what a record says of an entity."""
_SECOND = 19
"""So many characters of a time are its date and time up to the second; moments are compared by these."""


class During(NamedTuple):
    """A window of time, in UTC, None for an open end: claims pass whose interval touches it.

    ``undated``: those without any time pass too.
    """

    since: str | None = None
    until: str | None = None
    undated: bool = False


@dataclass(frozen=True, slots=True)
class Sieve:
    """``kinds`` are of links; ``linked`` is the window of link claims, ``recorded`` of what is said of entities."""

    grades: Grades = None
    kinds: Sequence[str] | None = None
    linked: During | None = None
    recorded: During | None = None

    def statement(self, text: str) -> str:
        """A statement of this package that takes only claims which pass."""
        asked = (self.grades is not None, self.kinds is not None, self.linked is not None, self.recorded is not None)
        return _sieved(text, *asked) if any(asked) else text

    def parameters(self) -> dict[str, Any]:
        """The parameters of what :meth:`statement` has put in."""
        given: dict[str, Any] = {}
        if self.grades is not None:
            given["grades"] = list(self.grades)
        if self.kinds is not None:
            given["kinds"] = list(self.kinds)
        for name, during in (("linked", self.linked), ("recorded", self.recorded)):
            if during is not None:
                given[name] = [*during]
        return given


ALL = Sieve()
"""Lets everything pass."""


@cache
def _sieved(text: str, grades: bool, kinds: bool, linked: bool, recorded: bool) -> str:
    if grades:
        grade = r"coalesce(\1.gsch + ' ' + \1.gs + ' ' + \1.gi, '') IN $grades AND \1.exp > $now"
        text = re.sub(r"\b(\w+)\.exp > \$now", grade, text)
    if kinds:
        text = text.replace(f"{LINK}.exp > $now", f"{LINK}.kind IN $kinds AND {LINK}.exp > $now")
    if linked:
        text = text.replace(f"{LINK}.exp > $now", f"{_touches(LINK, '$linked')} AND {LINK}.exp > $now")
    if recorded:
        text = text.replace(f"{RECORD}.exp > $now", f"{_touches(RECORD, '$recorded')} AND {RECORD}.exp > $now")
    return text


def _touches(claim: str, window: str) -> str:
    """Whether a claim's interval touches a window; one that says no time passes only where undated ones do."""
    first, last = f"left({claim}.since, {_SECOND})", f"left({claim}.until, {_SECOND})"
    return (
        f"CASE WHEN {claim}.since IS NULL AND {claim}.until IS NULL THEN {window}[2] "
        f"ELSE coalesce({first} <= left({window}[1], {_SECOND}), true) "
        f"AND coalesce({last} >= left({window}[0], {_SECOND}), true) END"
    )
