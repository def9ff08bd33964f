"""Keys by which clients prove to an identity provider who they are: JWKs (RFC 7517) in files for their owner only."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, JWKRegistry, Key, OKPKey, RSAKey

from graphsvc.model.errors import InvalidInput

SMALLEST_RSA = 2048
"""At least this many bits in an RSA key."""
_KINDS = frozenset({"EC", "OKP", "RSA"})


def new_jwk() -> ECKey:
    """A fresh key, P-256: every provider knows ES256. Its id is its thumbprint."""
    return ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"}, auto_kid=True)


def save_jwk(path: Path, key: Key) -> None:
    """Write a private key; raises FileExistsError rather than writing over one."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(key.as_dict(private=True)) + b"\n")
        file.flush()
        os.fsync(file.fileno())


def read_jwk(path: Path) -> Key:
    """A client's private key from a file: P-256, Ed25519 or RSA. Raises InvalidInput."""
    try:
        said = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
        if said.get("alg") == "Ed25519":
            # The name of RFC 9864, which not every provider knows yet: assertions are signed under the older one.
            said["alg"] = "EdDSA"
        key = JWKRegistry.import_key(said) if said.get("kty") in _KINDS else None
    except OSError as error:
        raise InvalidInput(f"the key can't be read: {error.strerror}", code="bad_key", where=str(path)) from None
    except (JoseError, msgspec.DecodeError, ValueError, TypeError, KeyError):
        raise InvalidInput("this is no JWK", code="bad_key", where=str(path)) from None
    if key is None or not key.is_private or not algorithm_of(key):
        raise InvalidInput("a private key of P-256, Ed25519 or RSA is needed", code="bad_key", where=str(path))
    return key


def algorithm_of(key: Key) -> str:
    """How a key signs assertions and proofs, by the name that every provider knows; empty: it does not."""
    if isinstance(key, ECKey) and key.curve_name == "P-256":
        return "ES256"
    if isinstance(key, OKPKey) and key.curve_name == "Ed25519":
        return "EdDSA"
    return "RS256" if isinstance(key, RSAKey) and key.public_key.key_size >= SMALLEST_RSA else ""


def key_id(key: Key) -> str:
    """A key's id: its own, or its thumbprint."""
    return key.kid or key.thumbprint()


def public_set(key: Key) -> dict[str, Any]:
    """What a provider is given: the public half, as a key set."""
    return {"keys": [{**key.as_dict(private=False), "kid": key_id(key), "use": "sig", "alg": algorithm_of(key)}]}
