"""A graph with hubs, written in a minute or two by the product's own offline import.

Hubs come in pairs of telephone numbers. A reader of another organisation sees the same of both; behind the busy one are
300,000 more claims, which that reader may not see. Beside the hubs is a network of accounts and telephones under many
labels.
"""

from __future__ import annotations

import itertools
import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench import stage
from graphsvc.graph.bulk import DraftFiles, import_arguments, write_rest
from graphsvc.graph.marks import Marks
from graphsvc.local.neo4j import Neo4jChild
from graphsvc.model.drafts import CleanDraft, CleanEntity, CleanLink
from graphsvc.model.labels import Handling, Label
from graphsvc.model.places import record_int

HIDDEN, VISIBLE, DENSITIES = 300_000, 40, (10, 300)
"""Claims hidden behind a busy hub; claims to be seen of either hub of a pair; how many labels the hidden ones have."""
ROWS, THINGS, SPREAD = 420_000, 250_000, 40
"""The network: rows of an account and a telephone each, how many of either to draw from, labels."""
BATCH = 20_000
PURPOSES = ("investigation", "analysis", "prosecution", "interdiction", "protection", "screening")
BASES = (
    *("agreement", "consent", "court-order", "law-enforcement", "legitimate-interest", "mutual-assistance"),
    *("public-interest", "statutory-duty"),
)
MARKS = Marks(b"bench")


@dataclass(slots=True)
class World:
    """What was written: integers of entities by key, labels by number, each pair's keys (plain, busy) by density."""

    entities: int = 0
    ids: dict[str, int] = field(default_factory=dict)
    labels: dict[int, Label] = field(default_factory=dict)
    pairs: dict[int, tuple[str, str]] = field(default_factory=dict)
    starts: list[str] = field(default_factory=list)


def labels(code: str, count: int) -> list[Label]:
    """``count`` labels of one owner with a TLP code, all of which serve investigations."""
    more = itertools.chain.from_iterable(itertools.combinations(PURPOSES[1:], n) for n in range(len(PURPOSES)))
    made = (
        Label("pasar", "company", "ID", Handling("tlp-2.0", code), pap, basis, ("investigation", *purposes))
        for purposes, basis, pap in itertools.product(sorted(more), BASES, ("GREEN", "CLEAR", "AMBER"))
    )
    return list(itertools.islice(made, count))


@contextmanager
def imported(folder: Path, heap: str, pagecache: str) -> Iterator[tuple[Neo4jChild, World]]:
    """A fresh Neo4j below ``folder`` that holds the world, with all indexes."""
    child, files, world = Neo4jChild(folder / "neo4j", None, heap, pagecache), folder / "files", World()
    files.mkdir()
    entities: list[tuple[int, str, str, str]] = []
    with DraftFiles(files, 0, MARKS) as out:
        _write_pairs(out, world, entities)
        _write_network(out, world, entities)
    # -1: no ledger entry counts as applied, so that a service with an empty ledger can start on this graph.
    world.entities = write_rest(files, entities, {one: lid for lid, one in world.labels.items()}, -1, MARKS)
    child.import_files(import_arguments(files))
    shutil.rmtree(files)
    with stage.constrained(child):
        yield child, world


def _number(world: World, wanted: list[Label]) -> list[int]:
    first = len(world.labels) + 1
    world.labels |= dict(enumerate(wanted, first))
    return list(range(first, first + len(wanted)))


def _write_pairs(out: DraftFiles, world: World, entities: list[tuple[int, str, str, str]]) -> None:
    (seen,) = _number(world, labels("GREEN", 1))
    hidden = _number(world, labels("RED", max(DENSITIES)))
    entries = itertools.count(1_000)
    for row, density in enumerate(DENSITIES):
        keys = (f"phone:e164:+25471000000{2 * row}", f"phone:e164:+25471000000{2 * row + 1}")
        for key, mine in zip(keys, ([], hidden[:density]), strict=True):
            entry = next(entries)
            lids = [seen] * VISIBLE + [mine[n % density] for n in range(HIDDEN if mine else 0)]
            hub = world.ids[key] = record_int(entry, 0)
            entities.append((hub, key, "Phone", ";".join(map(str, [seen, *mine]))))
            _write_star(out, world, entry, (hub, key), lids, entities)
        world.pairs[density] = keys


def _write_star(
    out: DraftFiles,
    world: World,
    entry: int,
    hub: tuple[int, str],
    lids: list[int],
    entities: list[tuple[int, str, str, str]],
) -> None:
    """Write one account per claim, each in a record of its own, with numbers as the writer gives them."""
    for start in range(0, len(lids), BATCH):
        drafts, ids = [], []
        for row, lid in enumerate(lids[start : start + BATCH], start):
            account, key = record_int(entry, 1 + row), f"account:pasar:h{entry}x{row}"
            entities.append((account, key, "Account", str(lid)))
            drafts.append(_draft(row, world.labels[lid], key, hub[1]))
            ids.append([account, hub[0]])
        out.write(entry, drafts, ids, lids[start : start + BATCH])


def _write_network(out: DraftFiles, world: World, entities: list[tuple[int, str, str, str]]) -> None:
    drawn, entry = random.Random(5), 2_000
    lids = _number(world, labels("GREEN", 1 + SPREAD)[1:])
    touched: dict[str, set[int]] = {}
    for start in range(0, ROWS, BATCH):
        drafts, ids, under = [], [], []
        for row in range(start, start + BATCH):
            lid = drawn.choice(lids)
            keys = f"account:pasar:b{drawn.randrange(THINGS)}", f"phone:e164:+86139{drawn.randrange(THINGS):08d}"
            for key in keys:
                world.ids.setdefault(key, record_int(entry, len(world.ids)))
                touched.setdefault(key, set()).add(lid)
            drafts.append(_draft(row, world.labels[lid], *keys))
            ids.append([world.ids[key] for key in keys])
            under.append(lid)
        out.write(entry, drafts, ids, under)
    for key, found in touched.items():
        kind = "Account" if key.startswith("account:") else "Phone"
        entities.append((world.ids[key], key, kind, ";".join(map(str, sorted(found)))))
        if kind == "Account":
            world.starts.append(MARKS.entity(key))


def _draft(row: int, label: Label, account: str, phone: str) -> CleanDraft:
    ends = [CleanEntity("Account", account, {"identity": {"displayName": account}}), CleanEntity("Phone", phone, {})]
    return CleanDraft(row, label, ends, [CleanLink("USES", 0, 1, {})], since="2026-01-01T00:00:00Z")
