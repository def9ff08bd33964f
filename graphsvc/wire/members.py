"""Members: what is told of organisations and keys as they are entered, and the act by which one changes itself."""

from __future__ import annotations

from typing import ClassVar

from graphsvc.wire.acts import Body, Short
from graphsvc.wire.shapes import Shape


class Admitted(Shape):
    """An organisation that was admitted."""

    org: str
    index: int


class KeyEventEntered(Shape):
    """A key event that was entered."""

    index: int


class Member(Shape):
    """An organisation; left: the entry by which it has left."""

    org: str
    kind: str
    jurisdiction: str
    name: str
    contact: str
    keys: int
    submissions: int
    left: int | None


class Departed(Shape):
    """What ended with a membership: keys, grants, requests, sharing groups; what was taken back, and who was told."""

    org: str
    index: int
    choice: str
    keys: int
    grants: list[str]
    requests: list[str]
    sharing_groups: list[str]
    withdrawal: int | None
    records: int
    told: list[str]


class OrganisationChange(Shape):
    """The organisation with its present name and contact."""

    index: int
    org: str
    name: str
    contact: str


class UpdateOrganisation(Body):
    """Change the name or contact of one's own organisation."""

    answer: ClassVar[type[Shape]] = OrganisationChange

    name: Short | None = None
    contact: Short | None = None


ACTS: tuple[type[Body], ...] = (UpdateOrganisation,)
