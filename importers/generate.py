"""``python -m importers.generate [--check]`` writes what is made from the importers, or checks that it is up to date.

``docs/formats-read.md`` says of each format what is read and what is lost; ``importers/mapping.schema.json`` is the
JSON Schema of mapping files, for editors that complete and check YAML.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import msgspec

from importers.formats import GROUP, Format, formats
from importers.ready import ready_mappings
from importers.rules import MappingFile

ROOT = Path(__file__).resolve().parents[1]
_HEAD = """<!-- Made by `python -m importers.generate` from the importers: edit those. -->
# Formats that are read

`graphsvc convert FILE` recognises the format of a file by its content and name, and shows what it would become,
without a service; `graphsvc submit FILE` submits it. Both take `--media-type` where the file does not tell. A *row* is
what is signed, sealed, proved and erased by itself ([formats](formats.md#rows-and-salts)); rows count from 0. What a
file says and the model can't hold is counted, and told by `convert`. How to write a mapping is said in
[`importers/README.md`](../importers/README.md).

| format | media type | names end in | mapping |
|---|---|---|---|
"""
_MAPPING = {"needed": "needed", "possible": "if it holds no drafts", "none": "none"}
_TAIL = f"""## Erasure

Every format above is cut into rows of its own, so each record can be erased by itself: what is kept of a file is its
rows, each sealed under its own keys, and never the file as a whole. A link of STIX, MISP, GraphML or Telegram stands
in its own row, which repeats what it needs of both ends: to erase a person, erase all rows that name it.

## Bounds

A file of lines may be as large as a submission. One that is a document (Excel, Parquet, GraphML, STIX, MISP, Telegram)
has at most 64 MiB, a workbook at most 512 MiB unpacked and 20 million cells from the first to the last of a sheet. A
row that is longer than the service's limit is refused by itself.

## Add a format

A package of yours adds one by an entry point of the group `{GROUP}` that names an `importers.formats.Format`; its name
is the format's. The service and its clients need the same version of it: the client signs the rows that it cuts.
"""


def formats_page() -> str:
    """What each importer says of itself, as Markdown."""
    found = list(formats().values())
    lines = [_HEAD.rstrip("\n")]
    for one in found:
        endings = ", ".join(f"`{ending}`" for ending in one.endings) or "–"
        lines.append(f"| {one.title} | `{one.media_type}` | {endings} | {_MAPPING[one.mapping]} |")
    for one in found:
        lines += ["", *_section(one)]
    lines += ["", "## Ready mappings", "", "`--map NAME` takes them by name.", "", "| name | for |", "|---|---|"]
    for name, path in ready_mappings().items():
        title = next(line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("title: "))
        lines.append(f"| `{name}` | {title.removeprefix('title: ')} |")
    return "\n".join(lines) + "\n\n" + _TAIL


def _section(one: Format) -> list[str]:
    return [
        f"## {one.title}",
        "",
        f"A row is {one.row}.",
        "",
        "Read:",
        "",
        *(f"- {line}" for line in one.read),
        "",
        "Lost:",
        "",
        *(f"- {line}" for line in one.lost),
    ]


def mapping_schema() -> str:
    """The JSON Schema of mapping files."""
    schema = msgspec.json.schema(MappingFile)
    return json.dumps({"title": "A mapping file of graphsvc", **schema}, ensure_ascii=False, indent=1) + "\n"


def main(arguments: list[str]) -> int:
    """Write or check; returns the exit code."""
    stale = []
    made = {"docs/formats-read.md": formats_page(), "importers/mapping.schema.json": mapping_schema()}
    for name, text in made.items():
        path = ROOT / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
            if "--check" not in arguments:
                path.write_text(text, encoding="utf-8")
    if stale and "--check" in arguments:
        sys.stderr.write(f"not up to date: {', '.join(stale)}: run python -m importers.generate\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
