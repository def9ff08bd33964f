"""What of an answer is not compared, each with its reason. Everything else must be the same in both twins."""

from __future__ import annotations

import re
from typing import Any

import orjson

MASKS: dict[str, str] = {
    r"(data|body)(/.*)?/(receivedAt|registeredAt|askedAt|foundedAt|endedAt|at|t)":
        "a time of the clock: the twins are asked one after the other",
    r"data/(disclosureRequests|preservationRequests|grants|request\w+|informationRequest)(_\d+(/\d+|/request)?)?"
    r"(/grant)?/(id|request)":
        "the digest of a signed act, which holds a random number",
    r"data/(ringRuns_\d+/\d+|(keptRings|ring)_\d+/run|compareRuns_\d+/(earlier|later))/(id|analysed|endedIndex)":
        "the digest of a signed act, a salted digest, and the log's head when the search ended",
    r"data/(keptRings_\d+/rings/\d+|ring_\d+/(ring|network/\d+))/(id|run|network)":
        "made of the search's id, which is the digest of a signed act",
    r"data/(compareRuns_\d+/changes/\d+|ring_\d+/change)/(id|earlier|later)": "made of the search's id",
    r"data/(keptRings|compareRuns)_\d+/nextAfter": "made of the search's id",
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

NAMELESS: dict[str, str] = {
    r"data/\w+/rings/\d+/id": "the least handle of its accounts, which is another account's in the other twin",
    r"data/\w+/next": "sealed together with the question, which names other handles in the other twin",
}
"""What else is not compared where all things are masked, and so may differ between the twins."""

_MASKS = re.compile("|".join(MASKS))
_NAMELESS = re.compile("|".join((*MASKS, *NAMELESS)))
_SETS = re.compile(
    r"data/(\w+/rings/\d+/(accounts|identifiers)"
    r"|ring_\d+/((core|fringe|entities|identifiers|removals)|.*/(accounts|records)))"
)
_HANDLE = re.compile(rb'"[A-Za-z0-9_-]{55}"')


def masked(value: Any) -> bytes:
    """A response as the bytes that are compared."""
    return orjson.dumps(_masked(value, "", _MASKS))


def renamed(value: Any) -> bytes:
    """As :func:`masked`, with numbers for handles, counted in the order in which they come.

    For masked things, which differ between the twins: their handles, which tell nothing, may differ, and so may what is
    ordered by handle; but where handles are equal in one twin, they must be equal in the other.
    """
    names: dict[bytes, bytes] = {}
    text = orjson.dumps(_sorted(_masked(value, "", _NAMELESS), ""))
    return _HANDLE.sub(lambda found: names.setdefault(found[0], b'"#%d"' % len(names)), text)


def _sorted(value: Any, path: str) -> Any:
    """The value with lists of things in an order that goes by no handle."""
    if isinstance(value, dict):
        return {name: _sorted(item, f"{path}/{name}".removeprefix("/")) for name, item in value.items()}
    if isinstance(value, list):
        items = [_sorted(item, f"{path}/{n}") for n, item in enumerate(value)]
        return sorted(items, key=lambda item: _HANDLE.sub(b"", orjson.dumps(item))) if _SETS.fullmatch(path) else items
    return value


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
        # Leaves of a receipt are ordered by handle; where handles differ, they are compared as a set.
        return sorted(items, key=orjson.dumps) if path.endswith("/leaves") else items
    return value
