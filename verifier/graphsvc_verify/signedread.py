"""Signed reads: a request that its organisation signed with a working key, kept verbatim with the entry of the answer.

The signature is one of RFC 9421 with Ed25519 and ``tag="graphsvc-read"``. It covers ``@method``, ``@path``,
``content-digest`` (RFC 9530), ``graphsvc-log`` (the log's origin: the audience), ``graphsvc-token-digest`` (the access
token it came with) and those of the footing's fields that are stated; ``keyid`` is ``<organisation>/<kid>``. What is
kept is canonical JSON::

    {v: 1, typ: "graphsvc-read", base: signature base, signature: base64url}

The ledger's header commits to the same body: its ``query`` is a keyed digest of the body's SHA-256.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from graphsvc_verify.canonical import b64u, decode, encode, unb64u
from graphsvc_verify.ed25519 import verify_signature
from graphsvc_verify.errors import VerifyError
from graphsvc_verify.httpsig import Covered, read_base, sha256_of, signature_base
from graphsvc_verify.jws import MAX_JWS, SKEW, kid_of, utc
from graphsvc_verify.keychain import Keychain, Place, once, said_of_key, signing_key
from graphsvc_verify.lines import READ
from graphsvc_verify.meaning import Said
from graphsvc_verify.receipt import sent_digest

TYP = "graphsvc-read"
TAG = "graphsvc-read"
LOG, TOKEN = "graphsvc-log", "graphsvc-token-digest"
FOOTING = {"graphsvc-purpose": "purpose", "graphsvc-legal-basis": "basis", "graphsvc-case": "case"}
"""The fields of the footing, each with its name in a header."""
SIGNED_FACTS = frozenset({"reader", *FOOTING.values()})
"""What owners are told of a read that a signature covers. Who of the organisation asked, the operator says."""
REQUIRED = ("@method", "@path", "content-digest", LOG, TOKEN)
ALSO = frozenset({"@authority", "@query", "@scheme", "@target-uri", "content-length", "content-type", "date"})
"""What a signature may cover beside these. Not the access token, which has no place in a ledger."""
FRESH = timedelta(minutes=5)
"""How old a signature may be when it comes in; clocks may differ by SKEW beside that."""


@dataclass(frozen=True, slots=True)
class SignedRead:
    """A signed request taken apart; its signature is not checked yet. ``body`` is the SHA-256 of the request's body."""

    org: str
    kid: str
    nonce: str
    created: datetime
    expires: datetime | None
    log: str
    token: bytes
    body: bytes
    stated: Mapping[str, str]
    base: bytes
    signature: bytes

    @classmethod
    def of(cls, covered: Covered, values: Mapping[str, str], signature: bytes) -> SignedRead:
        """The signed read behind a request's ``values``. Raises VerifyError ``bad_http_signature``."""
        _check_covered(covered)
        org, slash, kid = covered.word("keyid").partition("/")
        created, expires, nonce = covered.number("created"), covered.number("expires"), covered.word("nonce")
        if not (org and slash and kid) or created is None or not 16 <= len(nonce) <= 128:
            message = "created, a nonce of 16 to 128 characters and keyid, as organisation/kid, are needed"
            raise VerifyError("bad_http_signature", message)
        base = signature_base(covered, values)
        if (values["@method"], values["@path"]) != ("POST", "/graphql"):
            raise VerifyError("bad_http_signature", "only POST /graphql can be a signed read")
        return cls(
            org=org,
            kid=kid,
            nonce=nonce,
            created=_moment(created),
            expires=None if expires is None else _moment(expires),
            log=values[LOG],
            token=sha256_of(values[TOKEN]),
            body=sha256_of(values["content-digest"]),
            stated={said: values.get(name, "") for name, said in FOOTING.items() if name in covered.components},
            base=base,
            signature=signature,
        )

    @classmethod
    def read(cls, text: str) -> SignedRead:
        """A signed read as it is kept. Raises VerifyError."""
        value = decode(text.encode()) if len(text) <= MAX_JWS else None
        if not isinstance(value, dict) or set(value) != {"v", "typ", "base", "signature"}:
            raise VerifyError("bad_http_signature", "not a signed read of version 1")
        if value["v"] != 1 or value["typ"] != TYP or not isinstance(value["base"], str):
            raise VerifyError("bad_http_signature", "not a signed read of version 1")
        return cls.of(*read_base(value["base"]), unb64u(str(value["signature"]), 64))

    def write(self) -> bytes:
        """What is kept of it, canonical: the same for all who have the signature."""
        kept = {"v": 1, "typ": TYP, "base": self.base.decode("ascii"), "signature": b64u(self.signature)}
        return encode(kept)

    def verify(self, public: bytes) -> None:
        """Check the signature under a raw public key. Raises VerifyError ``unknown_key``, ``bad_signature``."""
        if kid_of(public) != self.kid:
            raise VerifyError("unknown_key", "the key id is of another key")
        verify_signature(public, self.signature, self.base)

    def check_time(self, t: datetime) -> None:
        """Check that it was fresh at ``t``. Raises VerifyError ``out_of_time``."""
        if self.created > t + SKEW:
            raise VerifyError("out_of_time", "a read was entered before it was signed")
        if self.created + FRESH + SKEW < t or (self.expires is not None and self.expires + SKEW < t):
            raise VerifyError("out_of_time", "a read was entered long after it was signed")


def is_signed_read(text: str) -> bool:
    """Whether an act is a signed read, not a compact JWS."""
    return text.startswith("{")


def check_signed_read(chain: Keychain, place: Place, text: str, said: Said) -> dict[str, Any]:
    """Check a signed read carried by an entry; returns what :func:`graphsvc_verify.keychain.check_signed` does.

    Raises VerifyError as that does, ``bad_http_signature``, and ``wrong_read`` when the entry says something else than
    was signed.
    """
    # 1. Whose key is it, and did it count at this entry?
    signed = SignedRead.read(text)
    key = signing_key(chain, signed.org, signed.kid, place.index)
    # 2. Meant for this log, then, once.
    if signed.log != place.origin:
        raise VerifyError("bad_http_signature", "a signed read is meant for another log")
    signed.check_time(utc(place.t))
    signed.verify(key.event.public)
    once(chain.acts, {"iss": signed.org, "jti": signed.nonce})
    # 3. The entry says what was signed.
    _check_said(signed, said)
    return said_of_key(key, {"iss": signed.org, "kid": signed.kid, "typ": TYP, "jti": signed.nonce})


def _check_said(signed: SignedRead, said: Said) -> None:
    if said.type != READ:
        raise VerifyError("wrong_read", "a signed read stands in an entry of another kind")
    footing = {name: signed.stated.get(name, "") for name in FOOTING.values()}
    for facts in said.sections.values():
        told = {name: facts.get(name) or "" for name in footing}
        if told != footing or facts.get("reader") != signed.org:
            raise VerifyError("wrong_read", "an owner was told of another reader or footing than was signed")
    if said.header is not None:
        told = {name: said.header.get(name) or "" for name in footing}
        if told != footing or (said.header.get("who") or {}).get("org") != signed.org:
            raise VerifyError("wrong_read", "the entry says another reader or footing than was signed")
        salt = unb64u(str(said.header["answerSalt"]), 32)
        if not hmac.compare_digest(str(said.header.get("query")), sent_digest(signed.body, salt)):
            raise VerifyError("wrong_read", "the entry is about another question than was signed")


def _check_covered(covered: Covered) -> None:
    names = set(covered.components)
    if missing := [name for name in REQUIRED if name not in names]:
        raise VerifyError("bad_http_signature", f"the signature must cover {', '.join(missing)}")
    if extra := sorted(names - {*REQUIRED, *FOOTING} - ALSO):
        raise VerifyError("bad_http_signature", f"the signature must not cover {', '.join(extra)}")
    if covered.word("tag") != TAG or covered.parameters.get("alg", "ed25519") != "ed25519":
        raise VerifyError("bad_http_signature", f'the signature needs tag="{TAG}", and alg is ed25519 or left out')


def _moment(seconds: int) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        raise VerifyError("bad_time", "a signature's time is out of range") from None
