"""How benchmarks report their figures."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table


def report(title: str, rows: Sequence[tuple[str, str, str]], figures: Mapping[str, float | int | str | None]) -> None:
    """Print a table of (what, seen, wanted) and then ``figures`` as one line of JSON."""
    table = Table(title=title, title_justify="left")
    for heading in ("what", "seen", "wanted"):
        table.add_column(heading, justify="left" if heading == "what" else "right")
    for row in rows:
        table.add_row(*row)
    Console(width=110).print(table)
    print(json.dumps(dict(figures)), flush=True)
