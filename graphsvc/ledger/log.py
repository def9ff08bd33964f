"""The ledger as the rest of the service sees it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from graphsvc.ledger import access, tables
from graphsvc.ledger.batch import GIVEN, Batch, State
from graphsvc.ledger.checkpoint import LogSigner
from graphsvc.ledger.daykeys import DayKeys
from graphsvc.ledger.enrolment import check_org_act, prepare_admission, prepare_key_event
from graphsvc.ledger.entry import EntryDraft, Prepared
from graphsvc.ledger.fastsealer import open_sealer
from graphsvc.ledger.keyfiles import signing_key
from graphsvc.ledger.lock import lock_directory
from graphsvc.ledger.opening import open_store
from graphsvc.ledger.pins import check_pinned
from graphsvc.ledger.receipts import Appended, Objects, renewed_receipt
from graphsvc.ledger.recovery import load_state
from graphsvc.ledger.registry import KeyRecord, read_registry
from graphsvc.ledger.sequencer import Sequencer
from graphsvc.ledger.store import told_plainly
from graphsvc.ledger.tiles import Publisher, TileSource, parse_tile
from graphsvc.ledger.tree import View
from graphsvc.model.accelerator import AUTO
from graphsvc.model.errors import InvalidInput, NotFound
from graphsvc.model.files import sweep
from graphsvc.model.principals import Organisation
from graphsvc_verify.entry import open_header, parse_leaf
from graphsvc_verify.jws import Act
from graphsvc_verify.merkle import EMPTY_ROOT
from graphsvc_verify.note import NoteKey

Clock = Callable[[], datetime]


def _nothing() -> None: ...


def _utc() -> datetime:
    return datetime.now(UTC)


class Ledger:
    """One log. Thread-safe; it is open for writing in one process at a time."""

    def __init__(self, directory: Path, origin: str, clock: Clock, database: str, standby: float, fast: str) -> None:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.origin = origin
        self._clock = clock
        self.sealer = open_sealer(fast)
        # With a database its lease decides who leads: a suspended process would keep a lock on the directory.
        self._lock: Callable[[], None] = _nothing if database else lock_directory(directory)
        self._cases: set[tuple[str, str]] = set()
        try:
            with told_plainly("the ledger"):
                self._store = open_store(directory, database, standby)
                try:
                    self._start(directory)
                except BaseException:
                    self._store.close()
                    raise
        except BaseException:
            self._lock()
            raise

    @classmethod
    def open(
        cls, directory: Path, origin: str, clock: Clock = _utc, database: str = "", standby: float = 0, fast: str = AUTO
    ) -> Ledger:
        """Open the log below ``directory``, made anew if there is none; finish what a crash left unpublished.

        ``database`` is the URL of a PostgreSQL database that holds it, or empty: SQLite in the directory. Where another
        process leads, waits up to ``standby`` seconds. ``fast`` is ``auto`` or ``off``: whether the accelerator seals.
        Raises Unavailable when another process has it open, IntegrityError when what is stored contradicts itself or
        is older than what was published or pinned, OSError.
        """
        return cls(directory, origin, clock, database, standby, fast)

    def _start(self, directory: Path) -> None:
        secrets = directory / "keys"
        # Only now is this process known to lead: a standby removes nothing.
        sweep(directory)
        fresh = self._is_empty() and not (directory / "tiles" / "checkpoint").exists()
        signer = LogSigner(self.origin, signing_key(secrets / "log.key", create=fresh))
        self.day_keys = DayKeys(secrets, self.origin)
        self._state = load_state(self._store, signer, self.day_keys, self._clock)
        self._registry = self._state.registry
        self._head, self._note = self._state.tree.size, self._last_note()
        source = TileSource(self._state.tree, lambda start, stop: (leaf for _, _, leaf in self.entries(start, stop)))
        self._source = source
        self._publisher = Publisher(directory / "tiles", source, self._publishing_failed, self._store.leads)
        check_pinned(directory, self._head, self._state.tree.root, signer.public)
        self._publisher.recover(self._head, self._note, signer.public)
        self._sequencer = Sequencer(self._store, self._state, self._committed, self._restore, self.sealer)
        self._publisher.start()
        self._sequencer.start()

    def close(self) -> None:
        """Write what is queued, publish it, and let go of the directory."""
        self._sequencer.stop()
        self._publisher.stop()
        self._store.close()
        self._lock()

    @property
    def log_key(self) -> NoteKey:
        """The log's public key."""
        return self._state.signer.public

    @property
    def log_vkey(self) -> str:
        """The log's public key in the text form that verifiers pin."""
        return self.log_key.vkey

    @property
    def head(self) -> int:
        """The number of durable entries."""
        return self._head

    @property
    def closed_by(self) -> str | None:
        """Why the ledger stopped writing, or None."""
        return self._sequencer.failure

    @property
    def published(self) -> int:
        """How many entries the published tiles hold."""
        return self._publisher.published

    @property
    def full(self) -> bool:
        """Whether the disk has no room for the next entries; writing goes on by itself once there is room."""
        return self._sequencer.full

    @property
    def published_late(self) -> str | None:
        """Why tiles can't be published now, or None. Entries that are not published yet are durable all the same."""
        return self._publisher.late

    @property
    def last_scope_event(self) -> int:
        """The index of the last durable entry that changed access rules, labels or members; -1 for none."""
        return self._state.scope.last

    def scope_event_of(self, org: str) -> int:
        """The index of the last scope event that concerns what ``org`` was given, or its own labels and records."""
        return self._state.scope.of(org)

    @property
    def tables(self) -> Mapping[str, Any]:
        """The database tables by name, for effects and for reading."""
        return tables.metadata.tables

    def reading(self) -> AbstractContextManager[Connection]:
        """A read-only database connection as a context manager; sees committed entries only."""
        return self._store.reading()

    # Appending

    def append(self, draft: EntryDraft) -> Future[Appended]:
        """Append an entry; durable when the future resolves.

        Raises InvalidInput at once for a draft that no ledger would take. The future fails with ScopeMoved, Conflict
        (an act came again), what the draft's effects raise, or Unavailable (disk full, closing).
        """
        return self._sequencer.submit(self._prepared(draft))

    def append_soon(self, draft: EntryDraft) -> asyncio.Future[Appended]:
        """The same as :meth:`append`, for a caller in an event loop; for a plain read the future raises all errors."""
        if not draft.plain:
            return self._sequencer.submit_soon(self._prepared(draft))
        self._check_named(draft)
        draft.let_go()
        return self._sequencer.submit_soon(draft)

    def admit(self, organisation: Organisation, root_key: bytes, by: str) -> Appended:
        """Admit an organisation with its raw root public key; ``by`` says who decided.

        Raises what :func:`graphsvc.ledger.enrolment.prepare_admission` raises.
        """
        return self._wait(prepare_admission(organisation, root_key, by, self._registry))

    def enrol(self, act: str) -> int:
        """Enter a root-signed key event (enrolment or revocation, :mod:`graphsvc_verify.keyevents`); returns its index.

        Raises what :func:`graphsvc.ledger.enrolment.prepare_key_event` raises.
        """
        return self._wait(prepare_key_event(act, self._registry, self.origin, self._clock())).index

    def _wait(self, prepared: Prepared) -> Appended:
        return self._sequencer.submit(prepared).result()

    # Organisations and keys

    def organisations(self) -> Mapping[str, Organisation]:
        """The admitted organisations by slug, those that have left included."""
        return self._registry.organisations

    def members(self) -> Mapping[str, Organisation]:
        """The organisations that have not left, by slug."""
        return self._registry.members()

    @property
    def departed(self) -> Mapping[str, int]:
        """The organisations that have left, with the index of that entry."""
        return self._registry.departed

    def root_key(self, org: str) -> bytes | None:
        """An organisation's root public key as admitted (verifiers pin it outside the service)."""
        return self._registry.roots.get(org)

    def signing_key(self, org: str, kid: str, at: int | None = None) -> KeyRecord | None:
        """The signing key if acts under it count in entry ``at`` (None: in the next one)."""
        return self._registry.signing_key(org, kid, at)

    def check_act(self, compact: str, typ: str, org: str) -> tuple[Act, KeyRecord]:
        """Check an organisation's act as if the next entry carried it; returns it and the key that signed it.

        Raises what :func:`graphsvc.ledger.enrolment.check_org_act` raises.
        """
        return check_org_act(compact, typ, org, self._registry, self.origin, self._clock())

    # Reading the log

    def entry(self, index: int) -> bytes:
        """The bytes of an entry. Raises NotFound."""
        for _, _, leaf in self.entries(index, index + 1):
            return leaf
        raise NotFound("no such entry")

    def entries(self, start: int, stop: int) -> Iterator[tuple[int, str, bytes]]:
        """(index, type, leaf) of durable entries from ``start`` below ``stop``, in order."""
        table = tables.entries
        query = select(table.c["index"], table.c.type, table.c.leaf).order_by(table.c["index"])
        for low in range(max(0, start), min(stop, self._head), 256):
            chosen = (table.c["index"] >= low) & (table.c["index"] < min(low + 256, stop, self._head))
            with self.reading() as connection:
                rows = connection.execute(query.where(chosen)).all()
            yield from rows

    def indexes(self, start: int, stop: int, types: Sequence[str]) -> list[tuple[int, str]]:
        """(index, type) of durable entries of some types from ``start`` below ``stop``, in order."""
        table = tables.entries
        query = select(table.c["index"], table.c.type).where(
            table.c.type.in_(types), table.c["index"] >= start, table.c["index"] < min(stop, self._head)
        )
        with self.reading() as connection:
            return list(connection.execute(query.order_by(table.c["index"])))

    def open_header(self, index: int) -> dict[str, Any]:
        """The header of an entry, opened with the oversight key. Raises NotFound, IntegrityError."""
        leaf, objects = parse_leaf(self.entry(index)), Objects(self.object)
        return open_header(leaf, self.day_keys.header_key(leaf, objects), objects)

    def receipt(self, index: int) -> dict[str, Any]:
        """A new receipt for an entry that showed nobody's records, as a repeated request needs it.

        The proof is to the newest checkpoint. Raises NotFound, IntegrityError.
        """
        with self.reading() as connection:
            size, note = self._committed_head(connection)
        leaf = self.entry(index)
        key = self.day_keys.header_key(parse_leaf(leaf), Objects(self.object))
        return renewed_receipt(index, leaf, key, (note, self.inclusion(index, size)), self.object)

    def forget(self) -> bool:
        """Remove what is left of deleted content in the database's files; False: not now, try again. Blocks."""
        return self._store.forget()

    def checkpoint(self) -> str:
        """The signed note of the newest durable tree head."""
        return self._note

    def inclusion(self, index: int, size: int) -> list[bytes]:
        """The audit path of an entry in the tree of ``size`` entries. Raises NotFound outside the log."""
        return self._proof(size, lambda view: view.inclusion(index))

    def consistency(self, old: int, new: int) -> list[bytes]:
        """The proof that the tree of ``new`` entries extends that of ``old``. Raises NotFound outside the log."""
        return self._proof(new, lambda view: view.consistency(old))

    def object(self, digest: str) -> bytes | None:
        """A public object (sealed sections, wrapped day keys) by digest."""
        return self._object(digest, public=True)

    def act(self, digest: str) -> bytes | None:
        """A signed act by digest. Acts name persons: not for everyone."""
        return self._object(digest, public=False)

    def tile(self, path: str) -> bytes | None:
        """A tile of the log by its path (``tile/0/000.p/5``, ``tile/entries/000``), or None."""
        name = parse_tile(path)
        return None if name is None else self._source.content(name, self._head)

    # What owners ask

    def has_case(self, org: str, reference: str) -> bool:
        """Whether the organisation has registered a case under this reference."""
        # Every read cites a case, and a registered case stays registered: found once, it need not be looked up again.
        if (org, reference) in self._cases:
            return True
        table = tables.cases
        query = select(table.c["index"]).where(table.c.org == org, table.c.reference == reference)
        with self.reading() as connection:
            found = connection.execute(query).first() is not None
        if found:
            self._cases.add((org, reference))
        return found

    def has_submitted_since(self, org: str, index: int) -> bool:
        """Whether the organisation may have a submission after entry ``index``; does not ask the database."""
        return self._state.brought.get(org, -1) > index

    def access_log(
        self, owner: str, since: str | None = None, until: str | None = None, limit: int = 100,
        before: int | None = None, submission: int | None = None,
    ) -> tuple[list[access.AccessRow], bool]:  # fmt: skip
        """Who saw records of ``owner``, newest first, and whether there are more; see :mod:`graphsvc.ledger.access`."""
        window = access.Window(since, until, limit, before, submission=submission)
        with self.reading() as connection:
            return access.access_log(connection, owner, window, self._head)

    def owner_entries(self, owner: str) -> list[access.OwnerEntry]:
        """The entries with a section of ``owner``, an act that it issued, or hits that it was told late, in order."""
        with self.reading() as connection:
            return access.owner_entries(connection, owner)

    def evidence(
        self,
        owner: str,
        indexes: Sequence[int] | None = None,
        since: int | None = None,
        head: tuple[int, str] | None = None,
    ) -> dict[str, Any]:
        """The content of an evidence file for ``owner``, still sealed: the owner opens it with its own key.

        ``indexes`` chooses among its entries and the reads that it made (None: all its entries); ``since`` is the size
        of a checkpoint that it has pinned. Proofs lead to ``head``, a cosigned checkpoint as (size, note); None: to the
        newest one. Raises NotFound or Denied for an entry that it may not have.
        """
        with self.reading() as connection:
            head = head or self._committed_head(connection)
            found = access.evidence(connection, self._state.tree, head, owner, indexes, since)
        return {"origin": self.origin, **found}

    # Internal
    def _prepared(self, draft: EntryDraft) -> Prepared:
        self._check_named(draft)
        return draft.prepare()

    def _check_named(self, draft: EntryDraft) -> None:
        for name in [part.owner for part in draft.owners] + ([draft.requester] if draft.requester else []):
            if name not in self._registry.organisations:
                raise InvalidInput("an entry names an organisation that is not admitted")

    def _committed(self, batch: Batch) -> None:
        if batch.registry_changed:
            with self.reading() as connection:
                self._registry = self._state.registry = read_registry(connection)
        if batch.epoch_changed and self._state.epoch is not None:
            self.day_keys.forget_all_but(self._state.epoch.index)
        if batch.note:
            self._note, self._head = batch.note, batch.size
            self._publisher.notify(batch.size, batch.note)

    def _restore(self) -> None:
        """Bring the sequencer's state back to what the database holds, after a batch that was not committed."""
        fresh = load_state(self._store, self._state.signer, self.day_keys, self._clock)
        # Changed in place, since the sequencer holds this very object; what was set once stays.
        for each in fields(State):
            if each.name not in GIVEN:
                setattr(self._state, each.name, getattr(fresh, each.name))
        self._source.tree = fresh.tree

    def _publishing_failed(self, error: Exception) -> None:
        self._sequencer.fail(error, amid="publishing failed")

    def _committed_head(self, connection: Connection) -> tuple[int, str]:
        table = tables.checkpoints
        row = connection.execute(select(table.c.size, table.c.note).order_by(table.c.size.desc()).limit(1)).first()
        if row is None:
            return 0, self._state.signer.sign(0, EMPTY_ROOT)
        return row.size, row.note

    def _is_empty(self) -> bool:
        with self.reading() as connection:
            return connection.execute(select(tables.checkpoints.c.size).limit(1)).first() is None

    def _last_note(self) -> str:
        with self.reading() as connection:
            return self._committed_head(connection)[1]

    def _proof(self, size: int, make: Callable[[View], list[bytes]]) -> list[bytes]:
        if not 0 <= size <= self._head:
            raise NotFound("no such tree")
        try:
            return make(View(self._state.tree, size))
        except IndexError:
            raise NotFound("no such entry") from None

    def _object(self, digest: str, public: bool) -> bytes | None:
        table = tables.objects
        query = select(table.c.bytes).where(table.c.digest == digest, table.c.public == public)
        with self.reading() as connection:
            found = connection.execute(query).scalar()
        return None if found is None else bytes(found)
