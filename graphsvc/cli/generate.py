"""``python -m graphsvc.cli.generate [--check]`` writes ``schema/api.graphql``, or checks that it is up to date."""

from __future__ import annotations

import sys
from pathlib import Path

from graphsvc.app import api_schema
from graphsvc.model.product import product_data


def sdl() -> str:
    """The schema in GraphQL's schema definition language, ending in a line feed."""
    return api_schema().as_str().rstrip() + "\n"


def main(arguments: list[str]) -> int:
    """Write or check; returns the exit code."""
    target: Path = product_data("schema") / "api.graphql"
    text = sdl()
    if "--check" in arguments:
        if target.is_file() and target.read_text(encoding="utf-8") == text:
            return 0
        sys.stderr.write("schema/api.graphql is not up to date: run python -m graphsvc.cli.generate\n")
        return 1
    target.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
