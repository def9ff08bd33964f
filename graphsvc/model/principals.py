"""Who asks, and on what footing."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from graphsvc.model.errors import InvalidInput
from graphsvc.model.hints import hint
from graphsvc.model.times import FOREVER

ROLES = ("analyst", "investigator", "officer", "operator", "submitter")
"""The roles of a person or a machine client; policies, tokens and enrolled keys name no others."""


def check_roles(roles: Iterable[str]) -> None:
    """Raise InvalidInput for an unknown role: a key enrolled with a typo would keep it for ever."""
    for role in roles:
        if role not in ROLES:
            raise InvalidInput(f"there is no such role; {hint(role, ROLES)}", code="unknown_role", where="role")


class Organisation(msgspec.Struct, frozen=True, rename="camel"):
    """A member of the case graph.

    ``kind`` is of the code list ``organisation-kinds``; ``jurisdiction`` is ISO 3166-1 alpha-2.
    """

    org: str
    kind: str
    jurisdiction: str
    name: str
    contact: str = ""


class Principal(msgspec.Struct, frozen=True):
    """An authenticated caller: a person or a machine client of one organisation."""

    organisation: Organisation
    person: str
    roles: tuple[str, ...] = ()
    client: str = ""

    @property
    def org(self) -> str:
        """The caller's organisation's slug."""
        return self.organisation.org


class Footing(msgspec.Struct, frozen=True):
    """Why a caller asks: purpose, legal basis and a registered case. Empty strings where not stated.

    Without all three only the caller's own records are in scope. ``signed``: the organisation signed the question.
    ``export``: the answer is to be kept in a file, so it shows only what may be exported.
    """

    purpose: str = ""
    legal_basis: str = ""
    case: str = ""
    signed: bool = False
    export: bool = False

    @property
    def stated(self) -> bool:
        """Whether purpose, legal basis and case are all there."""
        return bool(self.purpose and self.legal_basis and self.case)


ACT = Footing(signed=True)
"""The footing of an act: signed, as every act is, and without purpose, legal basis or case."""


class Entitlements(msgspec.Struct, frozen=True):
    """What acts in the ledger give a reader on a footing now, beside what its own kind and roles give it.

    ``groups`` are the sharing groups of its organisation; ``grants`` are disclosures granted to it, as (grant id,
    actions covered), sorted. ``valid_until`` (epoch seconds) is the earliest end of any of them.
    """

    groups: tuple[str, ...] = ()
    grants: tuple[tuple[str, tuple[str, ...]], ...] = ()
    valid_until: float = FOREVER
