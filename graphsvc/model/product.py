"""Where the product's own data lies: ``schema``, ``policies`` and ``identity``."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent


def product_data(name: str, package: Path = PACKAGE) -> Path:
    """The folder ``schema``, ``policies`` or ``identity`` of this version: in the package when installed, else beside.

    The package is searched first: other distributions lie beside an installed one, and may have a folder of that name.
    """
    installed = package / "_data" / name
    return installed if installed.is_dir() else package.parent / name
