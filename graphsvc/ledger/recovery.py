"""Start-up: from what is on disk to the sequencer's state, refusing a tree that contradicts itself."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Connection, func, select

from graphsvc.ledger import tables
from graphsvc.ledger.batch import State
from graphsvc.ledger.checkpoint import LogSigner
from graphsvc.ledger.daykeys import DayKeys
from graphsvc.ledger.registry import read_registry
from graphsvc.ledger.scopeheads import ScopeHeads
from graphsvc.ledger.store import Store
from graphsvc.ledger.tree import Tree
from graphsvc.model.errors import IntegrityError
from graphsvc_verify.errors import VerifyError
from graphsvc_verify.merkle import leaf_hash
from graphsvc_verify.note import verify_checkpoint


def load_state(store: Store, signer: LogSigner, day_keys: DayKeys, clock: Callable[[], datetime]) -> State:
    """The state after the last committed batch.

    Raises IntegrityError when number of entries, tiles, right edge or signature don't fit the last tree head.
    """

    def load(level: int, n: int) -> bytes | None:
        query = select(tables.tiles.c.data).where(tables.tiles.c.level == level, tables.tiles.c.n == n)
        with store.reading() as reader:
            return reader.execute(query).scalar()

    with store.reading() as connection:
        state = State(signer, day_keys, Tree(load), read_registry(connection), clock)
        count = connection.execute(select(func.count(), func.max(tables.entries.c["index"]))).one()
        newest = select(tables.checkpoints).order_by(tables.checkpoints.c.size.desc()).limit(1)
        head = connection.execute(newest).mappings().first()
        size = 0 if head is None else head["size"]
        if count[0] != size or (count[1] is not None and count[1] != size - 1):
            raise IntegrityError("the ledger's entries and its tree head differ in number")
        if head is None:
            return state
        state.tree.restore(size, lambda start, stop: _leaf_hashes(connection, start, stop))
        try:
            checkpoint = verify_checkpoint(head["note"], signer.public)
        except VerifyError as error:
            raise IntegrityError(f"the ledger's tree head is not signed by its key: {error.message}") from None
        if checkpoint.size != size or checkpoint.root != head["root"] or state.tree.root(size) != head["root"]:
            raise IntegrityError("the ledger's entries do not lead to its signed tree head")
        state.t, state.key_head = head["t"], head["key_head"]
        state.scope = ScopeHeads.since(head["scope_head"])
        state.epoch = None if head["epoch"] is None else day_keys.load(head["epoch"])
        state.numbers = _numbers(connection)
        brought = tables.submissions
        last = select(brought.c.org, func.max(brought.c["index"])).group_by(brought.c.org)
        state.brought = dict(connection.execute(last).all())
    return state


def _leaf_hashes(connection: Connection, start: int, stop: int) -> list[bytes]:
    table = tables.entries
    query = select(table.c.leaf).where(table.c["index"] >= start, table.c["index"] < stop)
    return [leaf_hash(leaf) for leaf in connection.execute(query.order_by(table.c["index"])).scalars()]


def _numbers(connection: Connection) -> dict[str, tuple[int, int | None]]:
    table = tables.sections
    query = select(table.c.owner, func.max(table.c.seq), func.max(table.c["index"])).group_by(table.c.owner)
    return {owner: (seq + 1, index) for owner, seq, index in connection.execute(query)}
