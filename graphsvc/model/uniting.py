"""Entities of one row with the same canonical key become one, with the attributes of all of them."""

from __future__ import annotations

from graphsvc.model.drafts import CleanEntity, Values
from graphsvc.model.rowfields import MAX_VALUES, Rejected


def placed(found: list[CleanEntity], by_key: dict[str, int], entity: CleanEntity, pointer: str) -> int:
    """The position of an entity: a new one, or that of the entity with the same key."""
    position = by_key.get(entity.key)
    if position is None:
        position = by_key[entity.key] = len(found)
        found.append(entity)
    else:
        _unite(found[position], entity.attributes, pointer)
    return position


def copied(attributes: dict[str, Values], owners: int) -> dict[str, Values]:
    """The attributes for one of ``owners`` entities: a copy where there are several, since uniting changes them."""
    return attributes if owners == 1 else {group: dict(values) for group, values in attributes.items()}


def _unite(entity: CleanEntity, more: dict[str, Values], pointer: str) -> None:
    """Add the attributes of a second entity with the same key; contradicting single values refuse the row."""
    for group, values in more.items():
        mine = entity.attributes.setdefault(group, {})
        for name, value in values.items():
            if name not in mine:
                mine[name] = value
            elif isinstance(value, list):
                mine[name] = list(dict.fromkeys([*mine[name], *value]))
                if len(mine[name]) > MAX_VALUES:
                    raise Rejected("too_many", f"{pointer}/attributes/{name}", f"at most {MAX_VALUES} values")
            elif mine[name] != value:
                message = "this row gives two values for one thing: it names the same key twice"
                raise Rejected("contradiction", f"{pointer}/attributes/{name}", message)
