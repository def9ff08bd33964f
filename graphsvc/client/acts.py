"""Make signed acts on the machine with the signing key: decisions of a person, as the ledger will keep them."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from graphsvc.client.keys import SigningKey
from graphsvc.client.questions import CASES, Question
from graphsvc.model.errors import InvalidInput
from graphsvc.model.times import written
from graphsvc.wire.acts import Body, field_of
from graphsvc.wire.deeds import ACTS
from graphsvc.wire.shapes import Shape
from graphsvc_verify.canonical import digest, encode

if TYPE_CHECKING:
    from graphsvc.client.service import Client

VALID = timedelta(hours=1)
Said = Mapping[str, Any]
"""The body of an act, as its signature covers it."""


def sign_act(
    key: SigningKey, place: tuple[str, str], kind: str, sub: str, body: Said, after: int, *,
    valid: timedelta = VALID,
) -> str:  # fmt: skip
    """A compact JWS by which the holder of ``key`` decides ``kind`` (as ``recall``) about ``sub``.

    ``place`` is the log's origin and the signer's organisation; ``after`` the last ledger index that the signer has
    seen: the service refuses the act if what it decides on has changed since.
    """
    return key.sign_act(f"graphsvc-{kind}+jws", act_payload(place, sub, ("body", body), after, valid))


def act_payload(
    place: tuple[str, str], sub: str, said: tuple[str, Said], after: int, valid: timedelta
) -> dict[str, Any]:
    """The payload that an act's signature covers; ``said`` is the member that holds the act's body: name and body."""
    now = datetime.now(UTC)
    return {
        "v": 1,
        "aud": place[0],
        "iss": place[1],
        "sub": sub,
        "jti": secrets.token_urlsafe(18),
        "iat": written(now),
        "exp": written(now + valid),
        "object": digest(encode(said[1])),
        "after": after,
        said[0]: said[1],
    }


def said_by(body: Body) -> Said:
    """The body of an act as plain values: the members that its form declares and that are not left out."""
    said: Said = msgspec.to_builtins(body)
    return said


def form_of(kind: str) -> type[Body]:
    """The form of the bodies of acts of a kind. Raises InvalidInput for an unknown kind."""
    if kind not in ACTS:
        raise InvalidInput(f"kinds are: {', '.join(ACTS)}", code="unknown_kind", where="kind")
    return ACTS[kind]


def read_said(kind: str, said: Said) -> Said:
    """Return the body ``said`` if it has the form of its kind. Raises InvalidInput that names the member."""
    try:
        msgspec.convert(said, form_of(kind))
    except msgspec.ValidationError as error:
        raise InvalidInput(str(error), code="bad_act", where="body") from None
    return said


def carry_out(client: Client, kind: str, compact: str) -> Shape:
    """Hand a signed act in and return what it made.

    Raises Refused, Unreachable, VerifyError when its receipt does not hold, InvalidInput for an unknown ``kind``.
    """
    form = form_of(kind)
    taking: Question[Shape] = Question(field_of(form), form.answer, "act: String!", "mutation")
    return client.read(taking, {"act": compact})


def head_of(client: Client) -> int:
    """The newest ledger index that the caller can know: that of a question that anyone may ask, asked now."""
    return client.ask(CASES)[1].proof.index
