"""Questions as the client asks them: each root field with its arguments, and all that its answer declares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, TypeVar

from graphsvc.wire.answers import AccessLog, Case, Entity, Network, Paths, RingReport, Submission
from graphsvc.wire.asking import Common, IdentifiersFound, NamesFound, Timeline
from graphsvc.wire.lifecycle import LegalHold, RecalledRecords, RecallNotice, SubjectAccess
from graphsvc.wire.rings import KeptRings, RingComparison, RingReportFile, RingRun
from graphsvc.wire.rulebooks import AccessExplanation, PolicyDifference, PolicyVersion
from graphsvc.wire.shapes import selection
from graphsvc.wire.sharing import Grant, GrantPreview, InformationRequest, RequestFile, SharingGroup

T = TypeVar("T")


@dataclass(frozen=True)
class Question(Generic[T]):
    """A root field: ``arguments`` are its variables as ``first: Int!, before: Int``; ``answer`` the answer's type."""

    field: str
    answer: Any
    arguments: str = ""
    operation: str = "query"

    def following(self, found: Any, asked: Mapping[str, Any]) -> dict[str, Any] | None:
        """The arguments of the part that follows ``found``; None: nothing follows, or the question has no parts."""
        if "cursor: " in self.arguments:
            cursor = getattr(found, "next", None)
            return None if cursor is None else {"cursor": cursor}
        if "afterRing: " in self.arguments:
            ring = getattr(found, "next_after", None)
            return None if ring is None else {"afterRing": ring}
        if "before: " in self.arguments and isinstance(found, list):
            return {"before": found[-1].index} if found and len(found) >= asked["first"] else None
        before = getattr(found, "next_before", None)
        return None if before is None else {"before": before}

    @property
    def data(self) -> Any:
        """The type of the answer's ``data``."""
        return dict[str, self.answer]  # type: ignore[name-defined]

    @cached_property
    def document(self) -> str:
        """The GraphQL document, which selects all that the answer declares."""
        names = [part.split(":")[0].strip() for part in self.arguments.split(",") if part.strip()]
        declared = ", ".join(f"${part.strip()}" for part in self.arguments.split(",") if part.strip())
        given = ", ".join(f"{name}: ${name}" for name in names)
        called = f"{self.field}({given})" if given else self.field
        return f"{self.operation}{f'({declared})' if declared else ''} {{ {called}{selection(self.answer)} }}"


_ONLY = "owners: [String!], during: TimeFilter, grading: GradingFilter, after: Int"
_LINKS = f"linkKinds: [String!], {_ONLY}"
_CURSOR = "cursor: String"
_PART = f"first: Int!, {_CURSOR}"

SEARCH: Question[list[Entity]] = Question("search", list[Entity], f"kind: String!, parts: [KeyPart!]!, {_ONLY}")
TIMELINE: Question[Timeline] = Question("timeline", Timeline, f"entities: [ID!]!, {_PART}, {_LINKS}")
COMMON: Question[Common | None] = Question(
    "common", Common | None, f"entities: [ID!]!, limit: Int!, {_CURSOR}, {_LINKS}"
)
NAMES: Question[NamesFound] = Question(
    "searchNames", NamesFound, f"text: String!, beginning: Boolean!, kinds: [String!], {_PART}, {_ONLY}"
)

IDENTIFIERS: Question[IdentifiersFound] = Question(
    "searchIdentifiers", IdentifiersFound, f"kind: String!, parts: [KeyPart!]!, {_PART}, {_ONLY}"
)
EXPAND: Question[Network | None] = Question(
    "expand",
    Network | None,
    f"starts: [ID!]!, hops: Int!, limit: Int!, hubCap: Int, stop: [ID!], {_CURSOR}, {_LINKS}",
)
PATHS: Question[Paths] = Question(
    "paths", Paths, f"source: ID!, target: ID!, maxHops: Int!, k: Int!, {_CURSOR}, {_LINKS}"
)
RINGS: Question[RingReport] = Question("rings", RingReport, f"parameters: RingParameters, {_CURSOR}, after: Int")

_SIDE = "role: Role!, state: String, first: Int!, before: Int"

CASES: Question[list[Case]] = Question("cases", list[Case])
SUBMISSIONS: Question[list[Submission]] = Question("submissions", list[Submission], "first: Int!, before: Int")
ACCESS_LOG: Question[AccessLog] = Question(
    "accessLog", AccessLog, "since: String, until: String, first: Int!, before: Int, submission: Int"
)
REGISTER_CASE: Question[Case] = Question(
    "registerCase", Case, "reference: String!, title: String!, legalBasis: String!", "mutation"
)

REQUESTS: Question[list[InformationRequest]] = Question("disclosureRequests", list[InformationRequest], _SIDE)
PRESERVATIONS: Question[list[InformationRequest]] = Question("preservationRequests", list[InformationRequest], _SIDE)
REQUEST: Question[RequestFile | None] = Question("informationRequest", RequestFile | None, "id: ID!")
PREVIEW: Question[list[GrantPreview] | None] = Question(
    "previewGrant",
    list[GrantPreview] | None,
    "request: ID!, records: [ID!]!, fieldGroups: [String!]!, uses: [String!], legalBasis: String",
)
GRANTS: Question[list[Grant]] = Question("grants", list[Grant], "role: Role!, first: Int!, before: Int")
GROUPS: Question[list[SharingGroup]] = Question("sharingGroups", list[SharingGroup])

RECALLS: Question[list[RecalledRecords]] = Question("recalls", list[RecalledRecords], "first: Int!, before: Int")
NOTICES: Question[list[RecallNotice]] = Question(
    "recallNotices", list[RecallNotice], "open: Boolean!, first: Int!, before: Int"
)
HOLDS: Question[list[LegalHold]] = Question("holds", list[LegalHold], "open: Boolean!, first: Int!, before: Int")
SUBJECT_ACCESS: Question[SubjectAccess | None] = Question(
    "subjectAccess", SubjectAccess | None, "kind: String!, parts: [KeyPart!]!"
)

VERSIONS: Question[list[PolicyVersion]] = Question(
    "policyVersions", list[PolicyVersion], "part: String, first: Int!, before: Int"
)
DIFFERENCE: Question[PolicyDifference | None] = Question("policyDifference", PolicyDifference | None, "object: ID!")
WHY: Question[AccessExplanation | None] = Question(
    "explainAccess", AccessExplanation | None, "record: ID, submission: Int, row: Int, reader: ReaderInput"
)

RING_RUNS: Question[list[RingRun]] = Question("ringRuns", list[RingRun], "first: Int!, before: Int")
KEPT_RINGS: Question[KeptRings | None] = Question(
    "keptRings",
    KeptRings | None,
    "run: ID, filter: RingFilter, first: Int!, afterRing: ID",
)
RING: Question[RingReportFile | None] = Question(
    "ring", RingReportFile | None, "id: ID!, run: ID, removed: [String!], hoursFromUtc: Int!"
)
COMPARE_RUNS: Question[RingComparison | None] = Question(
    "compareRuns", RingComparison | None, "earlier: ID!, later: ID!, first: Int!, afterRing: ID"
)
