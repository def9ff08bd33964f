"""GraphQL of policies: versions of the rulebooks, the acts that change them, and why a record is shown or not.

Every change is a signed act (``docs/formats.md``, Acts): a mutation takes the compact JWS and nothing else.
"""

from __future__ import annotations

import asyncio

import strawberry

from graphsvc.answers.graphql import reading_of
from graphsvc.api.fields import MAX_NAME, MAX_PAGE, Info, act_field, given, index_of, shape, text_of, within
from graphsvc.api.ports import Shape
from graphsvc.model.errors import InvalidQuery
from graphsvc.model.places import ROW_MASK
from graphsvc.rulebooks.views import GovernedReading

MAX_ROLES = 8


@shape
class PolicySigner:
    """Who stands behind a version. person: null for other organisations' people."""

    org: str
    person: str | None
    index: int


@shape
class PolicyFile:
    """One file of policies."""

    name: str
    text: str


@shape
class PolicyVersion:
    """A version of the shared rulebook or of an organisation's file. since, until: the entries between which it holds.

    body: what its proposer signed and approvers sign; null for what the service was started with.
    """

    object: strawberry.ID | None
    part: str
    state: str
    returns: bool
    version: str
    base: str | None
    note: str | None
    proposer: PolicySigner | None
    approvals: list[PolicySigner]
    missing: str | None
    index: int
    since: int | None
    until: int | None
    files: list[PolicyFile]
    body: str | None


@shape
class DecidingRule:
    """A rule that decides, and the file that it stands in."""

    id: str
    file: str


@shape
class ActionDecision:
    """One action. invariant: what the service enforces beyond the rules, where it denies what they permit."""

    action: str
    allowed: bool
    allowed_by_rules: bool
    rule: str
    rules: list[DecidingRule]
    invariant: str | None


@shape
class AccessExplanation:
    """Every decision on one record under the policies in force."""

    policy: str
    owner: str
    actions: list[ActionDecision]


@given
class ReaderInput:
    """A reader that an owner asks about. Groups and grants of a member are those in force."""

    org: str
    kind: str
    roles: list[str]
    purpose: str = ""
    legal_basis: str = ""
    case: str = ""
    signed: bool = False


async def policy_versions(info: Info, part: str | None = None, first: int = 50) -> list[Shape]:
    """Versions of the policies, newest first."""
    name = None if part is None else text_of("part", part, MAX_NAME)
    count = within("first", first, 1, MAX_PAGE)
    return await info.context.in_turn(asyncio.to_thread(_governing(info).versions, name, count))


async def explain_access(
    info: Info,
    record: strawberry.ID | None = None,
    submission: int | None = None,
    row: int | None = None,
    reader: ReaderInput | None = None,
) -> Shape | None:
    """Why the caller, or a reader of an own record, may do what with it."""
    handle = None if record is None else text_of("record", record)
    place = None
    if handle is None:
        if submission is None or row is None:
            raise InvalidQuery("name a record, or a submission and a row", code="out_of_range", where="record")
        place = index_of("submission", submission) or 0, within("row", row, 0, ROW_MASK)
    context = info.context
    return await context.in_turn(_governing(info).why(handle, place, _reader(reader)))


def _reader(reader: ReaderInput | None) -> Shape:
    if reader is None:
        return {}
    within("reader/roles", len(reader.roles), 0, MAX_ROLES)
    said = {name: getattr(reader, name) for name in ("org", "kind", "purpose", "legal_basis", "case", "signed")}
    for name, value in said.items():
        if isinstance(value, str) and value:
            text_of(f"reader/{name}", value, 200)
    return {**said, "roles": [text_of("reader/roles", role, MAX_NAME) for role in reader.roles]}


def _governing(info: Info) -> GovernedReading:
    return reading_of(info).of(GovernedReading)


@shape
class GoverningQuery:
    """What policies there are, and what they decide."""

    policy_versions = strawberry.field(
        resolver=policy_versions,
        graphql_type=list[PolicyVersion] | None,
        description="Versions and proposals of the shared rulebook and of the caller's own file, newest first.",
    )
    explain_access = strawberry.field(
        resolver=explain_access,
        graphql_type=AccessExplanation | None,
        description="Why the caller, or for an own record any reader, may do what with it; null when not visible.",
    )


@shape
class GoverningMutation:
    """Acts about policies."""

    propose_policy = act_field(
        "policy-propose", PolicyVersion, "Propose a version of the shared rulebook or of the own file."
    )
    approve_policy = act_field("policy-approve", PolicyVersion, "Approve a version that another person proposed.")
    roll_back_policy = act_field("policy-rollback", PolicyVersion, "Propose to make an earlier version current again.")
