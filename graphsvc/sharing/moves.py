"""The label moves that an act makes: to the same label with a group or a grant added or taken off.

They are worked out in the owner's own scope at one moment of the ledger; when labels have moved since, the entry is
refused and they are worked out anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from graphsvc.acts.signed import SignedAct
from graphsvc.core import Core
from graphsvc.model.errors import ScopeMoved, Unavailable
from graphsvc.model.labels import Label, Move
from graphsvc.model.principals import ACT, Principal
from graphsvc.sharing.kept import Kept
from graphsvc.sharing.views import own_labels

if TYPE_CHECKING:
    from graphsvc.policy.scope import Scope

ATTEMPTS = 4
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Moment:
    """The owner's own scope, and the owner's last scope event when it was made."""

    scope: Scope
    event: int


class Mover:
    """Works out moves from what the graph holds."""

    def __init__(self, core: Core, kept: Kept) -> None:
        self.core = core
        self._kept = kept

    async def moment(self, act: SignedAct, submission: int = -1) -> Moment:
        """Now, with the owner's label moves and ``submission`` applied. Raises Unavailable when that takes too long."""
        event = self.core.ledger.scope_event_of(act.org)
        await self.core.applier.wait(min(max(event, submission), self.core.ledger.head - 1), act.org)
        principal = Principal(act.organisation, act.person, act.roles)
        return Moment(own_labels(self.core.scope(principal, ACT)), event)

    async def moves(self, moment: Moment, records: Sequence[int], change: Callable[[Label], Label]) -> list[Move]:
        """The moves of those ``records`` whose label changes; absent ones are left out.

        A record that is set aside moves as well, so that it has the right label when it is reapplied.
        """
        held = await self.core.reader.labels_of(moment.scope, records)
        org = moment.scope.principal.org
        aside = await asyncio.to_thread(self._kept.labels_aside, org, records)
        by_label: dict[Label, list[int]] = {}
        for record, lid in sorted(held.items()):
            by_label.setdefault(moment.scope.labels[lid], []).append(record)
        for record, label in aside.items():
            by_label.setdefault(label, []).append(record)
        changed = [(change(label), label, found) for label, found in by_label.items()]
        return [Move(sorted(found), to, label) for to, label, found in changed if to != label]


async def until_settled(attempt: Callable[[], Awaitable[T]]) -> T:
    """Run ``attempt`` again while labels move under it. Raises Unavailable when they keep moving."""
    for _ in range(ATTEMPTS):
        try:
            return await attempt()
        except ScopeMoved:
            continue
    raise Unavailable("access rules are changing; try again", code="scope_moved")


def with_grant(label: Label, grant: str) -> Label:
    """The label with a grant added."""
    return msgspec.structs.replace(label, grants=_added(label.grants, grant))


def with_group(label: Label, group: str) -> Label:
    """The label with a sharing group added."""
    return msgspec.structs.replace(label, groups=_added(label.groups, group))


def without_group(label: Label, group: str) -> Label:
    """The label with a sharing group taken off."""
    return msgspec.structs.replace(label, groups=tuple(one for one in label.groups if one != group))


def _added(names: Sequence[Any], name: str) -> tuple[str, ...]:
    return tuple(sorted({*names, name}))
