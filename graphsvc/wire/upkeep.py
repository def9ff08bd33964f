"""Upkeep: what operators are told of purges, of rows that were reapplied, and of how the service's parts do."""

from __future__ import annotations

from graphsvc.wire.answers import RowsAside
from graphsvc.wire.shapes import Shape


class PurgedOwner(Shape):
    """What of one owner's went, or is to go, by why; held: what stays under a hold, and which holds these are."""

    owner: str
    records: int
    expired: int
    over_age: int
    recalled: int
    held: int
    holds: list[int]
    entries: list[int]


class Purged(Shape):
    """What a purge erased; in a dry run what one would erase."""

    dry_run: bool
    owners: list[PurgedOwner]
    records: int


class Reapplied(Shape):
    """Rows of the submission ``entry`` brought in after all; setAside: those that are set aside again."""

    index: int
    entry: int
    records: int
    set_aside: list[RowsAside]


class ValuesRead(Shape):
    """How many unlinked values of a type are linked, or why they are not; type: empty where it isn't known."""

    type: str
    reason: str
    count: int


class Recleaned(Shape):
    """What cleaning a part of all unlinked values anew gave, or would give; index: the entry that says so.

    records: in which a value becomes a key. entry, pack: where to go on, null at the end; left: how many
    submissions there are from there on. setAside: records that could not be applied and stay as they were.
    """

    entry: int | None
    pack: int | None
    left: int
    records: int
    values: list[ValuesRead]
    index: int | None
    set_aside: int


class Check(Shape):
    """One thing that an operator looks at: whether all is well, what was found, and what to do."""

    name: str
    ok: bool
    found: str
    advice: str


class Stuck(Shape):
    """What the applier can't get over."""

    entry: int | None
    code: str


class Applied(Shape):
    """How far the applier is behind the log."""

    applied: int
    head: int
    entries_behind: int
    seconds_behind: int
    lagging: bool
    stuck: Stuck | None


class EntryAside(Shape):
    """An entry some rows of which are set aside."""

    entry: int
    code: str


class Planned(Shape):
    """How many of the statements that questions begin with Neo4j has planned; late: the rest is not waited for."""

    statements: int
    planned: int
    late: bool


class Progress(Shape):
    """How far the graph is, what is planned and what is set aside: entries and codes, no values."""

    applier: Applied
    plans: Planned
    set_aside: list[EntryAside]
