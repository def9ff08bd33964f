"""The GraphQL types. They are read from plain dicts by Python name; nothing here resolves anything.

A class's docstring is its description in the schema.
"""

from __future__ import annotations

import strawberry

from graphsvc.api.fields import given, shape


@shape
class Handling:
    """A handling code within its scheme, such as tlp-2.0 AMBER."""

    scheme: str
    code: str


@shape
class Grading:
    """How far the source and this piece of information are trusted, in one scheme's codes."""

    scheme: str
    source: str
    information: str


@shape
class Origin:
    """Where the owner says to have it from: an organisation, and that one's reference. Field group operational."""

    organisation: str
    reference: str | None


@shape
class Attribute:
    """One attribute that the record claims; value in canonical form."""

    name: str
    group: str
    value: str


@shape
class Withheld:
    """A field group that the owner's rule keeps back, whether or not a value is there."""

    group: str
    owner: str
    rule: str


@shape
class Citation:
    """Says who: the record behind a claim."""

    handle: strawberry.ID
    owner: str
    owner_kind: str
    handling: Handling
    grading: Grading | None
    origin: Origin | None
    circular: bool = strawberry.field(description="It repeats another claim of this link that is shown here.")


@shape
class Record:
    """What one owner claims about an entity. submission and row only on own records."""

    handle: strawberry.ID
    owner: str
    owner_kind: str
    handling: Handling
    pap: str | None
    grading: Grading | None
    origin: Origin | None
    circular: bool = strawberry.field(description="It repeats another record of this entity that is shown here.")
    since: str | None
    until: str | None
    expires: str | None
    attributes: list[Attribute]
    withheld: list[Withheld]
    submission: int | None
    row: int | None


@shape
class Entity:
    """A thing that visible records speak of. key is null where no visible claim grants it.

    At most 50 records are listed, owners by turns: every owner is there before anybody's second. Counts are of all
    visible records.
    """

    handle: strawberry.ID
    kind: str
    key: str | None
    records: list[Record]
    more_records: bool = strawberry.field(description="There are more visible records than the 50 that are listed.")
    record_count: int = strawberry.field(description="All visible records, listed or not.")
    owner_count: int = strawberry.field(description="The owners of all visible records.")
    independent_sources: int = strawberry.field(
        description="The organisations that all visible records come from in the end, each counted once."
    )


@shape
class Link:
    """A claimed link between two entities, by their handles."""

    kind: str
    source: strawberry.ID
    target: strawberry.ID
    since: str | None
    until: str | None
    attributes: list[Attribute]
    withheld: list[Withheld]
    record: Citation
    claim_count: int = strawberry.field(description="All visible claims of this link, listed or not.")
    independent_sources: int = strawberry.field(
        description="The organisations that all visible claims of this link come from in the end."
    )


@shape
class Network:
    """Entities and the links between them. truncated: links or records were left out."""

    entities: list[Entity]
    links: list[Link]
    truncated: bool
    more_links: bool = strawberry.field(description="There are more visible links than the limit; owners took turns.")


@shape
class Path:
    """One path; length counts its links."""

    length: int
    entities: list[Entity]
    links: list[Link]


@shape
class Paths:
    """Paths, the shortest first. truncated: the search was cut, or records were left out."""

    paths: list[Path]
    truncated: bool
    more_paths: bool = strawberry.field(description="The search was cut: there may be more paths, or others as long.")


@shape
class Contact:
    """Whom to ask about a hit."""

    org: str
    name: str
    contact: str


@shape
class IdentifierProblem:
    """Why an identifier was not asked. code: no_footing, nobody_to_ask, not_applied_yet, or what is wrong with it."""

    code: str
    message: str
    where: str


@shape
class Match:
    """outcome: HIT, NO_HIT, or NOT_ASKED because of problem; hit says the same as true, false and null."""

    kind: str
    outcome: str
    hit: bool | None
    contacts: list[Contact]
    problem: IdentifierProblem | None


@shape
class Budget:
    """Distinct identifiers that the caller's organisation asked for today (UTC), by match and search, of how many."""

    limit: int
    used: int
    resets_at: str


@shape
class Reason:
    """One line of why, with records it rests on: at most 20 of those that are listed here, owners by turns."""

    text: str
    records: list[strawberry.ID]
    record_count: int = strawberry.field(description="All records that it rests on, cited or not.")


@shape
class Ring:
    """Accounts that share more identifiers than chance allows. score is a decimal."""

    id: strawberry.ID
    rank: int
    score: str
    accounts: list[Entity]
    identifiers: list[Entity]
    cycles: int
    reasons: list[Reason]


@shape
class Setting:
    """A parameter that a result was computed with."""

    name: str
    value: str


@shape
class RingReport:
    """Ranked rings, and what they were computed from. truncated: rings or records were left out."""

    rings: list[Ring]
    truncated: bool
    more_rings: bool = strawberry.field(description="There are more rings than the limit.")
    excluded_hubs: int
    accounts: int
    links: int
    parameters: list[Setting]


@shape
class RowsAside:
    """Accepted rows, first and last included, that could not be brought into the graph, and why, as a code."""

    code: str
    first: int
    last: int


@shape
class Submission:
    """A submission of the caller's organisation. applied: the graph holds it, but for rows that are set aside."""

    index: int
    received_at: str
    rows: int
    accepted: int
    rejected: int
    applied: bool
    set_aside: list[RowsAside]
    more_set_aside: bool = strawberry.field(description="There are more ranges than the 200 of a code that are listed.")
    media_type: str


@shape
class Case:
    """A registered case of the caller's organisation."""

    reference: str
    title: str
    legal_basis: str
    registered_at: str


@shape
class SubmissionRow:
    """A row of one of the caller's organisation's submissions. hit: nothing of it was shown but that it is there."""

    submission: int
    row: int
    hit: bool


@shape
class ToldLate:
    """By which rule and law an owner was told late: in which entry, and when."""

    index: int
    at: str
    rule: str
    law: str


@shape
class Access:
    """One read of the caller's organisation's records.

    signed: the reader's organisation signed its request. export: the answer was asked for to be kept in a file.
    """

    index: int
    at: str
    reader: str
    person: str | None
    purpose: str | None
    legal_basis: str | None
    case: str | None
    policy: str | None
    signed: bool
    export: bool
    late: ToldLate | None = strawberry.field(
        description="Where the owner was not told of hits at once: why, and where."
    )
    records: list[SubmissionRow]


@shape
class TellingRule:
    """A rule of policy by which owners are told of hits late, as a law asks; it says nothing of any single hit.

    owners: kinds of organisations, null for all. delay: in days; null: they are never told.
    """

    rule: str
    law: str
    purposes: list[str]
    legal_bases: list[str]
    askers: list[str]
    owners: list[str] | None
    delay: int | None


@shape
class AccessLog:
    """Reads, newest first. nextBefore continues; null at the end. toldLate: rules in force by which some are late."""

    entries: list[Access]
    next_before: int | None
    told_late: list[TellingRule]


@given
class KeyPart:
    """One part of an identifier's key, raw: it is normalised here."""

    name: str
    value: str


@given
class IdentifierInput:
    """An identifier: entity kind and key parts."""

    kind: str
    parts: list[KeyPart]


@given
class GradingFilter:
    """Claims graded at least so, and no others; other schemes are compared by schema/gradings.yaml."""

    scheme: str | None = strawberry.field(
        default=None, description="The scheme of the codes below: admiralty, europol-4x4, uk-3x5x2."
    )
    source: str | None = strawberry.field(default=None, description="The source is at least this reliable.")
    information: str | None = strawberry.field(default=None, description="The information is at least this credible.")
    ungraded: bool = strawberry.field(default=False, description="Claims without a grading count too.")


@given
class RingParameters:
    """How rings are looked for; what is left out takes the recipe's own value."""

    identifier_kinds: list[str] | None = strawberry.field(default=None, description="Kinds of identifiers to look at.")
    hub_cap: int | None = strawberry.field(default=None, description="Identifiers of more accounts are left out.")
    min_accounts: int | None = strawberry.field(default=None, description="The fewest accounts of a ring.")
    resolution: int | None = strawberry.field(
        default=None, description="CPM resolution in thousandths of a link per pair of nodes."
    )
    limit: int | None = strawberry.field(default=None, description="The most rings to return.")
    seed: int | None = strawberry.field(default=None, description="Seed of the community search.")
