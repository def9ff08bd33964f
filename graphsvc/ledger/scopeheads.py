"""Scope events (changes of access rules, labels or members): whom each concerns, and the last for each organisation.

A read is refused when an event that concerns it lies between its scope and its entry. If every event concerned every
read, one organisation that keeps founding groups would stop everybody's reads. So an event names whom it concerns: the
organisations whose own terms it changes (memberships, grants, keys), and the owners whose labels or records it moves,
withdraws or destroys. An event that names nobody in particular, such as one about policies, concerns everybody.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Concern:
    """Whom a scope event concerns: the readers of some organisations, and whoever may see labels of some ``owners``.

    ``everybody``: every reader there is, whatever the other two say.
    """

    readers: frozenset[str] = frozenset()
    owners: frozenset[str] = frozenset()
    everybody: bool = False


EVERYBODY = Concern(everybody=True)


@dataclass(slots=True)
class ScopeHeads:
    """The last scope event for each party, by ledger index; -1 for none. At most two numbers per organisation.

    After a start only the ``last`` event is known, and it is taken to have concerned everybody.
    """

    last: int = -1
    everybody: int = -1
    readers: dict[str, int] = field(default_factory=dict)
    owners: dict[str, int] = field(default_factory=dict)

    @classmethod
    def since(cls, index: int) -> ScopeHeads:
        """What is known after a start, when the log's last scope event is ``index``."""
        return cls(index, index)

    def note(self, index: int, concern: Concern) -> None:
        """Note that entry ``index`` is a scope event."""
        self.last = index
        if concern.everybody:
            self.everybody = index
        self.readers |= dict.fromkeys(concern.readers, index)
        self.owners |= dict.fromkeys(concern.owners, index)

    def of(self, org: str) -> int:
        """The last event that concerns what an organisation was given, or its own labels and records."""
        return max(self.everybody, self.readers.get(org, -1), self.owners.get(org, -1))

    def moved(self, at: int, reader: str | None, owners: frozenset[str] | None) -> bool:
        """Whether an event after ``at`` concerns a read by ``reader`` whose scope holds labels of ``owners``.

        None for either: it is not known, so any event concerns it.
        """
        if self.last <= at:
            return False
        if reader is None or owners is None or self.everybody > at or self.readers.get(reader, -1) > at:
            return True
        return any(self.owners.get(owner, -1) > at for owner in owners)
