"""The ledger's database: entries, tree, keys, and the side tables that entries write in their own transaction.

Side tables can be rebuilt from the entries; they are there so that answering needs no sealed box to be opened.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, BigInteger, Boolean, Column, Index, Integer, LargeBinary, MetaData, String, Table, Text
from sqlalchemy.types import DateTime

metadata = MetaData()

_Int = BigInteger().with_variant(Integer(), "sqlite")


def _each(names: str, type_: Any, **said: Any) -> list[Column[Any]]:
    """Columns that differ in their names alone."""
    return [Column(name, type_, **said) for name in names.split()]


schema_info = Table(
    "schema_info",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("version", Integer, nullable=False),
)
"""The version of these tables that a database was made for."""

leases = Table(
    "leases",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("token", _Int, nullable=False),
    Column("holder", Text, nullable=False),
    Column("until", DateTime(timezone=True), nullable=False),
)
"""Who leads, where several processes may open one database."""

LOCAL = frozenset({"schema_info", "leases"})
"""Tables about the database itself, not about the ledger in it."""

entries = Table(
    "entries",
    metadata,
    Column("index", _Int, primary_key=True, autoincrement=False),
    Column("type", String(40), nullable=False),
    Column("t", String(24), nullable=False),
    Column("leaf", LargeBinary, nullable=False),
)
Index("entries_type", entries.c.type, entries.c.index)
"""``leaf`` is the entry exactly as hashed."""

tiles = Table(
    "tiles",
    metadata,
    Column("level", Integer, primary_key=True, autoincrement=False),
    Column("n", _Int, primary_key=True, autoincrement=False),
    Column("data", LargeBinary, nullable=False),
)
"""Full hash tiles of tlog-tiles: 256 hashes each."""

checkpoints = Table(
    "checkpoints",
    metadata,
    Column("size", _Int, primary_key=True, autoincrement=False),
    Column("root", LargeBinary(32), nullable=False),
    Column("note", Text, nullable=False),
    Column("t", String(24), nullable=False),
    *_each("epoch key_head scope_head", _Int),
)
"""One row per batch: the signed tree head, and the last ``keys`` entry, key event and scope event."""

objects = Table(
    "objects",
    metadata,
    Column("digest", String(71), primary_key=True),
    Column("public", Boolean, nullable=False),
    Column("bytes", LargeBinary, nullable=False),
)
"""What entries refer to by digest. Sealed ones are public; acts name persons and are not."""

sections = Table(
    "sections",
    metadata,
    Column("owner", String(64), primary_key=True),
    Column("seq", _Int, primary_key=True, autoincrement=False),
    Column("index", _Int, nullable=False),
    sqlite_with_rowid=False,
)
"""Which entries hold a section of an owner, in the owner's own numbering (from 0)."""

organisations = Table(
    "organisations",
    metadata,
    Column("org", String(64), primary_key=True),
    Column("index", _Int, nullable=False),
    Column("kind", String(40), nullable=False),
    Column("jurisdiction", String(8), nullable=False),
    *_each("name contact", Text, nullable=False),
    Column("root_key", LargeBinary(32), nullable=False),
)

keys = Table(
    "keys",
    metadata,
    Column("org", String(64), primary_key=True),
    Column("kid", String(16), primary_key=True),
    Column("use", String(8), nullable=False),
    Column("public", LargeBinary, nullable=False),
    Column("person", Text, nullable=False),
    Column("salt", LargeBinary, nullable=False),
    Column("roles", JSON, nullable=False),
    Column("via", Text, nullable=False),
    Column("enrolled", _Int, nullable=False),
    Column("revoked", _Int),
)
"""Working keys; valid for entries after ``enrolled`` and before ``revoked``, both entry indexes."""

key_events = Table(
    "key_events",
    metadata,
    Column("index", _Int, primary_key=True, autoincrement=False),
    Column("org", String(64), nullable=False),
    Column("digest", String(71), nullable=False),
)

acts = Table(
    "acts",
    metadata,
    Column("iss", String(64), primary_key=True),
    Column("jti", String(128), primary_key=True),
    Column("index", _Int, nullable=False),
    Column("digest", String(71), nullable=False),
)
Index("acts_index", acts.c.index)
"""Every signed act, unique for ever by issuer and jti."""

idempotency = Table(
    "idempotency",
    metadata,
    Column("org", String(64), primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("digest", String(71), nullable=False),
    Column("index", _Int),
    Column("response", JSON),
)

cases = Table(
    "cases",
    metadata,
    Column("org", String(64), primary_key=True),
    Column("reference", String(128), primary_key=True),
    Column("title", Text, nullable=False),
    Column("legal_basis", String(64), nullable=False),
    Column("index", _Int, nullable=False),
    Column("t", String(24), nullable=False),
)

submissions = Table(
    "submissions",
    metadata,
    Column("index", _Int, primary_key=True, autoincrement=False),
    Column("org", String(64), nullable=False),
    Column("t", String(24), nullable=False),
    Column("media_type", String(128), nullable=False),
    *_each("rows accepted rejected", _Int, nullable=False),
    Column("manifest", Text, nullable=False),
    Column("objects", JSON, nullable=False),
)
Index("submissions_org", submissions.c.org, submissions.c.index)
"""``manifest`` is the signed manifest as it came, ``objects`` the sealed packs' digests."""

row_leaves = Table(
    "row_leaves",
    metadata,
    *_each("index part", _Int, primary_key=True, autoincrement=False),
    Column("leaves", LargeBinary, nullable=False),
)
"""The leaf hashes of a submission's rows, 32 bytes each, in parts: ``rowsRoot`` is over all of them in order."""

rejections = Table(
    "rejections",
    metadata,
    Column("index", _Int, primary_key=True, autoincrement=False),
    Column("errors", JSON, nullable=False),
)

unlinked = Table(
    "unlinked",
    metadata,
    Column("index", _Int, primary_key=True, autoincrement=False),
    Column("notes", JSON, nullable=False),
)
"""By submission: what its owner is told to do about values of accepted rows that have no canonical form."""

reads = Table(
    "reads",
    metadata,
    Column("index", _Int, primary_key=True, autoincrement=False),
    Column("t", String(24), nullable=False),
    Column("org", String(64), nullable=False),
    *_each("person purpose basis case policy", Text, nullable=False),
    Column("export", Boolean, nullable=False),
)

disclosures = Table(
    "disclosures",
    metadata,
    Column("owner", String(64), primary_key=True),
    *_each("index submission", _Int, primary_key=True, autoincrement=False),
    Column("hit", Boolean, primary_key=True),
    Column("rows", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)
Index("disclosures_submission", disclosures.c.submission)
"""The erasable disclosure index: which rows of a submission an entry showed, packed as big-endian uint32.
``hit``: the entry only told that these rows exist."""

later = Table(
    "later",
    metadata,
    Column("owner", String(64), primary_key=True),
    *_each("index submission", _Int, primary_key=True, autoincrement=False),
    Column("rule", String(64), nullable=False),
    Column("law", Text, nullable=False),
    Column("due", String(10), nullable=False),
    Column("rows", LargeBinary, nullable=False),
    Column("told", _Int),
    sqlite_with_rowid=False,
)
Index("later_due", later.c.told, later.c.due)
"""Hits that an owner is told late: rows, from which day on (``due``; empty: never) and by which entry (``told``).
Only then do they come into ``disclosures``, so that no answer to the owner can show them earlier."""

requests = Table(
    "requests",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("kind", String(16), nullable=False),
    *_each("asker holder", String(64), nullable=False),
    Column("index", _Int, nullable=False),
)
Index("requests_asker", requests.c.asker, requests.c.index)
Index("requests_holder", requests.c.holder, requests.c.index)
"""Requests of one organisation to another: ``kind`` is disclosure or preservation."""

request_events = Table(
    "request_events",
    metadata,
    Column("index", _Int, primary_key=True, autoincrement=False),
    Column("request", String(32), primary_key=True),
    Column("t", String(24), nullable=False),
    Column("kind", String(40), nullable=False),
    Column("org", String(64), nullable=False),
    Column("person", Text, nullable=False),
    Column("body", JSON, nullable=False),
)
Index("request_events_request", request_events.c.request, request_events.c.index)
"""What was done about a request, in ledger order: its state follows from these. May name whom a request is about."""

grants = Table(
    "grants",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("request", String(32), nullable=False),
    *_each("owner grantee", String(64), nullable=False),
    Column("case", Text, nullable=False),
    Column("purpose", String(40), nullable=False),
    Column("legal_basis", String(64), nullable=False),
    Column("actions", JSON, nullable=False),
    Column("conditions", Text, nullable=False),
    Column("until", String(24), nullable=False),
    *_each("records index", _Int, nullable=False),
    Column("revoked", _Int),
)
Index("grants_owner", grants.c.owner, grants.c.index)
Index("grants_grantee", grants.c.grantee, grants.c.index)
"""Disclosures granted. ``legal_basis`` is empty where any will do; ``revoked`` is the entry that ended it early."""

sharing_groups = Table(
    "sharing_groups",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("founder", String(64), nullable=False),
    Column("purpose", Text, nullable=False),
    Column("rulebook", String(64), nullable=False),
    Column("index", _Int, nullable=False),
    Column("t", String(24), nullable=False),
)

memberships = Table(
    "memberships",
    metadata,
    *_each("group org", String(64), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("until", String(24), nullable=False),
    Column("index", _Int, nullable=False),
    Column("t", String(24), nullable=False),
)
Index("memberships_org", memberships.c.org)
"""Who belongs to a sharing group: ``state`` is invited, member, left or removed; ``until`` is empty for no end."""
withdrawals = Table(
    "withdrawals",
    metadata,
    Column("index", _Int, primary_key=True, autoincrement=False),
    Column("owner", String(64), nullable=False),
    Column("cause", String(16), nullable=False),
    *_each("person reason", Text, nullable=False),
    *_each("deadline t", String(24), nullable=False),
    Column("records", _Int, nullable=False),
    Column("told", _Int),
)
Index("withdrawals_owner", withdrawals.c.owner, withdrawals.c.index)
"""Entries that took records back or erased them. ``told``: the entry that told everyone who had seen them."""

withdrawn = Table(
    "withdrawn",
    metadata,
    *_each("submission index", _Int, primary_key=True, autoincrement=False),
    Column("rows", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)
"""Which rows of a submission a withdrawal names, as pairs of big-endian uint32: first and last."""

asides = Table(
    "asides",
    metadata,
    *_each("submission index", _Int, primary_key=True, autoincrement=False),
    Column("code", String(40), primary_key=True),
    Column("rows", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)
"""Rows that an entry set aside, by what was wrong with them; those that an entry reapplied have an empty ``code``.
``rows`` are pairs of big-endian uint32: first and last."""

recleanings = Table(
    "recleanings",
    metadata,
    *_each("submission index", _Int, primary_key=True, autoincrement=False),
    Column("rows", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)
"""Rows that an entry cleaned anew, but for those that it could not apply; as in ``asides``."""

notices = Table(
    "notices",
    metadata,
    Column("index", _Int, primary_key=True, autoincrement=False),
    Column("recipient", String(64), primary_key=True),
    Column("told", _Int, nullable=False),
    Column("t", String(24), nullable=False),
    Column("records", _Int, nullable=False),
    Column("acknowledged", _Int),
    Column("acknowledged_at", String(24), nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("because", Text, nullable=False),
)
Index("notices_recipient", notices.c.recipient, notices.c.index)
"""Whom a withdrawal (``index``) was told to, and what they have answered."""

holds = Table(
    "holds",
    metadata,
    Column("index", _Int, primary_key=True, autoincrement=False),
    Column("org", String(64), nullable=False),
    Column("ranges", JSON, nullable=False),
    *_each("case reason person", Text, nullable=False),
    Column("t", String(24), nullable=False),
    Column("released", _Int),
    Column("request", String(64), nullable=False),
)
"""Legal holds: on ranges of rows, or on what was shown under a case. ``request``: the preservation behind it."""

corrections = Table(
    "corrections",
    metadata,
    Column("submission", _Int, primary_key=True, autoincrement=False),
    Column("org", String(64), nullable=False),
    Column("person", Text, nullable=False),
    Column("supersedes", JSON, nullable=False),
    Column("withdrawal", _Int),
)
"""Submissions whose rows supersede older records, as [row, submission, row], and the entry that withdrew those."""

references = Table(
    "own_references",
    metadata,
    Column("digest", LargeBinary(32), primary_key=True),
    *_each("submission row", _Int, nullable=False),
    sqlite_with_rowid=False,
)
"""The record that was last submitted under each own reference: digests are keyed by organisation."""

referring = Table(
    "referring",
    metadata,
    Column("submission", _Int, primary_key=True, autoincrement=False),
    Column("digests", LargeBinary, nullable=False),
)
"""Rows of a submission with the digests of their references, for an erasure to find them: uint32 and 32 bytes each."""

departures = Table(
    "departures",
    metadata,
    Column("org", String(64), primary_key=True),
    Column("index", _Int, nullable=False),
    Column("t", String(24), nullable=False),
    Column("records", String(16), nullable=False),
    Column("reason", Text, nullable=False),
)
"""Organisations that have left, and what becomes of their records: ``keep`` or ``recall``."""

policy_events = Table(
    "policy_events",
    metadata,
    Column("index", _Int, primary_key=True, autoincrement=False),
    Column("t", String(24), nullable=False),
    Column("kind", String(40), nullable=False),
    *_each("part org", String(64), nullable=False),
    Column("person", Text, nullable=False),
    Column("object", String(71), nullable=False),
    Column("body", JSON, nullable=False),
    Column("digest", String(71), nullable=False),
)
"""What was decided about policies: ``body`` is what was signed, ``digest`` names the policies in force from then on."""

ring_runs = Table(
    "ring_runs",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("org", String(64), nullable=False),
    Column("person", Text, nullable=False),
    Column("roles", JSON, nullable=False),
    Column("index", _Int, nullable=False),
    Column("t", String(24), nullable=False),
    Column("said", JSON, nullable=False),
    Column("state", String(16), nullable=False),
    Column("ended", _Int),
    Column("ended_at", String(24), nullable=False),
    Column("why", String(40), nullable=False),
    *_each("analysed object", String(71), nullable=False),
    Column("totals", JSON),
)
Index("ring_runs_org", ring_runs.c.org, ring_runs.c.index)
"""Searches for rings: ``said`` is the signed body, ``object`` the result. ``state`` is waiting, done, forgotten, failed
or cancelled. What runs is waiting too: nothing is lost where it is cut off."""

rings = Table(
    "rings",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("org", String(64), nullable=False),
    Column("index", _Int, nullable=False),
)
"""The rings that an organisation's searches have found, each by the entry of the first one that did."""

ring_judgements = Table(
    "ring_judgements",
    metadata,
    Column("index", _Int, primary_key=True, autoincrement=False),
    *_each("org ring", String(64), nullable=False),
    Column("kind", String(40), nullable=False),
    Column("person", Text, nullable=False),
    Column("t", String(24), nullable=False),
    Column("body", JSON, nullable=False),
)
Index("ring_judgements_org", ring_judgements.c.org, ring_judgements.c.index)
"""What was judged of rings, as it was signed."""
