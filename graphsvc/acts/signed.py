"""Signed acts: what a person of an organisation decides is a JWS under that person's own working key.

A grant, a recall, an approval: none rests on the operator's word. An act's payload is ``{v, aud, iss, sub, jti, iat,
exp, object, after, body}``: ``body`` says what is decided, ``object`` is its digest, ``sub`` names the thing decided on
and ``after`` the last ledger index that the signer knew of. Who brings an act here does not matter beyond being of the
same organisation: the signature decides, and the roles that the root key enrolled the signing key with.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from inspect import getmembers
from typing import Any, NamedTuple, TypeVar

import msgspec

from graphsvc.ledger.log import Ledger
from graphsvc.ledger.own import entry_of_act
from graphsvc.model.errors import Conflict, Denied, InvalidInput
from graphsvc.model.principals import Organisation, Principal
from graphsvc.wire.acts import Body, kind_of
from graphsvc.wire.shapes import Shape
from graphsvc_verify.canonical import encode
from graphsvc_verify.deeds import Deed, read_deed
from graphsvc_verify.errors import VerifyError
from graphsvc_verify.meaning import MEANINGS, Meaning, mean

MAX_BODY = 48_000
"""At most this many bytes in an act's body, since the ledger keeps an act verbatim."""

THREADS = 8
"""At most this many acts are carried out at once; further ones wait for their turn."""

B = TypeVar("B", bound=Body)
S = TypeVar("S")
_BODY = "carries_out"


@dataclass(frozen=True, slots=True)
class SignedAct:
    """An act whose signature, key, time and digest hold; ``deed`` is what it says."""

    deed: Deed
    compact: str
    organisation: Organisation
    person: str
    after: int

    @property
    def kind(self) -> str:
        """The act's name, as ``recall``."""
        return self.deed.kind

    @property
    def sub(self) -> str:
        """What is decided on."""
        return self.deed.sub

    @property
    def object(self) -> str:
        """The digest of the body."""
        return self.deed.object

    @property
    def body(self) -> Mapping[str, Any]:
        """What is decided."""
        return self.deed.said

    @property
    def roles(self) -> tuple[str, ...]:
        """The roles that the signing key was enrolled with."""
        return self.deed.roles

    @property
    def org(self) -> str:
        """The slug of the organisation that decides."""
        return self.organisation.org

    @property
    def meaning(self) -> Meaning:
        """What the entry that carries the act must say; raises InvalidInput."""
        with refused("act body"):
            return mean(self.deed)

    def read(self, form: type[B]) -> B:
        """The body in its declared form; raises InvalidInput that names the member."""
        try:
            return msgspec.convert(self.body, form)
        except msgspec.ValidationError as error:
            raise InvalidInput(str(error), code="bad_act", where="act body") from None

    def unmoved(self, last: int) -> None:
        """Raise Conflict when the thing decided on last changed in entry ``last``, after what the signer knew."""
        if last > self.after:
            raise Conflict("it has changed since; look again and sign anew", code="object_changed")


@dataclass(frozen=True, slots=True)
class Acted:
    """The result of an act: what the caller is told, and the receipt of its ledger entry as JSON."""

    answer: Shape
    receipt: bytes


class Handler(NamedTuple):
    """What carries out acts of one kind, and the struct of what they say."""

    body: type[Body]
    carry_out: Callable[[SignedAct, Any], Awaitable[Acted]]


def carries_out(
    body: type[B],
) -> Callable[[Callable[[S, SignedAct, B], Awaitable[Acted]]], Callable[[S, SignedAct, B], Awaitable[Acted]]]:
    """Marks a method, or a function of some part and the act, that carries out the acts with this ``body``."""

    def mark(path: Callable[[S, SignedAct, B], Awaitable[Acted]]) -> Callable[[S, SignedAct, B], Awaitable[Acted]]:
        setattr(path, _BODY, body)
        return path

    return mark


def handlers_of(*parts: object) -> dict[str, Handler]:
    """The marked methods of some parts, by kind of act."""
    methods = (method for part in parts for _, method in getmembers(part, lambda member: hasattr(member, _BODY)))
    return {kind_of(getattr(method, _BODY)): Handler(getattr(method, _BODY), method) for method in methods}


def handlers_with(part: S, *paths: Callable[[S, SignedAct, Any], Awaitable[Acted]]) -> dict[str, Handler]:
    """Marked functions with the part that they are given, by kind of act."""
    bodies = {path: getattr(path, _BODY) for path in paths}
    return {kind_of(body): Handler(body, partial(path, part)) for path, body in bodies.items()}


class Acting:
    """Checks signed acts and hands each to its handler, by kind.

    An act looks into the ledger's tables before and after it is entered, and may wait for the applier: each runs in a
    thread and an event loop of its own, so none of it holds up questions. Close it when done.
    """

    def __init__(self, ledger: Ledger, handlers: Mapping[str, Handler]) -> None:
        self._ledger = ledger
        self._handlers = dict(handlers)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="act")

    async def act(self, principal: Principal, kind: str, compact: str) -> Acted:
        """Check an act of the caller's organisation and carry it out.

        Raises InvalidInput on a signature, key, time or digest that does not hold, Conflict when the act came before or
        what it decides on has changed, and what carrying it out raises.
        """
        # 1. Whose decision is it (ledger.log for signature, key and time)?
        signed = await asyncio.to_thread(self._checked, principal, kind, compact)
        # 2. Carry it out; the entry keeps the act verbatim and refuses one that came before.
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, lambda: asyncio.run(self._carried_out(signed)))

    async def _carried_out(self, act: SignedAct) -> Acted:
        handler = self._handlers[act.kind]
        return await handler.carry_out(act, act.read(handler.body))

    def close(self) -> None:
        """Start no more acts; those begun go on."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _checked(self, principal: Principal, kind: str, compact: str) -> SignedAct:
        act, record = self._ledger.check_act(compact, f"graphsvc-{kind}+jws", principal.org)
        # Checked before anything else: a signer who never saw the answer must learn that the act was entered, and
        # where, not that what it took back is no longer there.
        if (index := entry_of_act(self._ledger, str(act.payload["iss"]), str(act.payload["jti"]))) is not None:
            raise Conflict(f"this act is in the ledger already, as entry {index}", code="act_replayed")
        with refused("act"):
            deed = read_deed(act, compact, record.person, record.roles)
        roles, after = MEANINGS[kind].roles, act.payload["after"]
        if not set(roles) & set(deed.roles):
            raise Denied(f"this act needs a key enrolled with the role {' or '.join(roles)}")
        if len(encode(deed.said)) > MAX_BODY:
            raise InvalidInput("the body is too long", code="bad_act", where="act body")
        if not -1 <= after < self._ledger.head:
            raise InvalidInput("after names an entry that is not there", code="bad_act", where="act after")
        return SignedAct(deed, compact, principal.organisation, record.person, after)


@contextmanager
def refused(where: str) -> Iterator[None]:
    """What the verifier refuses, the service refuses with the same code."""
    try:
        yield
    except VerifyError as error:
        raise InvalidInput(error.message, code=error.code, where=where) from None
