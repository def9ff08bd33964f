"""Reading the YAML files that hold the schema: doubles refused, shapes checked, errors that name file and place."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml

from graphsvc.model.errors import InvalidInput

T = TypeVar("T")
_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):  # type: ignore[misc]
    """A safe loader that refuses a key written twice: YAML would silently keep the last."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """A mapping node as a dict; raises where a key comes twice."""
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise yaml.constructor.ConstructorError(None, None, "write this key in quotes", key_node.start_mark)
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key!r} comes twice", key_node.start_mark)
            seen.add(key)
        found: dict[Any, Any] = super().construct_mapping(node, deep)
        return found


def parse_yaml(data: bytes, kind: type[T], where: str) -> T:
    """YAML bytes as the msgspec type ``kind``; InvalidInput says where and what, naming the file ``where``."""
    try:
        loaded = yaml.load(data, Loader=_Loader)  # noqa: S506 - a SafeLoader's child
        return msgspec.convert(loaded, kind)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput(f"{where}: no YAML that can be read: {error}", code="bad_yaml", where=where) from error
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
