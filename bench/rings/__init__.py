"""Finding rings: quality in worlds A to F, and what it costs from stored claims to stored rings.

``BENCH_RINGS_ACCOUNTS`` and ``BENCH_RINGS_WORLDS`` make it smaller; ``BENCH_RINGS_PARTS`` picks ``quality``, ``speed``,
``growth`` or ``covert``.
"""

from __future__ import annotations

import os

from rich.console import Console
from rich.table import Table

from bench.report import report

WANTED = {
    "jaccard_a": 0.95, "jaccard_b": 0.94, "jaccard_c": 0.74, "jaccard_d": 0.80, "jaccard_e": 0.78,
    "average_precision": 0.82, "top50_precision": 0.9, "significant_precision": 0.95,
}  # fmt: skip
PARTS = ("quality", "speed", "growth", "covert")


def main() -> None:
    """Measure, print tables, and all figures as the last line."""
    parts = os.environ.get("BENCH_RINGS_PARTS", ",".join(PARTS)).split(",")
    figures: dict[str, float | int | str] = {}
    rows = list[tuple[str, str, str]]()
    if "quality" in parts:
        figures |= _quality()
        rows += [(name, f"{figures[name]:.3f}", f"≥ {wanted}") for name, wanted in WANTED.items() if name in figures]
    if "covert" in parts:
        from bench.rings import covert

        covert.main()
    if "speed" in parts:
        from bench.rings import speed

        figures |= speed.main()
        rows += [(name, f"{figures[name]:.2f}", wanted) for name, wanted in speed.WANTED.items()]
    if "growth" in parts:
        from bench.rings import speed

        figures |= speed.growth()
    report("Finding rings", rows, figures)


def _quality() -> dict[str, float]:
    from bench.rings import quality

    accounts = int(os.environ.get("BENCH_RINGS_ACCOUNTS", "20000"))
    found = quality.table(accounts, os.environ.get("BENCH_RINGS_WORLDS", "ABCDEF"), (1.0, 0.9, 0.6))
    table = Table(
        "world", "seen", *next(iter(found.values())), title="jaccard / average precision", title_justify="left"
    )
    for (letter, rate), each in found.items():
        cells = [f"{one.scores.jaccard:.2f}/{one.scores.average_precision:.2f}" for one in each.values()]
        table.add_row(letter, f"{rate:.0%}", *cells, *[""] * (len(table.columns) - 2 - len(cells)))
    Console(width=130).print(table)
    return quality.figures(found)
