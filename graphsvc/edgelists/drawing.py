"""The report of rings as pictures: a ring, the network around it, sizes and scores, when its identifiers were used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import networkx as nx

from graphsvc.edgelists.plots import COLOURS, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Axes, bars, document, line, text
from graphsvc.model.errors import Unavailable
from graphsvc.model.files import write_durably

Shape = Mapping[str, Any]
SIZES = (3, 4, 5, 6, 8, 10, 15, 20, 50)
"""Where the bars of sizes begin."""
SCORES = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0)
"""Where the bars of scores begin."""
LISTED = 40
"""At most so many identifiers are drawn over time."""
SQUARE = 720


def draw_report(found: Shape, rank: int, folder: Path, *, png: bool) -> list[Path]:
    """Write the pictures of the ring of ``rank`` and of all rings; the paths written.

    Raises OSError, and Unavailable when PNG is asked for and the library for it is not installed.
    """
    (ring,) = (one for one in found["rings"] if one["rank"] == rank)
    near = [one for one in found["rings"] if one["network"] == ring["network"]]
    pictures = {
        f"ring-{rank}": draw_ring(ring),
        f"network-{ring['network']}": draw_network(near),
        f"times-{rank}": draw_times(ring),
        "sizes": bars(
            Axes("Rings by size", "accounts", "rings"),
            _counted([len(one["accounts"]) for one in found["rings"]], SIZES),
        ),
        "scores": bars(
            Axes("Rings by spread", "spread", "rings"),
            _counted([float(one["score"]) for one in found["rings"]], SCORES),
        ),
    }
    folder.mkdir(parents=True, exist_ok=True)
    written = list[Path]()
    for name, picture in pictures.items():
        written.append(folder / f"{name}.svg")
        write_durably(written[-1], picture.encode())
        if png:
            written.append(folder / f"{name}.png")
            write_durably(written[-1], _as_png(picture))
    return written


def draw_ring(ring: Shape) -> str:
    """Accounts as circles, the fringe's hollow, and what they share as squares."""
    fringe = set(ring["fringe"])
    graph: nx.Graph[Any] = nx.Graph()
    graph.add_nodes_from(("account", name) for name in ring["accounts"])
    for number, shared in enumerate(ring["identifiers"]):
        graph.add_edges_from((("account", name), ("shared", number)) for name in shared["accounts"])
    places = _laid_out(graph)
    parts = [text(SQUARE / 2, 26, f"Ring {ring['rank']}: {_said(ring)}", size=15)]
    parts += [line((*places[a], *places[b])) for a, b in graph.edges]
    for name in ring["accounts"]:
        x, y = places["account", name]
        inner = "#fff" if name in fringe else COLOURS[0]
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="8" fill="{inner}" stroke="{COLOURS[0]}" stroke-width="2"/>')
        parts.append(text(x, y - 12, _short(name), size=10))
    for number, shared in enumerate(ring["identifiers"]):
        x, y = places["shared", number]
        parts.append(f'<rect x="{x - 5:.1f}" y="{y - 5:.1f}" width="10" height="10" fill="{COLOURS[1]}"/>')
        parts.append(text(x, y + 18, f"{shared['kind']} {_short(shared['name'] or '')}".strip(), size=9, colour="#777"))
    return document(parts, SQUARE, SQUARE)


def draw_network(rings: Sequence[Shape]) -> str:
    """Rings as circles as large as they are, and the go-betweens and common members that join them."""
    graph: nx.Graph[Any] = nx.Graph()
    graph.add_nodes_from(("ring", ring["rank"]) for ring in rings)
    for ring in rings:
        for name in (*ring["goBetweens"], *ring["brokers"]):
            graph.add_edge(("ring", ring["rank"]), ("account", name))
    places = _laid_out(graph)
    parts = [text(SQUARE / 2, 26, f"Network {rings[0]['network']}: {len(rings)} rings", size=15)]
    parts += [line((*places[a], *places[b])) for a, b in graph.edges]
    for node in graph.nodes:
        if node[0] == "account":
            x, y = places[node]
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{COLOURS[1]}"/>')
            parts.append(text(x, y - 9, _short(node[1]), size=10))
    for ring in rings:
        x, y = places["ring", ring["rank"]]
        radius = 10 + 2 * len(ring["accounts"]) ** 0.5
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="{COLOURS[0]}"/>')
        parts.append(text(x, y + 4, str(ring["rank"]), colour="#fff"))
    return document(parts, SQUARE, SQUARE)


def draw_times(ring: Shape) -> str:
    """One bar for each shared identifier, from its first day of use to its last; open ends fade out of the picture."""
    shown = ring["identifiers"][:LISTED]
    stated = [date.fromisoformat(day).toordinal() for one in shown for day in (one["since"], one["until"]) if day]
    height = max(HEIGHT, 90 + 16 * len(shown))
    parts = [text(WIDTH / 2, 24, f"Ring {ring['rank']}: when what it shares was used", size=15)]
    if not stated:
        return document([*parts, text(WIDTH / 2, height / 2, "no times are stated")], WIDTH, height)
    low, high = min(stated), max(*stated, min(stated) + 1)
    left = LEFT + 100

    def across(day: str | None, missing: int) -> float:
        ordinal = date.fromisoformat(day).toordinal() if day else missing
        return left + (ordinal - low) / (high - low) * (WIDTH - RIGHT - left)

    for row, one in enumerate(shown):
        y, start, end = TOP + 16 * row, across(one["since"], low), across(one["until"], high)
        whole = one["since"] and one["until"]
        shape = f'x="{start:.1f}" y="{y:.1f}" width="{max(end - start, 2):.1f}" height="10"'
        parts.append(f'<rect {shape} fill="{COLOURS[0]}" opacity="{1 if whole else 0.5}"/>')
        parts.append(text(left - 6, y + 9, f"{one['kind']} {_short(one['name'] or '')}".strip(), "end", 10))
    for ordinal in (low, (low + high) // 2, high):
        x = left + (ordinal - low) / (high - low) * (WIDTH - RIGHT - left)
        parts.append(
            text(min(x, WIDTH - RIGHT - 30), TOP + 16 * len(shown) + 20, date.fromordinal(ordinal).isoformat())
        )
    return document(parts, WIDTH, height)


def _laid_out(graph: nx.Graph[Any]) -> dict[Any, tuple[float, float]]:
    """Places on the page, the same for the same graph."""
    placed = nx.spring_layout(graph, seed=1, iterations=120) if len(graph) > 1 else dict.fromkeys(graph, (0.0, 0.0))
    reach = max((abs(float(part)) for place in placed.values() for part in place), default=1.0) or 1.0
    half = SQUARE / 2
    return {
        node: (half + float(x) / reach * (half - 70), half + float(y) / reach * (half - 70))
        for node, (x, y) in placed.items()
    }


def _counted(values: Sequence[float], starts: Sequence[float]) -> dict[str, int]:
    counts = Counter(max((start for start in starts if value >= start), default=starts[0]) for value in values)
    names = [
        f"{low:g}–{high:g}" if isinstance(low, float) else f"{low}–{high - 1}" if high - 1 > low else f"{low}"
        for low, high in pairwise(starts)
    ]
    return {name: counts.get(start, 0) for name, start in zip([*names, f"{starts[-1]:g}+"], starts, strict=True)}


def _said(ring: Shape) -> str:
    core = len(ring["accounts"]) - len(ring["fringe"])
    tag = f", {ring['tag']}" if ring["tag"] else ""
    return f"{core} accounts and {len(ring['fringe'])} at its fringe, {len(ring['identifiers'])} things shared{tag}"


def _short(name: str) -> str:
    return name if len(name) <= 16 else f"{name[:7]}…{name[-7:]}"


def _as_png(picture: str) -> bytes:
    try:
        import resvg_py
    except ModuleNotFoundError:
        told = "PNG needs a library that is not installed: pip install 'graphsvc[png]'; SVG needs none"
        raise Unavailable(told, code="no_png") from None
    return bytes(resvg_py.svg_to_bytes(svg_string=picture))
