"""A network of any size, written by the product's own offline import: the graph, and the columns beside it.

Rows are those of the ingest benchmark: an account, a telephone and the link between them. Ten rows make a cluster of
six accounts with four telephones, all under one label; every tenth row names the telephone of another cluster. Nothing
of it is kept in memory but what crosses clusters, so that its size is bounded by the disk.
"""

from __future__ import annotations

import itertools
import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench import hubs, stage
from graphsvc.columns.store import Columns
from graphsvc.graph.bulk import DraftFiles, import_arguments, write_rest
from graphsvc.graph.marks import Marks
from graphsvc.local.neo4j import Neo4jChild
from graphsvc.model.drafts import CleanDraft, CleanEntity, CleanLink
from graphsvc.model.labels import Label
from graphsvc.model.places import record_int

ROWS, ACCOUNTS, PHONES, SPREAD = 10, 6, 4, 40
"""Rows of a cluster, its accounts, its telephones; labels in all."""
BATCH = 20_000
_ACCOUNT, _PHONE, _FIRST = 100_000, 100_001, 200_000
"""Entries whose integers accounts, telephones and records get: far behind those of the log that is there."""


@dataclass(slots=True)
class Network:
    """What was written: link claims, labels by number, and telephones that were named under labels of others."""

    claims: int
    labels: dict[int, Label]
    others: dict[int, set[int]] = field(default_factory=dict)

    @property
    def clusters(self) -> int:
        """How many clusters there are."""
        return -(-self.claims // ROWS)

    def lid(self, cluster: int) -> int:
        """The label number of a cluster."""
        return 1 + cluster % len(self.labels)


def spread(count: int = SPREAD) -> dict[int, Label]:
    """``count`` labels by number, all of which serve investigations and analysis."""
    serving = (one for one in hubs.labels("GREEN", 400) if "analysis" in one.purposes)
    return dict(enumerate(itertools.islice(serving, count), 1))


def account_key(number: int) -> str:
    """The canonical key of an account."""
    return f"account:pasar:n{number}"


def phone_key(number: int) -> str:
    """The canonical key of a telephone."""
    return f"phone:e164:+86139{number:08d}"


Batch = tuple[int, list[CleanDraft], list[list[int]], list[int]]
"""An entry, its drafts, and their entities' integers and label numbers."""


def batches(network: Network) -> Iterator[Batch]:
    """All rows, some thousands at a time; notes in ``network`` which telephones are named under labels of others."""
    drawn = random.Random(network.claims)
    for entry, start in enumerate(range(0, network.claims, BATCH), _FIRST):
        drafts, ids, lids = [], [], []
        for at in range(start, min(start + BATCH, network.claims)):
            cluster = home = at // ROWS
            lid = network.lid(cluster)
            if at % ROWS == ROWS - 1:
                home = drawn.randrange(network.clusters)
            account = cluster * ACCOUNTS + (at % ROWS) % ACCOUNTS
            phone = home * PHONES + (at % PHONES if home == cluster else drawn.randrange(PHONES))
            if home != cluster:
                network.others.setdefault(phone, set()).add(lid)
            drafts.append(_draft(at - start, network.labels[lid], account_key(account), phone_key(phone)))
            ids.append([record_int(_ACCOUNT, account), record_int(_PHONE, phone)])
            lids.append(lid)
        yield entry, drafts, ids, lids


def write(network: Network, files: Path, columns: Columns, marks: Marks) -> int:
    """Write records and claims, entities, labels: files for the import, and parts of the columns.

    Returns how many entities there are.
    """
    with DraftFiles(files, 0, marks) as out:
        for entry, drafts, ids, lids in batches(network):
            out.write(entry, drafts, ids, lids)
            columns.append_drafts(entry, 0, drafts, ids, lids)
    # -1: no ledger entry counts as applied, so that a service with an empty ledger can start on this graph.
    return write_rest(files, _entities(network), {label: lid for lid, label in network.labels.items()}, -1, marks)


@contextmanager
def imported(folder: Path, claims: int, marks: Marks) -> Iterator[tuple[Neo4jChild, Network]]:
    """A Neo4j below ``folder`` with a network of so many link claims, its memory as the service would size it.

    The columns are in ``folder / "data" / "columns"``.
    """
    child, files = Neo4jChild(folder / "neo4j"), folder / "neo4j" / "import"
    files.mkdir(parents=True)
    network = Network(claims, spread())
    write(network, files, Columns(folder / "data" / "columns"), marks)
    child.import_files(import_arguments(files))
    shutil.rmtree(files)
    with stage.constrained(child):
        # Started again, since its memory follows the store, and the store has its indexes only now.
        child.stop()
        child.start()
        yield child, network


def _entities(network: Network) -> Iterator[tuple[int, str, str, str]]:
    claims = network.claims
    for number in range(network.clusters * ACCOUNTS):
        cluster, place = divmod(number, ACCOUNTS)
        if cluster * ROWS + place < claims:
            yield record_int(_ACCOUNT, number), account_key(number), "Account", str(network.lid(cluster))
    for number in range(network.clusters * PHONES):
        own = network.lid(number // PHONES)
        lids = sorted({own, *network.others.get(number, ())})
        yield record_int(_PHONE, number), phone_key(number), "Phone", ";".join(map(str, lids))


def _draft(row: int, label: Label, account: str, phone: str) -> CleanDraft:
    ends = [CleanEntity("Account", account, {"identity": {"displayName": account}}), CleanEntity("Phone", phone, {})]
    return CleanDraft(row, label, ends, [CleanLink("USES", 0, 1, {})], since="2026-01-01T00:00:00Z")
