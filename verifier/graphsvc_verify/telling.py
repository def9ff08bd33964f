"""Hits that their owner is told of late, or never, by a rule of policy: what the header of their entry says of them.

In the body of a read's header, by rule, and only there (a record that is shown is told of at once)::

    later: [{rule, law, due: "YYYY-MM-DD" or null, owners: [{owner, root, facts}]}]

Their sections stand in the same entry, sealed to the service; nobody else can find or open them. They are told from the
day that is ``due`` on (UTC, :mod:`graphsvc_verify.told`); ``due: null`` is told to nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from graphsvc_verify.errors import VerifyError

MOST_DAYS = 366
"""No rule delays telling for longer."""


def later_of(header: Mapping[str, Any]) -> list[tuple[Mapping[str, Any], dict[str, Any]]]:
    """Who is told later by a read's header, as ({owner, root, facts}, {rule, law, due}); in order."""
    found = []
    for group in header["body"].get("later", ()):
        late = {name: group[name] for name in ("rule", "law", "due")}
        if not all(isinstance(late[name], str) and late[name] for name in ("rule", "law")):
            raise VerifyError("bad_late", "a hit that is not told at once names no rule or no law for that")
        if late["due"] is not None:
            date.fromisoformat(late["due"])
        found += [(item, late) for item in group["owners"]]
    return found


def check_late(late: Mapping[str, Any], t: str) -> None:
    """Check that the day when an owner is told is within bounds of the read's time. Raises VerifyError ``bad_late``."""
    if late["due"] is None:
        return
    # The first day that begins after the delay, and one more for a read that was drafted just before midnight.
    if date.fromisoformat(late["due"]) > date.fromisoformat(t[:10]) + timedelta(days=MOST_DAYS + 1):
        raise VerifyError("bad_late", f"a hit is told later than {MOST_DAYS} days after it")
