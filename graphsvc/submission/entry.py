"""The entry of a submission: what it says, its side rows, and what the submitter is told of the rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert

from graphsvc.ledger import tables
from graphsvc.ledger.entry import Effects, EntryDraft, OwnerPart
from graphsvc.model.drafts import RowProblem
from graphsvc.sharing.preservations import note_answer
from graphsvc.sharing.store import Request
from graphsvc.submission.intake import Intake
from graphsvc.submission.manifest import Manifest, Upload
from graphsvc.submission.superseding import Superseded
from graphsvc_verify.canonical import digest
from graphsvc_verify.deeds import Deed
from graphsvc_verify.meaning import mean

SHOWN_PROBLEMS = 100
"""So many row problems travel in the answer itself, and as many notes; all of them are behind ``errors``, ``notes``."""


def answer_of(intake: Intake, superseded: Superseded) -> dict[str, Any]:
    """What the submitter is told of the rows: counts, and the first problems and notes."""
    return {
        "rows": intake.rows,
        "accepted": intake.accepted,
        "rejected": intake.rejected,
        "unlinked": intake.unlinked,
        "superseded": superseded.records,
        "charset": intake.charset,
        "errors": [_problem(problem) for problem in intake.problems[:SHOWN_PROBLEMS]],
        "notes": [_problem(note) for note in intake.notes[:SHOWN_PROBLEMS]],
    }


def _problem(problem: RowProblem) -> dict[str, Any]:
    return {"row": problem.row, "code": problem.code, "pointer": problem.pointer, "message": problem.message}


@dataclass(frozen=True, slots=True)
class Made:
    """What an entry is made of: what was signed, what came of the rows, what is kept, what the submitter is told."""

    manifest: Manifest
    intake: Intake
    superseded: Superseded
    body: dict[str, Any]
    answer: dict[str, Any]


def entry_of(deed: Deed, upload: Upload, made: Made, request: Request | None, still: Effects) -> EntryDraft:
    """The entry of a submission; ``request`` is the one that it answers.

    Within its transaction ``still`` and what it supersedes are held: each raises Conflict where that has changed.
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
                "response": made.answer,
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
                "leaves": bytes(intake.leaves),
            },
        )
        if intake.problems:
            problems = [_problem(problem) for problem in intake.problems]
            connection.execute(insert(tables.rejections), {"index": index, "errors": problems})
        if intake.notes:
            connection.execute(insert(tables.unlinked), {"index": index, "notes": list(map(_problem, intake.notes))})
        superseded.enter(connection, index, (org, deed.person or ""), intake)
        if request is not None:
            note_answer(connection, request, (org, deed.person or ""), (index, t))

    # Whoever asked for it is told that it is there.
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
