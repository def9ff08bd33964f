"""``python -m bench [NAME|all]``: run one benchmark or all of them."""

from __future__ import annotations

import importlib
import sys

NAMES = ("ingest", "expand", "policy", "ledger", "rings")


def main() -> int:
    """Run the benchmark named on the command line; returns the exit code."""
    name = sys.argv[1] if len(sys.argv) > 1 else "all"
    if name != "all" and name not in NAMES:
        print(f"no benchmark {name!r}; there are: {', '.join(NAMES)}", file=sys.stderr)
        return 2
    for each in NAMES if name == "all" else (name,):
        importlib.import_module(f"bench.{each}").main()
    return 0


if __name__ == "__main__":
    sys.exit(main())
