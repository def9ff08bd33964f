"""Canonical keys back to the parts that a draft names: what was cleaned can be said again.

The way back is checked by the way there: parts are given only if they make the very key that they were taken from. A
key of a kind that only its contributor knows (a person, a case) belongs to one organisation; said by another one it
becomes a reference of that one's own, ``owner/reference``.
"""

from __future__ import annotations

from collections.abc import Iterator

from graphsvc.model.scalars import CleanContext, ValueProblem
from graphsvc.model.schema import KeyForm, Kind, Schema, key_of

_OWN = "own"


def parts_of(schema: Schema, kind: str, key: str, org: str) -> dict[str, str] | None:
    """The key parts by which ``org`` would name the entity with canonical key ``key``; None where there are none."""
    found = schema.kinds.get(kind)
    head = f"{kind.lower()}:"
    if found is None or not key.startswith(head):
        return None
    rest = key.removeprefix(head)
    scheme, _, value = rest.partition(":")
    for parts, wanted in _candidates(found, scheme, value, rest, org):
        try:
            made = key_of(found, parts, CleanContext(None, org))
        except ValueProblem:
            continue
        if made == (wanted or key):
            return parts
    return None


def owner_of(schema: Schema, kind: str, key: str) -> str | None:
    """The organisation that a key belongs to, for kinds that only their contributor knows; else None."""
    found = schema.kinds.get(kind)
    _, _, rest = key.partition(":")
    if found is not None and found.scope == "contributor":
        return rest.partition(":")[0]
    own = found is not None and any(form.scheme == _OWN for form in found.keys) and rest.startswith(f"{_OWN}:")
    return rest.removeprefix(f"{_OWN}:").partition("/")[0] if own else None


def _candidates(kind: Kind, scheme: str, value: str, rest: str, org: str) -> Iterator[tuple[dict[str, str], str]]:
    """Parts that may make the key, the most particular form first; with the key they make for ``org`` if another."""
    for form in sorted(kind.keys, key=lambda form: form.scheme[0] in "<*"):
        names = [name for name, _ in form.parts]
        if form.scheme == "<org>":
            ref = value if scheme == org else f"{scheme}/{value}"
            yield {names[0]: ref}, f"{kind.name.lower()}:{org}:{ref}"
        elif form.scheme == _OWN == scheme:
            owner, _, ref = value.partition("/")
            ref = ref if owner == org else f"{owner}/{ref}"
            yield {names[0]: ref}, f"{kind.name.lower()}:{_OWN}:{org}/{ref}"
        elif form.scheme == scheme:
            yield from _split(names, value)
        elif form.scheme == "*":
            yield {names[-1]: rest}, ""
        elif form.scheme[0] == "<":
            yield from _composed(form, names, scheme, value)


def _split(names: list[str], value: str) -> Iterator[tuple[dict[str, str], str]]:
    if len(names) == 1:
        yield {names[0]: value}, ""
        return
    pieces = value.split("/", len(names) - 1)
    if len(pieces) == len(names):
        yield dict(zip(names, pieces, strict=True)), ""


def _composed(form: KeyForm, names: list[str], scheme: str, value: str) -> Iterator[tuple[dict[str, str], str]]:
    pieces = value.split("/", len(names) - 2)
    if len(pieces) == len(names) - 1:
        yield dict(zip(names, [scheme, *pieces], strict=True)), ""
    if len(names) != 2:
        return
    # A site that nobody has listed may be a host with a port.
    port, colon, more = value.partition(":")
    if colon:
        yield {names[0]: f"{scheme}:{port}", names[1]: more}, ""
