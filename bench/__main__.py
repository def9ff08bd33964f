"""``python -m bench [NAME|all]``: run one benchmark, or all but ``scale``, which takes the longest.

``python -m bench scale [CLAIMS…]`` runs that one at these numbers of link claims, ``python -m bench search [NAMES]``
searches so many names.
"""

from __future__ import annotations

import importlib
import sys

NAMES = ("formats", "ingest", "expand", "policy", "ledger", "rings", "search", "graphql")
SCALE, SEARCH = "scale", "search"


def main() -> int:
    """Run the benchmark named on the command line; returns the exit code."""
    name, *claims = sys.argv[1:] or ["all"]
    if name not in ("all", SCALE, *NAMES):
        print(f"no benchmark {name!r}; there are: {', '.join((*NAMES, SCALE))}", file=sys.stderr)
        return 2
    numbers = all(one.isascii() and one.isdigit() and int(one) for one in claims)
    if claims and not (numbers and (name == SCALE or (name == SEARCH and len(claims) == 1))):
        told = f"only {SCALE} takes numbers of link claims, as 100000 1000000, and {SEARCH} one of names"
        print(told, file=sys.stderr)
        return 2
    if name == SEARCH and claims:
        importlib.import_module("bench.search").main(int(claims[0]))
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
