"""The path of rings: what the caller may analyse, as arrays, through the detector, and back as entities and claims."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphsvc.columns.store import Columns
from graphsvc.detect.projection import Kinds
from graphsvc.detect.recipe import Found, Parameters, detect
from graphsvc.policy.scope import Scope


@dataclass(frozen=True, slots=True)
class Detected:
    """What was found, and the parameters it was found with, as they are shown."""

    found: Found
    stated: list[dict[str, str]]


async def find_rings(
    columns: Columns,
    scope: Scope,
    asked: Mapping[str, Any],
    names: Callable[[Sequence[int]], Coroutine[Any, Any, Mapping[int, str]]],
    unnamed: Callable[[int], str],
) -> Detected:
    """Find the rings in exactly the claims that ``scope`` may analyse.

    ``asked`` holds the parameters that were given, as the API names them; ties are broken by visible ``names`` of
    entities, or what ``unnamed`` says of one without. Raises InvalidInput when a parameter can't be used.
    """
    parameters = _parameters(asked)
    loop = asyncio.get_running_loop()

    def spelled(ids: Sequence[int]) -> Sequence[str]:
        known = asyncio.run_coroutine_threadsafe(names(ids), loop).result()
        return [known.get(number) or unnamed(number) for number in ids]

    return await asyncio.to_thread(_find, columns, scope, parameters, spelled)


def _find(
    columns: Columns, scope: Scope, parameters: Parameters, names: Callable[[Sequence[int]], Sequence[str]]
) -> Detected:
    # 1. Select by label, expiry and withdrawal, without a round trip through the graph (columns).
    claims = columns.select(scope, int(time.time()))
    # 2. Project, prune, cut into communities, rank, explain (detect).
    found = detect(claims, parameters, names)
    stated = [{"name": name, "value": _shown(value)} for name, value in sorted(parameters.stated().items())]
    return Detected(found, stated)


def _parameters(asked: Mapping[str, Any]) -> Parameters:
    given = dict(asked)
    kinds = Kinds()
    if "hub_cap" in given:
        kinds = Kinds(kinds.actors, kinds.identifiers, given.pop("hub_cap"))
    if "identifier_kinds" in given:
        kinds = Kinds(kinds.actors, tuple(given.pop("identifier_kinds")), kinds.cap)
    return Parameters(kinds=kinds, **given)


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return "; ".join(f"{name}: {_shown(item)}" for name, item in value.items())
    return ", ".join(map(str, value)) if isinstance(value, tuple | list) else str(value)
