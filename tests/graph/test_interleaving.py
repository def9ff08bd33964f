"""Organisations take turns in a real Neo4j: who waits for whom, what a failure leaves, and that no order shows."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq
import pytest
from graph_world import draft, label, scope
from sealed_drafts import enter_drafts
from test_appliers import BATCH, KINDS, SECRET, DraftWorld

from graphsvc.columns.store import Columns
from graphsvc.graph.driver import Graph
from graphsvc.graph.fingerprint import fingerprint
from graphsvc.graph.marks import Marks
from graphsvc.graph.write import Writer
from graphsvc.ledger.entry import EntryDraft, OwnerPart
from graphsvc.ledger.scopeheads import EVERYBODY
from graphsvc.local.neo4j import Neo4jChild
from graphsvc.model import bounds
from graphsvc.model.errors import Unavailable
from graphsvc.model.places import record_int
from graphsvc.projection import ahead, schedule
from graphsvc.projection.apply import Applier, Payloads, Projections

ORGS = ("pasar", "swift", "customs")
CODES = ("GREEN", "AMBER", "RED", "CLEAR")
Hook = Callable[[str, int, int], None]


class BrokenOff(Exception):
    """The applier ends here, as by a kill."""


class Turns(DraftWorld):
    """A ledger, and the applier over it: every transaction is noted, and ``hook`` is called around it."""

    def __init__(self, data: Path, graph: Graph) -> None:
        super().__init__(data)
        self.data, self.graph = data, graph
        self.events: list[tuple[int, int]] = []
        self.most_open = 0
        self.hook: Hook = lambda _when, _entry, _at: None

    def applier(self, columns: str = "columns") -> Applier:
        """One that has just been started."""
        writer, store = Writer(self.graph, Marks(SECRET)), Columns(self.data / columns)
        made = Applier(self.ledger, Payloads(self.store, self.keys), Projections(writer, store))

        def around(action: Callable[..., Any]) -> Callable[..., Any]:
            def noted(step: Any, *rest: Any) -> Any:
                done = action(step, *rest)
                self.events.append((step.entry, step.at))
                self.most_open = max(self.most_open, len(writer.watermark().open))
                self.hook("committed", step.entry, step.at)
                return done

            return noted

        for name in ("apply", "move", "withdraw"):
            setattr(writer, name, around(getattr(writer, name)))
        append = store.append_drafts

        def to_columns(entry: int, at: int, *rest: Any) -> None:
            append(entry, at, *rest)
            self.hook("columns", entry, at)

        store.append_drafts = to_columns  # type: ignore[method-assign]
        return made

    def say(self, org: str, kind: str, body: dict[str, Any]) -> int:
        part, concerns = OwnerPart(org, {"action": kind}, []), EVERYBODY if kind == "erasure" else None
        said = EntryDraft(type=kind, requester=org, owners=[part], body=body, concerns=concerns)
        return self.ledger.append(said).result().index


@pytest.fixture
def turns(tmp_path: Path, neo4j_server: Neo4jChild, graph_database: Graph, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(bounds, "BATCH_ROWS", BATCH)
    graph = Graph.open(neo4j_server.uri, neo4j_server.auth)
    graph._kinds = frozenset(KINDS)
    world = Turns(tmp_path / "data", graph)
    yield world
    world.close()
    graph.close()


def test_the_next_turns_batch_is_at_hand_while_the_graph_takes_one(turns: Turns) -> None:
    """Of the same entry, of another organisation's whose turn comes, of the next entry behind an entry's last batch."""
    first, other, second = turns.rows("a", 6, "GREEN"), turns.rows("b", 6, "RED", "swift"), turns.rows("c", 2, "GREEN")
    applier, seen = turns.applier(), list[tuple[int, int, int, int]]()

    def meanwhile(when: str, entry: int, at: int) -> None:
        # The transaction of this batch is open: what is ahead is made all the same.
        for coming, made in applier._ahead._made.items() if when == "columns" else ():
            ready = made.result(30)
            assert ready is not None and ready.prepared is not None
            seen.append((entry, at, coming, ready.batch.at))

    turns.hook = meanwhile
    applier.catch_up()
    assert turns.events == [(first, 0), (other, 0), (first, 4), (other, 4), (second, 0)]
    assert seen == [
        (first, 0, other, 0),
        (other, 0, first, 4),
        (first, 4, other, 4),
        (other, 4, second, 0),
    ]
    assert not applier._ahead._begun and not applier._ahead._made


def test_a_store_that_hangs_ahead_of_a_turn_does_not_hold_up_what_is_at_hand(
    turns: Turns, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, other = turns.rows("a", 3, "GREEN"), turns.rows("b", 3, "RED", "swift")
    applier, get, asked, go = turns.applier(), turns.store.get, list[str](), threading.Event()

    def hangs(name: str) -> bytes:
        asked.append(name)
        assert len(asked) < 2 or go.wait(60)
        return get(name)

    monkeypatch.setattr(turns.store, "get", hangs)
    turns.hook = lambda when, entry, _at: applier._stop.set() if (when, entry) == ("committed", first) else None
    monkeypatch.setattr(ahead, "CLOSE_SECONDS", 0.1)
    applier.catch_up()
    assert turns.events == [(first, 0)] and len(asked) == 2
    go.set()
    applier._stop.clear()
    applier.catch_up()
    assert turns.events == [(first, 0), (other, 0)]


def test_three_rows_wait_for_a_batch_of_another_organisations_many_and_not_for_all(turns: Turns) -> None:
    large, came = turns.rows("l", 40, "GREEN", "pasar"), dict[str, int]()
    applier, seen = turns.applier(), list[Any]()

    def meanwhile(when: str, entry: int, at: int) -> None:
        if (when, entry, at) == ("committed", large, 4):
            came["own"] = turns.rows("o", 3, "GREEN", "pasar")
            came["small"] = turns.rows("s", 3, "RED", "swift")
            came["taken back"] = turns.say("swift", "withdrawal", {"ranges": [[came["small"], 0, 0]]})
        if (when, entry, at) == ("columns", large, 12):
            now = applier.progress
            seen.append((now.applied, now.submissions_of("pasar"), now.submissions_of("swift")))
            asyncio.run(applier.wait(came["small"], "swift", 0.0))
            asyncio.run(applier.settle("swift", 0.0))
            with pytest.raises(Unavailable, match="not applied yet"):
                asyncio.run(applier.wait(came["small"], "pasar", 0.0))
            with pytest.raises(Unavailable, match="not applied yet"):
                asyncio.run(applier.settle("pasar", 0.0))
            with pytest.raises(Unavailable, match="not applied yet"):
                asyncio.run(applier.wait(came["small"], seconds=0.0))

    turns.hook = meanwhile
    applier.catch_up()
    swift = [(came["small"], 0), (large, 8), (came["taken back"], 0)]
    rest = [(large, at) for at in range(12, 40, BATCH)]
    assert turns.events == [(large, 0), (large, 4), *swift, *rest, (came["own"], 0)]
    assert seen == [(large - 1, [large, came["own"]], [])]
    asyncio.run(applier.wait(turns.ledger.head - 1, seconds=0.0))


def test_what_is_about_two_organisations_waits_for_both_and_they_for_it(turns: Turns) -> None:
    first, second = turns.rows("a", 10, "GREEN", "pasar"), turns.rows("b", 6, "GREEN", "swift")
    both = turns.say("swift", "withdrawal", {"ranges": [[first, 9, 9], [second, 0, 0]]})
    third, other = turns.rows("c", 1, "RED", "swift"), turns.rows("d", 1, "RED", "customs")
    turns.applier().catch_up()
    order = [entry for entry, _ in turns.events]
    assert order == [first, second, other, first, second, first, both, third]


def test_a_number_that_a_failed_batch_left_in_the_columns_is_never_anothers(turns: Turns) -> None:
    """What is read under a label number in the columns must be under that label."""
    drafts = [draft(row, label("pasar", "GREEN" if row < BATCH else "RED"), [f"phone:e164:+{row}"]) for row in range(8)]
    large = enter_drafts(turns.ledger, (turns.store, turns.keys), "pasar", drafts)
    small = turns.rows("s", 3, "AMBER", "swift")

    def fail(when: str, entry: int, at: int) -> None:
        if (when, entry) == ("columns", small) or (when, entry, at) == ("committed", large, BATCH):
            raise BrokenOff

    turns.hook = fail
    # The second start begins with the other one, which has a label that nobody has met.
    for _ in range(2):
        with pytest.raises(BrokenOff):
            turns.applier().catch_up()
    assert turns.events == [(large, 0), (large, 4)]
    with turns.graph.session() as session:
        labels = dict(session.run("MATCH (l:Label) RETURN l.lid, l.key").values())
    (part,) = (turns.data / "columns").glob(f"claims-{small:012d}-*.parquet")
    assert {msgspec.json.decode(labels[lid])["owner"] for lid in pq.read_table(part)["lid"].to_pylist()} == {"swift"}


class Story:
    """Random acts of some organisations that speak of the same things."""

    def __init__(self, turns: Turns, seed: int) -> None:
        self.turns, self.random, self.left = turns, random.Random(seed), 16
        self.sent: list[tuple[str, int, int]] = []

    def go_on(self) -> None:
        self.left -= 1
        chosen = self.random.choice(("submission", "submission", "withdrawal", "label", "erasure"))
        if chosen == "submission" or not self.sent:
            self._submit()
            return
        org, submission, count = self.random.choice(self.sent)
        first = self.random.randrange(count)
        last = min(count - 1, first + self.random.randrange(3))
        if chosen == "label":
            to = msgspec.to_builtins(label(org, self.random.choice(CODES)))
            records = [record_int(submission, row) for row in range(first, last + 1)]
            self.turns.say(org, "label", {"moves": [{"records": records, "label": to}]})
            return
        self.turns.say(org, chosen, {"ranges": [[submission, first, last]]})
        if chosen == "erasure":
            for pack in self.turns.ledger.open_header(submission)["body"]["packs"]:
                for row in range(first, last + 1):
                    self.turns.keys.destroy(pack, row)

    def _submit(self) -> None:
        org, count = self.random.choice(ORGS), self.random.choice((1, 3, 9, 17))
        drafts = [
            draft(
                row,
                label(org, self.random.choice(CODES)),
                [f"account:shop:{self.random.randrange(9)}", f"phone:e164:+{self.random.randrange(9)}"],
                [("USES", 0, 1)],
                **({"expires": "never"} if self.random.random() < 0.05 else {}),
            )
            for row in range(count)
        ]
        index = enter_drafts(self.turns.ledger, (self.turns.store, self.turns.keys), org, drafts)
        self.sent.append((org, index, count))


def claims(turns: Turns) -> list[Any]:
    """What the columns hold in the end, with keys and labels for the numbers that the graph has for them."""
    labels = dict(Writer(turns.graph, Marks(SECRET)).labels())
    found = Columns(turns.data / "columns").select(scope(labels), 0)
    with turns.graph.session() as session:
        keys = dict(session.run("MATCH (e:Entity) RETURN e.id, e.key").values())
    arrays = (getattr(found, name).tolist() for name in ("src", "dst", "lid", "rec"))
    return sorted((keys[src], keys[dst], str(labels[lid]), rec) for src, dst, lid, rec in zip(*arrays, strict=True))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_whatever_the_turns_and_wherever_it_broke_off_all_is_as_in_ledger_order(
    turns: Turns, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule, "MOST_AHEAD", 4)
    story = Story(turns, seed)
    for _ in range(8):
        story.go_on()

    def happen(_when: str, _entry: int, _at: int) -> None:
        if story.left and story.random.random() < 0.4:
            story.go_on()
        if story.random.random() < 0.2:
            raise BrokenOff

    turns.hook = happen
    broken = 0
    while True:
        try:
            turns.applier().catch_up()
            break
        except BrokenOff:
            broken += 1
    while story.left:
        story.go_on()
    turns.hook = lambda *_: None
    turns.applier().catch_up()
    seen = fingerprint(turns.graph), claims(turns)
    assert broken > 1 and turns.events != sorted(turns.events), "nothing was out of order: the test shows nothing"
    assert 1 < turns.most_open <= 4
    assert len(turns.events) == len(set(turns.events)), "nothing came twice"
    # The same, entry by entry.
    turns.graph.empty()
    (turns.data / "columns").rename(turns.data / "before")
    turns.events.clear()
    monkeypatch.setattr(schedule.Schedule, "next", lambda one: next(iter(one._waiting.values()), None))
    turns.applier().catch_up()
    assert turns.events == sorted(turns.events)
    assert fingerprint(turns.graph) == seen[0] and seen[0].nodes > 10
    assert claims(turns) == seen[1] and len(seen[1]) > 3
