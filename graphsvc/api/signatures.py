"""A request's signature (RFC 9421), read from its headers; its key, and whether it is valid, are checked later.

What is kept of a signed request goes to everyone whose records were shown. So it holds digests of body and access token
only, and the body must have a salt: then no owner can guess what was asked.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from starlette.requests import Request

from graphsvc.api.requests import single_header
from graphsvc.model.errors import InvalidSignature
from graphsvc_verify.errors import VerifyError
from graphsvc_verify.httpsig import Covered, read_signature_input, read_signatures
from graphsvc_verify.signedread import TAG, SignedRead

INPUT, SIGNATURE = "signature-input", "signature"
SALT = 22
"""At least this many characters in ``extensions.salt``: 128 bits in base64url."""


def signed_request(request: Request, body: bytes, asked: dict[str, Any]) -> SignedRead | None:
    """The signed read that a request is, or None where it is not signed; ``asked`` is its ``body`` decoded.

    Raises InvalidSignature when the signature covers too little, or another body or access token.
    """
    fields = single_header(request, INPUT), single_header(request, SIGNATURE)
    if not any(fields):
        return None
    try:
        label, covered = _ours(read_signature_input(fields[0]))
        signature = read_signatures(fields[1]).get(label)
        if signature is None:
            raise VerifyError("bad_http_signature", f"the field signature has no member {label}")
        signed = SignedRead.of(covered, {name: _value(request, name) for name in covered.components}, signature)
    except VerifyError as error:
        raise InvalidSignature(error.message, code=error.code, where=f"header {INPUT}") from None
    token = single_header(request, "authorization").partition(" ")[2].strip()
    if not hmac.compare_digest(signed.body, hashlib.sha256(body).digest()):
        raise InvalidSignature("content-digest is of another body", code="altered_body", where="header content-digest")
    if not hmac.compare_digest(signed.token, hashlib.sha256(token.encode()).digest()):
        message = "graphsvc-token-digest is of another access token"
        raise InvalidSignature(message, code="wrong_token", where="header graphsvc-token-digest")
    salt = (asked.get("extensions") or {}).get("salt")
    if not isinstance(salt, str) or len(salt) < SALT:
        message = f"a signed question needs a random text of at least {SALT} characters here"
        raise InvalidSignature(message, code="no_salt", where="/extensions/salt")
    return signed


def _ours(found: dict[str, Covered]) -> tuple[str, Covered]:
    """The one signature that has our tag; others may be a proxy's."""
    ours = [(label, covered) for label, covered in found.items() if covered.word("tag") == TAG]
    if len(ours) != 1:
        raise VerifyError("bad_http_signature", f'one signature with tag="{TAG}" is needed')
    return ours[0]


def _value(request: Request, name: str) -> str:
    """A component's value (RFC 9421 sections 2.1 and 2.2). Raises VerifyError when the request lacks it."""
    url = request.url
    derived = {
        "@method": request.method,
        "@path": url.path or "/",
        "@query": f"?{url.query}",
        "@authority": url.netloc.lower(),
        "@scheme": url.scheme,
        "@target-uri": str(url),
    }
    if name in derived:
        return derived[name]
    values = request.headers.getlist(name)
    if not values:
        raise VerifyError("bad_http_signature", f"the signature covers {name}, which the request lacks")
    return ", ".join(value.strip() for value in values)
