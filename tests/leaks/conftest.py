"""Two services for the whole package: the session's Neo4j, emptied, and one more."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest

from graphsvc.graph.driver import Graph
from graphsvc.local.neo4j import Neo4jChild
from tests.leaks.known import KNOWN
from tests.leaks.side import side, write_policies
from tests.leaks.twins import Twins
from tests.leaks.worlds import World, draw_worlds

Placed = list[tuple[int, World]]


@pytest.fixture(scope="package")
def pair(
    neo4j_server: Neo4jChild,
    graph_session: Graph,
    wipe: Callable[[Graph], None],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Twins, Placed]]:
    """Two sides that are alike, the known worlds in them."""
    wipe(graph_session)
    folder = tmp_path_factory.mktemp("leaks")
    policies = write_policies(folder / "policies")
    other = Neo4jChild(folder / "neo4j", heap="384m", pagecache="128m")
    other.start()
    try:
        with side(neo4j_server, folder / "a", policies) as first, side(other, folder / "b", policies) as second:
            twins = Twins((first, second))
            placed = twins.load([*KNOWN, *draw_worlds(3, 11)])
            with pytest.MonkeyPatch.context() as patch:
                # The clock is two days ahead: what was granted until tomorrow has ended.
                for part in ("core", "answers.ask", "sharing.desk", "sharing.groups", "sharing.views"):
                    patch.setattr(f"graphsvc.{part}.time", SimpleNamespace(time=lambda: time.time() + 2 * 86_400))
                yield twins, placed
    finally:
        other.stop()
        wipe(graph_session)


@pytest.fixture(scope="package")
def twins(pair: tuple[Twins, Placed]) -> Twins:
    return pair[0]


@pytest.fixture(scope="package")
def known(pair: tuple[Twins, Placed]) -> Placed:
    return pair[1]


@pytest.fixture(autouse=True)
def spending_alike(twins: Twins) -> None:
    """Each test finds both sides alike: another may have asked one of them alone, or more of one than of the other."""
    for one in twins.sides:
        one.forget_spending()
