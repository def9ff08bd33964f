"""Random kills under mixed load: it starts every time, and nothing that was acknowledged is lost, doubled or changed.

``GRAPHSVC_KILLS`` says how many (100), ``GRAPHSVC_SEED`` repeats a run's choices (not its timing).
"""

from __future__ import annotations

import os
import random
import secrets
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from graphsvc.client.mirror import read_address
from graphsvc.client.package import take_package
from graphsvc.model.files import is_temporary
from graphsvc_verify.package import check_package
from graphsvc_verify.scan import scan_log
from tests.contents import spooled
from tests.paths.kill_load import Load
from tests.paths.kill_world import KillWorld
from tests.paths.process import until

KINDS = {"service": 26, "both": 12, "starting": 10, "neo4j": 12, "keeper": 6, "worker": 17, "sealer": 17}
"""What is killed, and how often: the service, its Neo4j, both at once, a service that is just starting, what keeps
Neo4j, a process that takes submissions in, the one that seals reads."""


@pytest.mark.soak
@pytest.mark.timeout(14_000)
def test_random_kills_under_load(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], record_property: Callable[[str, object], None]
) -> None:
    kills, seed = int(os.environ.get("GRAPHSVC_KILLS", "100")), int(os.environ.get("GRAPHSVC_SEED", "0"))
    seed = seed or secrets.randbits(32)
    with capfd.disabled():
        print(f"seed {seed}", flush=True)
    rng = random.Random(seed)
    with closing(KillWorld(tmp_path)) as world:
        load = Load(world, seed)
        try:
            loop(world, load, rng, kills, capfd)
        finally:
            load.end()
    ready = sorted(world.ready)
    told = {**world.figures, "seconds to ready, median": round(ready[len(ready) // 2]), "at most": round(ready[-1])}
    record_property("seed", seed)
    for name, value in {"kills": kills, **told}.items():
        record_property(name, value)


def loop(world: KillWorld, load: Load, rng: random.Random, kills: int, capfd: pytest.CaptureFixture[str]) -> None:
    for number in range(1, kills + 1):
        kind = rng.choices(list(KINDS), list(KINDS.values()))[0]
        with capfd.disabled():
            print(f"kill {number} of {kills}: {kind}; {dict(world.figures)}", flush=True)
        load.resume()
        load.wait_for(rng.randrange(1, 40))
        time.sleep(rng.random() * 0.3)
        strike(world, kind, rng)
        # What came in while there was no graph is applied only now: a service is not ready before it has caught up.
        load.drain()
        world.wait_ready()
        world.check(rng)
        world.figures[f"kills of {kind}"] += 1
    finish(world, load, rng)


def strike(world: KillWorld, kind: str, rng: random.Random) -> None:
    """Kill, and have the service up again."""
    if kind == "worker" and world.kill_child(rng, "spawn_main"):
        return
    if kind == "sealer" and world.kill_child(rng, "graphsvc.ledger.sealer"):
        return
    if kind in ("neo4j", "keeper"):
        before = world.up.neo4j_pid
        world.kill_neo4j() if kind == "neo4j" else world.kill_child(rng, "keeper.py")
        until(lambda: neo4j_after(world, before), "Neo4j was not started again", 600)
        return
    if kind == "starting":
        world.kill_amid_start(rng.random() * 12)
    elif kind == "both" and rng.random() < 0.5:
        world.kill_neo4j()
        world.up.kill()
    else:
        world.up.kill()
        if kind == "both":
            world.kill_left_neo4j()
    world.start()


def neo4j_after(world: KillWorld, before: int) -> bool:
    try:
        return world.up.neo4j_pid != before
    except (OSError, ValueError):
        return False


def finish(world: KillWorld, load: Load, rng: random.Random) -> None:
    """At the end: the columns, a rebuild, the whole log and a package read as any verifier would, nothing left over."""
    load.end()
    world.check_columns()
    world.up.stop()
    left = [path for path in world.data.rglob("*") if is_temporary(path.name)]
    assert not left and not spooled(world.data)
    assert [path for path in world.data.rglob("*.p") if path.with_suffix("").exists()] == []
    rebuilt = world.rebuilt()
    assert rebuilt["equal"], rebuilt
    world.start()
    world.wait_ready()
    world.check(rng)
    for org in ("pasar", "swiftline"):
        member = world.members[org]
        with read_address(world.up.service.url) as fetch:
            report = scan_log(fetch, world.up.trust(), org, [member.recipient.private])
        assert not report.withheld and report.checkpoint.size >= len(world.log.hashes)
    with world.up.client("pasar.officer") as client:
        package = take_package(client, world.up.trust(), keys=[world.members["pasar"].recipient])
    entries = check_package(package, world.up.trust()).evidence.entries
    assert {sent.index for sent in world.sent if sent.org == "pasar"} <= {entry.index for entry in entries}
