"""Runs: plain reads that follow each other in a batch, sealed one after the other from the place of the first.

Sealing a run depends on nothing but its arguments, so it can be done in this process or in another
(:mod:`graphsvc.ledger.sealer`).
"""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec

from graphsvc.ledger.daykeys import Epoch
from graphsvc.ledger.entry import Draw, EntryDraft, Late, Prepared
from graphsvc.ledger.receipts import receipt_members
from graphsvc.ledger.sealing import SEED, Noise, Place, seal_entry
from graphsvc.model.errors import GraphsvcError, InvalidInput, TooLarge, Unavailable
from graphsvc_verify.merkle import leaf_hash

Numbers = Mapping[str, tuple[int, int | None]]
"""Owners with their (next owner_seq, index of their last entry)."""


@dataclass(frozen=True, slots=True)
class Run:
    """Plain reads and where the first of them stands; ``numbers`` has all owners that they name."""

    origin: str
    index: int
    t: str
    key_head: int | None
    numbers: dict[str, tuple[int, int | None]]
    drafts: list[EntryDraft]


class Finished(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """An entry that only has to be written.

    ``members`` is JSON for its receipt. ``shown`` lists (owner, submission, whether only hit, rows as big-endian
    uint32); ``later`` lists hits that an owner is told late: (owner, why, submission, rows).
    """

    leaf: bytes
    hash: bytes
    objects: dict[str, bytes]
    members: bytes
    shown: list[tuple[str, int, bool, bytes]]
    later: list[tuple[str, Late, int, bytes]] = []


class Refused(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """A draft that can't be an entry, and why. ``invalid``: by its content; otherwise sealing it failed."""

    code: str
    message: str
    invalid: bool = True

    def error(self) -> GraphsvcError:
        """The error for its caller."""
        if not self.invalid:
            return Unavailable(self.message, code=self.code)
        return (TooLarge if self.code == TooLarge.code else InvalidInput)(self.message, code=self.code)


class Sealing(Protocol):
    """Prepares and seals runs, for the sequencer's thread."""

    @property
    def code(self) -> str:
        """Which code does it, and why, in a few words."""

    def seal(self, run: Run, epoch: Epoch) -> list[Finished | Refused]:
        """What :func:`seal_run` returns, made by whatever code."""

    def close(self) -> None:
        """Let go of all that it holds."""


def finish_entry(origin: str, prepared: Prepared, place: Place, numbers: Numbers, noise: Noise) -> Finished:
    """Seal one entry and make all that is stored or returned for it. Raises InvalidInput, TooLarge."""
    sealed = seal_entry(origin, prepared, place, numbers, noise)
    shown = [
        (opening.owner, submission, hit, _packed(rows))
        for opening in prepared.openings
        for hit, named in ((False, opening.rows), (True, opening.hit))
        for submission, rows in named.items()
        if opening.late is None
    ]
    later = [
        (opening.owner, opening.late, submission, _packed(rows))
        for opening in prepared.openings
        for submission, rows in opening.hit.items()
        if opening.late is not None
    ]
    members = receipt_members(prepared, sealed.leaf, sealed.objects)
    return Finished(sealed.leaf, leaf_hash(sealed.leaf), sealed.objects, members, shown, later)


def _packed(rows: Sequence[int]) -> bytes:
    return struct.pack(f">{len(rows)}I", *rows)


def seal_run(run: Run, epoch: Epoch, draw: Draw = os.urandom) -> list[Finished | Refused]:
    """Prepare and seal the reads of a run in order; one that is refused takes no index and no number.

    ``draw`` gives the seed of the noise first, then what each draft needs.
    """
    index, numbers, noise = run.index, dict(run.numbers), Noise(draw(SEED))
    outcomes: list[Finished | Refused] = []
    for draft in run.drafts:
        try:
            place = Place(index, run.t, epoch, run.key_head)
            outcomes.append(finish_entry(run.origin, draft.prepare(draw), place, numbers, noise))
        except InvalidInput as error:
            outcomes.append(Refused(error.code, error.message))
            continue
        except Exception as error:
            # A fault in one read must not fail the others of its batch.
            outcomes.append(Refused("not_sealed", f"the read can't be entered: {type(error).__name__}", invalid=False))
            continue
        numbers |= next_numbers(numbers, draft, index)
        index += 1
    return outcomes


def next_numbers(numbers: Numbers, draft: EntryDraft, index: int) -> dict[str, tuple[int, int | None]]:
    """The numbers of a draft's owners once it is entry ``index``."""
    return {owner: (numbers[owner][0] + 1, index) for owner in told_now(draft)}


def told_now(draft: EntryDraft) -> list[str]:
    """The owners that get a section of their own, with a number."""
    return [part.owner for part in draft.owners if part.late is None]
