"""What of an answer is not compared, each with its reason. Everything else must be the same in both twins."""

from __future__ import annotations

import re
from typing import Any

import orjson

MASKS: dict[str, str] = {
    r"(data|body)(/.*)?/(receivedAt|registeredAt|askedAt|foundedAt|at|t)":
        "a time of the clock: the twins are asked one after the other",
    r"data/(disclosureRequests|preservationRequests|grants|request\w+|disclosureRequest)(_\d+(/\d+|/request)?)?"
    r"(/grant)?/(id|request)":
        "the digest of a signed act, which holds a random number",
    r"extensions/appliedIndex": "log head: how far the applier had come at that moment",
    r"extensions/receipt/index": "log head: one more for every request of anyone",
    r"extensions/receipt/leaf": "sealed under keys drawn at random, with dummy sections of random size classes",
    r"extensions/receipt/objects(/.*)?": "sealed under keys drawn at random",
    r"extensions/receipt/checkpoint": "log head: signed by each service's own log key",
    r"extensions/receipt/proof": "hashes of the log's other entries, which hold random numbers",
    r"extensions/receipt/openings/headerKey": "a key drawn at random",
    r"extensions/receipt/openings/owners/\d+/leaves/\d+/0": "a commitment under a salt drawn at random",
    r"body/receipt(/.*)?": "the receipt of an act or a submission: the same random parts, and nothing that is read",
    r"body/(checkpoint|consistency|entries|epochs|keyEvents|objects)(/.*)?":
        "evidence: sealed entries with their proofs; what they open to is compared by the receipts of the reads",
}  # fmt: skip
"""Path in a response (members joined by ``/``) → why it is not compared. Values are masked, never members."""

HEADERS: dict[str, str] = {
    "date": "the clock",
    "content-length": "the receipt's sealed parts have random dummy sections",
}

EARLY: dict[str, str] = {
    r"data/\w+/rings/\d+/id": "the least handle of its accounts, which is another account's under other handles",
}
"""What is not compared besides where a secret came first, and so gave entities other handles."""

_MASKS = re.compile("|".join(MASKS))
_EARLY = re.compile("|".join((*MASKS, *EARLY)))
_HANDLE = re.compile(rb'"[A-Za-z0-9_-]{34}"')


def masked(value: Any) -> bytes:
    """A response as the bytes that are compared."""
    return orjson.dumps(_masked(value, "", _MASKS))


def renamed(value: Any) -> bytes:
    """The same with handles numbered in the order in which they come.

    For twins in which a secret came first: it gives an entity its integer, so the handle, which tells nothing, is
    another one; which handles are equal, and their order, must be the same.
    """
    names: dict[bytes, bytes] = {}
    text = orjson.dumps(_masked(value, "", _EARLY))
    return _HANDLE.sub(lambda found: names.setdefault(found[0], b'"#%d"' % len(names)), text)


def difference(first: Any, second: Any, path: str = "") -> str:
    """Where two values part, for people."""
    if type(first) is type(second) is dict and first.keys() == second.keys():
        parts = ((f"{path}/{name}", first[name], second[name]) for name in first)
    elif type(first) is type(second) is list and len(first) == len(second):
        parts = ((f"{path}/{n}", *pair) for n, pair in enumerate(zip(first, second, strict=True)))
    else:
        return "" if first == second else f"{path}: {str(first)[:300]} | {str(second)[:300]}"
    return next(filter(None, (difference(one, other, below) for below, one, other in parts)), "")


def _masked(value: Any, path: str, masks: re.Pattern[str]) -> Any:
    if value is not None and masks.fullmatch(path):
        return "masked"
    if isinstance(value, dict):
        under = f"{path}/" if path else ""
        return {name: _masked(item, under + name, masks) for name, item in value.items()}
    if isinstance(value, list):
        items = [_masked(item, f"{path}/{n}", masks) for n, item in enumerate(value)]
        # Leaves of a receipt go by handle; under other handles they are a set.
        return sorted(items, key=orjson.dumps) if path.endswith("/leaves") else items
    return value
