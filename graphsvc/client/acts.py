"""Signed acts, made where the signing key is: a decision of a person, as the ledger will keep it."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

from graphsvc.client.keys import SigningKey
from graphsvc_verify.canonical import digest, encode

VALID = timedelta(hours=1)


def sign_act(
    key: SigningKey, place: tuple[str, str], kind: str, sub: str, body: dict[str, Any], after: int, *,
    valid: timedelta = VALID,
) -> str:  # fmt: skip
    """A compact JWS by which the holder of ``key`` decides ``kind`` (as ``recall``) about ``sub``.

    ``place`` is the log's origin and the signer's organisation; ``after`` the last ledger index that the signer has
    seen: the service refuses the act if what it decides on has changed since.
    """
    now = datetime.now(UTC)
    payload = {
        "v": 1,
        "aud": place[0],
        "iss": place[1],
        "sub": sub,
        "jti": secrets.token_urlsafe(18),
        "iat": _text(now),
        "exp": _text(now + valid),
        "object": digest(encode(body)),
        "after": after,
        "body": body,
    }
    return key.sign_act(f"graphsvc-{kind}+jws", payload)


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
