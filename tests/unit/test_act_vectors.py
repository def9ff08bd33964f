"""Acts byte by byte: what a second implementation that signs, as the console's, holds itself against."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from graphsvc.client.enrol import KeyRequest
from graphsvc.client.keys import SigningKey
from graphsvc_verify.canonical import b64u, digest, encode
from graphsvc_verify.jws import verify_act
from graphsvc_verify.keyevents import possession_message
from graphsvc_verify.persons import SALT, Opening

VECTOR = Path(__file__).parents[1] / "vectors" / "acts.json"
ORIGIN, ORG, PERSON = "graphsvc.example/log", "police-ke", "otieno@police.example"
KEY = SigningKey(Ed25519PrivateKey.from_private_bytes(sha256(b"act key").digest()))
BODIES: dict[str, dict[str, Any]] = {
    "accept-ring": {},
    "dismiss-ring": {"reason": "the staff of one shop: «موظفو متجر» \u2028\U0001f600"},
    "detect-rings": {"purpose": "analysis", "legalBasis": "mlat", "case": "K-1", "order": "spread"},
}


def made_anew() -> dict[str, Any]:
    """The vectors as client and verifier make them; nothing in them is drawn at random."""
    pem = KEY.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return {
        "v": 1,
        "key": {"pem": pem, "public": b64u(KEY.public), "kid": KEY.kid},
        "acts": [_act(kind, body) for kind, body in BODIES.items()],
        "request": _request().write().decode(),
        "place": {"origin": ORIGIN, "org": ORG, "person": PERSON, "salt": b64u(_salt())},
    }


def _act(kind: str, body: dict[str, Any]) -> dict[str, Any]:
    jti = f"{kind}-1"
    payload = {
        **{"v": 1, "aud": ORIGIN, "iss": ORG, "sub": "r1", "jti": jti},
        **{"iat": "2026-03-01T10:00:00Z", "exp": "2026-03-01T11:00:00Z", "object": digest(encode(body))},
        **{"after": 41, "body": body},
    }
    typ = f"graphsvc-{kind}+jws"
    return {
        **{"kind": kind, "sub": "r1", "body": body, "after": 41, "jti": jti, "now": "2026-03-01T10:00:00Z"},
        **{"payload": encode(payload).decode(), "act": KEY.sign_act(typ, payload)},
    }


def _salt() -> bytes:
    return sha256(b"act salt").digest()[:SALT]


def _request() -> KeyRequest:
    opening = Opening(PERSON, _salt())
    proof = KEY.private.sign(possession_message(ORIGIN, ORG, KEY.public, opening.hash))
    return KeyRequest(ORG, ORIGIN, "sig", KEY.public, PERSON, opening.salt, proof)


def test_acts_are_what_they_were_and_the_verifier_takes_them() -> None:
    vector = json.loads(VECTOR.read_text())
    assert vector == made_anew()
    for one in vector["acts"]:
        taken = verify_act(one["act"], KEY.public, f"graphsvc-{one['kind']}+jws")
        assert encode(taken.payload).decode() == one["payload"]
    assert KeyRequest.read(vector["request"].encode()) == _request()
