"""What the API needs of the rest of the service, as protocols; the real parts are wired in :mod:`graphsvc.app`.

Arguments are positional, so implementations may name theirs as they like. Plain dicts carry the GraphQL shapes under
their Python names (``owner_kind`` for ``ownerKind``); a key the schema has must be there, null where nothing is known.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from graphsvc.model.principals import Footing, Organisation, Principal
from graphsvc_verify.signedread import SignedRead

Shape = dict[str, Any]
"""One GraphQL object as a plain dict."""


class Released(Protocol):
    """An answer whose ledger entry is durable: ``data`` leaves byte for byte."""

    @property
    def data(self) -> bytes:
        """The encoded ``data`` member."""
        ...

    @property
    def receipt(self) -> bytes:
        """The receipt as JSON."""
        ...

    @property
    def applied_index(self) -> int:
        """The last ledger index that the graph held when the answer was read, or an earlier one."""
        ...

    @property
    def own_pending(self) -> Sequence[int]:
        """The caller's organisation's own submissions that were acknowledged and not in the graph."""
        ...

    @property
    def only_own(self) -> bool:
        """Whether nobody's records but those of the caller's organisation were in scope."""
        ...

    @property
    def cut(self) -> Sequence[Shape]:
        """What was left out of what may be seen: ``what``, how many are ``shown``, ``of`` how many."""
        ...

    @property
    def withheld(self) -> Sequence[Any]:
        """What an answer for export lacks because it may be looked at only: ``owner``, ``rule``, ``records`` each."""
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
        """Run ``work`` with what it reads by (again, if access rules moved meanwhile) and log what it returned.

        ``question`` is the request's body as received, ``signed`` its signature, whose key is still to be checked. What
        ``work`` raises comes through.
        """
        ...


@dataclass(slots=True)
class Upload:
    """A submission as received: the body lies in the file ``path``, which the receiver may move away but need not.

    ``sha256`` is the raw digest of the body's ``size`` bytes; ``seed`` is 32 bytes; ``media_type`` is lower-case
    without parameters; ``idempotency_key`` is empty only in a dry run.
    """

    path: Path
    size: int
    sha256: bytes
    manifest: str
    seed: bytes
    mapping: bytes | None
    idempotency_key: str
    media_type: str
    dry_run: bool


class SubmissionResult(Protocol):
    """What became of an upload."""

    @property
    def status(self) -> int:
        """The HTTP status: 201 accepted, 200 for a dry run or a repetition."""
        ...

    @property
    def body(self) -> dict[str, Any]:
        """Plain JSON values, receipt included."""
        ...


class Submitting(Protocol):
    """Takes submissions in."""

    def admit(self, principal: Principal, key: str, /) -> None:
        """Raise what is known before the first byte of a body is read: Denied where the caller may submit nothing at
        all, Conflict while the idempotency key is being worked on.
        """
        ...

    def claim(self, principal: Principal, key: str, /) -> AbstractContextManager[None]:
        """Hold an idempotency key while its submission waits for its turn and is worked on. Raises Conflict."""
        ...

    async def submit(self, principal: Principal, upload: Upload, /) -> SubmissionResult:
        """Check, log and keep one submission. Raises InvalidManifest, Denied, Conflict, KeyReused, Unavailable."""
        ...

    async def outcome(self, principal: Principal, key: str, /) -> SubmissionResult:
        """What became of the submission under an idempotency key. Raises Conflict (worked on), NotFound, Denied."""
        ...

    async def errors(self, principal: Principal, index: int, /) -> AsyncIterator[Mapping[str, Any]]:
        """The rows that were not accepted, in order; raises NotFound for a foreign or absent submission."""
        ...

    async def notes(self, principal: Principal, index: int, /) -> AsyncIterator[Mapping[str, Any]]:
        """The values of accepted rows that can't be linked, and why; raises NotFound as ``errors`` does."""
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
    """What an act made."""

    @property
    def body(self) -> dict[str, Any]:
        """The GraphQL or JSON shape."""
        ...

    @property
    def receipt(self) -> dict[str, Any]:
        """The receipt of its ledger entry."""
        ...


class Acting(Protocol):
    """Takes signed acts in."""

    async def act(self, principal: Principal, kind: str, compact: str, /) -> Acted:
        """Check an act of the caller's organisation (compact JWS) of a kind, as ``recall``, and carry it out."""
        ...


class Administering(Protocol):
    """Organisations, keys, cases and evidence."""

    async def admit(self, principal: Principal, organisation: Organisation, root_key: bytes, /) -> Acted:
        """Admit an organisation; ``root_key`` is its raw Ed25519 public key. Raises Conflict, InvalidInput."""
        ...

    async def enrol(self, principal: Principal, act: str, /) -> Acted:
        """Log a key event that the organisation's root key signed (compact JWS)."""
        ...

    async def register_case(self, principal: Principal, reference: str, title: str, legal_basis: str, /) -> Acted:
        """Register a case of the caller's organisation; the body is a ``Case``."""
        ...

    async def evidence(self, principal: Principal, indexes: list[int] | None, since: int | None, /) -> dict[str, Any]:
        """The content of an evidence file about the caller's organisation's records.

        ``since`` is the size of an older checkpoint, from which a consistency proof is given.
        """
        ...

    async def ready(self) -> Mapping[str, bool]:
        """Which parts are ready, by name."""
        ...

    async def progress(self) -> Mapping[str, Any]:
        """How far the applier is, what it can't get over, what is set aside: entries and codes, no values."""
        ...

    async def checks(self, principal: Principal, /) -> list[Mapping[str, Any]]:
        """What an operator looks at, each {name, ok, found, advice}; operators only."""
        ...


class Membership(Protocol):
    """Members that change or leave; for operators."""

    async def listed(self, principal: Principal, /) -> list[dict[str, Any]]:
        """All organisations."""
        ...

    async def update(self, principal: Principal, org: str, name: str | None, contact: str | None, /) -> Acted:
        """Change a member's name or contact."""
        ...

    async def depart(self, principal: Principal, org: str, records: str, reason: str, /) -> Acted:
        """Off-board a member; its records are kept or recalled."""
        ...


class Keeping(Protocol):
    """What operators do about records that are due to go, or were set aside."""

    async def purge(self, principal: Principal, dry_run: bool, /) -> dict[str, Any]:
        """Erase what is due."""
        ...

    async def reapply(self, principal: Principal, submission: int, rows: Sequence[int] | None, /) -> Acted:
        """Bring rows of a submission in that were set aside; None: all of them."""
        ...


class Authenticating(Protocol):
    """Tells who calls."""

    async def principal(self, authorization: str | None, /) -> Principal:
        """The principal behind an ``Authorization`` header; raises Unauthenticated, or Unavailable without keys."""
        ...


@dataclass(frozen=True, slots=True)
class Ports:
    """All that :func:`graphsvc.api.build_api` is given, beside the settings."""

    authenticating: Authenticating
    asking: Asking
    submitting: Submitting
    log: LogReading
    administering: Administering
    acting: Acting
    keeping: Keeping
    membership: Membership
