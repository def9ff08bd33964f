"""Signed reads: whether the caller's organisation signed the request, with a key in force at the ledger's head."""

from __future__ import annotations

from datetime import UTC, datetime

from graphsvc.ledger.log import Ledger
from graphsvc.model.errors import InvalidSignature
from graphsvc.model.principals import Footing, Principal
from graphsvc_verify.errors import VerifyError
from graphsvc_verify.signedread import FOOTING, FRESH, SignedRead


def check_signed(ledger: Ledger, signed: SignedRead, principal: Principal, footing: Footing) -> None:
    """Check a request's signature as if the next entry carried it. A replay is found only when the entry is appended.

    Raises InvalidSignature: ``wrong_audience``, ``out_of_time``, ``wrong_footing``, ``unknown_key``, ``bad_signature``.
    """
    # 1. For this log, now, and for what the other headers say.
    if signed.log != ledger.origin:
        raise _invalid("the signature is for another log", "wrong_audience")
    now = datetime.now(UTC)
    if abs(now - signed.created) > FRESH or (signed.expires is not None and signed.expires < now):
        raise _invalid("the signature is too old, has expired or is of a time to come; sign anew", "out_of_time")
    stated = dict(zip(FOOTING.values(), (footing.purpose, footing.legal_basis, footing.case), strict=True))
    if {name: signed.stated.get(name, "") for name in stated} != stated:
        raise _invalid("the signature must cover purpose, legal basis and case where they are stated", "wrong_footing")
    # 2. Under a key of the caller's own organisation that counts in the next entry.
    record = ledger.signing_key(principal.org, signed.kid) if signed.org == principal.org else None
    if record is None:
        raise _invalid("keyid names no signing key of the caller's organisation that is in force", "unknown_key")
    try:
        signed.verify(record.public)
    except VerifyError as error:
        raise _invalid(error.message, error.code) from None


def _invalid(message: str, code: str) -> InvalidSignature:
    return InvalidSignature(message, code=code, where="header signature")
