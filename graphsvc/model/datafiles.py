"""YAML files (of the schema, mappings, limits) read into typed structs. Errors name file and place."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import msgspec

from graphsvc.model.errors import InvalidInput
from graphsvc.model.yamlfiles import load_yaml

T = TypeVar("T")


def parse_yaml(data: bytes, kind: type[T], where: str) -> T:
    """YAML bytes as the msgspec type ``kind``; InvalidInput says where and what, naming the file ``where``."""
    try:
        return msgspec.convert(load_yaml(data, where=where), kind)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"{where}: {error}", code="bad_file", where=where) from error


def read_yaml(path: Path, kind: type[T]) -> T:
    """A YAML file as the msgspec type ``kind``."""
    try:
        data = path.read_bytes()
    except OSError as error:
        message = f"{path.name}: the file can't be read ({error.strerror})"
        raise InvalidInput(message, code="bad_file", where=path.name) from error
    return parse_yaml(data, kind, path.name)
