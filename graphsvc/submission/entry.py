"""The entry of a submission: what it says, its side rows, and what the submitter is told of the rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection, insert

from graphsvc.ledger import tables
from graphsvc.ledger.entry import Effects, EntryDraft, OwnerPart
from graphsvc.sharing.preservations import note_answer
from graphsvc.sharing.store import Request
from graphsvc.submission import leaves
from graphsvc.submission.intake import Intake
from graphsvc.submission.manifest import Manifest, Upload
from graphsvc.submission.superseding import Superseded
from graphsvc.wire.submissions import RowsTaken
from graphsvc_verify.canonical import digest
from graphsvc_verify.deeds import Deed
from graphsvc_verify.meaning import mean

SHOWN_PROBLEMS = 100
"""At most this many row problems, and notes, are in the answer itself; ``GET …/errors`` and ``…/notes`` have all."""


def answer_of(intake: Intake, superseded: Superseded) -> RowsTaken:
    """What the submitter is told of the rows: counts, and the first problems and notes."""
    return RowsTaken(
        rows=intake.rows,
        accepted=intake.accepted,
        rejected=intake.rejected,
        unlinked=intake.unlinked,
        superseded=superseded.records,
        charset=intake.charset,
        errors=intake.problems[:SHOWN_PROBLEMS],
        notes=intake.notes[:SHOWN_PROBLEMS],
    )


@dataclass(frozen=True, slots=True)
class Made:
    """What an entry is made of: what was signed, what came of the rows, what is kept, what the submitter is told.

    ``leaves`` is the file of the rows' leaf hashes.
    """

    manifest: Manifest
    intake: Intake
    superseded: Superseded
    body: Mapping[str, Any]
    answer: RowsTaken
    leaves: Path


def entry_of(deed: Deed, upload: Upload, made: Made, request: Request | None, still: Effects) -> EntryDraft:
    """The entry of a submission; ``request`` is the one that it answers.

    Its transaction checks again ``still`` and what it supersedes: either raises where that has changed.
    """
    manifest, intake, superseded = made.manifest, made.intake, made.superseded
    org, meaning = deed.org, mean(deed)

    def effects(connection: Connection, index: int, t: str) -> None:
        still(connection, index, t)
        superseded.hold(connection, org, intake)
        connection.execute(
            insert(tables.idempotency),
            {
                "org": org,
                "key": upload.idempotency_key,
                "digest": digest(upload.manifest.encode()),
                "index": index,
                "response": msgspec.to_builtins(made.answer),
            },
        )
        connection.execute(
            insert(tables.submissions),
            {
                "index": index,
                "org": org,
                "t": t,
                "media_type": manifest.media_type,
                "rows": intake.rows,
                "accepted": intake.accepted,
                "rejected": intake.rejected,
                "manifest": upload.manifest,
                "objects": made.body["packs"],
            },
        )
        leaves.enter(connection, index, made.leaves)
        if intake.problems:
            problems = msgspec.to_builtins(intake.problems)
            connection.execute(insert(tables.rejections), {"index": index, "errors": problems})
        if intake.notes:
            connection.execute(insert(tables.unlinked), {"index": index, "notes": msgspec.to_builtins(intake.notes)})
        superseded.enter(connection, index, (org, deed.person or ""), intake)
        if request is not None:
            note_answer(connection, request, (org, deed.person or ""), (index, t))

    # The asker of the request is told that it has been answered.
    pairs = [list(one) for one in superseded.pairs]
    told = [org, *([] if request is None else [request.asker])]
    return EntryDraft(
        type=meaning.type,
        who={"org": org, "person": deed.person or ""},
        requester=org,
        owners=[OwnerPart(owner=one, facts=meaning.told(one, org), disclosures=[]) for one in told],
        acts=[upload.manifest],
        body={**made.body, **({"supersedes": pairs} if pairs else {}), **meaning.body},
        effects=effects,
    )
