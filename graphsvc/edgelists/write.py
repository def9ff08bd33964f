"""Rings as JSON: everything by name, every line of an explanation with the rows that it cites."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from graphsvc.detect.evidence import DAY, EARLIEST, LATEST
from graphsvc.detect.explain import Ring, Shared
from graphsvc.detect.recipe import Found, Parameters
from graphsvc.edgelists.read import EdgeList
from graphsvc.model.errors import InvalidInput
from graphsvc.model.files import write_durably

FORMAT = "graphsvc-rings-1"


def ring_shape(ring: Ring, edges: EdgeList) -> dict[str, Any]:
    """One ring by names. ``rows`` are rows of the edge list, ``links`` rows of the links, both counted from 1."""
    return {
        "rank": ring.rank,
        "score": ring.score,
        "accounts": _names(ring.accounts, edges),
        "fringe": _names(ring.fringe, edges),
        "identifiers": [_shared_shape(one, edges) for one in ring.shared],
        "cycles": ring.cycles,
        "logExpected": ring.log_e,
        "significant": ring.significant,
        "tag": ring.tag or None,
        "network": ring.network,
        "goBetweens": _names(ring.between, edges),
        "brokers": _names(ring.brokers, edges),
        "excludedHubs": ring.hubs,
        "reasons": [{"text": reason.text, **_cited(reason.records, edges)} for reason in ring.reasons],
    }


def write_rings(path: Path, found: Found, parameters: Parameters, edges: EdgeList, digests: Mapping[str, str]) -> None:
    """Write all rings as one JSON document. ``digests`` are those of the files read. Raises OSError."""
    document = {
        "format": FORMAT,
        "files": digests,
        "parameters": parameters.stated(),
        "accounts": found.accounts,
        "links": found.links,
        "excludedHubs": found.excluded_hubs,
        "onlyShortLoops": found.cut,
        "rings": [ring_shape(ring, edges) for ring in found.rings],
    }
    write_durably(path, msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n")


def read_rings(path: Path) -> dict[str, Any]:
    """The document that :func:`write_rings` wrote. Raises InvalidInput for anything else."""
    try:
        read = msgspec.json.decode(path.read_bytes())
    except OSError as error:
        raise InvalidInput(f"can't be read: {error.strerror}", code="unreadable", where=str(path)) from None
    except msgspec.DecodeError:
        raise InvalidInput("not JSON", code="bad_rings", where=path.name) from None
    if not isinstance(read, dict) or read.get("format") != FORMAT:
        raise InvalidInput("not a file of rings: take what rings detect wrote", code="bad_rings", where=path.name)
    return read


def _shared_shape(shared: Shared, edges: EdgeList) -> dict[str, Any]:
    return {
        "name": None if shared.entity is None else edges.names[shared.entity],
        "kind": shared.kind,
        "accounts": _names(shared.accounts, edges),
        "since": _day(shared.since) if shared.since > EARLIEST else None,
        "until": _day(shared.until) if shared.until < LATEST else None,
        **_cited(shared.records, edges),
    }


def _names(entities: Sequence[int], edges: EdgeList) -> list[str]:
    return [edges.names[one] for one in entities]


def _cited(records: Sequence[int], edges: EdgeList) -> dict[str, list[int]]:
    return {
        "rows": [one + 1 for one in records if one < edges.rows],
        "links": [one + 1 - edges.rows for one in records if one >= edges.rows],
    }


def _day(days: int) -> str:
    return datetime.fromtimestamp(days * DAY, UTC).date().isoformat()
