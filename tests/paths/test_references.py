"""Sending a grown or mended file again: a row supersedes what its owner submitted before under the same reference."""

from __future__ import annotations

import asyncio
import random
import struct
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from graphsvc.app import Service
from graphsvc.client import Submitted
from graphsvc.client.errors import Refused
from graphsvc.client.manifest import Outgoing
from graphsvc.client.service import Client
from graphsvc.client.submitted import NothingAccepted
from graphsvc.demo.company import Members
from graphsvc.ledger import references, tables
from graphsvc.ledger.keyfiles import HANDLES_KEY
from graphsvc.lifecycle import correct
from graphsvc.lifecycle.store import book_of
from graphsvc.local.run import LocalService
from graphsvc.model import ranges
from graphsvc.model.references import reference_key
from graphsvc.submission import submit
from graphsvc.submission.superseding import find_superseded
from graphsvc_verify.errors import VerifyError
from graphsvc_verify.evidence import check_evidence
from tests.contents import contents_of
from tests.paths.conftest import FOOTING
from tests.paths.wire import DEFAULTS, SEARCH, account_key, caught_up, file_of, row

POLICE, OWNER, ORG, OTHER = "police-ke.investigator", "pasar.officer", "pasar", "swiftline"
NOTICES = """{ recallNotices(open: true, first: 100) { notice owner cause reason count records { handle } } }"""
EVERYTHING = ("MATCH (n) RETURN properties(n) AS said", "MATCH ()-[x]->() RETURN properties(x) AS said")
MAPPING = b"""format: csv
rows:
  - entities: [{ref: a, kind: Account, key: {site: {const: shopee}, id: account}}]
    supersedes: {reference: advert}
"""

Place = tuple[int, int]


@dataclass
class World:
    """Files of Pasar's and Swiftline's whose rows have references of their own."""

    parts: Service
    members: Members
    data: Path
    folder: Path
    name: str
    sent: list[int] = field(default_factory=list)
    files: int = 0

    def reference(self, number: int) -> str:
        return f"{self.name}/ad {number}"

    def row(self, number: int, version: str = "", **superseded: Any) -> bytes:
        """A row about an account, under the reference of its number."""
        said = {"reference": self.reference(number), **superseded}
        return row(f"{self.name}-{number}{version}", number, supersedes=said)

    def file(self, rows: list[bytes]) -> Outgoing:
        self.files += 1
        return file_of(self.folder / f"{self.files}.ndjson", rows)

    def send(self, rows: list[bytes] | Outgoing, org: str = ORG) -> Submitted:
        outgoing = rows if isinstance(rows, Outgoing) else self.file(rows)
        answer = self.members.client(f"{org}.feed").submit(outgoing, org, self.members.by_name[org].working)
        self.sent.append(answer.index)
        return answer

    def check(self, rows: list[bytes], org: str = ORG) -> Submitted:
        """What a dry run says."""
        return self.members.client(f"{org}.feed").dry_run(self.file(rows), org, self.members.by_name[org].working)

    def act(self, kind: str, submission: int, rows: list[int], by: str = OWNER) -> dict[str, Any]:
        body = {"target": {"submission": submission, "rows": rows}, "reason": "wrong"}
        return self.members.act(by, kind, "records", body)

    def search(self, number: int, version: str = "") -> int:
        """How many records Kenya's police see of an account."""
        variables = account_key(f"{self.name}-{number}{version}")
        found = self.members.client(POLICE).query(SEARCH, variables, FOOTING).data["search"]
        return sum(len(entity["records"]) for entity in found)

    def standing(self) -> set[Place]:
        """What was accepted and not taken out since, by the ledger."""
        book, found = book_of(self.parts.core), set()
        for index in self.sent:
            left = ranges.minus(book.accepted(index), book.gone([index]))
            found |= {(index, number) for _, first, last in left for number in range(first, last + 1)}
        return found

    def in_graph(self) -> set[Place]:
        asyncio.run(self.parts.applier.wait(self.parts.ledger.head - 1))
        query = "MATCH (n:Record) WHERE n.id / 268435456 IN $sent RETURN n.id AS id"
        with self.parts.graph.session() as session:
            found = [one["id"] for one in session.run(query, sent=self.sent)]
        return {(record >> 28, record & (1 << 28) - 1) for record in found}

    def indexed(self) -> set[Place]:
        """The rows of these submissions whose digests are kept."""
        table, lists = tables.references, tables.referring
        with self.parts.ledger.reading() as connection:
            query = select(table.c.submission, table.c.row).where(table.c.submission.in_(self.sent))
            found = {(submission, number) for submission, number in connection.execute(query)}
            packed = connection.execute(select(lists).where(lists.c.submission.in_(self.sent))).all()
        return found | {(index, number) for index, items in packed for number, _ in struct.iter_unpack(">I32s", items)}


@pytest.fixture
def world(
    local_service: LocalService, members: Members, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[World]:
    assert local_service.parts is not None
    name = request.node.name.replace("_", "").replace("[", "").replace("]", "")[-24:]
    yield World(local_service.parts, members, local_service.data, tmp_path, name)


def test_a_grown_and_mended_file_does_not_double_what_stands(world: World) -> None:
    first = world.send([world.row(number) for number in range(3)])
    assert (first.accepted, first.superseded) == (3, 0)
    caught_up(world.members.client(POLICE))
    seen = world.members.client(POLICE).query(SEARCH, account_key(f"{world.name}-0"), FOOTING).data["search"]
    handle = seen[0]["records"][0]["handle"]
    grown = [world.row(0), world.row(1, "-mended"), world.row(2), world.row(3)]
    tried = world.check(grown)
    assert (tried.index, tried.accepted, tried.superseded) == (-1, 4, 3), "a dry run says how many"
    assert len(world.standing()) == 3, "and does nothing"
    second = world.send(grown)
    assert (second.accepted, second.rejected, second.superseded) == (4, 0, 3)
    caught_up(world.members.client(POLICE))
    assert (world.search(1), world.search(1, "-mended")) == (0, 1)
    assert [world.search(number) for number in (0, 2, 3)] == [1, 1, 1]
    # Whoever saw one that is superseded is told, once, and of that one only.
    notices = world.members.client(POLICE).query(NOTICES, {}, FOOTING).data["recallNotices"]
    assert (notices[0]["cause"], [one["handle"] for one in notices[0]["records"]]) == ("corrected", [handle])
    header = world.parts.ledger.open_header(second.index)
    assert header["body"]["supersedes"] == [[number, first.index, number] for number in range(3)]
    third = world.send(grown)
    assert third.superseded == 4 and world.standing() == {(third.index, number) for number in range(4)}
    assert world.in_graph() == world.standing()
    # The owner's evidence holds: what was taken back is what the submission supersedes.
    key = world.members.by_name[ORG].recipient
    evidence = world.members.client(OWNER).evidence(None, key)
    causes = [
        entry.header["body"]["cause"]
        for entry in check_evidence(evidence, world.members.trust()).entries
        if entry.header is not None and entry.type == "withdrawal"
    ]
    assert "corrected" in causes


def test_a_mapping_names_the_column(world: World) -> None:
    def table(*lines: str) -> Outgoing:
        world.files += 1
        path = world.folder / f"{world.files}.csv"
        path.write_text("\n".join(("account,advert", *lines)) + "\n")
        return Outgoing(path, "text/csv", MAPPING, DEFAULTS)

    first = world.send(table(f"{world.name}-a,7", f"{world.name}-b,8", f"{world.name}-c,8", f"{world.name}-d,"))
    assert [(one.row, one.code, one.pointer) for one in first.problems] == [
        (3, "double_reference", "/supersedes/reference"),
        (4, "missing_value", "/supersedes/reference"),
    ]
    assert "row 2" in first.problems[0].message and "advert is empty" in first.problems[1].message
    second = world.send(table(f"{world.name}-b,8", f"{world.name}-e,9"))
    assert (second.accepted, second.superseded) == (2, 1)
    assert world.standing() == {(first.index, 1), (second.index, 1), (second.index, 2)}


def test_anothers_reference_is_another_and_nobody_learns_of_it(world: World) -> None:
    mine = world.send([world.row(0), world.row(1)])
    # Whether Pasar has it or nobody has: the same answer to a dry run and to what is sent.
    known, unknown = world.check([world.row(0)], OTHER), world.check([world.row(900)], OTHER)
    assert known == unknown and known.superseded == 0
    theirs = world.send([world.row(0)], OTHER)
    nobodys = world.send([world.row(901)], OTHER)
    assert replace(theirs, index=0, receipt={}) == replace(nobodys, index=0, receipt={})
    assert world.standing() >= {(mine.index, 0), (mine.index, 1), (theirs.index, 0)}
    assert world.send([world.row(0)], OTHER).superseded == 1 and (mine.index, 0) in world.standing()
    # Not even the same file can be told: digests are each under a key of the organisation's own.
    with world.parts.ledger.reading() as connection:
        table = tables.references
        query = select(table.c.digest).where(table.c.submission.in_(world.sent))
        digests = list(connection.execute(query).scalars())
    assert len(set(digests)) == len(digests) == 4
    secret = (world.data / HANDLES_KEY).read_bytes()
    assert len({reference_key(secret, org) for org in (ORG, OTHER)}) == 2


def test_it_stands_in_clear_nowhere(world: World) -> None:
    word = "Q7-own-word-" + world.name
    world.send([row(f"{world.name}-x", 1, supersedes={"reference": word})])
    world.send([row(f"{world.name}-y", 1, supersedes={"reference": word})])
    asyncio.run(world.parts.applier.wait(world.parts.ledger.head - 1))
    with world.parts.graph.session() as session:
        said = [str(one["said"]) for statement in EVERYTHING for one in session.run(statement)]
    assert any(f"{world.name}-y" in one for one in said) and not any(word in one for one in said)
    has_it = {path: word.encode() in content for path, content in contents_of(world.data) if "spool" not in path.parts}
    assert any(path.name == "ledger.db" for path in has_it)
    assert not [path for path, found in has_it.items() if found]


def test_by_place_and_by_reference_at_once(world: World) -> None:
    old = world.send([row(f"{world.name}-0", 0), row(f"{world.name}-1", 1)])
    named = world.send([world.row(0, "-named", submission=old.index, row=0)])
    assert named.superseded == 1, "what had no reference gets one"
    both = world.send([world.row(0, "-both", submission=old.index, row=1)])
    assert both.superseded == 2 and world.standing() == {(both.index, 0)}
    with pytest.raises(Refused) as refused:
        world.send([world.row(0, "-late", submission=old.index, row=1)])
    assert (refused.value.code, refused.value.where) == ("unknown_record", "row 0 /supersedes")
    assert world.send([world.row(0)]).superseded == 1


def test_what_was_recalled_or_erased_has_no_reference_any_more(world: World) -> None:
    first = world.send([world.row(number) for number in range(3)])
    world.act("recall", first.index, [0])
    world.act("erase", first.index, [1])
    assert world.indexed() == {(first.index, 0), (first.index, 2)}, "what is erased is forgotten"
    again = world.send([world.row(number) for number in range(3)])
    assert again.superseded == 1, "only what still stands"
    assert world.standing() == {(again.index, number) for number in range(3)}
    # An erasure of what was superseded leaves the newer record its reference.
    world.act("erase", first.index, [2])
    assert world.send([world.row(2)]).superseded == 1


def test_a_hold_keeps_the_superseded_record_but_shows_it_to_nobody(world: World) -> None:
    first = world.send([world.row(0)])
    held = world.act("hold", first.index, [0])
    second = world.send([world.row(0, "-new")])
    assert second.superseded == 1 and world.standing() == {(second.index, 0)}
    caught_up(world.members.client(POLICE))
    assert world.search(0) == 0 and world.search(0, "-new") == 1
    with pytest.raises(Refused) as refused:
        world.act("erase", first.index, [0])
    assert refused.value.code == "held"
    world.members.act(OWNER, "release", "hold", {"hold": held["index"], "reason": "over"})
    world.act("erase", first.index, [0])


def test_two_at_once_leave_one_record_of_a_reference(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both have found that nothing is there before either is entered."""
    both, looked = threading.Barrier(2, timeout=60), threading.local()

    def find(*given: Any) -> Any:
        found = find_superseded(*given)
        if not getattr(looked, "once", False):
            looked.once = True
            both.wait()
        return found

    monkeypatch.setattr(submit, "find_superseded", find)
    files = [world.file([world.row(number, version) for number in range(4)]) for version in ("-a", "-b")]
    client, working = world.members.client("pasar.feed"), world.members.by_name[ORG].working

    def send(outgoing: Outgoing) -> Submitted:
        with Client(str(client._http.base_url), client._token, world.members.trust()) as mine:
            return mine.submit(outgoing, ORG, working)

    with ThreadPoolExecutor(2) as pool:
        answers = sorted(pool.map(send, files), key=lambda one: one.index)
    world.sent += [one.index for one in answers]
    assert [one.superseded for one in answers] == [0, 4]
    assert world.standing() == {(answers[1].index, number) for number in range(4)}


def test_a_recall_between_look_and_entry_counts(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    first = world.send([world.row(0), world.row(1)])
    done: list[int] = []

    def find(*given: Any) -> Any:
        found = find_superseded(*given)
        if not done:
            done.append(1)
            world.act("recall", first.index, [0])
        return found

    monkeypatch.setattr(submit, "find_superseded", find)
    second = world.send([world.row(0), world.row(1)])
    assert second.superseded == 1, "what was recalled meanwhile is not superseded"
    assert world.parts.ledger.open_header(second.index)["body"]["supersedes"] == [[1, first.index, 1]]
    # By place it is refused, as it would have been a moment later.
    done.clear()
    first = second
    with pytest.raises(Refused) as refused:
        world.send([row(f"{world.name}-late", 7, supersedes={"submission": first.index, "row": 0})])
    assert refused.value.code == "unknown_record"


def send_cut_off(world: World, monkeypatch: pytest.MonkeyPatch) -> int:
    """Send a row that supersedes; the service is cut off after its entry, before it takes the older record back."""

    async def cut_off(*_: Any) -> None:
        raise asyncio.CancelledError

    with monkeypatch.context() as patched:
        patched.setattr(correct, "correct", cut_off)
        with pytest.raises(Exception):  # noqa: B017 — the connection is gone, or the answer is an error
            world.send([world.row(0, "-new")])
    [submission] = correct.unfinished(world.parts.core)
    world.sent.append(submission)
    return submission


def test_what_a_crash_cut_off_after_the_entry_is_finished(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    first = world.send([world.row(0)])
    submission = send_cut_off(world, monkeypatch)
    assert world.standing() == {(first.index, 0), (submission, 0)}
    asyncio.run(world.parts.custody.finish())
    assert world.standing() == {(submission, 0)} == world.in_graph()


def test_what_is_recalled_before_the_crash_is_finished_is_not_taken_back_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that was superseded has gone already: there is nothing left to take back, and the service goes on."""
    first = world.send([world.row(0)])
    submission = send_cut_off(world, monkeypatch)
    world.act("recall", first.index, [0])
    asyncio.run(world.parts.custody.finish())
    assert not correct.unfinished(world.parts.core)
    assert world.standing() == {(submission, 0)} == world.in_graph()
    assert world.send([world.row(0)]).superseded == 1


def test_a_service_that_makes_up_what_is_superseded_is_caught(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The operator has it take back a record that no row asks to supersede."""
    first = world.send([world.row(0), world.row(1)])

    def find(*given: Any) -> Any:
        found = find_superseded(*given)
        return replace(found, pairs=(*found.pairs, (0, first.index, 1)))

    monkeypatch.setattr(submit, "find_superseded", find)
    with pytest.raises(VerifyError) as caught:
        world.send([world.row(0)])
    assert caught.value.code == "wrong_fact"


def test_bounds_and_forms(world: World) -> None:
    bad = ["", "   ", "x" * 201, "line\nbreak", "zero\u200bwidth", "#N/A", "1.23457E+14"]
    rows = [row(f"{world.name}-{at}", at, supersedes={"reference": one}) for at, one in enumerate(bad)]
    rows += [
        row(f"{world.name}-a", 1, supersedes=said) for said in ({}, {"row": 1}, {"submission": 1}, {"reference": 7})
    ]
    with pytest.raises(NothingAccepted) as refused:
        world.send(rows)
    told = [(one.row, one.code) for one in refused.value.answer.problems]
    codes = ["bad_reference"] * 5 + ["error_cell", "digits_lost"] + ["bad_supersedes"] * 3 + ["bad_draft"]
    assert told == list(enumerate(codes))
    assert all("x" * 20 not in one.message for one in refused.value.answer.problems)
    # The same letters written otherwise are the same reference; upper and lower case are not.
    first = world.send([row(f"{world.name}-n", 1, supersedes={"reference": f"{world.name} Cafe\u0301 "})])
    again = world.send([row(f"{world.name}-n", 1, supersedes={"reference": f"{world.name} Caf\u00e9"})])
    other = world.send([row(f"{world.name}-n", 1, supersedes={"reference": f"{world.name} caf\u00e9"})])
    assert (first.superseded, again.superseded, other.superseded) == (0, 1, 0)


@pytest.mark.parametrize("seed", range(3))
def test_whatever_is_sent_recalled_and_erased_one_record_of_a_reference_stands(world: World, seed: int) -> None:
    """Against a model: by organisation, what stands, and under which reference."""
    rng = random.Random(seed)
    stands: dict[str, dict[Place, int | None]] = {ORG: {}, OTHER: {}}
    forgotten: set[Place] = set()
    for step in range(18):
        org = rng.choice((ORG, ORG, OTHER))
        mine = stands[org]
        if step < 3 or rng.random() < 0.6:
            rows, meant = [], []
            for number in sorted(rng.sample(range(8), rng.randint(1, 5))):
                place = rng.choice(sorted(mine)) if mine and rng.random() < 0.2 else None
                by_place = {} if place is None else {"submission": place[0], "row": place[1]}
                reference = None if rng.random() < 0.15 else number
                named = {} if reference is None else {"reference": world.reference(number)}
                said = {"supersedes": {**by_place, **named}} if by_place or named else {}
                rows.append(row(f"{world.name}-{number}-{step}", number, **said))
                meant.append((reference, place))
            answer = world.send(rows, org)
            old = {at for at, name in mine.items() for reference, _ in meant if name is not None and name == reference}
            old |= {place for _, place in meant if place is not None}
            assert answer.superseded == len(old)
            for at in old:
                del mine[at]
            mine |= {(answer.index, at): reference for at, (reference, _) in enumerate(meant)}
        elif mine:
            place = rng.choice(sorted(mine))
            kind = rng.choice(("recall", "erase"))
            world.act(kind, place[0], [place[1]], f"{org}.officer")
            del mine[place]
            forgotten |= {place} if kind == "erase" else set()
        assert world.standing() == {*stands[ORG], *stands[OTHER]}
        indexed = world.indexed()
        assert not indexed & forgotten
        assert {at for mine in stands.values() for at, name in mine.items() if name is not None} <= indexed
    assert world.in_graph() == world.standing()
    assert not correct.unfinished(world.parts.core)


def test_the_look_up_takes_many_at_once(world: World) -> None:
    """Statements grow by hundreds of references, not by one each."""
    first = world.send([world.row(number) for number in range(1_200)])
    statements: list[str] = []
    with world.parts.ledger.reading() as connection:
        named = [(number, digest) for digest, number in connection.execute(_digests(first.index))]
        original = connection.execute

        def counted(statement: Any, *more: Any) -> Any:
            statements.append(str(statement))
            return original(statement, *more)

        connection.execute = counted  # type: ignore[method-assign]
        found = list(references.standing(connection, named))
    assert len(found) == 1_200 and len(statements) <= 4
    second = world.send([world.row(number) for number in range(1_200)])
    assert second.superseded == 1_200
    body = world.parts.ledger.open_header(second.index + 1)["body"]
    assert (body["cause"], body["by"], body["ranges"]) == ("corrected", second.index, [[first.index, 0, 1_199]])


def _digests(submission: int) -> Any:
    table = tables.references
    return select(table.c.digest, table.c.row).where(table.c.submission == submission)
