"""Rows cleaned anew in a ledger without a graph: what the entry says, what a rebuild writes, what goes with a row."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sealed_drafts import enter_drafts
from sealed_world import SealedWorld
from sqlalchemy import select

from graphsvc.graph.marks import Marks
from graphsvc.ledger import anew, tables
from graphsvc.ledger.entry import EntryDraft
from graphsvc.lifecycle import reclean
from graphsvc.lifecycle.sealed import open_records
from graphsvc.model import ranges
from graphsvc.model.drafts import CleanDraft
from graphsvc.model.errors import Conflict
from graphsvc.model.places import ROW_MASK
from graphsvc.model.principals import Organisation
from graphsvc.model.schema import load_schema
from graphsvc.projection.apply import Payloads
from graphsvc.projection.aside import set_aside_entry
from graphsvc.projection.assemble import assemble
from graphsvc.projection.batches import RowReader
from graphsvc.projection.changes import EFFECTIVE, RECLEAN, Aside, read_plan
from tests.older_plan import cleaned, new_key, old_number, older_schema, seller

PASAR = Organisation("pasar", "company", "ID", "Pasar")
TODAY = load_schema()


class World(SealedWorld):
    """A ledger with one submission of six rows that an older plan could not read whole."""

    def __init__(self, data: Path) -> None:
        super().__init__(data)
        self.payloads = Payloads(self.store, self.keys)
        self.core: Any = SimpleNamespace(ledger=self.ledger, payloads=self.payloads, schema=TODAY)
        rows = [seller(f"a{n}", ["+84901234500", old_number(n)], row=n) for n in range(6)]
        drafts = cleaned(rows, older_schema(data), PASAR)
        self.index = enter_drafts(self.ledger, (self.store, self.keys), "pasar", drafts)

    @property
    def place(self) -> reclean._Place:
        (place,) = reclean._places(self.core, reclean._submissions(self.core, 0), (0, 0))
        return place

    def sealed(self) -> EntryDraft:
        return reclean._sealed(self.core, self.place, reclean._look(self.core, self.place), "operator", [])

    def clean(self) -> int:
        return self.ledger.append(self.sealed()).result().index

    def opened(self) -> dict[int, CleanDraft | None]:
        named = ((self.index, 0, 9),)
        return {one.record & ROW_MASK: one.draft for one in open_records(self.ledger, self.payloads, named)}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path / "data")
    yield made
    made.close()


def lines(folder: Path, name: str) -> list[list[str]]:
    return [row.split("\t") for path in sorted(folder.glob(f"{name}-*.tsv")) for row in path.read_text().splitlines()]


def rebuilt(world: World, folder: Path) -> tuple[list[int], list[tuple[int, str]], int]:
    """What a rebuild writes: the rows of the records, the telephones that each is about, how many claims there are."""
    files, columns = folder / "files", folder / "columns"
    for one in (files, columns):
        one.mkdir(parents=True)
    made = assemble(world.ledger, (world.store, world.keys), (files, columns), Marks(b"s"))
    keys = {row[0]: row[2] for row in lines(files, "entity")}
    assert len(keys) == len(set(keys.values())) and made.rows == 6
    records = sorted(int(row[0]) & ROW_MASK for row in lines(files, "record"))
    about = sorted(
        (int(row[0]) & ROW_MASK, keys[row[1]]) for row in lines(files, "about") if keys[row[1]].startswith("phone")
    )
    return records, about, len(lines(files, "claim"))


def test_a_rebuild_brings_each_row_once_as_it_is_now(world: World, tmp_path: Path) -> None:
    world.enter("withdrawal", {"ranges": [[world.index, 1, 1]]})
    before = rebuilt(world, tmp_path / "before")
    assert before == ([0, 2, 3, 4, 5], [(n, "phone:e164:+84901234500") for n in (0, 2, 3, 4, 5)], 5)
    entry = world.clean()
    world.enter("withdrawal", {"ranges": [[world.index, 2, 2]]})
    world.erase(world.index, 3)
    left = [0, 4, 5]
    records, about, claims = rebuilt(world, tmp_path / "after")
    assert (records, claims) == (left, 6)
    assert about == sorted([(n, key) for n in left for key in ("phone:e164:+84901234500", new_key(n))])
    # What it could not bring is as it was.
    aside = Aside(entry, world.index, [("bad_value", 4, 4)], None)
    world.ledger.append(set_aside_entry("pasar", aside, anew=True)).result()
    _, about, claims = rebuilt(world, tmp_path / "aside")
    assert claims == 5 and (4, new_key(4)) not in about and (4, "phone:e164:+84901234500") in about
    with pytest.raises(Conflict):
        world.ledger.append(set_aside_entry("pasar", aside, anew=True)).result()


def test_the_applier_reads_what_the_entry_brings(world: World) -> None:
    entry = world.clean()
    plan = read_plan(world.ledger, world.ledger.indexes(0, world.ledger.head, EFFECTIVE))
    assert (plan.submission(entry), plan.numbered_by(entry)) == (world.index, entry)
    reader = RowReader(world.ledger, world.store, world.keys, lambda _: None)
    (batch,) = reader.batches(entry, 0, plan)
    assert [draft.row for draft in batch.drafts] == list(range(6)) and not batch.faults
    assert batch.ordinals == [3 * n for n in range(6)]
    assert all(draft.unread is not None and draft.unread.before == 1 == len(draft.links) - 1 for draft in batch.drafts)
    # Its pack is lost, or the keys of the rows are: nothing of it can be read, and nobody waits for it.
    world.store.remove(plan.anew[entry].pack)
    (batch,) = reader.batches(entry, 0, plan)
    assert (batch.drafts, batch.rest) == ([], 0)


def test_once_and_only_what_is_there(world: World) -> None:
    body = world.ledger.open_header(world.clean())["body"]
    assert body["rows"] == [[0, 5]] and body["numberingPlan"] and body["cleaner"] and body["draftsRoot"]
    found = reclean._look(world.core, world.place)
    assert not found.drafts and not found.values, "nothing is left to be read"
    with world.ledger.reading() as connection:
        assert connection.execute(select(tables.unlinked.c.notes)).scalar() == []
        assert anew.known(connection, world.index) == {world.ledger.head - 1: ((world.index, 0, 5),)}
    assert all(draft is not None and len(draft.links) == 2 for draft in world.opened().values())
    # With a row's keys goes all that was ever made of it.
    world.erase(world.index, 2)
    assert sorted(world.opened()) == [0, 1, 3, 4, 5]
    (made,) = [index for index, _ in world.ledger.indexes(0, world.ledger.head, (RECLEAN,))]
    said = read_plan(world.ledger, [(made, RECLEAN)]).anew[made]
    _, keys = anew.open_anew(world.store, world.keys, said)
    assert [any(keys[64 * row : 64 * row + 64]) for row in range(6)] == [True, True, False, True, True, True]


def test_two_that_looked_at_once_do_it_once(world: World) -> None:
    first, second = world.sealed(), world.sealed()
    world.ledger.append(first).result()
    with pytest.raises(Conflict) as refused:
        world.ledger.append(second).result()
    assert refused.value.code == reclean.MOVED


def test_rows_that_were_set_aside_are_not_touched(world: World) -> None:
    aside = Aside(world.index, world.index, [("bad_value", 1, 3)], None)
    late = world.sealed()
    world.ledger.append(set_aside_entry("pasar", aside)).result()
    with pytest.raises(Conflict) as refused:
        world.ledger.append(late).result()
    assert refused.value.code == "not_there"
    entry = world.clean()
    assert world.ledger.open_header(entry)["body"]["rows"] == [[0, 0], [4, 5]]
    with world.ledger.reading() as connection:
        assert ranges.count(anew.known(connection, world.index)[entry]) == 3
