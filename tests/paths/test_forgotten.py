"""After an erasure no byte of it is left: in no file of the state directory, and in no backup that is made then."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sealed_drafts import row_leaves
from sqlalchemy import delete, insert, select, update

from graphsvc.client import Outgoing
from graphsvc.demo.cast import CLIENTS, OPERATOR
from graphsvc.demo.company import Members
from graphsvc.demo.scenario import ORGANISATIONS
from graphsvc.graph.fingerprint import Fingerprint, fingerprint
from graphsvc.ledger import tables
from graphsvc.ledger.objects import FilePayloadStore
from graphsvc.ledger.payload import mapping_secret, open_mapping
from graphsvc.ledger.sqlite import SqliteStore
from graphsvc.local import renewal
from graphsvc.local.run import LocalService, run_local
from graphsvc.model.principals import Footing
from graphsvc.projection.rebuild import made_at
from graphsvc.settings import Settings
from graphsvc.upkeep.backup import back_up
from tests.contents import contents_of
from tests.paths.salts import salt_of
from tests.paths.wire import DEFAULTS, SEARCH, account_key

CASE = Footing("investigation", "statutory-duty", "FORGET/1")
REGISTER = 'mutation { registerCase(reference: "FORGET/1", title: "x", legalBasis: "statutory-duty") { reference } }'
NUMBER, NAME, ACCOUNT = "+254799887766", "Wanjirũ Zebrawood-Ngũgĩ of Nowhere in Particular", "zebra-seller-7766"
REJECTED = "Zebrawood-Ngũgĩ has no code"
NEEDLES = (NUMBER[1:], "+254 799 887 766", "Zebrawood", "Wanjirũ", "Ngũgĩ", ACCOUNT)
ROWS = (
    b"account,name,what,code",
    f"{ACCOUNT},{NAME},one,GREEN".encode(),
    b"otter-seller-1,Otter Otterson,two,GREEN",
    f"{ACCOUNT},{NAME},one,{REJECTED}".encode(),
)
MAPPING = """
format: csv
rows:
  - entities:
      - {ref: a, kind: Account, key: {site: {const: shopee}, id: account}, attributes: {displayName: name}}
    handling: {scheme: {const: tlp-2.0}, code: code}
  - when: {column: what, equals: one}
    entities: [{ref: p, kind: Phone, key: {value: {const: "+254 799 887 766"}}}]
    links: [{kind: USES, from: a, to: p}]
"""


def written(text: str) -> set[bytes]:
    """A text in all the ways that a file may have it."""
    forms = {text.encode(code) for code in ("utf-8", "utf-16-le", "utf-16-be")}
    return forms | {json.dumps(text)[1:-1].encode(), text.encode("unicode_escape")}


def found_in(*folders: Path) -> dict[str, set[str]]:
    """Files that have one of the needles, by where they lie, each with those that it has."""
    forms = {form: needle for needle in NEEDLES for form in written(needle)}
    found: dict[str, set[str]] = {}
    for folder in folders:
        for path, content in contents_of(folder):
            has = {needle for form, needle in forms.items() if form in content}
            if has:
                found[str(path.relative_to(folder.parent))] = has
    return found


class World:
    """A service of its own, since it is started again; what its members know of it lies elsewhere."""

    def __init__(self, service: LocalService, folder: Path) -> None:
        assert service.parts is not None
        self.parts, self.folder, self.data = service.parts, folder, service.data
        self.members = Members(service, ORGANISATIONS, folder)
        self.origin = service.origin

    def found(self) -> None:
        operator = self.members.client(OPERATOR)
        for organisation in ORGANISATIONS:
            operator.admit(organisation, self.members.by_name[organisation.org].root.public)
            self.members.by_name[organisation.org].enrol(operator, self.origin, "machine")
        self.members.client("police-ke.investigator").query(REGISTER)

    def submit(self) -> int:
        file = self.folder / "sellers.csv"
        file.write_bytes(b"".join(row + b"\n" for row in ROWS))
        outgoing = Outgoing(file, "text/csv", MAPPING.encode(), DEFAULTS)
        done = self.members.client("pasar.feed").submit(outgoing, "pasar", self.members.by_name["pasar"].working)
        assert (done.accepted, done.rejected) == (2, 1)
        self.applied()
        return done.index

    def applied(self) -> None:
        asyncio.run(self.parts.applier.wait(self.parts.ledger.head - 1))

    def search(self, account: str) -> list[Any]:
        answer = self.members.client("police-ke.investigator").query(SEARCH, account_key(account), CASE)
        found: list[Any] = answer.data["search"]
        return found

    def backup(self, name: str) -> Path:
        settings = Settings(data=self.data, origin=self.origin)
        back_up(settings, FilePayloadStore(self.data / "payloads"), self.folder / name)
        return self.folder / name


def stays(world: World, index: int) -> tuple[Fingerprint, list[Any]]:
    """What is left of the submission, each part checked: the graph, the answers, and the salt of the row that stays."""
    with world.parts.ledger.reading() as connection:
        leaves = row_leaves(connection, index)
    keys = world.parts.core.payloads.keys
    name = world.parts.ledger.open_header(index)["body"]["name"]
    salt = salt_of(keys, name, 2)
    assert salt is not None and hashlib.sha256(b"\x00" + salt + ROWS[2]).digest() == leaves[64:96]
    assert salt_of(keys, name, 1) is None and not keys.has(f"seed|{name}")
    return fingerprint(world.parts.graph), world.search("otter-seller-1")


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    monkeypatch.setenv("GRAPHSVC_IDENTIFIERS_A_DAY", "1000000")
    yield monkeypatch


def test_after_an_erasure_no_byte_of_it_is_left(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    data = tmp_path / "data"
    with run_local(data, 0, CLIENTS) as service:
        world = World(service, tmp_path / "first")
        world.found()
        # 1. There it is: in the graph's files, and nowhere else.
        index = world.submit()
        assert len(world.search(ACCOUNT)) == 1 and len(world.search("otter-seller-1")) == 1
        before = found_in(data)
        assert before and all("/neo4j/" in place for place in before), before
        assert found_in(world.backup("older")) == {}, "a backup is sealed"
        keys, store = world.parts.core.payloads.keys, world.parts.core.payloads.store
        name = world.parts.ledger.open_header(index)["body"]["name"]
        assert open_mapping(store, name, keys.open(mapping_secret(name))) == MAPPING.encode()
        # 2. Erased: gone for whoever asks, and the mapping with it.
        body = {"target": {"submission": index, "rows": [1]}, "reason": "asked for"}
        world.members.act("pasar.officer", "erase", "records", body)
        world.applied()
        assert world.search(ACCOUNT) == [] and not keys.has(mapping_secret(name))
        seen = stays(world, index)
        checks = {one.name: one for one in world.members.client(OPERATOR).doctor()}
        assert checks["erased"].ok and "1 erasures since" in checks["erased"].found
        world.members.close()
    # Neo4j has only marked it as free: as long as its files are these, it can be read off them.
    left = found_in(data)
    assert any(place.endswith(".strings") for place in left) and any("/schema/index/" in place for place in left), left
    assert all("/neo4j/" in place for place in left), left
    # 3. The first start after the time that is set makes the graph's files anew.
    environment.setenv("GRAPHSVC_FORGET_DAYS", "0")
    with run_local(data, 0) as service:
        world = World(service, tmp_path / "second")
        assert found_in(data) == {}
        assert found_in(world.backup("newer")) == {}
        assert stays(world, index) == seen, "graph, salts and answers are what they were"
        assert made_at(data / "neo4j") > index and not renewal._due(Settings(data=data, forget_days=0))
        assert world.search(ACCOUNT) == []
        world.members.close()
    assert found_in(data, tmp_path / "first" / "older", tmp_path / "second" / "newer") == {}


def test_what_the_ledgers_database_deletes_is_in_none_of_its_files(tmp_path: Path) -> None:
    path, store = tmp_path / "ledger.db", SqliteStore(tmp_path / "ledger.db")
    table, filler = tables.rejections, [{"row": row, "message": "x" * 99} for row in range(99)]
    errors = [*filler, *({"row": row, "message": f"{NAME}, {NUMBER} {row}"} for row in range(99))]
    with store.writer.begin() as connection:
        connection.execute(insert(table), [{"index": 1, "errors": errors}, {"index": 2, "errors": errors}])
    assert found_in(tmp_path)
    with store.writer.begin() as connection:
        connection.execute(update(table).where(table.c["index"] == 1).values(errors=filler))
        connection.execute(delete(table).where(table.c["index"] == 2))
    with store.reading() as reader:
        reader.execute(select(table.c["index"])).first()
        assert found_in(tmp_path), "the write-ahead log has the pages as they were"
    assert store.forget() and found_in(tmp_path) == {}
    store.close()
    assert path.stat().st_size and found_in(tmp_path) == {}
