"""What the answers of questions hold.

A class's docstring is its description in the schema.
"""

from __future__ import annotations

from typing import Annotated

from graphsvc.wire.shapes import ID, Shape, told


class Handling(Shape):
    """A handling code within its scheme, such as tlp-2.0 AMBER."""

    scheme: str
    code: str


class Grading(Shape):
    """How far the source and this piece of information are trusted, in one scheme's codes."""

    scheme: str
    source: str
    information: str


class Origin(Shape):
    """Where the owner says that it got this: an organisation, and its reference. In field group operational."""

    organisation: str
    reference: str | None


class Attribute(Shape):
    """One attribute that the record claims; value in canonical form."""

    name: str
    field_group: str
    value: str


class Withheld(Shape):
    """A field group that the owner's rules withhold, whether or not the record has content in it."""

    field_group: str
    owner: str
    rule: str


class Citation(Shape):
    """The record that makes a claim, and its owner."""

    handle: ID
    owner: str
    owner_kind: str
    handling: Handling
    grading: Grading | None
    origin: Origin | None
    circular: Annotated[bool, told("It repeats another visible claim of this link.")]


class Record(Shape):
    """What one owner claims about an entity. submission and row only on own records."""

    handle: ID
    owner: str
    owner_kind: str
    handling: Handling
    pap: str | None
    grading: Grading | None
    origin: Origin | None
    circular: Annotated[bool, told("It repeats another visible record of this entity.")]
    since: str | None
    until: str | None
    expires: str | None
    attributes: list[Attribute]
    withheld: list[Withheld]
    submission: int | None
    row: int | None


class Entity(Shape):
    """An entity that visible records are about. key is null where no visible claim grants it.

    At most 50 records are listed, owners by turns: every owner is there before anybody's second. Counts are of all
    visible records.
    """

    handle: ID
    kind: str
    key: str | None
    records: list[Record]
    more_records: Annotated[bool, told("There are more visible records than the 50 that are listed.")]
    record_count: Annotated[int, told("All visible records, listed or not.")]
    owner_count: Annotated[int, told("The owners of all visible records.")]
    independent_sources: Annotated[
        int, told("The organisations that all visible records come from in the end, each counted once.")
    ]


class Link(Shape):
    """A claimed link between two entities, by their handles."""

    kind: str
    source: ID
    target: ID
    since: str | None
    until: str | None
    attributes: list[Attribute]
    withheld: list[Withheld]
    record: Citation
    claim_count: Annotated[int, told("All visible claims of this link, listed or not.")]
    independent_sources: Annotated[
        int, told("The organisations that all visible claims of this link come from in the end.")
    ]


class Network(Shape):
    """Entities and the links between them. truncated: links or records were left out, or hubs not walked through."""

    entities: list[Entity]
    links: list[Link]
    hubs: Annotated[list[ID], told("Entities with more links than hubCap: not walked through, unless they are starts.")]
    truncated: bool
    more_links: Annotated[bool, told("There are more visible links than the limit; owners took turns.")]
    next: Annotated[str | None, told("The cursor of the next part; null: there is none.")]


class Path(Shape):
    """One path; length counts its links."""

    length: int
    entities: list[Entity]
    links: list[Link]


class Paths(Shape):
    """Paths, the shortest first. truncated: the search was cut, or records were left out."""

    paths: list[Path]
    truncated: bool
    more_paths: Annotated[bool, told("The search was cut: there may be more paths, or others as long.")]
    next: Annotated[str | None, told("The cursor of the next part, which may be empty; null: there is none.")]


class Contact(Shape):
    """Whom to ask about a hit."""

    org: str
    name: str
    contact: str


class IdentifierProblem(Shape):
    """Why an identifier was not asked. code: no_footing, nobody_to_ask, not_applied_yet, or what is wrong with it."""

    code: str
    message: str
    where: str


class Match(Shape):
    """outcome: HIT, NO_HIT, or NOT_ASKED because of problem; hit says the same as true, false and null."""

    kind: str
    outcome: str
    hit: bool | None
    contacts: list[Contact]
    problem: IdentifierProblem | None


class Budget(Shape):
    """Distinct identifiers that the caller's organisation used today (UTC) in match and search, and its limit."""

    limit: int
    used: int
    resets_at: str


class Reason(Shape):
    """One reason for a ring, with at most 20 of the listed records that support it, owners by turns."""

    text: str
    records: list[ID]
    record_count: Annotated[int, told("All records that support it, cited or not.")]


class Ring(Shape):
    """Accounts that share more identifiers than chance allows. score is a decimal."""

    id: ID
    rank: int
    score: str
    accounts: list[Entity]
    identifiers: list[Entity]
    cycles: int
    reasons: list[Reason]


class Setting(Shape):
    """A parameter that a result was computed with."""

    name: str
    value: str


class RingReport(Shape):
    """Ranked rings, and what they were computed from. truncated: rings or records were left out."""

    rings: list[Ring]
    truncated: bool
    more_rings: Annotated[bool, told("There are more rings than the limit.")]
    next: Annotated[str | None, told("The cursor of the next part; null: there is none.")]
    excluded_hubs: int
    accounts: int
    links: int
    parameters: list[Setting]


class RowsAside(Shape):
    """Accepted rows, first and last included, that could not be brought into the graph, and why, as a code."""

    code: str
    first: int
    last: int


class Submission(Shape):
    """A submission of the caller's organisation. applied: its rows are in the graph, except those set aside."""

    index: int
    received_at: str
    rows: int
    accepted: int
    rejected: int
    applied: bool
    set_aside: list[RowsAside]
    more_set_aside: Annotated[bool, told("There are more ranges than the 200 of a code that are listed.")]
    media_type: str


class Case(Shape):
    """A registered case of the caller's organisation."""

    reference: str
    title: str
    legal_basis: str
    registered_at: str


class SubmissionRow(Shape):
    """A row in a submission of the caller's organisation. hit: the reader learned only that it exists."""

    submission: int
    row: int
    hit: bool


class ToldLate(Shape):
    """The rule and law by which an owner was told of a hit late; the entry that told it, and when."""

    index: int
    at: str
    rule: str
    law: str


class Access(Shape):
    """One read of the caller's organisation's records.

    signed: the reader's organisation signed its request. export: the reader asked for the answer as a file to keep.
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
    late: Annotated[ToldLate | None, told("Set where the owner was told of hits late: why, and by which entry.")]
    records: list[SubmissionRow]


class TellingRule(Shape):
    """A rule of policy that delays telling owners of hits, as a law demands; it says nothing about any single hit.

    owners: kinds of organisations, null for all. delay: in days; null: they are never told.
    """

    rule: str
    law: str
    purposes: list[str]
    legal_bases: list[str]
    askers: list[str]
    owners: list[str] | None
    delay: int | None


class AccessLog(Shape):
    """Reads, newest first. nextBefore continues; null at the end. toldLate: rules in force by which some are late."""

    entries: list[Access]
    next_before: int | None
    told_late: list[TellingRule]


class Cut(Shape):
    """Something that an answer leaves out of what may be seen; null where it is not known how many."""

    what: str
    shown: int | None = None
    of: int | None = None


class WithheldRecords(Shape):
    """How many records of an owner an answer for export lacks, because ``rule`` lets them be looked at only."""

    owner: str
    rule: str
    records: int
