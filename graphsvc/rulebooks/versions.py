"""Versions of the policies as a pure function of what was decided about them, in ledger order.

Policies come in parts that are decided on separately: the shared rulebook, and each organisation's own file. A proposal
gives new files of a part, on top of the version that was current when it was made; so what is approved is exactly what
comes into force, or it does not come into force at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from graphsvc.policy.limits import LIMITS_FILE
from graphsvc.policy.rules import SCHEMA_FILE, STANDINGS_FILE, digest_of, is_rulebook, owner_of
from graphsvc.policy.telling import TELLING_FILE
from graphsvc_verify.meaning import SHARED

BASE, SCHEMA, PROPOSE, ROLL_BACK, APPROVE = "base", "schema", "propose-policy", "roll-back-policy", "approve-policy"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing decided. ``digest`` names the policies in force from ``index`` on; empty where that stays as it was."""

    index: int
    t: str
    kind: str
    part: str
    org: str
    person: str
    object: str
    body: Mapping[str, Any]
    digest: str


@dataclass(frozen=True, slots=True)
class Version:
    """The files of one part, named by their digest; in force since entry ``index``."""

    id: str
    files: Mapping[str, str]
    index: int


@dataclass(slots=True)
class Proposal:
    """A change of a part (or a way back to an earlier version of it) and who stands behind it.

    ``object`` is the digest of the body that all of them sign. The proposal is in force from ``since`` to ``until``.
    """

    object: str
    part: str
    kind: str
    base: str
    version: str
    files: Mapping[str, str]
    note: str
    proposed: Event
    approvals: list[Event] = field(default_factory=list)
    since: int | None = None
    until: int | None = None

    @property
    def signers(self) -> list[tuple[str, str]]:
        """Who stands behind it, as (organisation, person), the proposer first."""
        return [(event.org, event.person) for event in (self.proposed, *self.approvals)]

    def last(self) -> int:
        """The entry in which it was last touched."""
        return max(self.proposed.index, self.since or 0, *(event.index for event in self.approvals), 0)


class Versions:
    """All versions and proposals as they are after some events."""

    def __init__(self) -> None:
        self.current: dict[str, Version] = {}
        self.past: dict[str, list[Version]] = {}
        self.proposals: list[Proposal] = []
        self.digest = ""
        self.last = -1

    def proposal(self, part: str, object_: str) -> Proposal | None:
        """The newest proposal with this signed body."""
        found = [one for one in self.proposals if (one.part, one.object) == (part, object_)]
        return found[-1] if found else None

    def state(self, proposal: Proposal) -> str:
        """``in-force``, ``replaced``, ``open``, or ``outdated``: made for a version that is no longer current."""
        if proposal.since is not None:
            return "in-force" if proposal.until is None else "replaced"
        return "open" if self.base(proposal.part) == proposal.base else "outdated"

    def base(self, part: str) -> str:
        """The id of a part's current version; the digest of no files where the organisation has none."""
        return self.current[part].id if part in self.current else digest_of({})

    def files(self, part: str) -> dict[str, str]:
        """The current files of a part."""
        return dict(self.current[part].files) if part in self.current else {}

    def with_part(self, part: str, files: Mapping[str, str]) -> dict[str, str]:
        """All governed files if those of ``part`` were ``files``."""
        merged = {
            name: text for one, version in self.current.items() if one != part for name, text in version.files.items()
        }
        return {**merged, **files}

    def earlier(self, part: str, version: str) -> Mapping[str, str] | None:
        """The files of a version that was current once."""
        return next((one.files for one in self.past.get(part, []) if one.id == version), None)

    def apply(self, event: Event) -> None:
        """Take one event in; events come in ledger order and were checked before they were entered."""
        self.last = event.index
        if event.kind == BASE:
            for part, files in parts_of(event.body["files"]).items():
                self._enter(part, files, event.index)
        elif event.kind in (PROPOSE, ROLL_BACK):
            proposed = self.proposed(event.part, event.kind, event.body)
            assert proposed is not None
            self.proposals.append(
                Proposal(
                    object=event.object,
                    part=event.part,
                    kind=event.kind,
                    base=event.body["base"],
                    version=digest_of(proposed),
                    files=proposed,
                    note=event.body.get("note", ""),
                    proposed=event,
                )
            )
        elif event.kind == APPROVE:
            proposal = self.proposal(event.part, event.object)
            assert proposal is not None
            proposal.approvals.append(event)
            if event.digest:
                self._accept(proposal, event.index)
        self.digest = event.digest or self.digest

    def proposed(self, part: str, kind: str, body: Mapping[str, Any]) -> dict[str, str] | None:
        """The files that a part would have; None for a way back to a version that was never current."""
        if kind == ROLL_BACK:
            files = self.earlier(part, body["to"])
            return None if files is None else dict(files)
        changed: Mapping[str, str | None] = body["files"]
        merged = {**self.files(part), **changed}
        return {name: text for name, text in merged.items() if text is not None}

    def _accept(self, proposal: Proposal, index: int) -> None:
        for other in self.proposals:
            if other.part == proposal.part and other.since is not None and other.until is None:
                other.until = index
        proposal.since = index
        self._enter(proposal.part, proposal.files, index)

    def _enter(self, part: str, files: Mapping[str, str], index: int) -> None:
        version = Version(digest_of(files), dict(files), index)
        self.past.setdefault(part, []).append(version)
        self.current[part] = version


def missing(proposal: Proposal, members: Iterable[str]) -> str:
    """What is still needed, in words; empty when enough stand behind a proposal.

    An organisation's file: two persons of it. The shared rulebook: two persons, and persons of more than half of the
    member organisations.
    """
    persons = set(proposal.signers)
    if len(persons) < 2:
        return "a second person"
    if proposal.part == SHARED:
        orgs, all_of_them = {org for org, _ in persons}, set(members)
        short = len(all_of_them) // 2 + 1 - len(orgs & all_of_them)
        if short > 0:
            return f"persons of {short} more organisation{'s' if short > 1 else ''}"
    return ""


def parts_of(files: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Policy files by part; what belongs to none (the schema, which comes with the product) is left out."""
    parts: dict[str, dict[str, str]] = {}
    for name, text in files.items():
        if part := part_of(name):
            parts.setdefault(part, {})[name] = text
    return parts


def part_of(name: str) -> str:
    """The part that a file belongs to; empty for none."""
    if name in (STANDINGS_FILE, LIMITS_FILE, TELLING_FILE) or is_rulebook(name):
        return SHARED
    return "" if name == SCHEMA_FILE else owner_of(name)
