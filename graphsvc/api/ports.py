"""What the API needs of the rest of the service, as protocols; the real parts are wired in :mod:`graphsvc.app`.

Arguments are positional, so implementations may name theirs as they like. Answers are structs of
:mod:`graphsvc.wire`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from graphsvc.model.principals import Footing, Principal
from graphsvc.wire.answers import Cut, WithheldRecords
from graphsvc.wire.shapes import Shape
from graphsvc_verify.signedread import SignedRead

Receipt = bytes
"""A receipt as JSON."""


class Released(Protocol):
    """An answer whose ledger entry is durable: ``data`` leaves byte for byte."""

    @property
    def data(self) -> bytes:
        """The encoded ``data`` member."""
        ...

    @property
    def receipt(self) -> Receipt:
        """The receipt."""
        ...

    @property
    def applied_index(self) -> int:
        """The last ledger index that the graph held when the answer was read, or an earlier one."""
        ...

    @property
    def own_pending(self) -> Sequence[int]:
        """Submissions of the caller's organisation, by ledger index, that are acknowledged but not yet in the graph."""
        ...

    @property
    def only_own(self) -> bool:
        """Whether nobody's records but those of the caller's organisation were in scope."""
        ...

    @property
    def cut(self) -> Sequence[Cut]:
        """What the answer leaves out although the caller may see it."""
        ...

    @property
    def withheld(self) -> Sequence[WithheldRecords]:
        """Records that an answer for export lacks because they may only be looked at."""
        ...


class Asking(Protocol):
    """Runs a question from scope to receipt."""

    async def run(
        self,
        principal: Principal,
        footing: Footing,
        question: bytes,
        work: Callable[[Any], Awaitable[bytes]],
        signed: SignedRead | None,
        /,
    ) -> Released:
        """Run ``work`` with a reading (again, if access rules changed meanwhile) and log what it returned.

        ``question`` is the request's body as received, ``signed`` its signature, whose key is still to be checked.
        Raises what ``work`` raises.
        """
        ...


class LogReading(Protocol):
    """The public side of the ledger. Called in worker threads, so it may block."""

    def checkpoint(self) -> str:
        """The last published checkpoint, a signed note."""
        ...

    def tile(self, path: str, /) -> bytes | None:
        """A tile or entry bundle by its path (``tile/0/x001/234.p/7``); None where there is none."""
        ...

    def object(self, digest: str, /) -> bytes | None:
        """An object by ``sha256:<hex>``; None where there is none."""
        ...

    def consistency(self, old: int, new: int, /) -> Sequence[bytes]:
        """The RFC 6962 consistency proof between two sizes; raises InvalidInput when they don't fit the log."""
        ...


class Acted(Protocol):
    """The result of an act."""

    @property
    def answer(self) -> Shape:
        """What the caller is told."""
        ...

    @property
    def receipt(self) -> Receipt:
        """The receipt of its ledger entry."""
        ...


class Acting(Protocol):
    """Carries out signed acts."""

    async def act(self, principal: Principal, kind: str, compact: str, /) -> Acted:
        """Check an act of the caller's organisation (compact JWS) of a kind, as ``recall``, and carry it out."""
        ...


class Registering(Protocol):
    """Registers cases."""

    async def register_case(self, principal: Principal, reference: str, title: str, legal_basis: str, /) -> Acted:
        """Register a case of the caller's organisation; the answer is a ``Case``."""
        ...


@dataclass(frozen=True, slots=True)
class Call:
    """What of a request, beside ``Authorization``, can tell who sends it.

    ``url`` has no query; ``proofs`` are the ``DPoP`` headers; ``session`` is the session cookie's value, ``guard`` the
    header that goes with it, ``origin`` the page that asks as the browser names it; empty where there is none.
    """

    method: str
    url: str
    proofs: Sequence[str] = ()
    session: str = ""
    guard: str = ""
    origin: str = ""


class Authenticating(Protocol):
    """Tells who calls."""

    async def principal(self, authorization: str | None, call: Call, /) -> Principal:
        """The principal behind an ``Authorization`` header, or behind a session.

        Raises Unauthenticated, or Unavailable without keys.
        """
        ...


@dataclass(frozen=True, slots=True)
class Ports:
    """All that :func:`graphsvc.api.build_api` is given, beside the settings."""

    authenticating: Authenticating
    asking: Asking
    acting: Acting
    registering: Registering
    log: LogReading
