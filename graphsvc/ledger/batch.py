"""One batch of entries in one transaction, and the state that is carried from batch to batch."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert

from graphsvc.ledger import tables
from graphsvc.ledger.checkpoint import LogSigner
from graphsvc.ledger.daykeys import DayKeys, Epoch
from graphsvc.ledger.entry import EntryDraft, Prepared
from graphsvc.ledger.receipts import Appended
from graphsvc.ledger.registry import Registry
from graphsvc.ledger.runs import Finished, Refused, Run, finish_entry, told_now
from graphsvc.ledger.scopeheads import ScopeHeads
from graphsvc.ledger.sealing import SEED, Noise, Place
from graphsvc.ledger.store import insert_rows
from graphsvc.ledger.tree import Tree, View
from graphsvc.model.errors import Conflict, InvalidInput, InvalidSignature, ScopeMoved
from graphsvc.model.times import written
from graphsvc_verify import keychain as verifying
from graphsvc_verify.boxes import open_box
from graphsvc_verify.canonical import decode, digest, encode
from graphsvc_verify.carried import check_carried
from graphsvc_verify.errors import VerifyError
from graphsvc_verify.meaning import Said

KEYS = "keys"
_TYPE = re.compile(r"[a-z][a-z0-9.-]{0,39}")
_COLUMNS = {
    "entries": ("index", "type", "t", "leaf"),
    "sections": ("owner", "seq", "index"),
    "objects": ("digest", "public", "bytes"),
    "reads": ("index", "t", "org", "person", "purpose", "basis", "case", "policy", "export"),
    "disclosures": ("owner", "index", "submission", "hit", "rows"),
    "later": ("index", "owner", "submission", "rule", "law", "due", "rows", "told"),
    "tiles": ("level", "n", "data"),
    "checkpoints": ("size", "root", "note", "t", "epoch", "key_head", "scope_head"),
}
"""The tables and columns that a batch writes at its end, all rows of a table together."""


@dataclass(slots=True)
class State:
    """What the sequencer knows. Only its thread changes it; a change counts once its batch is committed.

    ``numbers`` maps owners to (next owner_seq, index of their last entry), ``brought`` organisations to the index of
    their last submission; ``clock`` gives the time in UTC.
    """

    signer: LogSigner
    day_keys: DayKeys
    tree: Tree
    registry: Registry
    clock: Callable[[], datetime]
    epoch: Epoch | None = None
    t: str = ""
    key_head: int | None = None
    scope: ScopeHeads = field(default_factory=ScopeHeads)
    numbers: dict[str, tuple[int, int | None]] = field(default_factory=dict)
    brought: dict[str, int] = field(default_factory=dict)


GIVEN = frozenset(("signer", "day_keys", "clock"))
"""The members of a state that are set once and that no entry changes."""


@dataclass(frozen=True, slots=True)
class Added:
    """An entry of the batch, with the place that it was given."""

    index: int
    t: str
    members: bytes


SealRun = Callable[[Run, Epoch], Sequence[Finished | Refused]]
"""Prepares and seals a run of plain reads (:func:`graphsvc.ledger.runs.seal_run`, here or in another process)."""


class Batch:
    """Entries that commit together.

    Call :meth:`open`, then :meth:`add` or :meth:`add_reads` for all entries, then :meth:`close`; then commit.
    """

    def __init__(self, state: State, seal_run: SealRun) -> None:
        self._state = state
        self._seal_run = seal_run
        self._connection: Connection | None = None
        self._rows: dict[str, list[tuple[Any, ...]]] = {name: [] for name in _COLUMNS}
        self._noise = Noise(os.urandom(SEED))
        self._view: View | None = None
        self.note = ""
        self.size = 0
        self.registry_changed = False
        self.epoch_changed = False

    def open(self, connection: Connection) -> None:
        """Start in a transaction; puts a ``keys`` entry first when the day or the recipients have changed."""
        self._connection = connection
        state = self._state
        recipients = state.registry.recipients()
        covers = {name: kid for name, (kid, _) in recipients.items()}
        day = self._now()[:10]
        if state.epoch is not None and state.epoch.day >= day and state.epoch.covers == covers:
            return
        state.epoch, content = state.day_keys.create(state.tree.size, day, recipients)
        self.epoch_changed = True
        name = digest(content)
        prepared = EntryDraft(type=KEYS, body={"object": name}).prepare()
        self._store(prepared.with_digests((name,)), {name: content}, self._now())

    def add(self, prepared: Prepared) -> Added:
        """Give one entry its place.

        Raises ScopeMoved, Conflict, InvalidInput or what its effects raise; then nothing of the entry is left.
        """
        draft, state = prepared.draft, self._state
        self._admit(draft)
        # One time for the entry and its rows in side tables, so that they agree.
        t = self._now()
        public = {digest(content): content for content in draft.public}
        if draft.effects is None and not prepared.acts:
            return self._store(prepared, public, t)
        assert self._connection is not None
        with self._connection.begin_nested():
            self._act_rows(prepared)
            self._hold(prepared, t)
            if draft.effects is not None:
                draft.effects(self._connection, state.tree.size, t)
            return self._store(prepared, public, t)

    def add_reads(self, drafts: Sequence[EntryDraft]) -> list[Added | Exception]:
        """Give plain reads their places, one after the other; for each what :meth:`add` would return or raise."""
        state, t = self._state, self._now()
        outcomes: dict[int, Added | Exception] = {}
        for at, draft in enumerate(drafts):
            try:
                self._admit(draft)
            except (InvalidInput, ScopeMoved) as error:
                outcomes[at] = error
        places = [at for at in range(len(drafts)) if at not in outcomes]
        if places:
            assert state.epoch is not None
            chosen = [drafts[at] for at in places]
            run = Run(state.signer.public.name, state.tree.size, t, state.key_head, self._numbers(*chosen), chosen)
            for at, made in zip(places, self._seal_run(run, state.epoch), strict=True):
                outcomes[at] = made.error() if isinstance(made, Refused) else self._place(drafts[at], t, made, {})
        return [outcomes[at] for at in range(len(drafts))]

    def close(self) -> None:
        """Write the collected rows, the filled tiles and the signed checkpoint."""
        state, connection = self._state, self._connection
        assert connection is not None
        self.size = state.tree.size
        if not self._rows["entries"]:
            return
        self._rows["tiles"] += state.tree.full
        state.tree.full.clear()
        self._view = View(state.tree, self.size)
        root = self._view.root()
        self.note = state.signer.sign(self.size, root)
        assert state.epoch is not None
        head = (self.size, root, self.note, state.t, state.epoch.index, state.key_head, state.scope.last)
        self._rows["checkpoints"].append(head)
        for name, rows in self._rows.items():
            insert_rows(connection, tables.metadata.tables[name], _COLUMNS[name], rows)

    def appended(self, added: Added) -> Appended:
        """What the caller of a committed entry gets."""
        assert self._view is not None
        path = tuple(self._view.inclusion(added.index))
        return Appended(added.index, added.t, self.note, path, added.members)

    def _admit(self, draft: EntryDraft) -> None:
        if draft.read and draft.at is not None and self._state.scope.moved(draft.at, draft.requester, draft.sees):
            raise ScopeMoved("access rules have changed since the scope was taken")
        # Not needed any more, so there is less to send to the sealing process.
        draft.sees = None
        if not _TYPE.fullmatch(draft.type) or (draft.type == KEYS):
            raise InvalidInput("not a type of entry")

    def _numbers(self, *drafts: EntryDraft) -> dict[str, tuple[int, int | None]]:
        numbers = self._state.numbers
        return {owner: numbers.get(owner, (0, None)) for draft in drafts for owner in told_now(draft)}

    def _store(self, prepared: Prepared, public: dict[str, bytes], t: str) -> Added:
        state = self._state
        index = state.tree.size
        assert state.epoch is not None
        place = Place(index, t, state.epoch, state.key_head)
        numbers = self._numbers(prepared.draft)
        finished = finish_entry(state.signer.public.name, prepared, place, numbers, self._noise)
        # Nothing below raises, so an entry is in the tree and the rows, or in neither.
        if prepared.key_event is not None:
            state.key_head = index
        self.registry_changed |= prepared.registry
        return self._place(prepared.draft, t, finished, public)

    def _place(self, draft: EntryDraft, t: str, finished: Finished, public: dict[str, bytes]) -> Added:
        state, rows = self._state, self._rows
        index = state.tree.size
        state.tree.append(finished.hash)
        state.t = t
        for owner in told_now(draft):
            seq, _ = state.numbers.get(owner, (0, None))
            rows["sections"].append((owner, seq, index))
            state.numbers[owner] = (seq + 1, index)
        if draft.concerns is not None:
            state.scope.note(index, draft.concerns)
        if draft.type == "submission" and draft.requester:
            state.brought[draft.requester] = index
        rows["entries"].append((index, draft.type, t, finished.leaf))
        if public or finished.objects:
            rows["objects"] += [(name, True, content) for name, content in (public | finished.objects).items()]
        if draft.read:
            self._read_rows(draft, index, t, finished)
        return Added(index, t, finished.members)

    def _read_rows(self, draft: EntryDraft, index: int, t: str, finished: Finished) -> None:
        who = draft.who or {}
        footing = (draft.purpose or "", draft.basis or "", draft.case or "", draft.policy or "")
        reader = (index, t, who.get("org", ""), who.get("person", ""))
        self._rows["reads"].append((*reader, *footing, bool(draft.body.get("export"))))
        if finished.shown:
            self._rows["disclosures"] += [
                (owner, index, submission, hit, rows) for owner, submission, hit, rows in finished.shown
            ]
        if finished.later:
            self._rows["later"] += [
                (index, owner, submission, late.rule, late.law, late.due, rows, None)
                for owner, late, submission, rows in finished.later
            ]

    def _hold(self, prepared: Prepared, t: str) -> None:
        """Check an entry against its act as any verifier will: by the keys in force at its index and time.

        Once logged, an entry that verifiers refuse could never be removed, and would spoil the evidence of others.
        """
        state = self._state
        if prepared.key_event is not None:
            prepared.key_event(state.registry, t)
            return
        if not prepared.acts:
            return
        place = verifying.Place(state.tree.size, t, state.signer.public.name)
        sections = {part.owner: decode(encode(part.facts)) for part in prepared.draft.owners if part.late is None}
        try:
            header = decode(open_box(prepared.header_key, prepared.header_box))
            for act in prepared.acts:
                said = Said(prepared.draft.type, header, sections)
                check_carried(state.registry.keychain(), place, act.compact, said)
        except VerifyError as error:
            kind = InvalidSignature if prepared.draft.read else InvalidInput
            raise kind(error.message, code=error.code, where="act") from None

    def _act_rows(self, prepared: Prepared) -> None:
        assert self._connection is not None
        for act in prepared.acts:
            row = {"iss": act.iss, "jti": act.jti, "index": self._state.tree.size, "digest": act.digest}
            taken = self._connection.execute(
                tables.acts.select().where(tables.acts.c.iss == act.iss, tables.acts.c.jti == act.jti)
            ).first()
            if taken is not None:
                raise Conflict("an act with this issuer and jti is in the ledger already", code="act_replayed")
            self._connection.execute(insert(tables.acts), row)
            self._connection.execute(
                insert(tables.objects),
                {"digest": act.digest, "public": False, "bytes": act.compact},
            )

    def _now(self) -> str:
        """Now, but never before the last entry: ``t`` does not go back."""
        now = written(self._state.clock(), "milliseconds")
        return max(now, self._state.t)
