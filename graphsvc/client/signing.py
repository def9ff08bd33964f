"""Questions signed by the organisation that asks them (RFC 9421), so that nobody else can have asked them."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass

from graphsvc.client.keys import SigningKey
from graphsvc_verify.httpsig import Covered, byte_sequence, signature_base
from graphsvc_verify.signedread import FOOTING, LOG, REQUIRED, TAG, TOKEN, SignedRead

LABEL = "graphsvc"


@dataclass(frozen=True, slots=True)
class ReadSigner:
    """Signs the questions of one organisation at one log with one of its working keys."""

    org: str
    origin: str
    key: SigningKey

    def sign(self, body: bytes, token: str, stated: Mapping[str, str]) -> tuple[dict[str, str], SignedRead]:
        """The headers that make ``POST /graphql`` a signed read, and what the service will keep of it.

        ``stated`` are the headers of the footing. Each call draws a nonce: sign anew whatever is sent again.
        """
        digests = {
            "content-digest": f"sha-256={byte_sequence(hashlib.sha256(body).digest())}",
            TOKEN: f"sha-256={byte_sequence(hashlib.sha256(token.encode()).digest())}",
        }
        values = {"@method": "POST", "@path": "/graphql", LOG: self.origin, **digests}
        values |= {name: stated[name] for name in FOOTING if name in stated}
        covered = Covered(
            (*REQUIRED, *(name for name in FOOTING if name in stated)),
            {
                "created": int(time.time()),
                "nonce": secrets.token_urlsafe(18),
                "keyid": f"{self.org}/{self.key.kid}",
                "alg": "ed25519",
                "tag": TAG,
            },
        )
        signature = self.key.private.sign(signature_base(covered, values))
        headers = {name: value for name, value in values.items() if not name.startswith("@")}
        headers |= {
            "signature-input": f"{LABEL}={covered.text}",
            "signature": f"{LABEL}={byte_sequence(signature)}",
        }
        return headers, SignedRead.of(covered, values, signature)
