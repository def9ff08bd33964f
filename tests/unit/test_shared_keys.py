"""A key in very many rows of one file is told of, with rows and without its value."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from graphsvc.client.check import check_file
from graphsvc.client.convert import LOCAL, Input, convert
from graphsvc.client.manifest import Outgoing
from graphsvc.model import sharedkeys
from graphsvc.model.drafts import Defaults
from graphsvc.model.labels import Handling
from graphsvc.model.schema import load_schema
from tests.commands import Run, running

SCHEMA = load_schema()
DEFAULTS = Defaults(handling=Handling("tlp-2.0", "GREEN"), legal_basis="agreement", purposes=["investigation"])
SHOP = "+6281234567811"


def file_of(folder: Path, many: int, kind: str = "Phone", key: dict[str, str] | None = None) -> Path:
    """Rows of which ``many`` have one key in common."""
    path = folder / f"{kind}{many}.ndjson"
    lines = []
    for n in range(many + 20):
        entities = [{"ref": "a", "kind": "Account", "key": {"site": "pasar", "id": f"u{n}"}}]
        shared = n >= 20
        entities.append(
            {"ref": "b", "kind": kind, "key": (key or {"value": SHOP}) if shared else {"value": f"+62812345{n:05d}"}}
        )
        lines.append(json.dumps({"entities": entities[: 2 if shared or kind == "Phone" else 1]}))
    path.write_text("\n".join(lines))
    return path


@pytest.mark.parametrize(("many", "told"), [(100, 0), (101, 1), (300, 1)])
def test_the_check_and_the_conversion_tell_of_it(tmp_path: Path, many: int, told: int) -> None:
    path = file_of(tmp_path, many)
    checked = check_file(Outgoing(path, "application/x-ndjson", None, DEFAULTS), SCHEMA, LOCAL)
    made = convert(Input(path, defaults=DEFAULTS), SCHEMA)
    assert list(checked.warnings) == made.warnings and len(made.warnings) == told
    for warning in made.warnings:
        assert (warning.row, warning.code, warning.pointer) == (20, "shared_key", "/entities")
        assert f"in {many} rows, such as 20, 120" in warning.message and SHOP[3:] not in warning.message
    assert checked.accepted == many + 20 and not checked.rejected


def test_what_many_rows_speak_of_by_nature_is_none(tmp_path: Path) -> None:
    path = file_of(tmp_path, 150, "Taxon", {"name": "Loxodonta africana"})
    assert convert(Input(path, defaults=DEFAULTS), SCHEMA).warnings == []


def test_memory_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharedkeys, "WATCHED", 10)
    assert convert(Input(file_of(tmp_path, 150), defaults=DEFAULTS), SCHEMA).warnings == []


def test_commands_print_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    run: Run = running(monkeypatch, capfd)
    path, defaults = file_of(tmp_path, 120), tmp_path / "d.json"
    defaults.write_text(json.dumps({"handling": {"scheme": "tlp-2.0", "code": "GREEN"}, "legalBasis": "agreement"}))
    for words in (("submit", str(path), "--dry-run"), ("convert", str(path))):
        done = run(*words, "--defaults", str(defaults))
        assert done.returncode == 0 and "warning  shared_key: one Phone is in 120 rows" in done.stderr, done
        told = json.loads(run(*words, "--defaults", str(defaults), "--json").stdout)
        assert [one["code"] for one in told["warnings"]] == ["shared_key"]
