"""Mixed load for a long time on a service of its own: its memory stays, and every error is one that is documented.

``GRAPHSVC_SOAK_SECONDS`` says how long (1,800), ``GRAPHSVC_SEED`` repeats a run's choices (not its timing).
"""

from __future__ import annotations

import os
import random
import re
import secrets
import statistics
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from graphsvc.client import Client
from graphsvc.client.errors import Refused
from graphsvc.client.questions import (
    ACCESS_LOG,
    CASES,
    COMMON,
    EXPAND,
    IDENTIFIERS,
    NAMES,
    PATHS,
    RING_RUNS,
    RINGS,
    SUBMISSIONS,
    TIMELINE,
    VERSIONS,
    WHY,
    Question,
)
from graphsvc.model.principals import Footing
from tests.paths.kill_load import ASKER, FOOTING, OFFICER, Load, is_passing
from tests.paths.kill_world import CASE, KillWorld
from tests.paths.process import ROOT
from tests.paths.wire import SITE, phone

ANALYST = "police-ke.analyst"
ANALYSIS = Footing("analysis", "statutory-duty", CASE)
SETTLING = 1 / 6
"""The part of the time after which memory is compared: five minutes of thirty."""
GROWN = 48 << 20
"""At most this many bytes may be added, by the slope of all samples after that, over the rest of the time."""
LONG = 900.0
"""Seconds below which a growth says nothing."""
EVERY = 1.0
PATIENCE = 600.0
"""Seconds that a reader waits: a busy machine is no error."""
PARTS = 3
MATCH = "query($i: [IdentifierInput!]!) { match(identifiers: $i) { outcome } }"
CHANGED = {
    "list_changed", "not_applied_yet", "too_many_claims", "too_many_names", "too_many_identifiers", "answer_too_large",
}  # fmt: skip
"""What a read may be refused with while others write."""


class Readers:
    """Threads that ask all kinds of questions until they are told to end."""

    def __init__(self, world: KillWorld, seed: int, count: int = 3) -> None:
        self.world = world
        self.figures: Counter[str] = Counter()
        self.errors: list[str] = []
        self._ended = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(random.Random(f"{seed}/reads/{n}"),)) for n in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _run(self, rng: random.Random) -> None:
        clients = {name: self.world.client(name, PATIENCE) for name in (ASKER, ANALYST, OFFICER)}
        while not self._ended.is_set():
            name, ask = rng.choice(ASKS)
            try:
                ask(clients, rng, self.world)
                self.figures[name] += 1
            except Refused as error:
                if not (is_passing(error) or error.code in CHANGED):
                    self.errors.append(f"{name}: {error.status} {error.code} {error.where}: {error.message}")
                self.figures[f"{name} refused: {error.code}"] += 1
            except Exception:
                self.errors.append(f"{name}: {traceback.format_exc()[-1_500:]}")
            time.sleep(rng.random() * 0.1)
        for client in clients.values():
            client.close()


def parts(client: Client, question: Question[Any], asked: dict[str, Any], footing: Footing = FOOTING) -> list[Any]:
    """The first parts of a list."""
    found = []
    for part, _ in client.pages(question, asked, footing):
        found.append(part)
        if len(found) == PARTS:
            break
    return found


def numbers(rng: random.Random, client: Client, count: int) -> list[str]:
    """Handles of telephones by how they begin."""
    begins = phone(rng.randrange(500))[:12]
    asked = {"kind": "Phone", "parts": [{"name": "value", "value": begins}], "first": 10}
    found = [one.handle for part in parts(client, IDENTIFIERS, asked) for one in part.entities]
    return rng.sample(found, min(count, len(found)))


def expand(clients: dict[str, Client], rng: random.Random, _world: KillWorld) -> None:
    if starts := numbers(rng, clients[ASKER], 2):
        limit = rng.choice([3, 50, 300])
        parts(clients[ASKER], EXPAND, {"starts": starts, "hops": rng.randint(1, 3), "limit": limit, "hubCap": 300})


def common(clients: dict[str, Client], rng: random.Random, _world: KillWorld) -> None:
    if len(found := numbers(rng, clients[ASKER], 5)) > 1:
        parts(clients[ASKER], COMMON, {"entities": found, "limit": 20})
        parts(clients[ASKER], PATHS, {"source": found[0], "target": found[1], "maxHops": 4, "k": 2})


def timeline(clients: dict[str, Client], rng: random.Random, _world: KillWorld) -> None:
    if found := numbers(rng, clients[ASKER], 5):
        parts(clients[ASKER], TIMELINE, {"entities": found, "first": rng.choice([5, 100])})


def match(clients: dict[str, Client], rng: random.Random, _world: KillWorld) -> None:
    asked = [
        {"kind": "Phone", "parts": [{"name": "value", "value": phone(rng.randrange(1_000))}]}
        for _ in range(rng.choice([1, 100]))
    ]
    clients[ASKER].query(MATCH, {"i": asked}, FOOTING)


def names(clients: dict[str, Client], rng: random.Random, _world: KillWorld) -> None:
    parts(clients[ASKER], NAMES, {"text": rng.choice(["pasar", "nguyen", "user"]), "beginning": True, "first": 20})
    account = [{"name": "site", "value": SITE}, {"name": "id", "value": "pasar-"}]
    parts(clients[ASKER], IDENTIFIERS, {"kind": "Account", "parts": account, "first": 5})


def rings(clients: dict[str, Client], rng: random.Random, _world: KillWorld) -> None:
    parts(clients[ANALYST], RINGS, {"parameters": {"limit": 5}}, ANALYSIS)
    clients[ANALYST].read(RING_RUNS, {"first": 10}, ANALYSIS)


def own(clients: dict[str, Client], rng: random.Random, world: KillWorld) -> None:
    officer = clients[OFFICER]
    for question, asked in ((SUBMISSIONS, {"first": 10}), (ACCESS_LOG, {"first": 20}), (VERSIONS, {"first": 5})):
        parts(officer, question, asked, Footing())
    officer.read(CASES)
    with world.lock:
        sent = [one for one in world.sent[-20:] if one.org == "pasar"]
    if sent:
        officer.read(WHY, {"submission": sent[-1].index, "row": 1})


ASKS: Sequence[tuple[str, Callable[[dict[str, Client], random.Random, KillWorld], None]]] = [
    (work.__name__, work) for work in (expand, expand, common, timeline, match, names, rings, own)
]


def test_every_code_that_may_come_is_documented() -> None:
    told = "".join(path.read_text() for path in (ROOT / "docs").glob("*.md"))
    assert all(re.search(rf"`{code}`", told) for code in CHANGED)


@pytest.mark.soak
@pytest.mark.timeout(14_000)
def test_memory_stays_and_errors_are_documented(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], record_property: Callable[[str, object], None]
) -> None:
    seconds, seed = float(os.environ.get("GRAPHSVC_SOAK_SECONDS", "1800")), int(os.environ.get("GRAPHSVC_SEED", "0"))
    seed = seed or secrets.randbits(32)
    with capfd.disabled():
        print(f"seed {seed}", flush=True)
    with closing(KillWorld(tmp_path)) as world:
        load, readers = Load(world, seed), Readers(world, seed)
        load.resume()
        try:
            samples = watched(world, seconds, lambda: not (load.errors or readers.errors))
        finally:
            readers.end()
        load.drain()
        load.end()
        assert not readers.errors, readers.errors[:3]
    settled = [(at, size) for at, size in samples if at >= seconds * SETTLING]
    slope, _ = statistics.linear_regression(*zip(*settled, strict=True))
    first, _ = statistics.linear_regression(*zip(*samples[: len(samples) - len(settled)], strict=True))
    parts = samples[:: max(1, len(samples) // 8)]
    told: dict[str, float] = {
        **{f"MB after {at:.0f} s": size >> 20 for at, size in parts},
        "MB a minute while it settles": round(first * 60 / (1 << 20), 2),
        "MB a minute then": round(slope * 60 / (1 << 20), 2),
        **world.figures,
        **readers.figures,
    }
    for name, value in told.items():
        record_property(name, value)
    with capfd.disabled():
        print(told, flush=True)
    # Within minutes memories still fill up and threads still start: a short try tells of errors, and shows figures.
    if seconds * (1 - SETTLING) >= LONG:
        assert slope * seconds * (1 - SETTLING) < GROWN, told


def watched(world: KillWorld, seconds: float, goes_well: Callable[[], bool]) -> list[tuple[float, int]]:
    """The memory of the service's own process, second by second, while all goes well.

    What it holds itself alone counts: SQLite maps the ledger's file, which grows, and the system may take that back.
    """
    status, begun = Path(f"/proc/{world.up.pid}/status"), time.monotonic()
    samples: list[tuple[float, int]] = []
    while (at := time.monotonic() - begun) < seconds and goes_well():
        (held,) = re.findall(r"^RssAnon:\s+(\d+) kB$", status.read_text(), re.M)
        samples.append((at, int(held) << 10))
        time.sleep(EVERY)
    return samples
