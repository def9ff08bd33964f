"""Write what is made from the schema: ``python -m graphsvc.model.generate [--check] [--schema DIRECTORY]``.

Makes ``submission.schema.json`` (JSON Schema for contributors) and ``KINDS.md`` (every kind, key, attribute and link,
for people). With ``--check`` nothing is written: the exit status is 1 where a file is not up to date.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from graphsvc.model.errors import InvalidInput
from graphsvc.model.jsonschema import submission_schema
from graphsvc.model.product import product_data
from graphsvc.model.schema import Attribute, Schema, load_schema


def generated(schema: Schema) -> dict[str, str]:
    """The files to write below the schema's directory: name → text."""
    return {
        "submission.schema.json": json.dumps(submission_schema(schema), ensure_ascii=False, indent=1) + "\n",
        "KINDS.md": kinds_page(schema),
    }


def kinds_page(schema: Schema) -> str:
    """Kinds, links and code lists as Markdown."""
    lines = [
        "<!-- Made by `python -m graphsvc.model.generate` from the files here: edit those. -->",
        "# Kinds and links",
        "",
    ]
    for kind in schema.kinds.values():
        keys = " or ".join(
            "{" + ", ".join(f"{name}: {type_.name}" for name, type_ in form.parts) + "}" for form in kind.keys
        )
        lines += [f"## {kind.name}", "", f"{kind.title} Number {kind.number}, {kind.scope}. Key: `{keys}`.", ""]
        lines += _table(kind.attributes)
    lines += ["# Links", ""]
    for link in schema.links.values():
        lines += [f"## {link.name}", "", f"{link.title}.", "", f"From {', '.join(link.sources)}."]
        lines += [f"To {', '.join(link.targets)}.", "", *_table(link.attributes)]
    lines += ["# Code lists", "", "| list | what | codes | source |", "|---|---|---|---|"]
    for codelist in schema.codelists.values():
        checked = "" if codelist.verified else " (not verified at its source)"
        lines.append(f"| {codelist.name} | {codelist.title} | {len(codelist.codes)} | {codelist.source}{checked} |")
    return "\n".join(lines) + "\n"


def _table(attributes: Mapping[str, Attribute]) -> list[str]:
    if not attributes:
        return []
    rows = ["| attribute | type | group | what |", "|---|---|---|---|"]
    for attribute in attributes.values():
        several = ", several" if attribute.many else ""
        rows.append(f"| {attribute.name} | {attribute.type.name}{several} | {attribute.group} | {attribute.title} |")
    return [*rows, ""]


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check the files; the exit status is 0 when all is well, 1 when stale, 2 when the schema is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m graphsvc.model.generate", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--check", action="store_true", help="write nothing; fail where a file is not up to date")
    parser.add_argument("--schema", type=Path, default=product_data("schema"), help="the schema's directory")
    options = parser.parse_args(arguments)
    try:
        files = generated(load_schema(options.schema))
    except InvalidInput as error:
        print(error.message, file=sys.stderr)
        return 2
    stale = []
    for name, text in files.items():
        path = options.schema / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
            if not options.check:
                path.write_text(text, encoding="utf-8")
    if stale and options.check:
        print(f"not up to date: {', '.join(stale)}: run python -m graphsvc.model.generate", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
