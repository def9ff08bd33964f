"""What an organisation reads of policies: versions of the shared rulebook and its own file, why a record is shown."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from graphsvc.graph.handles import RECORD
from graphsvc.model.places import ROW_BITS
from graphsvc.model.principals import Footing, check_roles
from graphsvc.policy.axes import SOMEBODY
from graphsvc.policy.decide import profile_of
from graphsvc.policy.evaluate import Profile
from graphsvc.policy.explain import explain
from graphsvc.policy.footings import check_codes
from graphsvc.rulebooks.differences import difference_shape, own_records
from graphsvc.rulebooks.versions import ROLL_BACK, Event, Proposal, Versions, missing
from graphsvc.wire.rulebooks import (
    AccessExplanation,
    ActionDecision,
    DecidingRule,
    PolicyDifference,
    PolicyFile,
    PolicySigner,
    PolicyVersion,
)
from graphsvc_verify.canonical import encode
from graphsvc_verify.meaning import SHARED

if TYPE_CHECKING:
    from graphsvc.answers.questions import Reading
    from graphsvc.policy.diff import Difference


@dataclass(frozen=True, slots=True)
class OtherReader:
    """A reader that an owner asks about."""

    org: str
    kind: str
    roles: tuple[str, ...]
    purpose: str = ""
    legal_basis: str = ""
    case: str = ""
    signed: bool = False


class RulebooksView:
    """The part of a reading that is about policies."""

    def __init__(
        self,
        reading: Reading,
        versions: Callable[[], Versions],
        compare: Callable[[str, Proposal], Awaitable[Difference]],
    ) -> None:
        self._versions = versions
        self._compare = compare
        self._core = reading.core
        self._scope = reading.scope
        self._shapes = reading.shapes
        self._now = reading.now
        self._org = reading.scope.principal.org

    def versions(self, part: str | None, first: int, before: int | None = None) -> list[PolicyVersion]:
        """Versions and proposals of the shared rulebook and of the caller's own file, newest first.

        ``before``: those of lower indexes. A part never ends between two of one index: the next begins below it.
        """
        versions, members = self._versions(), self._core.ledger.members()
        wanted = [one for one in (SHARED, self._org) if part in (None, one)]
        proposals = [
            (one.proposed.index, version_shape(versions, one, self._org, members))
            for one in versions.proposals
            if one.part in wanted
        ]
        # Version 0 of a part is no proposal: it is what the service was started with.
        bases = [
            (past[0].index, _base_shape(versions, name))
            for name, past in versions.past.items()
            if name in wanted and not any(one.since == past[0].index for one in versions.proposals)
        ]
        listed = sorted([*proposals, *bases], key=lambda one: one[0], reverse=True)
        listed = [one for one in listed if before is None or one[0] < before]
        end = listed[min(first, len(listed)) - 1][0] if listed else 0
        shapes = [shape for place, (index, shape) in enumerate(listed) if place < first or index == end]
        for shape in shapes:
            self._shapes.room.take(len(shape.body or "") + sum(len(file.text) for file in shape.files))
        return shapes

    async def difference(self, name: str) -> PolicyDifference | None:
        """What a version of the shared rulebook or of the caller's own file changes; None when it is not there."""
        versions = await asyncio.to_thread(self._versions)
        found = (versions.proposal(part, name) for part in (SHARED, self._org))
        proposal = next((one for one in found if one is not None), None)
        if proposal is None:
            return None
        difference = await self._compare(self._org, proposal)
        held = self._core.ledger, self._core.holdings, self._scope, self._now
        counted = await asyncio.to_thread(own_records, *held)
        # Who has no file of its own is decided for as anybody without one.
        own = self._org if versions.files(self._org) or proposal.part == self._org else SOMEBODY
        shape = difference_shape(proposal, difference, own, counted)
        said = (text for change in shape.changes for one in change.when for text in one.classes)
        self._shapes.room.take(sum(map(len, said)))
        return shape

    async def why(
        self, record: str | None, place: tuple[int, int] | None, reader: OtherReader | None
    ) -> AccessExplanation | None:
        """What the caller, or for an own record any ``reader``, may do with a record, and why; None when not visible.

        ``record`` is a handle; ``place`` the submission and row of an own record.
        """
        number = self._number(record, place)
        if number is None:
            return None
        held = await self._core.reader.labels_of(self._scope, [number])
        if number not in held:
            return None
        return await asyncio.to_thread(self._explained, number, held[number], reader)

    def _explained(self, number: int, lid: int, reader: OtherReader | None) -> AccessExplanation | None:
        label = self._scope.labels[lid]
        own = label.owner == self._org
        if reader and not own:
            return None
        profile = self._other(reader) if reader else self._mine()
        self._shapes.note(number, lid)
        policies = self._core.decider.policies
        return AccessExplanation(
            policy=policies.digest,
            owner=label.owner,
            actions=[
                ActionDecision(
                    action=one.action,
                    allowed=one.allowed,
                    allowed_by_rules=one.decision.allowed,
                    rule=one.decision.rule,
                    rules=[DecidingRule(id=rule, file=file) for rule, file in one.files.items()],
                    invariant=one.invariant or None,
                )
                for one in explain(policies, profile, label)
            ],
        )

    def _number(self, record: str | None, place: tuple[int, int] | None) -> int | None:
        if record is not None:
            opened = self._core.handles(self._org).open(record)
            return opened[1] if opened is not None and opened[0] == RECORD else None
        return None if place is None else (place[0] << ROW_BITS) + place[1]

    def _mine(self) -> Profile:
        principal, footing = self._scope.principal, self._scope.footing
        given = self._core.entitled(principal, footing, self._now)
        registered = bool(footing.case) and self._core.ledger.has_case(principal.org, footing.case)
        return profile_of(principal, footing, registered, given)

    def _other(self, reader: OtherReader) -> Profile:
        """A reader as described; groups and grants of an organisation that is a member are those in force."""
        footing = Footing(reader.purpose, reader.legal_basis, reader.case, reader.signed)
        check_roles(reader.roles)
        codelists = self._core.schema.codelists
        check_codes(footing, codelists, {"purpose": "reader/purpose", "legal basis": "reader/legalBasis"})
        organisation = self._core.ledger.organisations().get(reader.org)
        if organisation is not None:
            principal = type(self._scope.principal)(organisation, "", reader.roles)
            return profile_of(principal, footing, footing.stated, self._core.entitled(principal, footing, self._now))
        return Profile(
            org=reader.org,
            kind=reader.kind,
            jurisdiction="XX",
            roles=tuple(sorted(set(reader.roles))),
            groups=(),
            purpose=footing.purpose if footing.stated else "",
            legal_basis=footing.legal_basis if footing.stated else "",
            stated=footing.stated,
            signed=footing.signed,
        )


def version_shape(versions: Versions, proposal: Proposal, org: str, members: Iterable[str]) -> PolicyVersion:
    """A proposal as a member sees it; persons of other organisations are not named."""
    state = versions.state(proposal)
    return PolicyVersion(
        object=proposal.object,
        part=proposal.part,
        state=state,
        returns=proposal.kind == ROLL_BACK,
        version=proposal.version,
        base=proposal.base,
        note=proposal.note or None,
        proposer=_signer(proposal.proposed, org),
        approvals=[_signer(event, org) for event in proposal.approvals],
        missing=(missing(proposal, members) or None) if state == "open" else None,
        index=proposal.proposed.index,
        since=proposal.since,
        until=proposal.until,
        files=_files(proposal.files),
        body=_body(proposal),
    )


def _body(proposal: Proposal) -> str:
    # What an approver signs, to the byte: canonical JSON of the proposer's body.
    return encode(dict(proposal.proposed.body)).decode()


def _base_shape(versions: Versions, part: str) -> PolicyVersion:
    first, later = versions.past[part][0], versions.past[part][1:]
    return PolicyVersion(
        object=None,
        part=part,
        state="replaced" if later else "in-force",
        returns=False,
        version=first.id,
        base=None,
        note=None,
        proposer=None,
        approvals=[],
        missing=None,
        index=first.index,
        since=first.index,
        until=later[0].index if later else None,
        files=_files(first.files),
        body=None,
    )


def _signer(event: Event, org: str) -> PolicySigner:
    return PolicySigner(org=event.org, person=event.person if event.org == org else None, index=event.index)


def _files(files: Mapping[str, str]) -> list[PolicyFile]:
    return [PolicyFile(name=name, text=text) for name, text in sorted(files.items())]
