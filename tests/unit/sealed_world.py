"""A log whose entries refer to sealed packs, as submissions make them, without HTTP and without a graph."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
from ledger_actors import ORIGIN, Member

from graphsvc.ledger.entry import EntryDraft, OwnerPart
from graphsvc.ledger.log import Ledger
from graphsvc.ledger.objects import FilePayloadStore, PayloadStore
from graphsvc.ledger.payload import Packer, read_drafts
from graphsvc.ledger.rowkeys import RowKeys
from graphsvc.ledger.scopeheads import EVERYBODY
from graphsvc.settings import Settings


class SealedWorld:
    """A state directory ``data`` with one member, ``pasar``."""

    def __init__(self, data: Path, store: PayloadStore | None = None, database: str = "") -> None:
        self.settings = Settings(data=data, origin=ORIGIN, database=database)
        self.store = store or FilePayloadStore(data / "payloads")
        self.open()
        if "pasar" not in self.ledger.organisations():
            (data / "keys").mkdir(exist_ok=True)
            (data / "keys" / "handles.key").write_bytes(bytes(32))
            Member("pasar").join(self.ledger)

    def open(self) -> None:
        data = self.settings.data
        self.ledger = Ledger.open(data / "ledger", ORIGIN, database=self.settings.database)
        self.keys = RowKeys(data / "keys" / "rows.db")

    def close(self) -> None:
        self.ledger.close()
        self.keys.close()

    def submit(self, name: str, rows: int = 3) -> int:
        """Seal, keep the keys, enter; returns the entry's index."""
        packer = Packer(self.store, name)
        for row in range(rows):
            packer.add(row, f"row {row} of {name}".encode(), json.dumps({"said": f"{name} {row}"}).encode(), 1)
        packs, secrets = packer.finish()
        self.keys.keep(secrets)
        body = {"name": name, "packs": packs, "accepted": rows}
        return self.enter("submission", body)

    def enter(self, kind: str, body: dict[str, Any]) -> int:
        part = OwnerPart("pasar", {"action": kind}, [])
        draft = EntryDraft(
            type=kind, requester="pasar", owners=[part], body=body, concerns=EVERYBODY if kind == "erasure" else None
        )
        return self.ledger.append(draft).result().index

    def erase(self, index: int, row: int, *, destroy: bool = True) -> None:
        """Enter an erasure; the key goes after it, unless there is a crash between."""
        self.enter("erasure", {"ranges": [[index, row, row]]})
        if destroy:
            (pack,) = self.ledger.open_header(index)["body"]["packs"]
            self.keys.destroy(pack, row)

    def read(self, index: int) -> list[str | None]:
        """What each draft of a submission says; None where it is erased."""
        return drafts_of(self.ledger, self.store, self.keys, index)


def drafts_of(ledger: Ledger, store: PayloadStore, keys: RowKeys, index: int) -> list[str | None]:
    body = ledger.open_header(index)["body"]
    return [
        None if sealed.draft is None else msgspec.json.decode(sealed.draft)["said"]
        for pack in body["packs"]
        for sealed in read_drafts(store.get(pack), keys.open(pack), body["name"])
    ]
