"""The mappings that come with the product, by name: ``courier-parcels`` is ``mappings/courier-parcels.yaml``."""

from __future__ import annotations

from pathlib import Path

from graphsvc.model.errors import InvalidInput
from graphsvc.model.hints import hint

FOLDER = Path(__file__).parent / "mappings"


def ready_mappings() -> dict[str, Path]:
    """All of them: name → file."""
    return {path.stem: path for path in sorted(FOLDER.glob("*.yaml"))}


def mapping_bytes(named: str) -> bytes:
    """A mapping file by its path, or by the name of a ready one. Raises InvalidInput."""
    ready = ready_mappings()
    path = ready.get(named, Path(named))
    try:
        return path.read_bytes()
    except OSError as error:
        if "/" in named or "." in named:
            raise InvalidInput(f"can't be read: {error.strerror}", code="unreadable", where=named) from None
        message = f"no file, and no mapping that comes with graphsvc: {hint(named[:100], ready)}"
        raise InvalidInput(message, code="no_mapping", where=named[:100]) from None


def template_bytes(name: str, ending: str) -> bytes:
    """The form that belongs to a ready mapping, as ``.csv`` or ``.xlsx``. Raises InvalidInput."""
    forms = {path.stem for path in FOLDER.glob("*.csv")}
    if name not in forms:
        raise InvalidInput(
            f"there is no such form; {hint(name[:100], sorted(forms))}", code="no_template", where="NAME"
        )
    if ending not in (".csv", ".xlsx"):
        raise InvalidInput("a form is written as .csv or .xlsx", code="no_template", where="OUT")
    return (FOLDER / f"{name}{ending}").read_bytes()
