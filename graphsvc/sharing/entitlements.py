"""What acts in the ledger give a reader: sharing groups, and disclosures granted to it."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import select

from graphsvc.ledger import tables
from graphsvc.ledger.log import Ledger
from graphsvc.model.errors import NotAtHand
from graphsvc.model.principals import Entitlements, Footing, Principal
from graphsvc.model.times import FOREVER, seconds

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
    """Tells what a caller was given, at the ledger's head. Every question asks it, so it reads again only after a scope
    event of the caller's organisation.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._known: dict[str, tuple[int, _Given]] = {}

    def __call__(self, principal: Principal, footing: Footing, now: float, at_hand: bool = False) -> Entitlements:
        """What the caller was given that is in force at ``now`` (epoch seconds) and serves this footing.

        ``at_hand``: raises NotAtHand rather than read.
        """
        given = self._given(principal.org, at_hand)
        if not given.memberships and not given.grants:
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
        return frozenset(group for group, until in self._given(org).memberships if now < until)

    def _given(self, org: str, at_hand: bool = False) -> _Given:
        event = self._ledger.scope_event_of(org)
        known = self._known.get(org)
        if known is not None and known[0] == event:
            return known[1]
        if at_hand:
            raise NotAtHand
        # An event that is not durable yet is not in the tables: what is read now is not the state after it.
        durable = event < self._ledger.head
        given = self._read(org)
        if durable:
            self._known[org] = (event, given)
        return given

    def _read(self, org: str) -> _Given:
        members, grants, found = tables.memberships, tables.grants, _Given()
        belonging = select(members).where(members.c.org == org, members.c.state == "member").order_by(members.c.group)
        granted = select(grants).where(grants.c.grantee == org, grants.c.revoked.is_(None))
        with self._ledger.reading() as connection:
            for row in connection.execute(belonging).mappings():
                found.memberships.append((row["group"], seconds(row["until"]) if row["until"] else FOREVER))
            for row in connection.execute(granted).mappings():
                stated = row["case"], row["purpose"], row["legal_basis"]
                found.grants.append(_Grant(row["id"], *stated, tuple(row["actions"]), seconds(row["until"])))
        return found
