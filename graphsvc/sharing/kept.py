"""What sharing needs of the package that keeps, holds and sets aside records (:mod:`graphsvc.lifecycle`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from sqlalchemy import Connection

from graphsvc.model.labels import Label
from graphsvc.model.ranges import Ranges
from graphsvc.sharing.store import Request


class Kept(Protocol):
    """Records as their owner keeps them."""

    async def meant(self, org: str, request: Request, /) -> Ranges:
        """What an organisation now has about the identifiers of a request. Raises Unavailable where that is unknown."""
        ...

    def hold(
        self, connection: Connection, request: Request, person: str, named: Ranges, place: tuple[int, str]
    ) -> None:
        """Enter the hold that an acknowledgement makes, in its entry at ``place`` (index, time). Raises Conflict."""
        ...

    def labels_aside(self, org: str, records: Sequence[int], /) -> dict[int, Label]:
        """The labels of those own records that are set aside, and so in no graph. Blocks."""
        ...
