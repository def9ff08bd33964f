"""Rings kept: what is told of searches and of the rings that they found, and the acts that start and judge them."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from graphsvc.model.slugs import Slug
from graphsvc.wire.acts import Body, Handle, Moment, Note, Reason, Text
from graphsvc.wire.answers import Entity, Setting
from graphsvc.wire.answers import Reason as CitedReason
from graphsvc.wire.shapes import ID, Shape, told

MAX_MERGED, MAX_PARTS, MAX_PART = 100, 50, 500
"""At most so many rings in a merger, parts in a split, and accounts in a part."""
RingName = Annotated[str, Meta(min_length=1, max_length=64)]


class RingRun(Shape):
    """A search for rings by the caller's organisation.

    state: waiting, running, done, failed, cancelled, or forgotten: its result is kept no longer.
    """

    id: ID
    index: int
    at: str
    person: str
    state: str
    stage: Annotated[str | None, told("What is being done now, while it runs.")]
    ended_index: Annotated[int | None, told("The ledger entry that says what was analysed, and what is cited.")]
    ended_at: str | None
    why: Annotated[str | None, told("Why it failed, as a code.")]
    purpose: str
    legal_basis: str
    case: str
    parameters: list[Setting]
    analysed: Annotated[str | None, told("A salted digest of the claims that were analysed.")]
    rings: Annotated[int | None, told("Rings found; as all totals null unless all that was analysed may be, now.")]
    claims: int | None
    accounts: int | None
    links: int | None
    excluded_hubs: int | None


class RingKind(Shape):
    """How many things of a kind a ring shares."""

    kind: str
    count: int


class KeptRing(Shape):
    """A ring that a search found. It is here if all claims that it cites may be seen now.

    rank, significant and expected rest on all that was analysed: null unless all of that may be analysed now.
    """

    id: Annotated[ID, told("The same in later runs, as long as it has half of its accounts in common with itself.")]
    run: ID
    rank: int | None
    score: str
    core: int
    fringe: int
    identifiers: list[RingKind]
    agencies: Annotated[list[str], told("The owners of the records that it cites.")]
    records: Annotated[int, told("The records that it cites.")]
    tag: str | None
    significant: bool | None
    expected: Annotated[str | None, told("An upper estimate of how many such groups chance makes.")]
    network: Annotated[ID, told("The same for all rings of a run that go-betweens or common members join.")]
    verdict: Annotated[str, told("open, accepted or dismissed, by the last judgement.")]
    merged_with: list[ID]


class KeptRings(Shape):
    """Rings of a run, ranked. nextAfter continues; null at the end."""

    run: RingRun
    rings: list[KeptRing]
    next_after: ID | None


class SharedIdentifier(Shape):
    """What accounts of a ring share, with times; identifier is null for contacts between them."""

    identifier: ID | None
    kind: str
    accounts: list[ID]
    since: str | None
    until: str | None
    records: list[ID]
    record_count: int


class CitedEntity(Shape):
    """Something that belongs to a ring's report, with at most 20 of the records that say so."""

    entity: ID
    records: list[ID]
    record_count: int


class RingAdverts(Shape):
    """Adverts of a ring's accounts. timed: those with a time of day; atNight: of these, from 9 pm to 6 am."""

    count: int
    timed: int
    at_night: int
    hours_from_utc: int
    records: list[ID]
    record_count: int


class RingRemoval(Shape):
    """What is left of a ring without some accounts: its pieces, and how many accounts the largest has."""

    accounts: list[ID]
    pieces: int
    largest: int
    left: int


class RingJudgement(Shape):
    """What a person of the caller's organisation judged. action: the kind of act."""

    index: int
    at: str
    person: str
    action: str
    text: str | None
    rings: list[ID]
    parts: list[list[ID]]


class RingChange(Shape):
    """How a ring changed from one run to another; ranks are null where :class:`KeptRing` has none."""

    id: ID
    earlier: ID | None
    later: ID | None
    earlier_rank: int | None
    later_rank: int | None
    earlier_accounts: int | None
    later_accounts: int | None
    joined: Annotated[list[ID], told("Accounts that are in the later one only.")]
    left: Annotated[list[ID], told("Accounts that are in the earlier one only.")]


class RingComparison(Shape):
    """Two runs, ring by ring in the order of the later one, then what is gone. nextAfter continues."""

    earlier: RingRun
    later: RingRun
    changes: list[RingChange]
    next_after: ID | None


class RingReportFile(Shape):
    """The report of one ring. entities holds everything that the other members name by handle."""

    ring: KeptRing
    run: RingRun
    entities: list[Entity]
    core: list[ID]
    fringe: list[ID]
    identifiers: list[SharedIdentifier]
    cycles: Annotated[int, told("Links beyond those needed to join all its nodes: redundant paths.")]
    reasons: list[CitedReason]
    brokers: Annotated[list[CitedEntity], told("Accounts that belong to other rings as well.")]
    excluded_hubs: list[CitedEntity]
    adverts: RingAdverts
    products: Annotated[list[CitedEntity], told("Kinds and specimens that its accounts and their adverts offer.")]
    seizures: Annotated[list[CitedEntity], told("Seizures of or about anything of the ring.")]
    go_betweens: list[CitedEntity]
    network: Annotated[list[KeptRing], told("The other rings of its network, ranked, at most 50.")]
    removals: Annotated[list[RingRemoval], told("Asked-for accounts first, then those that matter most, one by one.")]
    change: Annotated[RingChange | None, told("Since the run before in which it was found.")]
    judgements: list[RingJudgement]
    truncated: bool


class RingJudged(Shape):
    """How a ring is judged after an act."""

    index: int
    ring: ID
    verdict: str
    merged_with: list[ID]


class DetectRings(Body):
    """Search for rings in what the signer may analyse on this footing, as a job; analysts only.

    since and until: only claims of that time, and those without one. kinds: of identifiers. agencies: whose records.
    """

    answer: ClassVar[type[Shape]] = RingRun

    purpose: Annotated[str, Meta(max_length=200)] = ""
    legal_basis: Annotated[str, Meta(max_length=200)] = ""
    case: Annotated[str, Meta(max_length=200)] = ""
    since: Moment | None = None
    until: Moment | None = None
    kinds: Annotated[tuple[RingName, ...], Meta(max_length=32)] = ()
    agencies: Annotated[tuple[Slug, ...], Meta(max_length=100)] = ()
    hub_cap: Annotated[int, Meta(ge=2, le=10_000)] = 20
    min_accounts: Annotated[int, Meta(ge=2, le=10_000)] = 3
    resolution: Annotated[int, Meta(ge=1, le=1_000)] | None = None
    order: Literal["spread", "chance"] = "spread"
    seed: Annotated[int, Meta(ge=0, lt=2**31)] = 1


class CancelDetection(Body):
    """Cancel a search for rings; ``sub`` is the run."""

    answer: ClassVar[type[Shape]] = RingRun

    reason: Note = ""


class AcceptRing(Body):
    """Accept a ring as one; ``sub`` is the ring."""

    answer: ClassVar[type[Shape]] = RingJudged

    note: Note = ""


class DismissRing(Body):
    """Dismiss a ring, with the reason why it is none."""

    answer: ClassVar[type[Shape]] = RingJudged

    reason: Reason


class ReopenRing(Body):
    """Take back that a ring was accepted or dismissed."""

    answer: ClassVar[type[Shape]] = RingJudged

    reason: Reason


class AnnotateRing(Body):
    """Note something on a ring."""

    answer: ClassVar[type[Shape]] = RingJudged

    text: Text


class MergeRings(Body):
    """Judge that a ring and others are one; naming no others takes the ring out of its merger."""

    answer: ClassVar[type[Shape]] = RingJudged

    reason: Reason
    rings: Annotated[tuple[RingName, ...], Meta(max_length=MAX_MERGED)] = ()


class SplitRing(Body):
    """Judge that a ring is several: parts by handles of accounts; naming no parts makes it one again."""

    answer: ClassVar[type[Shape]] = RingJudged

    reason: Reason
    parts: Annotated[
        tuple[Annotated[tuple[Handle, ...], Meta(min_length=1, max_length=MAX_PART)], ...], Meta(max_length=MAX_PARTS)
    ] = ()


ACTS: tuple[type[Body], ...] = (
    *(DetectRings, CancelDetection, AcceptRing, DismissRing, ReopenRing, AnnotateRing, MergeRings, SplitRing),
)
"""In the order of the schema."""
JUDGING: tuple[type[Body], ...] = ACTS[2:]
"""Those that judge a ring."""
