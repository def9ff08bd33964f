"""All signed acts, by kind."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from graphsvc.wire import lifecycle, members, rings, rulebooks, sharing
from graphsvc.wire.acts import Body, kind_of

ACTS: Mapping[str, type[Body]] = MappingProxyType(
    {kind_of(body): body for room in (sharing, lifecycle, members, rulebooks, rings) for body in room.ACTS}
)
