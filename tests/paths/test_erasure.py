"""Erasure through the running parts: as if the record had never been, while everything else still verifies."""

from __future__ import annotations

import asyncio
import hashlib
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

import msgspec
import pytest
from sealed_drafts import row_leaves
from sqlalchemy import select

from graphsvc.app import Service
from graphsvc.client.errors import Refused
from graphsvc.columns.store import Columns
from graphsvc.demo.company import Members
from graphsvc.ledger import tables
from graphsvc.ledger.payload import read_drafts
from graphsvc.local.run import LocalService
from graphsvc.model.principals import Footing, Organisation, Principal
from graphsvc.policy.scope import Scope
from graphsvc_verify.merkle import root
from tests.paths.conftest import FOOTING
from tests.paths.salts import salt_of
from tests.paths.wire import SEARCH, account_key, file_of, row

ACCESS = """query($kind: String!, $parts: [KeyPart!]!) { subjectAccess(kind: $kind, parts: $parts) {
  key truncated records {
  handle submission row state held raw legalBasis handling { code } entities { kind key } links { kind }
  disclosures { index reader person purpose legalBasis case } } } }"""
POLICE, PASAR = "police-ke.investigator", "pasar.officer"
NODES = """MATCH (n) WHERE NOT n:Watermark AND NOT n:Label
RETURN labels(n), properties(n), [l IN n.lids | COLLECT { MATCH (x:Label {lid: l}) RETURN x.key }]"""
EDGES = "MATCH (a)-[r]->(b) RETURN type(r), a.id, b.id, properties(r)"


@dataclass
class World:
    """Two rows of Pasar's about one phone and one that can't be read, and what stood before them."""

    parts: Service
    members: Members
    data: Path
    folder: Path
    name: str
    index: int = -1

    def submit(self, rows: list[bytes]) -> int:
        outgoing = file_of(self.folder / f"{self.parts.ledger.head}.ndjson", rows)
        working = self.members.by_name["pasar"].working
        index = self.members.client("pasar.feed").submit(outgoing, "pasar", working).index
        self.applied()
        return index

    def act(self, kind: str, target: dict[str, Any], by: str = PASAR) -> dict[str, Any]:
        return self.members.act(by, kind, "records", {"target": target, "reason": "asked for"})

    def applied(self) -> None:
        asyncio.run(self.parts.applier.wait(self.parts.ledger.head - 1))

    def search(self, number: int) -> list[Any]:
        variables = account_key(f"{self.name}-{number}")
        found: list[Any] = self.members.client(POLICE).query(SEARCH, variables, FOOTING).data["search"]
        return found

    def access(self, number: int, by: str = PASAR) -> Any:
        variables = account_key(f"{self.name}-{number}")
        return self.members.client(by).query(ACCESS, variables, Footing()).data["subjectAccess"]

    def drafts(self) -> list[bytes | None]:
        """Each accepted row's draft as it can be read now."""
        payloads = self.parts.core.payloads
        body = self.parts.ledger.open_header(self.index)["body"]
        return [
            sealed.draft
            for pack in body["packs"]
            for sealed in read_drafts(payloads.store.get(pack), payloads.keys.open(pack), body["name"])
        ]

    def digest(self) -> str:
        """Graph and columns but for the watermark, whatever order things were written in."""
        self.applied()
        lines: list[bytes] = []
        with self.parts.graph.session() as session:
            for statement in (NODES, EDGES):
                for values in map(list, session.run(statement)):
                    if statement == NODES:
                        values[1]["lids"], values[2] = (
                            sorted(values[1].get("lids", ())),
                            sorted(map(str, values[2] or ())),
                        )
                    lines.append(msgspec.json.encode(values, order="sorted"))
        everyone = Principal(Organisation("x", "x", "XX", "x"), "x")
        scope = Scope(everyone, Footing(), 0, "", 0.0, {"analyse": tuple(self.parts.applier.labels)}, {})
        found = Columns(self.data / "columns").select(scope, 0)
        arrays = (getattr(found, name).tolist() for name in ("src", "dst", "lid", "rec", "since", "until"))
        lines += [msgspec.json.encode(claim) for claim in zip(*arrays, strict=True)]
        return hashlib.sha256(b"\n".join(sorted(lines))).hexdigest()


@pytest.fixture
def world(
    local_service: LocalService, members: Members, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[World]:
    assert local_service.parts is not None
    name = request.node.name.replace("_", "")[-24:]
    yield World(local_service.parts, members, local_service.data, tmp_path, name)


def rows(world: World) -> list[bytes]:
    base = crc32(world.name.encode()) % 1_000_000
    return [row(f"{world.name}-0", base), row(f"{world.name}-1", base), b'{"entities": "+254 712 345 678"}']


def test_after_an_erasure_it_is_as_if_the_record_had_never_been(world: World) -> None:
    base = crc32(world.name.encode()) % 1_000_000
    world.submit([row(f"{world.name}-before", base)])
    before = world.digest()
    world.index = world.submit(rows(world)[:1])
    assert world.digest() != before
    world.act("erase", {"submission": world.index, "rows": [0]})
    assert world.digest() == before
    assert world.drafts() == [None]


def test_the_others_of_the_submission_still_verify(world: World) -> None:
    world.index = world.submit(rows(world))
    keys = world.parts.core.payloads.keys
    name = world.parts.ledger.open_header(world.index)["body"]["name"]
    assert keys.has(f"seed|{name}")
    world.act("erase", {"submission": world.index, "rows": [0]})
    with world.parts.ledger.reading() as connection:
        table = tables.submissions
        leaves = row_leaves(connection, world.index)
        manifest = connection.execute(select(table.c.manifest).where(table.c["index"] == world.index)).scalar_one()
    hashes = [leaves[at : at + 32] for at in range(0, len(leaves), 32)]
    # The tree stands as the submitter signed it; the other rows open with their salts, the erased one with nothing.
    signed = msgspec.json.decode(_unb64(manifest.split(".")[1]))
    assert f"sha256:{root(hashes).hex()}" == signed["rowsRoot"]
    for number, line in ((1, rows(world)[1]), (2, rows(world)[2])):
        salt = salt_of(keys, name, number)
        assert salt is not None and hashlib.sha256(b"\x00" + salt + line).digest() == hashes[number]
    assert salt_of(keys, name, 0) is None and not keys.has(f"seed|{name}")
    drafts = world.drafts()
    assert drafts[0] is None and drafts[1] is not None
    assert world.search(0) == [] and len(world.search(1)) == 1


def test_a_whole_submission_goes_with_what_was_said_of_its_rejected_rows(world: World) -> None:
    unlinked = row(f"{world.name}-2", 1).replace(b'"+254710000001"', b'"+25471000000X"')
    world.index = world.submit([*rows(world), unlinked])
    feed = world.members.client("pasar.feed")
    assert [problem.row for problem in feed.problems(world.index)] == [2]
    assert [note.row for note in feed.notes(world.index)] == [3]
    made = world.act("erase", {"submission": world.index})
    assert made["records"] == 3 and list(feed.problems(world.index)) == [] and list(feed.notes(world.index)) == []
    with world.parts.ledger.reading() as connection:
        table = tables.idempotency
        response = connection.execute(select(table.c.response).where(table.c["index"] == world.index)).scalar_one()
    assert response["errors"] == [] and response["notes"] == []
    name = world.parts.ledger.open_header(world.index)["body"]["name"]
    keys = world.parts.core.payloads.keys
    assert not keys.has(f"seed|{name}") and not keys.has(f"salts|{name}")


def test_an_erasure_says_nothing_of_what_others_keep_and_who_saw_it_is_told(world: World) -> None:
    world.index = world.submit(rows(world))
    handle = world.search(0)[0]["records"][0]["handle"]
    made = world.act("erase", {"submission": world.index, "rows": [0]})
    body = world.parts.ledger.open_header(made["index"])["body"]
    assert body["ranges"] == [[world.index, 0, 0]] and "remains" not in body
    assert "entities" not in str(body) and world.name not in str(body), "the entry names positions only"
    notices = """{ recallNotices(first: 3) { notice cause records { handle } } }"""
    notice = world.members.client(POLICE).query(notices, {}, FOOTING).data["recallNotices"][0]
    assert (notice["notice"], notice["cause"]) == (made["index"], "erased")
    assert notice["records"] == [{"handle": handle}]


def test_recalled_records_can_be_erased_and_held_ones_can_not(world: World) -> None:
    world.index = world.submit(rows(world))
    held = world.act("hold", {"submission": world.index, "rows": [0]})
    world.act("recall", {"submission": world.index, "rows": [0, 1]})
    assert world.search(0) == [], "a hold hides nothing less"
    with pytest.raises(Refused) as refused:
        world.act("erase", {"submission": world.index, "rows": [0]})
    assert refused.value.code == "held" and None not in world.drafts()
    assert world.act("erase", {"submission": world.index, "rows": [1]})["records"] == 1
    released = {"hold": held["index"], "reason": "case closed"}
    with pytest.raises(Refused, match="no such hold"):
        world.members.act("customs-cn.officer", "release", "hold", released)
    world.members.act(PASAR, "release", "hold", released)
    world.act("erase", {"submission": world.index, "rows": [0]})
    assert world.drafts() == [None, None]


def test_foreign_absent_and_erased_records_are_refused_alike(world: World) -> None:
    world.index = world.submit(rows(world))
    world.act("erase", {"submission": world.index, "rows": [1]})
    answers = set()
    for kind in ("erase", "hold"):
        for by, target in (
            ("customs-cn.officer", {"submission": world.index, "rows": [0]}),
            (PASAR, {"submission": world.index, "rows": [1]}),
            (PASAR, {"submission": world.index, "rows": [77]}),
            (PASAR, {"submission": 1}),
        ):
            with pytest.raises(Refused) as refused:
                world.act(kind, target, by)
            answers.add((refused.value.status, refused.value.code, refused.value.message))
    assert len(answers) == 1, answers
    with pytest.raises(Refused, match="role"):
        world.act("erase", {"submission": world.index, "rows": [0]}, "pasar.feed")
    entity = {"kind": "Account", "parts": {"site": "shopee", "id": f"{world.name}-0"}}
    with pytest.raises(Refused, match="kept for ever"):
        world.act("erase", {"select": {"entity": entity}})
    assert world.drafts()[0] is not None and len(world.search(0)) == 1


def test_subject_access_tells_all_that_is_held_and_who_saw_it(world: World) -> None:
    world.index = world.submit(rows(world))
    world.search(0)
    found = world.access(0)
    assert found["key"] == f"account:shopee:{world.name}-0" and not found["truncated"]
    [record] = found["records"]
    assert (record["submission"], record["row"], record["state"]) == (world.index, 0, "live")
    assert record["raw"].encode() == rows(world)[0], "the row as it came"
    assert record["handling"]["code"] == "GREEN" and {one["kind"] for one in record["entities"]} == {"Account", "Phone"}
    [seen] = record["disclosures"]
    assert (seen["reader"], seen["purpose"], seen["case"]) == ("police-ke", FOOTING.purpose, FOOTING.case)
    # Its own records only, and for its officers only.
    assert world.access(0, "customs-cn.officer")["records"] == []
    with pytest.raises(Refused) as denied:
        world.access(0, POLICE)
    assert (denied.value.status, denied.value.code) == (403, "denied")
    # Recalled is still held; erased is not.
    world.act("recall", {"submission": world.index, "rows": [0]})
    assert [one["state"] for one in world.access(0)["records"]] == ["recalled"]
    world.act("erase", {"submission": world.index, "rows": [0]})
    assert world.access(0)["records"] == [] and len(world.access(1)["records"]) == 1


def _unb64(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
