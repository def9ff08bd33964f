"""Community detection by the constant Potts model with the Leiden algorithm (Traag, Waltman, van Eck 2019)."""

from __future__ import annotations

import graspologic_native
import numpy as np

from graphsvc.detect.projection import Ints, components


def communities(n: int, a: Ints, b: Ints, resolution: float, seed: int) -> Ints:
    """Each node's community for ``n`` nodes and undirected links ``a``–``b`` (each once, sorted).

    Communities are numbered by their smallest node. Components are handled one by one, each with the same seed, so that
    what is found in one does not depend on what else is in the graph. ``resolution`` is the density, links per pair of
    nodes, above which nodes belong together. Deterministic for equal input.
    """
    found = np.arange(n, dtype=np.int64)
    component = components(n, a, b)
    nodes_in_order = np.argsort(component, kind="stable")
    links_in_order = np.argsort(component[a], kind="stable")
    roots, node_counts = np.unique(component, return_counts=True)
    link_counts = np.bincount(np.searchsorted(roots, component[a]), minlength=len(roots))
    node_ends, link_ends = np.cumsum(node_counts), np.cumsum(link_counts)
    for size, node_end, links, link_end in zip(node_counts, node_ends, link_counts, link_ends, strict=True):
        if not links:
            continue
        nodes = nodes_in_order[node_end - size : node_end]
        chosen = links_in_order[link_end - links : link_end]
        found[nodes] = nodes[_leiden(nodes, a[chosen], b[chosen], resolution, seed)]
    return found


def _leiden(nodes: Ints, a: Ints, b: Ints, resolution: float, seed: int) -> Ints:
    """For each of the sorted ``nodes`` of one component the position of its community's first node."""
    n = len(nodes)
    left, right = np.searchsorted(nodes, a), np.searchsorted(nodes, b)
    row, column = np.concatenate([left, right]), np.concatenate([right, left])
    order = np.lexsort((column, row))
    _, membership = graspologic_native.leiden_csr(
        np.concatenate([[0], np.cumsum(np.bincount(row, minlength=n))]).astype(np.int64),
        column[order].astype(np.int32),
        np.ones(len(row), dtype=np.float64),
        n,
        resolution=resolution,
        iterations=2,
        use_modularity=False,
        seed=seed,
    )
    community = np.array([membership[node] for node in range(n)], dtype=np.int64)
    _, first, number = np.unique(community, return_index=True, return_inverse=True)
    return first[number].astype(np.int64)
