"""``python -m bench [NAME|all]``: run one benchmark, or all but ``scale``, which takes the longest.

``python -m bench scale [CLAIMS…]`` runs that one at these numbers of link claims, ``python -m bench search [NAMES]``
searches so many names, ``python -m bench intake [ROWS]`` sends so many rows.
"""

from __future__ import annotations

import importlib
import sys

NAMES = ("formats", "ingest", "intake", "expand", "policy", "ledger", "rings", "search", "graphql")
SCALE = "scale"
SIZED = ("search", "intake")
"""Those that take one number: how many names, how many rows."""


def main() -> int:
    """Run the benchmark named on the command line; returns the exit code."""
    name, *claims = sys.argv[1:] or ["all"]
    if name not in ("all", SCALE, *NAMES):
        print(f"no benchmark {name!r}; there are: {', '.join((*NAMES, SCALE))}", file=sys.stderr)
        return 2
    numbers = all(one.isascii() and one.isdigit() and int(one) for one in claims)
    if claims and not (numbers and (name == SCALE or (name in SIZED and len(claims) == 1))):
        told = f"only {SCALE} takes numbers of link claims, as 100000 1000000; {' and '.join(SIZED)} take one number"
        print(told, file=sys.stderr)
        return 2
    if name in SIZED and claims:
        importlib.import_module(f"bench.{name}").main(int(claims[0]))
        return 0
    if name == SCALE:
        scale = importlib.import_module("bench.scale")
        scale.main(*([[int(one) for one in claims]] if claims else []))
        return 0
    for each in NAMES if name == "all" else (name,):
        importlib.import_module(f"bench.{each}").main()
    return 0


if __name__ == "__main__":
    sys.exit(main())
