"""Rulebooks: what is told of policy versions and of what they decide, and the acts that change them."""

from __future__ import annotations

from typing import Annotated, ClassVar

import msgspec
from msgspec import Meta

from graphsvc.wire.acts import Body
from graphsvc.wire.shapes import ID, Shape

Digest = Annotated[str, Meta(pattern=r"^sha256:[0-9a-f]{64}$")]
FileName = Annotated[str, Meta(min_length=1, max_length=80)]
Remark = Annotated[str, Meta(max_length=500)]


class PolicySigner(Shape):
    """Who proposed or approved a version. person: null for other organisations' people."""

    org: str
    person: str | None
    index: int


class PolicyFile(Shape):
    """One file of policies."""

    name: str
    text: str


class PolicyVersion(Shape):
    """A version of the shared rulebook or of an organisation's file. since, until: the entries between which it holds.

    body: what its proposer signed and approvers sign; null for what the service was started with.
    """

    object: ID | None
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


class DecidingRule(Shape):
    """A rule that decides, and the file that it stands in."""

    id: str
    file: str


class ActionDecision(Shape):
    """One action. invariant: what the service enforces beyond the rules, where it denies what they permit."""

    action: str
    allowed: bool
    allowed_by_rules: bool
    rule: str
    rules: list[DecidingRule]
    invariant: str | None


class AccessExplanation(Shape):
    """Every decision on one record under the policies in force."""

    policy: str
    owner: str
    actions: list[ActionDecision]


class PolicyCondition(Shape):
    """What readers, footings and labels of a change have in common along an axis: any of some classes."""

    axis: str
    classes: list[str]


class PolicyChange(Shape):
    """Decisions that change alike: on labels of owner readers gain or lose actions. when: empty for always.

    decisions: how many, as text, since there may be billions.
    records: so many of the caller's own records have labels with these handling codes; null for others' labels.
    """

    owner: str
    gain: bool
    actions: list[str]
    when: list[PolicyCondition]
    decisions: str
    records: int | None


class PolicyDifference(Shape):
    """All that a version changes. rules: with +, - or ~; decisions: compared; changed: so many differ; both as text.

    truncated: there are more changes than are listed.
    """

    object: ID
    part: str
    rules: list[str]
    limits: list[str]
    tellings: list[str]
    decisions: str
    changed: str
    changes: list[PolicyChange]
    truncated: bool


class ProposePolicy(Body):
    """Propose a version of the shared rulebook or of the own file, on top of version ``base``.

    ``files``: the new texts by name; null removes a file. ``tables``: decision tables that the result must agree with;
    they run before anything is accepted.
    """

    answer: ClassVar[type[Shape]] = PolicyVersion

    base: Digest
    files: dict[FileName, str | None]
    tables: dict[FileName, str] = msgspec.field(default_factory=dict)
    note: Remark = ""


class ApprovePolicy(Body, forbid_unknown_fields=False):
    """Approve a version that another person proposed, by signing the same body."""

    answer: ClassVar[type[Shape]] = PolicyVersion


class RollBackPolicy(Body):
    """Propose to make the earlier version ``to`` current again."""

    answer: ClassVar[type[Shape]] = PolicyVersion

    base: Digest
    to: Digest
    note: Remark = ""


ACTS: tuple[type[Body], ...] = (ProposePolicy, ApprovePolicy, RollBackPolicy)
"""In the order of the schema."""
