"""Other ways to find rings, to compare with: the recipe until lately, and what a library gives at once.

Each takes (actor, identifier) numbers, each link once, both sides from 0, and returns groups of actors, best first.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence

import graspologic_native
import networkx as nx

Links = Sequence[tuple[int, int]]
Groups = list[set[int]]
CAP, LEAST = 20, 3


def before(links: Links) -> Groups:
    """Cap 20, 2-core, communities at one density; ranked by cycles per account."""
    users = Counter(identifier for _, identifier in links)
    graph = nx.k_core(nx.Graph(_named((a, i) for a, i in links if users[i] <= CAP)), 2)
    graph.remove_edges_from(nx.selfloop_edges(graph))
    if not graph:
        return []
    groups, community = defaultdict[int, set[tuple[str, int]]](set), _leiden(graph, 0.025)
    for node, label in community.items():
        groups[label].add(node)
    found = []
    for group in groups.values():
        inside = graph.subgraph(group)
        accounts = {number for side, number in group if side == "a"}
        cycles = inside.number_of_edges() - len(group) + 1
        if len(accounts) >= LEAST and cycles >= 1:
            found.append((cycles / len(accounts), accounts))
    return [accounts for _, accounts in sorted(found, key=lambda one: (-one[0], -len(one[1])))]


def by_louvain(links: Links) -> Groups:
    """networkx: Louvain on the bipartite graph, largest first."""
    graph = nx.Graph(_named(links))
    return _accounts(nx.community.louvain_communities(graph, seed=1))


def on_projection(links: Links) -> Groups:
    """Leiden by modularity on accounts joined where they share an identifier of at most 20."""
    users = defaultdict[int, list[int]](list)
    for actor, identifier in links:
        users[identifier].append(actor)
    graph = nx.Graph()
    for shared in users.values():
        if 2 <= len(shared) <= CAP:
            graph.add_edges_from((("a", a), ("a", b)) for n, a in enumerate(shared) for b in shared[n + 1 :])
    groups = defaultdict[int, set[tuple[str, int]]](set)
    for node, label in _leiden(graph, None).items():
        groups[label].add(node)
    return _accounts(groups.values())


def by_map_equation(links: Links) -> Groups:
    """Map equation on the bipartite graph. Raises ImportError where NetworKit is not installed."""
    import networkit

    networkit.setSeed(1, False)
    networkit.setNumberOfThreads(1)
    actors = max(actor for actor, _ in links) + 1
    graph = networkit.Graph(actors + max(identifier for _, identifier in links) + 1)
    for actor, identifier in links:
        graph.addEdge(actor, actors + identifier)
    found = networkit.community.LouvainMapEquation(graph, True, 32, "none")
    found.run()
    groups = defaultdict[int, set[tuple[str, int]]](set)
    for node, label in enumerate(found.getPartition().getVector()[:actors]):
        groups[label].add(("a", node))
    return _accounts(groups.values())


def _named(links: Iterable[tuple[int, int]]) -> Iterable[tuple[tuple[str, int], tuple[str, int]]]:
    return ((("a", a), ("i", i)) for a, i in links)


def _accounts(groups: Iterable[set[tuple[str, int]]]) -> Groups:
    found = [{number for side, number in group if side == "a"} for group in groups]
    return sorted((group for group in found if len(group) >= LEAST), key=lambda group: (-len(group), min(group)))


def _leiden(graph: nx.Graph, density: float | None) -> dict[tuple[str, int], int]:
    names = {f"{side}{number}": (side, number) for side, number in sorted(graph.nodes)}
    edges = sorted((f"{a[0]}{a[1]}", f"{b[0]}{b[1]}", 1.0) for a, b in graph.edges)
    modular = density is None
    _, found = graspologic_native.leiden(
        edges, resolution=1.0 if modular else density, use_modularity=modular, iterations=2, seed=1
    )
    return {names[name]: label for name, label in found.items()}


OTHERS: dict[str, Callable[[Links], Groups]] = {
    "the recipe before": before,
    "networkx Louvain": by_louvain,
    "Leiden on the projection": on_projection,
    "map equation": by_map_equation,
}
