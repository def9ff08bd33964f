"""Where in a YAML file something stands: the line of a JSON pointer."""

from __future__ import annotations

from typing import Any

import yaml

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def line_of(data: bytes, pointer: str) -> int | None:
    """The line, from 1, of what a JSON pointer names in a file that was read without a mistake of form; else None.

    Where the file has no such place, it is the line of the nearest one around it.
    """
    try:
        node = yaml.compose(data.decode("utf-8-sig"), Loader=_LOADER)
    except (yaml.YAMLError, UnicodeDecodeError):
        return None
    if node is None:
        return None
    line = node.start_mark.line
    for step in pointer.split("/")[1:]:
        if isinstance(node, yaml.MappingNode):
            found = next(((key, value) for key, value in node.value if key.value == step), None)
            if found is None:
                break
            line, node = found[0].start_mark.line, found[1]
        elif isinstance(node, yaml.SequenceNode) and step.isdecimal() and int(step) < len(node.value):
            node = node.value[int(step)]
            line = node.start_mark.line
        else:
            break
    return int(line) + 1
