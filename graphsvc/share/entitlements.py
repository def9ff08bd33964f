"""What acts in the ledger give a reader beside what it is: sharing groups, and disclosures granted to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import select

from graphsvc.ledger import tables
from graphsvc.ledger.log import Ledger
from graphsvc.model.principals import FOREVER, Entitlements, Footing, Principal
from graphsvc.share.states import seconds

_NOTHING = Entitlements()


@dataclass(frozen=True, slots=True)
class _Grant:
    id: str
    case: str
    purpose: str
    legal_basis: str
    actions: tuple[str, ...]
    until: float

    def serves(self, footing: Footing) -> bool:
        """Whether a question on this footing may use it."""
        stated = (footing.case, footing.purpose) == (self.case, self.purpose)
        return stated and self.legal_basis in ("", footing.legal_basis)


@dataclass(slots=True)
class _Given:
    """What one organisation was given: memberships as (group, until in epoch seconds), and grants."""

    memberships: list[tuple[str, float]] = field(default_factory=list)
    grants: list[_Grant] = field(default_factory=list)


class Entitled:
    """Tells what a caller was given, at the ledger's head. Asked by every question: read again only after an event."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._known: tuple[int, Mapping[str, _Given]] = (-2, {})

    def __call__(self, principal: Principal, footing: Footing, now: float) -> Entitlements:
        """What the caller was given that is in force at ``now`` (epoch seconds) and serves this footing."""
        given = self._given().get(principal.org)
        if given is None:
            return _NOTHING
        groups = [(group, until) for group, until in given.memberships if now < until]
        grants = [grant for grant in given.grants if now < grant.until and grant.serves(footing)]
        return Entitlements(
            groups=tuple(sorted(group for group, _ in groups)),
            grants=tuple(sorted((grant.id, grant.actions) for grant in grants)),
            valid_until=min([FOREVER, *(until for _, until in groups), *(grant.until for grant in grants)]),
        )

    def groups(self, org: str, now: float) -> frozenset[str]:
        """The sharing groups that an organisation belongs to at ``now``."""
        given = self._given().get(org)
        return frozenset() if given is None else frozenset(group for group, until in given.memberships if now < until)

    def _given(self) -> Mapping[str, _Given]:
        event = self._ledger.last_scope_event
        if self._known[0] == event:
            return self._known[1]
        # An event that is not durable yet is not in the tables: what is read now must not be kept as what it made.
        durable = event < self._ledger.head
        given = self._read()
        if durable:
            self._known = (event, given)
        return given

    def _read(self) -> Mapping[str, _Given]:
        members, grants, found = tables.memberships, tables.grants, dict[str, _Given]()
        with self._ledger.reading() as connection:
            belonging = select(members).where(members.c.state == "member").order_by(members.c.group)
            for row in connection.execute(belonging).mappings():
                until = seconds(row["until"]) if row["until"] else FOREVER
                found.setdefault(row["org"], _Given()).memberships.append((row["group"], until))
            for row in connection.execute(select(grants).where(grants.c.revoked.is_(None))).mappings():
                stated = row["case"], row["purpose"], row["legal_basis"]
                one = _Grant(row["id"], *stated, tuple(row["actions"]), seconds(row["until"]))
                found.setdefault(row["grantee"], _Given()).grants.append(one)
        return found
